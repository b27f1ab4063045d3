"""What the report shows of a fusion is what was measured."""

import pytest
import torch

from anypan.judging import gallery
from anypan.metrics import Reference, judge
from anypan.pair.scene import from_arrays
from anypan.pair.wald import degrade


def scene(bands=4, side=32):
    generator = torch.Generator().manual_seed(4)
    lrms = 200 + 50 * torch.rand(bands, side, side, generator=generator)
    pan = 200 + 50 * torch.rand(1, 4 * side, 4 * side, generator=generator)
    return from_arrays(pan, lrms, [0.3] * bands, 0.15)


def test_error_maps_add_up_to_ergas():
    reduced, truth = degrade(scene())
    image = truth + torch.linspace(-9, 9, truth.numel()).reshape(truth.shape)
    error = gallery._error(image, truth)
    ergas = judge(image, Reference(truth, reduced.ratio, float(truth.max())), ["ERGAS"])["ERGAS"]
    assert 100 / reduced.ratio * float((error**2).mean().sqrt()) == pytest.approx(ergas, rel=1e-4)


def test_a_look_has_errors_only_where_there_is_a_truth():
    reduced, truth = degrade(scene())
    images = {"EXP": truth + 5, "anypan-s": truth + 1}
    pan = reduced.whole().pan[0]
    seen = gallery.look(reduced, pan, images, truth, "Title")
    assert list(seen.layers) == ["PAN", "EXP", "anypan-s", "reference", gallery.ADDED] and seen.title == "Title"
    assert list(seen.errors) == ["EXP", "anypan-s"] and list(seen.spectra.cubes) == ["EXP", "anypan-s", "reference"]
    blind = gallery.look(reduced, pan, images)
    assert not blind.errors and "reference" not in blind.layers and blind.spectra.bands == seen.spectra.bands

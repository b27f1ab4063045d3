"""What the report shows of a fusion is what was measured."""

import pytest
import torch

from anypan.judging import gallery
from anypan.judging.colours import GUESS, colours_of
from anypan.metrics import Reference, judge
from anypan.pair.scene import from_arrays
from anypan.pair.wald import degrade
from anypan.report.fusion import swipe_page


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


UNNAMED = ("band 1", "band 2", "band 3", "band 4")


@pytest.mark.parametrize("names, sensor, stated, bands, why", [
    (("nir", "red", "green", "blue"), "generic", (), (1, 2, 3), "by their names"),
    (("B", "G", "R", "N"), "generic", (), (2, 1, 0), "by their names"),
    (UNNAMED, "QB", ("red", "green", "blue", "undefined"), (2, 1, 0), "by the sensor's wavelengths"),
    (UNNAMED, "generic", ("red", "green", "blue", "undefined"), (0, 1, 2), "as the file colours its bands"),
    (UNNAMED, "generic", ("gray", "undefined", "undefined", "undefined"), (2, 1, 0), GUESS),
    (("band 1", "band 2"), "generic", (), (0, 1, 1), GUESS),
    (tuple(f"band {n}" for n in range(1, 9)), "generic", (), (4, 2, 1), GUESS),
    (("band 1",), "generic", ("gray",), (0, 0, 0), "the only band"),
])  # fmt: skip
def test_the_page_says_which_bands_are_red_green_and_blue_and_how_that_is_known(names, sensor, stated, bands, why):
    colours = colours_of(names, sensor, stated)
    assert colours.bands == bands
    assert colours.words == f"Red, green and blue are {', '.join(names[band] for band in bands)} ({why})."


def test_a_look_carries_the_words_and_a_page_shows_them():
    images = {"EXP": torch.rand(4, 128, 128)}
    seen = gallery.look(scene(), torch.rand(128, 128), images)
    assert GUESS in seen.colours and seen.colours in swipe_page(seen, "EXP")

"""Laws of Wald's protocol."""

import pytest
import torch
from torch import Tensor

from anypan.pair import wald
from anypan.pair.scene import Scene, from_arrays
from anypan.runtime.errors import UserError


def ramps(bands: int, height: int, width: int) -> Tensor:
    """Planes of different slopes: symmetric filters and interpolation leave them as they are, away from borders."""
    rows, cols = torch.arange(height).double()[:, None], torch.arange(width).double()[None, :]
    return torch.stack([300 + (2 + b) * rows - (1 + 2 * b) * cols for b in range(bands)])


def scene_of(truth: Tensor, ratio: int, phase: tuple[float, float] = (0.0, 0.0), mask: Tensor | None = None) -> Scene:
    """A pair as a sensor with this phase would see it; the PAN is the mean of the bands."""
    pan = truth.mean(0, keepdim=True)
    scene = from_arrays(pan, truth[:, ::ratio, ::ratio], phase=phase)
    return from_arrays(pan, scene.sampling.degrade(truth, scene.gnyq), phase=phase, mask=mask)


@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_the_ms_is_the_reference_cropped_to_whole_multiples(ratio: int) -> None:
    scene = scene_of(ramps(3, 37 * ratio, 41 * ratio), ratio)
    reduced, reference = wald.degrade(scene)
    rows, cols = 37 - 37 % ratio, 41 - 41 % ratio
    assert torch.equal(reference, scene.whole().lrms[:, :rows, :cols])
    patch = reduced.whole()
    assert patch.pan.shape == (1, rows, cols) and patch.lrms.shape == (3, rows // ratio, cols // ratio)
    assert (reduced.bands, reduced.gnyq, reduced.ratio) == (scene.bands, scene.gnyq, ratio)


@pytest.mark.parametrize("phase", [(0.0, 0.0), (0.5, 0.5), (-1.4, 0.7)])
def test_the_reduced_pair_is_centred(phase: tuple[float, float]) -> None:
    """Whatever the phase, the reduced PAN lies on the reference and the reduced MS on both, with phase 0."""
    scene = scene_of(ramps(3, 352, 352), 4, phase)
    reduced, reference = wald.degrade(scene)
    assert reduced.sampling.phase == (0.0, 0.0)
    inner = (..., slice(8, -8), slice(8, -8))
    patch = reduced.whole()
    assert torch.allclose(patch.pan[0][inner], reference.mean(0)[inner])
    exp = reduced.sampling.expand(patch.lrms)
    far = (..., slice(36, -36), slice(36, -36))
    assert torch.allclose(exp[far], reference[far])


def test_constant_images_stay_constant() -> None:
    scene = from_arrays(torch.full((1, 64, 64), 7.0), torch.full((2, 16, 16), 5.0))
    reduced, _ = wald.degrade(scene)
    assert torch.allclose(reduced.whole().pan, torch.tensor(7.0))
    assert torch.allclose(reduced.whole().lrms, torch.tensor(5.0))


def test_a_reduced_pixel_is_valid_if_all_that_it_covers_is() -> None:
    mask = torch.ones(128, 128, dtype=torch.bool)
    mask[50, 70] = False
    reduced, _ = wald.degrade(scene_of(ramps(2, 128, 128), 4, mask=mask))
    expected = torch.ones(32, 32, dtype=torch.bool)
    expected[12:16, 16:20] = False  # MS pixel (12, 17) lies in reduced MS pixel (3, 4)
    assert torch.equal(reduced.whole().mask, expected)


def test_a_scene_that_is_too_small_is_refused() -> None:
    scene = from_arrays(torch.ones(1, 12, 12), torch.ones(1, 3, 3))
    with pytest.raises(UserError, match="cannot be reduced"):
        wald.degrade(scene)

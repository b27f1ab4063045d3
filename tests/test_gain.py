"""The measured gain is the one that the MS was made with, whatever the sensor table says."""

import pytest
import torch

from anypan.gain import effective_gnyq, measure_gain
from anypan.mtf import Sampling
from anypan.scene import from_arrays


def scene_made_with(gnyq, ratio=4, told=0.3, noise=0.0):
    generator = torch.Generator().manual_seed(1)
    fine = torch.randn(3, 48 * ratio, 52 * ratio, generator=generator).cumsum(1).cumsum(2)
    bands = fine - fine.mean((1, 2), keepdim=True) + 5 * torch.randn(3, *fine.shape[1:], generator=generator)
    pan = torch.tensor([0.5, 0.3, 0.2])[:, None, None].mul(bands).sum(0, keepdim=True)
    lrms = Sampling(ratio).degrade(bands, [gnyq] * 3)
    lrms = lrms + noise * lrms.std() * torch.randn(lrms.shape, generator=generator)
    return from_arrays(pan, lrms, gnyq=(told,) * 3)


@pytest.mark.parametrize("gnyq", [0.15, 0.3, 0.5, 0.75])
@pytest.mark.parametrize("ratio", [2, 4])
def test_the_gain_that_made_the_ms_is_measured(gnyq, ratio):
    measured = measure_gain(scene_made_with(gnyq, ratio))
    assert measured.gnyq == pytest.approx(gnyq, rel=0.08)
    assert measured.explained > 0.99


def test_gains_of_the_instrument_are_kept_unless_the_ms_is_much_sharper():
    assert effective_gnyq(scene_made_with(0.3)) == (0.3,) * 3
    assert effective_gnyq(scene_made_with(0.12)) == (0.3,) * 3
    assert effective_gnyq(scene_made_with(0.75)) == pytest.approx((0.75,) * 3, rel=0.08)


def test_a_measurement_on_unrelated_bands_is_not_believed():
    scene = scene_made_with(0.75)
    patch = scene.whole()
    unrelated = from_arrays(patch.pan, patch.lrms.flip(-1), gnyq=scene.gnyq)
    assert measure_gain(unrelated).explained < 0.5
    assert effective_gnyq(unrelated) == scene.gnyq

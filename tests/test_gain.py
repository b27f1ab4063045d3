"""The measured gain is the one that the MS was made with, whatever the sensor table says."""

import pytest
import torch

from anypan.optics.mtf import DenseSampling
from anypan.optics.sampling import Physical
from anypan.pair.explained import resampling_notes
from anypan.pair.gain import effective_gnyq, measure_gain, measure_gains
from anypan.pair.scene import from_arrays
from anypan.simulate.effects.bands import resampled


def scene_made_with(gnyq, ratio=4, told=0.3, noise=0.0):
    generator = torch.Generator().manual_seed(1)
    fine = torch.randn(3, 48 * ratio, 52 * ratio, generator=generator).cumsum(1).cumsum(2)
    bands = fine - fine.mean((1, 2), keepdim=True) + 5 * torch.randn(3, *fine.shape[1:], generator=generator)
    pan = torch.tensor([0.5, 0.3, 0.2])[:, None, None].mul(bands).sum(0, keepdim=True)
    lrms = Physical(ratio).degrade(bands, [gnyq] * 3)
    lrms = lrms + noise * lrms.std() * torch.randn(lrms.shape, generator=generator)
    return from_arrays(pan, lrms, gnyq=(told,) * 3)


def followed(scene):
    return effective_gnyq(scene.gnyq, measure_gain(scene))


@pytest.mark.parametrize("gnyq", [0.15, 0.3, 0.5, 0.75])
@pytest.mark.parametrize("ratio", [2, 4])
def test_the_gain_that_made_the_ms_is_measured(gnyq, ratio):
    measured = measure_gain(scene_made_with(gnyq, ratio))
    assert measured.gnyq == pytest.approx(gnyq, rel=0.08)
    assert measured.explained > 0.99


def test_gains_of_the_instrument_are_kept_unless_the_ms_is_much_sharper():
    assert followed(scene_made_with(0.3)) == (0.3,) * 3
    assert followed(scene_made_with(0.12)) == (0.3,) * 3
    assert followed(scene_made_with(0.75)) == pytest.approx((0.75,) * 3, rel=0.08)


@pytest.mark.parametrize("unit", [1e-4, 1e3, 1e6])
def test_bands_in_other_units_change_nothing_that_is_measured(unit):
    """Several files may be in several units: reflectances beside digital numbers."""
    scene = scene_made_with(0.3, noise=0.05)
    patch = scene.whole()
    units = torch.tensor([1.0, 1.0, unit])[:, None, None]
    one, other = measure_gain(scene), measure_gain(from_arrays(patch.pan, patch.lrms * units, gnyq=scene.gnyq))
    assert other.gnyq == pytest.approx(one.gnyq, rel=1e-3) and other.explained == pytest.approx(one.explained, abs=1e-4)
    assert other.alone == pytest.approx(one.alone, abs=1e-3) and other.fine == one.fine


def test_a_measurement_on_unrelated_bands_is_not_believed():
    scene = scene_made_with(0.75)
    patch = scene.whole()
    unrelated = from_arrays(patch.pan, patch.lrms.flip(-1), gnyq=scene.gnyq)
    assert measure_gain(unrelated).explained < 0.5
    assert followed(unrelated) == scene.gnyq


def test_noise_is_what_a_band_has_alone():
    quiet, noisy = (measure_gain(scene_made_with(0.3, noise=noise)).alone for noise in (0.0, 0.3))
    assert all(one < 0.02 for one in quiet)
    assert all(other > 10 * one for one, other in zip(quiet, noisy, strict=True))


def test_a_batch_measures_what_a_scene_measures():
    made = [scene_made_with(gnyq) for gnyq in (0.15, 0.3, 0.5)]
    parts = [scene.whole() for scene in made]
    pan, lrms = (torch.stack([getattr(part, name) for part in parts]) for name in ("pan", "lrms"))
    sampling = DenseSampling(4, (pan.shape[-2], pan.shape[-1]))
    found = gains, *_ = measure_gains(pan, lrms, sampling, 1)
    for scene, gain, share, own, detailed in zip(made, *(each.tolist() for each in found), strict=True):
        measured = measure_gain(scene)
        assert gain == pytest.approx(measured.gnyq, rel=0.02)
        assert share == pytest.approx(measured.explained, abs=0.005)
        assert own == pytest.approx(measured.alone, abs=0.02)
        assert detailed == list(measured.fine) == [1.0] * 3
    together, *_ = measure_gains(pan[1:2].repeat(3, 1, 1, 1), lrms[1:2].repeat(3, 1, 1, 1), sampling, 3)
    assert together.tolist() == pytest.approx([gains[1].item()])


def test_a_band_that_was_resampled_from_a_coarser_grid_is_told_from_the_others():
    scene = scene_made_with(0.3)
    patch = scene.whole()
    lrms = patch.lrms - patch.lrms.min() + 1
    thermal = resampled(lrms[None, :1], 14)[0]
    made = from_arrays(patch.pan, torch.cat([lrms, thermal]), gnyq=(0.3,) * 4)
    assert measure_gain(made).fine == (1, 1, 1, 0)
    noisy = lrms + 2 * lrms.std() * torch.randn(3, *lrms.shape[1:])
    assert measure_gain(from_arrays(patch.pan, torch.cat([lrms[:1], noisy]))).fine == (1.0,) * 4  # a clean one of four
    gaps = torch.ones(patch.mask_lr.shape, dtype=torch.bool)
    gaps[::4, ::4] = False  # nowhere 5 x 5 valid pixels
    mask = gaps.repeat_interleave(4, 0).repeat_interleave(4, 1)
    assert measure_gain(from_arrays(patch.pan, lrms, mask=mask)).fine == (1.0,) * 3
    empty = torch.cat([lrms, torch.zeros_like(lrms[:1])])
    assert measure_gain(from_arrays(patch.pan, empty)).fine == (1.0,) * 4  # an empty band is of no grid


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("axis", [1, 2])
def test_a_saturated_line_makes_no_band_coarse_and_a_stripe_no_coarse_band_fine(axis, width):
    patch = scene_made_with(0.3).whole()
    lrms = patch.lrms - patch.lrms.min() + 1
    bands = torch.cat([lrms, resampled(lrms[None, :1], 14)[0]])
    bands[:1].narrow(axis, 20, width).fill_(10 * bands[0].max())
    bands[3:].narrow(axis, 30, width).add_(bands[3].std())
    assert measure_gain(from_arrays(patch.pan, bands)).fine == (1, 1, 1, 0)


@pytest.mark.parametrize(("gnyq", "said"), [(0.15, 0), (0.3, 0), (0.36, 0), (0.42, 1), (0.75, 0)])
def test_an_ms_that_is_sharper_than_told_is_said_unless_it_is_followed(gnyq, said):
    scene = scene_made_with(gnyq)
    notes = resampling_notes(scene, measure_gain(scene))
    assert sum("times as sharp as the gains" in note for note in notes) == said
    assert any("low-pass" in note for note in notes) == (gnyq > 0.6)

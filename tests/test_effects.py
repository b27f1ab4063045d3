"""Every effect of the simulator has a law, here or in test_degradations or test_simulate; the table says which."""

import pytest
import test_degradations as one_image
import test_simulate as batches
import torch

from anypan.optics.mtf import DenseSampling
from anypan.simulate import bands as spectral
from anypan.simulate import effects as fx
from anypan.simulate import observe
from anypan.simulate.draw import Draw, Frame
from anypan.simulate.effects import EFFECTS
from anypan.simulate.random import Branches, Random
from anypan.simulate.sample import Simulation, simulate_batch
from anypan.train.losses import finest

RNG = Random.seeded


def drawn(*effects, seed=0, scenes=2, size=64, **settings):
    """A batch of PAN patches of ``size``, with nothing but what is given."""
    images = torch.rand(scenes, 1, 4, 2 * size, 2 * size, generator=torch.Generator().manual_seed(0))
    plain = {"ratios": {4: 1.0}, "bands": {4: 1.0}, "reductions": {2: 1.0}}
    quiet = Simulation(**plain | settings, effects=tuple(kind(0.0) for kind in EFFECTS.values()))
    return simulate_batch(images, torch.Generator().manual_seed(seed), quiet.having(*effects))


@pytest.fixture
def image():
    return 0.2 + torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_texture_multiplies_and_differs_between_bands_by_its_strength_alone(image):
    added = (fx.Texture().apply(image, RNG(0)) / image).log()
    strength = added.std((-2, -1), keepdim=True)
    assert torch.allclose(added[:, :, 1] * strength[:, :, 0], added[:, :, 0] * strength[:, :, 1], atol=1e-5)
    between = strength[:, :, 1:] / strength[:, :, :1]
    assert float(strength.min()) > 0.002 and 0.7 / 1.3 <= float(between.min()) <= float(between.max()) <= 1.3 / 0.7


def test_generated_bands_are_the_weighted_channels_and_a_third_of_the_scenes_nearly_pure(image):
    weights = spectral.mixtures(3, 5, RNG(0), 2)
    expected = sum(weights[1, 4, c] * image[1, 0, c] for c in range(3))
    assert torch.allclose(spectral.mix_bands(image, weights)[1, 0, 4], expected, atol=1e-5)
    many = spectral.mixtures(4, 4, RNG(1), 500).sort(-1).values
    pure = ((many[..., -1] > 0.85) & (many[..., -2].abs() < 0.15)).all(1)
    assert float(pure.float().mean()) == pytest.approx(0.35, abs=0.07)


def test_gain_fields_change_slowly_over_the_image_and_from_band_to_band(image):
    gain = (fx.GainFields().apply(image, RNG(0)) / image).log()
    assert float(gain.diff(dim=-1).abs().max()) < 0.1 < float(gain.abs().max())
    assert not torch.allclose(gain[:, :, 0], gain[:, :, 1], atol=1e-2)


def test_the_curve_of_the_pan_is_monotone_and_identity_where_it_does_not_strike(image):
    pan = image[:, :, :1]
    bent = fx.PanCurve(1.0).apply(pan, RNG(0))
    order = pan[0, 0, 0].flatten().argsort()
    assert (bent[0, 0, 0].flatten()[order].diff() >= 0).all()
    assert 1e-3 < float((bent - pan).abs().max()) < 0.3
    assert torch.allclose(fx.PanCurve(0.0).apply(pan, RNG(0)), pan, atol=1e-6)


def test_gains_of_the_ms_come_from_the_wide_range_or_from_the_usual_one():
    both = (drawn(fx.WideGains(share, (0.6, 0.7)), ms_gain=(0.2, 0.3)) for share in (0, 1))
    usual, wide = (batch.history.ms_gain for batch in both)
    assert 0.2 * 0.92 <= float(usual.min()) <= float(usual.max()) <= 0.3 * 1.08
    assert 0.6 * 0.92 <= float(wide.min()) <= float(wide.max()) <= 0.7 * 1.08


def test_the_gain_that_is_given_errs_by_one_factor_a_scene_of_the_spread_asked():
    history = drawn(fx.GainError(error=0.03), scenes=400, size=24).history
    error = (history.gnyq / history.ms_gain).log()
    assert torch.allclose(error, error[:, :1].expand_as(error), atol=1e-5)
    assert float(error[:, 0].std()) == pytest.approx(0.03, rel=0.15)
    exact = drawn(fx.GainError(error=0.0)).history
    assert torch.allclose(exact.gnyq, exact.ms_gain)


def test_a_phase_is_given_and_the_ms_lies_there():
    batch = drawn(fx.Phase(1.0))
    assert all(0 < abs(phase) <= 0.5 for phase in batch.sampling.phase)
    assert torch.allclose(batch.sampling.degrade(batch.reference, batch.gnyq), batch.lrms, atol=1e-5)
    centred = DenseSampling(4, batch.sampling.pan_shape).degrade(batch.reference, batch.gnyq)
    assert not torch.allclose(centred, batch.lrms, atol=1e-3)
    assert drawn().sampling.phase == (0.0, 0.0)


def test_a_displaced_ms_is_seen_at_the_displacement_that_is_kept_from_the_network():
    batch = drawn(fx.Misregistration(1.0, 0.3))
    assert batch.sampling.phase == (0.0, 0.0) and bool(batch.history.shift.any())
    for scene, shift in enumerate(batch.history.shift.tolist()):
        there = DenseSampling(4, batch.sampling.pan_shape, (shift[0], shift[1]))
        seen = there.degrade(batch.reference[scene], batch.gnyq[scene])
        assert torch.allclose(seen, batch.lrms[scene], atol=1e-4)


@pytest.mark.parametrize("between", [0.0, 0.06])
def test_bands_of_displaced_scenes_lie_apart_by_the_spread_asked(between):
    settings = Simulation(effects=(fx.Misregistration(0.5, 0.2), fx.BandMisregistration(1.0, between)))
    draw = Draw(settings, Branches(torch.Generator().manual_seed(0), "cpu"), 2000)
    for shift in observe.shifts(Frame(4, 4.0, 6, 2, "mtf"), draw):
        moved = shift[:, 0][draw.hits["misregistration"]]
        assert not shift[:, 0][~draw.hits["misregistration"]].any() and 900 < len(moved) < 1100
        assert float(moved.std(1).square().mean().sqrt()) == pytest.approx(between, rel=0.05, abs=1e-6)
        assert float(moved.mean(1).std()) == pytest.approx((0.2**2 + between**2 / 6) ** 0.5, rel=0.08)


def test_haze_adds_a_constant_to_each_band_within_its_depth(image):
    added = fx.Haze(depth=(0.5, 1.5)).apply(image, RNG(0)) - image
    assert float((added - added[:, :1, :, :1, :1]).abs().max()) < 1e-5
    depth = added[:, 0, :, 0, 0] / image.mean((1, 3, 4))
    assert 0.5 <= float(depth.min()) < float(depth.max()) <= 1.5


def test_a_reduced_scene_has_an_ms_of_the_gain_given_and_a_truth_whatever_the_pans_sharpness():
    free = (fx.WideGains(1.0), fx.Misregistration(1.0), fx.OverstatedGains(1.0), fx.GainError(error=0.2))
    batch = drawn(fx.ReducedScenes(1.0), *free, scenes=40, size=48)
    seen = batch.sampling.degrade(batch.reference, batch.gnyq)
    assert torch.allclose(seen[..., 2:-2, 2:-2], batch.lrms[..., 2:-2, 2:-2], atol=1e-4)
    softer = batch.history.reference_gain < batch.history.pan_gain
    assert 0.1 < float(softer.float().mean()) < 0.9
    assert not drawn(scenes=40, size=48).history.hits.get("reduced scenes", torch.zeros(1)).any()


def test_of_foreign_light_reduced_scenes_have_the_part_that_is_left():
    light = fx.ForeignLight(1.0, part=(0.6, 0.6))
    none, some, whole = (drawn(fx.ReducedScenes(1.0, light=left), light).pan for left in (0.0, 0.3, 1.0))
    assert float((some - none - 0.3 * (whole - none)).std()) < 0.03 * float((whole - none).std())  # but for its floor
    assert torch.allclose(none, drawn(fx.ReducedScenes(1.0), fx.ForeignLight(0.0)).pan, atol=1e-5)
    others = [drawn(fx.ReducedScenes(0.0, light=left), light).pan for left in (0.0, 1.0)]
    assert torch.equal(*others)  # at full resolution nothing is averaged


def test_the_truth_of_a_reduced_scene_is_noisy_and_displaced_as_asked():
    quiet, noisy = (drawn(fx.ReducedScenes(1.0, displacement=0.0, snr=(snr, snr))) for snr in (1e6, 50))
    error = (noisy.reference - quiet.reference).std() / quiet.reference.mean()
    assert float(error) == pytest.approx(1 / 50, rel=0.15)
    moved = drawn(fx.ReducedScenes(1.0, displacement=0.5, snr=(1e6, 1e6)))
    assert torch.equal(moved.pan, quiet.pan) and not torch.allclose(moved.reference, quiet.reference, atol=1e-2)


def test_of_a_reduced_scene_the_truth_alone_may_be_sharpened_and_the_ms_is_seen_of_that_truth():
    plain, sharp = (
        drawn(fx.ReducedScenes(1.0, displacement=0.0, snr=(1e6, 1e6), sharpened=part)) for part in (0.0, 1.0)
    )
    assert torch.equal(plain.pan, sharp.pan)
    detail = [finest(batch.reference).square().mean((1, 2, 3)).sqrt() for batch in (plain, sharp)]
    assert float((detail[1] / detail[0]).min()) > 1.1
    seen = sharp.sampling.degrade(sharp.reference, sharp.gnyq)
    assert torch.allclose(seen[..., 2:-2, 2:-2], sharp.lrms[..., 2:-2, 2:-2], atol=1e-4)
    others = [drawn(fx.ReducedScenes(0.0, sharpened=part)).reference for part in (0.0, 1.0)]
    assert torch.equal(*others)


@pytest.mark.parametrize("ratio, share", [(2, 0.5), (4, 0.1)])
def test_coarse_noise_is_that_of_the_range_and_rarer_at_high_ratios(ratio, share):
    batch = drawn(fx.CoarseNoise(0.5, (40, 40)), scenes=400, size=16, ratios={ratio: 1.0})
    hit = batch.history.hits["coarse noise"]
    assert float(hit.float().mean()) == pytest.approx(share, abs=0.08)
    quiet = drawn(scenes=400, size=16, ratios={ratio: 1.0})
    noise = ((batch.lrms - quiet.lrms) / quiet.lrms.mean((1, 2, 3), keepdim=True))[hit]
    assert float(noise.std()) == pytest.approx(1 / 40, rel=0.2)
    assert torch.equal(batch.lrms[~hit], quiet.lrms[~hit])


def test_foreign_light_leaves_the_share_of_the_pans_detail_explained_that_its_part_says():
    pan = torch.randn(3, 2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    mixed = fx.ForeignLight(part=(0.5, 0.5)).apply(pan, RNG(0))
    detail, explained = spectral.detail_of(mixed), spectral.detail_of(pan)
    correlation = (detail * explained).sum() / (detail.norm() * explained.norm())
    assert float(correlation**2) == pytest.approx(1 / 1.25, abs=0.02)


def test_local_inversion_turns_detail_in_places_in_the_share_of_bands_asked(image):
    turned = fx.LocalInversion(1.0).apply(image, RNG(0))
    before, after = spectral.detail_of(image), turned - (image - spectral.detail_of(image))
    gain = torch.nn.functional.avg_pool2d((before * after).flatten(0, 1), 8) / torch.nn.functional.avg_pool2d(
        (before * before).flatten(0, 1), 8
    )
    assert float(gain.min()) < -0.5 and float(gain.max()) > 0.9
    assert torch.equal(fx.LocalInversion(0.0).apply(image, RNG(0)), image)


def test_flat_ground_is_dark_and_smooth_in_every_band_and_the_rest_stays(image):
    flat = fx.FlatGround(1.0, (0.1, 0.1)).apply(image, RNG(1))
    wet = (flat - image).abs().amin(2) > 0.05
    dry = (flat - image).abs().amax(2) < 1e-3
    assert float(wet.float().mean()) > 0.1 and float(dry.float().mean()) > 0.1
    level = 0.1 * image.mean((1, 3, 4))
    calm = (flat - level[:, None, :, None, None]).abs().amax(2) < 0.012
    assert bool(flat[:, :, 0][calm].std() < 0.05 * image[:, :, 0].std())
    assert torch.equal(fx.FlatGround(0.0).apply(image, RNG(0)), image)


def test_parted_bands_have_the_correlation_asked_with_what_they_were_and_the_first_stays(image):
    images = torch.rand(1, 40, 3, 32, 32, generator=torch.Generator().manual_seed(0)) + 1
    parted = fx.PartedBands(correlation=(-0.5, -0.5)).apply(images, RNG(2))
    assert torch.equal(parted[:, :, 0], images[:, :, 0])
    for band in (1, 2):
        both = torch.stack([parted[:, :, band].flatten(), images[:, :, band].flatten()])
        assert float(torch.corrcoef(both)[0, 1]) == pytest.approx(-0.5, abs=0.02)
    assert parted.mean((1, 3, 4)).numpy() == pytest.approx(images.mean((1, 3, 4)).numpy(), abs=1e-4)
    only = spectral.single(torch.tensor([[0.2, 0.8], [0.5, 0.5]]), torch.tensor([True, False]))
    assert only.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_soft_bands_have_the_detail_of_a_coarser_grid_and_others_all_of_theirs():
    images = torch.rand(2, 3, 8, 64, 64, generator=torch.Generator().manual_seed(0)) + 1
    soft = fx.SoftBands(part=0.5, cells=(2, 2)).apply(images, RNG(2), pixel=4)
    changed = (soft != images).flatten(3).any(3)
    assert bool((changed == changed[:, :1]).all()) and not bool(changed[:, :, 0].any())
    assert 2 <= int(changed[:, 0].sum()) <= 12
    coarse = torch.nn.functional.avg_pool2d(images.flatten(0, 2)[:, None], 8).view(2, 3, 8, 8, 8)
    assert torch.allclose(soft.mean((-2, -1)), images.mean((-2, -1)), atol=0.01)
    there = soft.unflatten(-1, (8, 8)).unflatten(-3, (8, 8)).mean((-1, -3))[..., 1:-1, 1:-1]
    wanted = coarse[..., 1:-1, 1:-1]
    assert float(torch.corrcoef(torch.stack([there[changed].flatten(), wanted[changed].flatten()]))[0, 1]) > 0.95
    assert float(soft[changed].var()) < 0.05 * float(images.var())


def test_linear_light_is_one_power_for_all_channels_of_a_scene_and_skews_values_towards_the_bright(image):
    picture = image / image.max()
    light = fx.LinearLight(power=(2.2, 2.2)).apply(picture.clone(), RNG(0))
    assert torch.allclose(light, picture.clamp(min=0.01) ** 2.2, atol=1e-5)
    several = fx.LinearLight(power=(1.2, 3.0)).apply(picture.clone(), RNG(0)).log() / picture.clamp(min=0.01).log()
    power = several[:, :1, :1, :1, :1]
    assert float((several - power)[picture < 0.9].abs().max()) < 1e-3
    assert 1.2 <= float(power.min()) < float(power.max()) <= 3.0


LAWS = {
    "linear light": test_linear_light_is_one_power_for_all_channels_of_a_scene_and_skews_values_towards_the_bright,
    "zoom": one_image.test_zooming_keeps_centre_and_levels_and_stretches_by_its_factor,
    "turn": one_image.test_turning_moves_pixels_and_bands_together_and_changes_none,
    "texture": test_texture_multiplies_and_differs_between_bands_by_its_strength_alone,
    "bands generation": test_generated_bands_are_the_weighted_channels_and_a_third_of_the_scenes_nearly_pure,
    "response curves": one_image.test_a_cube_of_narrow_channels_gives_the_bands_that_the_curves_give,
    "high-pass filtering": one_image.test_high_pass_filtering_keeps_the_mean_and_the_detail_and_lowers_what_is_slow,
    "colour jitter": batches.test_a_monotone_curve_keeps_the_order_of_values,
    "gain fields": test_gain_fields_change_slowly_over_the_image_and_from_band_to_band,
    "foreign content": one_image.test_foreign_content_enters_the_share_of_bands_asked_and_keeps_their_mean,
    "haze": test_haze_adds_a_constant_to_each_band_within_its_depth,
    "unseen bands": one_image.test_unseen_bands_have_no_weight_and_hidden_light_changes_the_pan_alone,
    "hidden light": one_image.test_unseen_bands_have_no_weight_and_hidden_light_changes_the_pan_alone,
    "foreign light": test_foreign_light_leaves_the_share_of_the_pans_detail_explained_that_its_part_says,
    "local inversion": test_local_inversion_turns_detail_in_places_in_the_share_of_bands_asked,
    "parted bands": test_parted_bands_have_the_correlation_asked_with_what_they_were_and_the_first_stays,
    "soft bands": test_soft_bands_have_the_detail_of_a_coarser_grid_and_others_all_of_theirs,
    "flat ground": test_flat_ground_is_dark_and_smooth_in_every_band_and_the_rest_stays,
    "PAN curve": test_the_curve_of_the_pan_is_monotone_and_identity_where_it_does_not_strike,
    "channel shuffling": one_image.test_shuffling_is_a_permutation_that_the_weights_of_the_pan_follow,
    "reduced scenes": test_a_reduced_scene_has_an_ms_of_the_gain_given_and_a_truth_whatever_the_pans_sharpness,
    "coarse noise": test_coarse_noise_is_that_of_the_range_and_rarer_at_high_ratios,
    "wide gains": test_gains_of_the_ms_come_from_the_wide_range_or_from_the_usual_one,
    "sharpening": one_image.test_sharpening_raises_the_contrast_of_edges_and_leaves_flat_ground,
    "overstated gains": batches.test_a_pan_sharpened_on_the_ground_has_the_gain_of_the_table,
    "gain error": test_the_gain_that_is_given_errs_by_one_factor_a_scene_of_the_spread_asked,
    "decimation": batches.test_an_aliased_scene_is_given_its_measured_gain_and_keeps_detail_above_nyquist,
    "anisotropy": one_image.test_an_anisotropic_mtf_has_its_gains_along_and_across_and_keeps_the_area,
    "detector": one_image.test_the_detectors_box_changes_the_shape_but_not_the_gain,
    "motion": one_image.test_a_smear_is_as_long_as_asked_in_its_direction_and_keeps_the_mean,
    "fractional ratio": one_image.test_an_ms_of_fractional_ratio_is_what_alignment_makes_of_such_a_file,
    "phase": test_a_phase_is_given_and_the_ms_lies_there,
    "misregistration": test_a_displaced_ms_is_seen_at_the_displacement_that_is_kept_from_the_network,
    "band misregistration": test_bands_of_displaced_scenes_lie_apart_by_the_spread_asked,
    "noise": one_image.test_detector_noise_has_the_snr_asked_and_grows_with_the_signal,
    "family noise": one_image.test_one_family_is_drawn_for_each_scene,
    "stripes": one_image.test_stripes_are_constant_along_a_line,
    "saturation": one_image.test_saturation_clips_the_share_asked_and_leaves_what_is_below,
    "compression": one_image.test_compression_at_quality_100_is_nearly_the_identity_and_loses_more_below,
    "quantisation": one_image.test_quantisation_leaves_whole_multiples_of_one_step,
}  # the families of noise are tested by being in NOISES


def test_every_effect_has_a_law():
    assert set(LAWS) == set(EFFECTS)

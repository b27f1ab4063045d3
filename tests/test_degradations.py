"""A law for each thing that the simulator can do to an image."""

import math

import numpy as np
import pytest
import torch

from anypan.optics.sensors import SENSORS, Band, find
from anypan.pair.pair import pair_of_arrays
from anypan.simulate import bands as spectral
from anypan.simulate import blur, geometry, noise
from anypan.simulate import effects as fx
from anypan.simulate.curves import CAMERA, band_weights, draw_curves, interpolation, seen_by_pan
from anypan.simulate.random import Branches, Random
from anypan.simulate.spectra import MATERIALS, WAVELENGTHS, responses

RNG = Random.seeded


@pytest.fixture
def image():
    """(2, 2, 3, 64, 64), positive, rough."""
    return 0.2 + torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def gain_at_nyquist(matrix, ratio):
    """Response of a matrix's middle row, by its definition: how strongly it passes a cosine of period 2 ratio."""
    row = matrix[..., matrix.shape[-2] // 2, :].double()
    wave = torch.exp(1j * math.pi / ratio * torch.arange(row.shape[-1], dtype=torch.float64))
    return (row * wave).sum(-1).abs()


# --- blur and sampling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
@pytest.mark.parametrize("detector", [False, True])
def test_an_mtf_has_the_gain_asked_with_the_detectors_box_and_without(ratio, detector):
    gains = torch.tensor([0.15, 0.3, 0.5])
    matrix = blur.mtf_matrix(gains, ratio, 20 * ratio, 0.2, detector)
    assert torch.allclose(gain_at_nyquist(matrix, ratio).float(), gains, atol=0.012)
    assert torch.allclose(matrix.sum(-1), torch.ones(3, 20))


def test_the_detectors_box_changes_the_shape_but_not_the_gain():
    gauss, box = (blur.mtf_matrix(torch.tensor(0.55), 4, 128, 0.0, detector) for detector in (False, True))
    twice = [float(gain_at_nyquist(matrix, 2)) for matrix in (gauss, box)]
    assert twice == pytest.approx([0.55**4, 0.0], abs=0.01)  # a box of one pixel hides its own sampling frequency


def test_an_anisotropic_mtf_has_its_gains_along_and_across_and_keeps_the_area():
    along, across = blur.split_gain(torch.tensor(0.3), torch.tensor(1.5))
    assert float(along) == pytest.approx(0.3**1.5) and float(across) == pytest.approx(0.3 ** (1 / 1.5))
    widths = [math.sqrt(-math.log(float(gain))) for gain in (along, across)]
    assert widths[0] / widths[1] == pytest.approx(1.5) and widths[0] * widths[1] == pytest.approx(-math.log(0.3))


@pytest.mark.parametrize("name", [name for name, kernel in blur.KERNELS.items() if kernel.matrix])
@pytest.mark.parametrize("ratio", [2, 4])
def test_a_sampling_kernel_keeps_the_mean_and_its_response_is_that_of_a_cosine(name, ratio):
    matrix = blur.KERNELS[name].matrix(ratio, 32 * ratio)
    assert torch.allclose(matrix.sum(-1), torch.ones(32), atol=1e-5)
    rows = [float(gain_at_nyquist(matrix[start : start + 1], ratio)) for start in range(8, 24)]
    assert blur.response(matrix, ratio) == pytest.approx(sum(rows) / len(rows), rel=1e-4)


def test_the_responses_of_known_kernels():
    box = np.mean(np.exp(1j * np.pi / 4 * (np.arange(4) - 1.5))).real
    assert blur.response(blur.area_matrix(4, 128), 4) == pytest.approx(box, abs=1e-6)
    side = math.exp(-0.5 / 1.5**2)
    light = (1 + 2 * side * math.cos(math.pi / 4)) / (1 + 2 * side)  # 0.82 of the published networks' blur
    assert light == pytest.approx(0.82, abs=0.01)
    assert blur.response(blur.light_matrix(4, 256), 4) == pytest.approx(light, abs=0.03)
    assert torch.equal(blur.light_matrix(1, 16), torch.eye(16))


def test_cubic_convolution_is_exact_for_parabolas_and_at_the_nodes():
    nodes = torch.arange(20.0)
    places = torch.tensor([5.0, 7.25, 11.5])
    matrix = blur.cubic_matrix(places, 20)
    assert torch.allclose(matrix @ nodes**2, places**2, atol=1e-3)
    assert float(matrix[0, 5]) == pytest.approx(1)


@pytest.mark.parametrize("own", [3.6, 4.4])
def test_an_ms_of_fractional_ratio_is_what_alignment_makes_of_such_a_file(own):
    size = 180 if own == 3.6 else 176
    smooth = RNG(0).field((1,), size, 60)
    seen = mtf_gaussian(own, size)
    with pair_of_arrays(smooth[0].numpy(), (seen @ smooth @ seen.T).numpy(), register=False) as pair:
        aligned, told = pair.scene.whole().lrms[0], pair.scene.gnyq[0]
    matrix = blur.resampled_matrix(torch.tensor(0.3), own, 4, size, torch.tensor(0.0))
    made = (matrix @ smooth[0] @ matrix.T)[: aligned.shape[0], : aligned.shape[1]]
    assert float((made - aligned)[3:-3, 3:-3].std()) < 0.02 * float(made.std())
    assert told == pytest.approx(0.3 ** ((own / 4) ** 2), rel=1e-5)


def mtf_gaussian(ratio, size):
    return blur.mtf_matrix(torch.tensor(0.3), ratio, size + 1)[: round(size / ratio), :size]


@pytest.mark.parametrize("degrees", [0, 30, 90])
def test_a_smear_is_as_long_as_asked_in_its_direction_and_keeps_the_mean(degrees, image):
    length, angle = 6.0, math.radians(degrees)
    kernel = blur.motion_kernels(torch.tensor([length]), torch.tensor([angle]))[0].double()
    place = torch.arange(len(kernel), dtype=torch.float64) - len(kernel) // 2
    assert float(kernel.sum()) == pytest.approx(1)
    along = (kernel * (place[:, None] * math.sin(angle) + place[None] * math.cos(angle)) ** 2).sum()
    across = (kernel * (place[:, None] * math.cos(angle) - place[None] * math.sin(angle)) ** 2).sum()
    assert float(along - across) == pytest.approx(length**2 / 12, rel=0.15)  # variance of a box, less the pixel's
    flat = torch.full_like(image, 0.7)
    assert torch.allclose(fx.Motion(length=(1.0, 4.0)).apply(flat, RNG(1)), flat, atol=1e-5)


def test_a_convolution_moves_each_scene_by_its_own_kernel(image):
    kernels = torch.zeros(2, 3, 3)
    kernels[0, 1, 1] = kernels[1, 1, 2] = 1
    out = blur.convolve(image, kernels)
    assert torch.equal(out[0], image[0])
    assert torch.equal(out[1, ..., 1:], image[1, ..., :-1]) or torch.equal(out[1, ..., :-1], image[1, ..., 1:])


def test_sharpening_raises_the_contrast_of_edges_and_leaves_flat_ground(image):
    sharper = blur.sharpen(image, torch.tensor(0.8))
    assert float(sharper.std()) > float(image.std())
    flat = torch.full_like(image, 0.4)
    assert torch.allclose(blur.sharpen(flat, torch.tensor(0.8)), flat, atol=1e-5)


def test_sharpening_moves_nothing(image):
    turned = blur.sharpen(image.flip(-1, -2), torch.tensor(2.0)).flip(-1, -2)
    assert torch.allclose(turned, blur.sharpen(image, torch.tensor(2.0)), atol=1e-5)


# --- noise and storage --------------------------------------------------------------------------------------------


def flat(value=0.5, size=200):
    return torch.full((3, 1, 1, size, size), value)


def test_detector_noise_has_the_snr_asked_and_grows_with_the_signal():
    left = noise.detector_noise(flat(), RNG(0), (100.0, 100.001)) - flat()
    assert float(left.std()) == pytest.approx(0.5 / 100, rel=0.02)
    steps = torch.cat([flat(0.1), flat(0.9)], -1)
    added = noise.detector_noise(steps, RNG(0), (100.0, 100.001)) - steps
    assert float(added[..., 200:].std()) > 1.2 * float(added[..., :200].std())


@pytest.mark.parametrize("family", [f for f in noise.NOISES if f not in ("impulse", "salt and pepper")])
def test_a_family_keeps_the_mean_and_has_the_level_asked(family):
    noisy = noise.NOISES[family](flat(), RNG(1), torch.full((3, 1, 1, 1, 1), 0.05))
    assert float(noisy.mean()) == pytest.approx(0.5, abs=0.0005)
    assert float(noisy.std()) == pytest.approx(0.05 * 0.5, rel=0.03)


@pytest.mark.parametrize("family", ["impulse", "salt and pepper"])
def test_impulses_strike_the_share_of_pixels_asked_and_leave_the_rest(family, image):
    struck = noise.NOISES[family](image, RNG(1), torch.full((2, 1, 1, 1, 1), 0.4)) != image
    assert float(struck.float().mean()) == pytest.approx(0.4 * noise.IMPULSES, rel=0.15)


def test_families_differ_in_shape_as_their_names_say():
    level = torch.full((3, 1, 1, 1, 1), 0.05)

    def skew(family):
        added = noise.NOISES[family](flat(), RNG(2), level) - 0.5
        return float((added**3).mean() / added.std() ** 3)

    assert skew("gaussian") == pytest.approx(0, abs=0.05) and skew("uniform") == pytest.approx(0, abs=0.05)
    assert skew("rayleigh") == pytest.approx(0.631, abs=0.05)  # 2 sqrt(pi) (pi - 3) / (4 - pi)^1.5
    assert skew("gamma") == pytest.approx(math.sqrt(2), abs=0.1)  # 2 / sqrt(shape)


def test_one_family_is_drawn_for_each_scene(image):
    only = fx.FamilyNoise(1.0, {"speckle": 1.0}, (0.05, 0.051)).apply(image, RNG(3))
    assert float((only / image - 1).std()) == pytest.approx(0.05, rel=0.05)


def test_stripes_are_constant_along_a_line():
    striped = fx.Stripes(depth=(0.01, 0.02)).apply(torch.full((40, 1, 2, 16, 24), 0.5), RNG(0))
    along_columns = (striped.std(-2) < 1e-6).all(-1).all((1, 2))
    along_rows = (striped.std(-1) < 1e-6).all(-1).all((1, 2))
    assert (along_columns ^ along_rows).all()
    assert 0 < int(along_rows.sum()) < int(along_columns.sum())


def test_saturation_clips_the_share_asked_and_leaves_what_is_below(image):
    clipped = fx.Saturation(below=(0.9, 0.95)).apply(image, RNG(0))
    ceiling = clipped.amax((1, 3, 4), keepdim=True)
    struck = (clipped < image).float().mean((1, 3, 4))
    assert ((struck > 0.04) & (struck < 0.11)).all()
    assert torch.equal(clipped, torch.minimum(image, ceiling))


@pytest.mark.parametrize("bits", [8, 12])
def test_quantisation_leaves_whole_multiples_of_one_step(image, bits):
    coarse = fx.Quantisation(bits={bits: 1.0}).apply(image, RNG(0))
    for before, after in zip(image, coarse, strict=True):
        values = after.unique().double()
        steps = values.diff()
        step = float(steps[steps < 1.5 * steps.min()].mean())
        assert torch.allclose(values / step, (values / step).round(), atol=0.1)
        assert float((after - before).abs().max()) <= 0.51 * step
        assert 2 ** (bits - 1) - 1 <= float(values.max()) / step <= 2**bits


def test_compression_at_quality_100_is_nearly_the_identity_and_loses_more_below(image):
    error = [
        float((noise.dct_quantise(image, torch.full((2,), quality)) - image).square().mean().sqrt())
        for quality in (100.0, 90.0, 60.0)
    ]
    assert error[0] < float(image.max()) / 255 < error[1] < error[2]


def test_compression_keeps_flat_blocks_within_a_step_and_knows_sizes_that_are_no_multiple_of_8(image):
    flat_blocks = torch.full((2, 1, 1, 21, 13), 0.6)
    out = noise.dct_quantise(flat_blocks, torch.full((2,), 50.0))
    assert out.shape == flat_blocks.shape
    assert float(out.std()) < 1e-6 and float((out - 0.6).abs().max()) <= 0.6 / 255 * 16 / 8 / 2 + 1e-6
    compressed = fx.Compression(quality=(80.0, 80.0)).apply(image, RNG(0))
    assert torch.equal(compressed, noise.dct_quantise(image, torch.full((2,), 80.0)))


def test_scenes_meet_storage_one_by_one_as_in_a_batch(image):
    quality = torch.tensor([60.0, 95.0])
    whole = noise.dct_quantise(image, quality)
    assert torch.equal(whole[1:], noise.dct_quantise(image[1:], quality[1:]))


# --- colours ------------------------------------------------------------------------------------------------------


def test_shuffling_is_a_permutation_that_the_weights_of_the_pan_follow(image):
    weights = spectral.draw_pan_weights(3, RNG(0), 2, 0.0)
    order = torch.tensor([[2, 0, 1], [1, 2, 0]])
    bands, moved = spectral.shuffled(image, weights, order)
    assert torch.equal(bands[0, :, 0], image[0, :, 2]) and torch.equal(bands[1, :, 2], image[1, :, 0])
    assert torch.allclose(spectral.mix_pan(bands, moved), spectral.mix_pan(image, weights), atol=1e-6)


def test_high_pass_filtering_keeps_the_mean_and_the_detail_and_lowers_what_is_slow():
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 1, 64, 64)
    detail = 0.05 * (torch.arange(64) % 2 * 2 - 1).float()
    out = fx.HighPassFiltering(keep=(0.2, 0.2001)).apply(ramp + detail, RNG(0))
    slow = torch.nn.functional.avg_pool2d(out[0], 4)
    assert float(out.mean()) == pytest.approx(float((ramp + detail).mean()), abs=1e-3)
    assert float(slow.std()) < 0.35 * float(ramp.std())
    assert float(out[..., 1::2].mean() - out[..., 0::2].mean()) == pytest.approx(0.1, abs=0.01)


def test_unseen_bands_have_no_weight_and_hidden_light_changes_the_pan_alone(image):
    weights = spectral.draw_pan_weights(8, RNG(0), 400, 0.25)
    assert float((weights == 0).float().mean()) == pytest.approx(0.25 * 0.75, abs=0.03)  # a quarter weigh alike
    pan = spectral.mix_pan(image, spectral.draw_pan_weights(3, RNG(0), 2, 0.0))
    assert torch.equal(fx.HiddenLight(0.0).apply(pan, RNG(0), image), pan)
    assert not torch.equal(fx.HiddenLight(1.0).apply(pan, RNG(0), image), pan)


@pytest.mark.parametrize("count", [1, 4, 12])
def test_hidden_light_follows_the_ground_however_many_the_bands(image, count):
    band = 0.1 * image[:, :, :1].clamp(min=0.02)
    seen = fx.HiddenLight(1.0).apply(torch.zeros_like(band), RNG(0), band.expand(-1, -1, count, -1, -1))
    part = seen / band
    assert torch.allclose(part, part[:, :1, :, :1, :1].expand_as(part), rtol=1e-3) and 0 < part.min() < part.max() < 0.4


def test_foreign_content_enters_the_share_of_bands_asked_and_keeps_their_mean(image):
    mixed = fx.ForeignContent(1.0).apply(image, RNG(0))
    assert torch.allclose(mixed.mean((-2, -1)), image.mean((-2, -1)), atol=1e-5)
    assert torch.equal(fx.ForeignContent(0.0).apply(image, RNG(0)), image)


def test_plain_bands_are_the_channels_over_again():
    assert spectral.plain(3, 5).argmax(1).tolist() == [0, 1, 2, 0, 1]


def test_a_cube_of_narrow_channels_gives_the_bands_that_the_curves_give():
    spectra = np.stack(list(MATERIALS.values()))
    narrow = np.arange(400.0, 2401.0, 20.0)
    channels = np.stack([np.interp(narrow, WAVELENGTHS, spectrum) for spectrum in spectra])
    bands = find("WV3").bands
    assert np.allclose(channels @ band_weights(bands, narrow).T, spectra @ responses(bands).T, atol=0.01)


def test_the_spectrum_passes_through_the_channels_in_any_order_and_the_weights_sum_to_1():
    for centres in (CAMERA, sorted(CAMERA)):
        matrix = interpolation(centres)
        assert np.allclose(matrix.sum(1), 1)
        assert matrix[np.argmin(np.abs(WAVELENGTHS - 650))].argmax() == list(centres).index(650.0)
    assert np.allclose(band_weights(find("WV3").bands, CAMERA).sum(1), 1)


def test_the_pan_sees_what_overlaps_it_and_no_band_outside_of_its_range():
    bands = [Band("blue", 450, 510, 0.3), Band("green", 510, 580, 0.3), Band("swir", 1560, 1660, 0.3)]
    seen = seen_by_pan(bands, Band("pan", 500, 680, 0.15))
    assert seen[2] == 0 and seen[1] > 4 * seen[0] > 0 and seen.sum() == pytest.approx(1)


@pytest.mark.parametrize("count", [1, 4, 12])
def test_curves_of_random_sensors_make_any_number_of_bands(count):
    mixed, seen = draw_curves(5, count, CAMERA, RNG(count), 12.0)
    assert mixed.shape == (5, count, 4) and seen.shape == (5, count)
    assert torch.allclose(mixed.sum(-1), torch.ones(5, count), atol=1e-5) and (mixed >= 0).all()
    assert torch.allclose(seen.sum(1), torch.ones(5), atol=1e-5) and len(SENSORS) > 5


# --- geometry -----------------------------------------------------------------------------------------------------


def test_turning_moves_pixels_and_bands_together_and_changes_none(image):
    turned = geometry.turn(image, RNG(1))
    assert torch.equal(turned.flatten(-2).sort(-1).values, image.flatten(-2).sort(-1).values)
    assert torch.equal(geometry.turn(image.flip(2), RNG(1)), turned.flip(2))
    assert not torch.equal(turned, image)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.7])
def test_zooming_keeps_centre_and_levels_and_stretches_by_its_factor(factor):
    place = torch.arange(64.0) - 31.5
    bump = torch.exp(-0.5 * (place / 6) ** 2)
    picture = (bump[:, None] * bump)[None, None, None] + 0.1
    zoomed = geometry.zoom(picture, RNG(0), (factor, factor))[0, 0, 0] - 0.1
    weights = zoomed.clamp(min=0) * (place.abs() < 18 * factor)
    width = float(((weights.sum(0) * place**2).sum() / weights.sum()).sqrt())
    blurred = (2 / (math.pi * factor) * math.sqrt(-math.log(0.3) / 2)) * factor if factor < 1 else 0
    assert width == pytest.approx(math.hypot(6 * factor, blurred), rel=0.06)
    assert float((weights.sum(0) * place).sum() / weights.sum()) == pytest.approx(0, abs=0.05)
    assert torch.allclose(geometry.zoom(torch.ones(1, 1, 1, 64, 64), RNG(0), (factor, factor)), torch.tensor(1.0))


@pytest.mark.parametrize("ratio, reduction", [(2, 2), (3, 2), (4, 1), (6, 3)])
def test_a_crop_is_a_window_of_whole_ms_pixels(ratio, reduction):
    place = torch.arange(256 * 256.0).view(1, 1, 1, 256, 256)
    cut = geometry.crop(place, RNG(0), ratio, reduction)
    assert (cut.shape[-1] // reduction) % ratio == 0 and cut.shape[-1] // reduction <= geometry.LARGEST
    assert float(cut[0, 0, 0, 1, 0] - cut[0, 0, 0, 0, 0]) == 256 and float(cut[..., 0, 1] - cut[..., 0, 0]) == 1


# --- randomness ---------------------------------------------------------------------------------------------------


def test_streams_are_independent_of_one_another_and_the_same_from_their_beginning():
    streams = Branches(torch.Generator().manual_seed(0), "cpu")
    one = streams["stripes"].normal(1.0, 1000)
    assert torch.equal(one, streams["stripes"].normal(1.0, 1000))
    other = streams["noise PAN"].normal(1.0, 1000)
    assert abs(float((one * other).mean())) < 0.1
    later = Branches(torch.Generator().manual_seed(1), "cpu")["stripes"].normal(1.0, 1000)
    assert not torch.equal(one, later)


def test_smooth_fields_vary_slowly():
    field = RNG(0).field((2, 3), 64, 5)
    assert field.shape == (2, 3, 64, 64) and float(field.diff(dim=-1).std()) < 0.15 * float(field.std())

"""Laws of the metrics, and what every entry of METRICS must do by being there."""

import math

import independent
import numpy as np
import pytest
import torch
from torch import Tensor

from anypan.metrics import METRICS, Reference, better, cc, d_rho, detail_transfer, ergas, judge, q, q2n, sam
from anypan.metrics import strips as strips_module
from anypan.metrics.d_rho import local_correlation
from anypan.metrics.detail import EXPLAINED, HIGH, LOW
from anypan.metrics.strips import spans
from anypan.metrics.windows import blocks, box_sum
from anypan.optics.toolbox import Toolbox
from anypan.pair.scene import Scene, from_arrays

PEAK = 1000.0
RR = [name for name, metric in METRICS.items() if metric.kind == "rr"]
FR = [name for name, metric in METRICS.items() if metric.kind == "fr"]


def texture(seed: int, bands: int, height: int, width: int) -> Tensor:
    """Positive, correlated in space and between bands, different from band to band."""
    rng = torch.Generator().manual_seed(seed)
    common = torch.randn(1, 1, height + 6, width + 6, generator=rng, dtype=torch.float64)
    own = torch.randn(1, bands, height + 6, width + 6, generator=rng, dtype=torch.float64)
    smooth = torch.nn.functional.avg_pool2d(common + 0.4 * own, 7, 1)[0]
    return 400 + 150 * smooth + 40 * torch.randn(bands, height, width, generator=rng, dtype=torch.float64)


def noisy(image: Tensor, amplitude: float, seed: int = 7) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return image + amplitude * torch.randn(image.shape, generator=rng, dtype=image.dtype)


def sharp_scene(bands: int = 3, ratio: int = 4, size: int = 36, mask: Tensor | None = None) -> tuple[Scene, Tensor]:
    """A scene whose PAN is the mean of the bands of the true image, and that image."""
    truth = texture(3, bands, ratio * size, ratio * size)
    scene = from_arrays(truth.mean(0, keepdim=True), truth[:, ::ratio, ::ratio])
    lrms = scene.sampling.degrade(truth, scene.gnyq)
    return from_arrays(truth.mean(0, keepdim=True), lrms, mask=mask), truth


@pytest.mark.parametrize("name", RR)
def test_the_reference_itself_scores_best(name: str) -> None:
    image = texture(1, 4, 70, 81)
    value = METRICS[name](image, Reference(image, 4, PEAK))
    assert value == pytest.approx(METRICS[name].best, abs=1e-5)


@pytest.mark.parametrize("name", RR)
def test_more_noise_is_worse(name: str) -> None:
    image = texture(1, 4, 70, 81)
    little, much = (METRICS[name](noisy(image, a), Reference(image, 4, PEAK)) for a in (5, 50))
    assert better(name, little, much) and not better(name, much, little)


@pytest.mark.parametrize("name", ["R-Q2n", "R-Q", "R-ERGAS", "R-SAM"])
def test_the_true_image_is_consistent(name: str) -> None:
    scene, truth = sharp_scene()
    assert METRICS[name](truth, scene) == pytest.approx(METRICS[name].best, abs=1e-5)


@pytest.mark.parametrize("name", [*FR])
def test_the_true_image_beats_a_spoilt_one(name: str) -> None:
    scene, truth = sharp_scene()
    good = METRICS[name](truth, scene)
    bad = METRICS[name](noisy(truth.flip(-1), 20), scene)
    assert math.isfinite(good) and better(name, good, bad)


@pytest.mark.parametrize("name", METRICS)
def test_entries_describe_themselves(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name and metric.description.endswith(".") and metric.kind in ("rr", "fr")
    assert (metric.direction == "nearest") == name.startswith("detail")


def some_mask(height: int, width: int) -> Tensor:
    mask = torch.ones(height, width, dtype=torch.bool)
    mask[:10, :13] = False
    mask[:, -3:] = False
    return mask


@pytest.mark.parametrize("name", RR)
def test_what_is_masked_does_not_count(name: str) -> None:
    image, mask = texture(1, 3, 100, 110), some_mask(100, 110)
    fused = noisy(image, 20)
    value = METRICS[name](fused, Reference(image, 4, PEAK, mask))
    one, two = (torch.where(mask, each, math.nan) for each in (fused, image))
    assert METRICS[name](one, Reference(two, 4, PEAK, mask)) == value
    assert value != METRICS[name](fused, Reference(image, 4, PEAK))


@pytest.mark.parametrize("name", FR)
def test_what_is_masked_does_not_count_at_full_resolution(name: str) -> None:
    mask = some_mask(144, 144)
    scene, truth = sharp_scene(mask=mask)
    fused = noisy(truth, 20)
    value = METRICS[name](fused, scene)
    assert math.isfinite(value)
    assert METRICS[name](torch.where(mask, fused, math.nan), scene) == value


@pytest.mark.parametrize("name", METRICS)
def test_nothing_valid_gives_nan_and_no_error(name: str) -> None:
    nothing = torch.zeros(144, 144, dtype=torch.bool)
    scene, truth = sharp_scene(mask=nothing)
    against = scene if METRICS[name].kind == "fr" else Reference(truth, 4, PEAK, nothing)
    assert math.isnan(METRICS[name](truth, against))


@pytest.mark.parametrize("name", METRICS)
def test_strips_do_not_change_the_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, truth = sharp_scene(mask=some_mask(144, 144))
    fused = noisy(truth, 20)
    against = scene if METRICS[name].kind == "fr" else Reference(truth, 4, PEAK, some_mask(144, 144))
    whole = METRICS[name](fused, against)
    monkeypatch.setattr(strips_module, "STRIP_VALUES", 1)
    assert METRICS[name](fused, against) == pytest.approx(whole, rel=1e-12) and math.isfinite(whole)


@pytest.mark.parametrize("name", METRICS)
def test_numpy_and_float32_do_as_well(name: str) -> None:
    scene, truth = sharp_scene()
    truth = truth.float().double()
    against = scene if METRICS[name].kind == "fr" else Reference(texture(3, 3, 144, 144).numpy(), 4, PEAK)
    assert METRICS[name](truth.numpy().astype(np.float32), against) == METRICS[name](truth, against)


@pytest.mark.parametrize("name", ["Q2n", "Q", "SAM", "ERGAS", "SCC", "CC"])
def test_units_do_not_matter(name: str) -> None:
    image = texture(1, 4, 64, 64)
    fused = noisy(image, 20)
    metres, feet = (METRICS[name](s * fused, Reference(s * image, 4, PEAK)) for s in (1, 0.0123))
    assert feet == pytest.approx(metres, rel=1e-9)


@pytest.mark.parametrize("name", FR)
def test_units_do_not_matter_at_full_resolution(name: str) -> None:
    scene, truth = sharp_scene()
    patch, fused = scene.whole(), noisy(truth, 20)
    other = from_arrays(0.0123 * patch.pan, 0.0123 * patch.lrms)
    assert METRICS[name](0.0123 * fused, other) == pytest.approx(METRICS[name](fused, scene), rel=1e-9)


@pytest.mark.parametrize("ratio", [2, 3, 5, 6])
def test_full_resolution_at_other_ratios(ratio: int) -> None:
    scene, truth = sharp_scene(ratio=ratio, size=120 // ratio + 8)
    values = judge(truth, scene, FR)
    assert all(math.isfinite(values[name]) for name in FR)
    assert values["R-ERGAS"] == pytest.approx(0, abs=1e-9)


def test_sam_of_gains() -> None:
    image = texture(1, 3, 40, 40)
    per_pixel = 1 + texture(2, 1, 40, 40) / 1000
    assert sam(per_pixel * image, image) == pytest.approx(0, abs=1e-5)
    assert sam(torch.tensor([1.0, 1.2, 0.9])[:, None, None] * image, image) > 1


def test_sam_in_degrees() -> None:
    one = torch.tensor([1.0, 0.0])[:, None, None].expand(2, 8, 8)
    two = torch.tensor([1.0, 1.0])[:, None, None].expand(2, 8, 8).clone()
    two[:, 0, 0] = 0
    assert sam(one, two) == pytest.approx(45)


def test_ergas_of_an_offset() -> None:
    image = texture(1, 4, 40, 40)
    fused = image.clone()
    fused[2] += 7
    assert ergas(fused, image, 4) == pytest.approx(100 / 4 * 7 / float(image[2].mean()) / math.sqrt(4))


def test_q_of_shuffled_and_inverted_images() -> None:
    image = texture(1, 1, 64, 64)
    order = torch.randperm(64 * 64, generator=torch.Generator().manual_seed(1))
    assert abs(q(image.reshape(1, -1)[:, order].reshape(1, 64, 64), image)) < 0.1
    mirrored = 2 * q_mean(image) - image
    assert q(mirrored, image, window=64) == pytest.approx(-1)


def q_mean(image: Tensor) -> Tensor:
    return image.mean((1, 2), keepdim=True)


def test_q2n_of_one_band_is_unsigned() -> None:
    image = texture(1, 1, 32, 32)
    assert q2n(2 * q_mean(image) - image, image) == pytest.approx(1)


def test_q2n_does_not_depend_on_the_order_of_two_bands() -> None:
    image = texture(1, 2, 64, 64)
    fused = noisy(image, 20)
    assert q2n(fused.flip(0), image.flip(0)) == pytest.approx(q2n(fused, image))


def test_q2n_leaves_flat_blocks_out_unless_told() -> None:
    image = texture(1, 3, 64, 64).round()
    fused = noisy(image, 20)
    flat = image.clone()
    flat[1, :32, :32] = 5
    assert q2n(fused, flat) == pytest.approx(
        (3 * q2n(fused[:, 32:], image[:, 32:]) * 2 / 3 + q2n(fused[:, :32, 32:], image[:, :32, 32:])) / 3
    )
    for fit in (1, 2):  # flat in the truth alone, then in both
        image = texture(fit, 4, 64, 64).round()
        test, flat = noisy(image, 20).round(), image.clone()
        flat[1, :32, :32] = 5
        test[1, :32, :32] = 5 if fit == 2 else test[1, :32, :32]
        told = independent.q2n(test.numpy(), flat.numpy())
        assert q2n(test, flat, toolbox=True) == pytest.approx(told, rel=1e-6)
        assert q2n(test, flat, toolbox=True) != pytest.approx(q2n(test, flat), rel=1e-4)


def test_a_belt_without_data_moves_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """In strips, one of which is masked whole; what both sides of it have is correlated with one another."""
    image = texture(1, 3, 96, 64) + torch.linspace(0, 900, 96, dtype=torch.float64)[None, :, None]
    fused, mask = noisy(image, 20), torch.ones(96, 64, dtype=torch.bool)
    mask[32:64] = False
    monkeypatch.setattr(strips_module, "STRIP_VALUES", 1)
    found = METRICS["CC"](fused, Reference(image, 4, PEAK, mask))
    pairs = (torch.stack([fused[b][mask], image[b][mask]]) for b in range(3))
    assert found == pytest.approx(float(torch.stack([torch.corrcoef(pair)[0, 1] for pair in pairs]).mean()), rel=1e-9)


@pytest.mark.parametrize("value", [0.1, 7.3, 1e6 / 3])
def test_a_constant_band_has_no_correlation(value: float) -> None:
    image = texture(1, 2, 64, 64)
    assert math.isnan(METRICS["CC"](torch.full_like(image, value), Reference(image, 4, PEAK)))


@pytest.mark.parametrize("level", [1023.0, 0.7, 1 / 3])
def test_what_is_flat_but_for_rounding_is_flat(level: float) -> None:
    """Half of the MS is saturated: interpolation makes of it a constant and rounding, which no index is taken of."""
    scene, _ = sharp_scene(size=80)
    patch = scene.whole()
    half = from_arrays(patch.pan, patch.lrms.clone(), scene.gnyq)
    half.whole().lrms[:, :, 40:] = level
    left = from_arrays(patch.pan[..., :128], patch.lrms[..., :32], scene.gnyq)
    values = [METRICS["D_lambda_K"](one.sampling.expand(one.whole().lrms), one) for one in (half, left)]
    assert values[0] < values[1] + 0.02
    flat = torch.full((1, 64, 64), level)
    assert q(half.sampling.expand(flat[:, :16, :16]), flat) == pytest.approx(1)
    values = [METRICS["R-Q"](one.sampling.expand(one.whole().lrms), one) for one in (half, left)]
    assert values[0] > values[1] - 0.02


def test_an_empty_band_has_no_say_in_ergas_at_either_resolution() -> None:
    scene, truth = sharp_scene()
    patch, fused = scene.whole(), noisy(truth, 20)
    empty = from_arrays(patch.pan, torch.cat([patch.lrms, torch.zeros_like(patch.lrms[:1])]))
    more = [torch.cat([image, torch.zeros_like(image[:1])]) for image in (fused, truth)]
    assert METRICS["R-ERGAS"](more[0], empty) == pytest.approx(METRICS["R-ERGAS"](fused, scene))
    assert ergas(*more, 4) == pytest.approx(ergas(fused, truth, 4))


def test_images_too_narrow_for_a_window_have_no_ssim() -> None:
    for shape in ((40, 8), (8, 40)):
        image = texture(1, 2, *shape)
        assert math.isnan(METRICS["SSIM"](image, Reference(image, 4, PEAK)))


def test_cc_of_a_linear_map_is_one() -> None:
    image = texture(1, 3, 40, 40)
    assert cc(3 * image + 11, image) == pytest.approx(1)


def test_d_rho_of_the_pan_itself_is_zero() -> None:
    scene, _ = sharp_scene()
    pan = scene.whole().pan
    assert d_rho(pan.expand(3, -1, -1) * 2 + 3, scene) == pytest.approx(0, abs=0.02)  # the rim sees zeros around
    assert d_rho(1000 - pan.expand(3, -1, -1), scene) > 1.8


def test_local_correlation_by_hand() -> None:
    """Against the sums spelt out at one pixel: means over rows and columns -1..2 of zero-padded images."""
    one, two = texture(1, 1, 12, 12), texture(2, 1, 12, 12)
    inside = torch.ones(12, 12, dtype=torch.bool)
    found = local_correlation(one, two, 2, inside)[0]
    deviations = []
    for image in (one[0], two[0]):
        rows = [[image[r, c] - image[r - 1 : r + 3, c - 1 : c + 3].mean() for c in range(4, 8)] for r in range(4, 8)]
        deviations.append(torch.tensor(rows))
    a, b = deviations
    by_hand = (a * b).sum() / torch.sqrt((a * a).sum() * (b * b).sum())
    assert found[3, 3] == pytest.approx(float(by_hand))  # pixel (5, 5)


def test_detail_transfer_of_known_intensities() -> None:
    scene, truth = sharp_scene()
    values = detail_transfer(truth, scene)
    assert (
        values[EXPLAINED] == pytest.approx(1) and values[LOW] == pytest.approx(1) and values[HIGH] == pytest.approx(1)
    )
    half = q_mean(truth) + 0.5 * (truth - q_mean(truth))
    assert detail_transfer(half, scene)[HIGH] == pytest.approx(0.5)


def test_detail_transfer_tells_weak_from_strong_texture() -> None:
    """Texture that is left out where it is weak shows in the first figure only."""
    flat, strong = torch.full((3, 160, 160), 400.0, dtype=torch.float64), texture(3, 3, 160, 160)
    truth = strong.clone()
    truth[:, :, :80] = flat[:, :, :80] + 0.05 * (strong - 400)[:, :, :80]
    scene = from_arrays(truth.mean(0, keepdim=True), truth[:, ::4, ::4])
    scene = from_arrays(scene.whole().pan, scene.sampling.degrade(truth, scene.gnyq))
    painted = truth.clone()
    painted[:, :, :76] = 400
    values = detail_transfer(painted, scene)
    assert abs(values[LOW]) < 0.05 and values[HIGH] == pytest.approx(1)


def test_a_known_shift_is_taken_into_account() -> None:
    truth = texture(3, 3, 144, 144)
    shifted = from_arrays(truth.mean(0, keepdim=True), truth[:, ::4, ::4], phase=(1.3, -0.7))
    lrms = shifted.sampling.degrade(truth, shifted.gnyq)
    right = from_arrays(truth.mean(0, keepdim=True), lrms, phase=(1.3, -0.7))
    wrong = from_arrays(truth.mean(0, keepdim=True), lrms)
    assert METRICS["R-ERGAS"](truth, right) == pytest.approx(0, abs=1e-9)
    assert METRICS["R-ERGAS"](truth, wrong) > 0.1
    assert METRICS["D_lambda_K"](truth, right) < METRICS["D_lambda_K"](truth, wrong)


def test_toolbox_reprojection_finds_the_phase() -> None:
    truth = texture(3, 2, 128, 128)
    scene = from_arrays(truth.mean(0, keepdim=True), truth[:, 2::4, 2::4], convention=Toolbox)
    lrms = scene.sampling.degrade(truth, scene.gnyq)
    scene = from_arrays(truth.mean(0, keepdim=True), lrms, convention=Toolbox)
    assert METRICS["R-ERGAS"](truth, scene) < 0.2


def test_windows_and_blocks() -> None:
    image = torch.arange(60.0).reshape(1, 6, 10)
    assert box_sum(image, 1).equal(image)
    assert box_sum(image, 5)[0, 1, 3] == image[0, 1:6, 3:8].sum()
    assert blocks(image, 3).shape == (6, 1, 9)
    assert blocks(image, 3)[4, 0].tolist() == image[0, 3:6, 3:6].flatten().tolist()
    assert list(spans(10, 4, 3)) == [(0, 4), (4, 10)]
    assert list(spans(2, 4, 3)) == [(0, 2)]


def test_shapes_that_do_not_fit_are_refused() -> None:
    scene, truth = sharp_scene()
    with pytest.raises(ValueError, match="differ in shape"):
        sam(truth[:, 1:], truth)
    with pytest.raises(ValueError, match="does not fit the scene"):
        d_rho(truth[:, 1:], scene)

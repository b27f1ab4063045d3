"""Contracts and laws that hold for whatever stands in METHODS, and which method keeps which law."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from anypan.fusing import tile_size
from anypan.methods import CLASSICAL, FORMULAS, METHODS, Fuser
from anypan.methods.classical.bdsd_pc import nonnegative
from anypan.methods.classical.brovey import HAZE, weights_without_constant
from anypan.optics.sampling import Physical
from anypan.optics.toolbox import Toolbox
from anypan.pair.scene import Scene, from_arrays, select
from anypan.weights import available

torch.set_num_threads(1)
TESTED = list(FORMULAS)
ADDITIVE = [name for name, formula in FORMULAS.items() if formula.additive]
RAW_PAN = {name for name, formula in FORMULAS.items() if formula.raw_pan}
NO_EXP = {name for name, formula in FORMULAS.items() if not formula.flat_pan_gives_exp}
CASES = [(1, 2, (0.0, 0.0)), (3, 3, (0.4, -0.7)), (4, 4, (0.0, 0.5)), (8, 2, (-1.3, 0.2))]  # bands, ratio, phase


def arrays(bands: int, ratio: int, shape: tuple[int, int] = (23, 17), dtype: torch.dtype = torch.float64):
    """PAN and correlated bands with texture of all scales, about 300 +- 60: (1, H, W) and (B, h, w)."""
    seeded = torch.Generator().manual_seed(bands + 10 * ratio)
    rows, cols = shape
    shared = torch.randn(1, rows, cols, generator=seeded, dtype=torch.float64)
    lrms = 300 + 40 * shared + 40 * torch.randn(bands, rows, cols, generator=seeded, dtype=torch.float64)
    fine = torch.randn(1, rows * ratio, cols * ratio, generator=seeded, dtype=torch.float64)
    pan = 250 + 30 * fine + 50 * Physical(ratio).expand(shared + lrms[:1] / 100 - 3)
    return pan.to(dtype), lrms.to(dtype)


def fused(scene: Scene, fuser: Fuser, size: int = 1000) -> Tensor:
    """The scene fused by tiles of ``size`` MS pixels, each with the halo that the fuser asks for."""
    rows = {}
    for tile in scene.tiles(size, fuser.halo):
        patch = scene.read(tile)
        rows.setdefault(tile.row, []).append(patch.core(fuser(patch.pan, patch.lrms)))
    return torch.cat([torch.cat(row, -1) for row in rows.values()], -2)


def result(method: str, pan: Tensor, lrms: Tensor, **options) -> Tensor:
    scene = from_arrays(pan, lrms, **options)
    return fused(scene, METHODS[method](scene))


def close(one: Tensor, other: Tensor, tolerance: float = 1e-8) -> bool:
    return bool((one - other).abs().max() <= tolerance * other.abs().max())


NETWORKS = {card.name for card in available()} | {"anypan-s+"}


@pytest.fixture(params=TESTED)
def method(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize(
    ("method", "bands", "ratio", "phase"),
    [(method, *case) for case in CASES for method in METHODS if method != "anypan-s+" or case == CASES[0]],
)  # of the best of eight ways, more in test_ensemble
def test_tiles_equal_the_whole(method: str, bands: int, ratio: int, phase: tuple[float, float]) -> None:
    gnyq = [0.3 + 0.02 * (band // 2) for band in range(bands)]
    scene = from_arrays(*arrays(bands, ratio, dtype=torch.float32), gnyq=gnyq, phase=phase)
    fuser = METHODS[method](scene)
    whole = fused(scene, fuser)
    assert whole.shape == (bands, 23 * ratio, 17 * ratio)
    assert whole.dtype == torch.float32
    assert whole.isfinite().all()
    tiled = fused(scene, fuser, tile_size(scene, 12 * ratio, fuser))
    assert close(tiled, whole, 1e-6) if method in NETWORKS else torch.equal(tiled, whole)  # test_models: larger scenes


@pytest.mark.parametrize("method", METHODS)
def test_halo_is_honest(method: str) -> None:
    """What lies farther than the halo may be anything."""
    ratio, phase = 2, (0.3, -1.2)
    scene = from_arrays(*arrays(3, ratio, dtype=torch.float32), phase=phase)
    fuser = METHODS[method](scene)
    edge = 4 * ratio
    width = edge + fuser.halo
    width_lr = -(-width // ratio) + 6
    pan, lrms = arrays(3, ratio, (5, width_lr), torch.float32)
    disturbed = pan.clone(), lrms.clone()
    disturbed[0][..., width:] = 9e3
    disturbed[1][..., -(-width // ratio) :] = -7e3
    for axes in (lambda image: image, lambda image: image.mT):
        before = axes(fuser(axes(pan).contiguous(), axes(lrms).contiguous()))
        after = axes(fuser(axes(disturbed[0]).contiguous(), axes(disturbed[1]).contiguous()))
        assert torch.equal(before[..., :edge], after[..., :edge])


def test_gain_of_everything(method: str) -> None:
    pan, lrms = arrays(4, 3)
    assert close(result(method, 7 * pan, 7 * lrms), 7 * result(method, pan, lrms))


@pytest.mark.parametrize("method", ADDITIVE)
def test_offset_of_everything(method: str) -> None:
    pan, lrms = arrays(4, 3)
    assert close(result(method, pan + 500, lrms + 500), result(method, pan, lrms) + 500)


def test_gain_of_the_pan_alone(method: str) -> None:
    pan, lrms = arrays(4, 3)
    assert close(result(method, 5 * pan, lrms), result(method, pan, lrms))


@pytest.mark.parametrize("method", sorted(set(TESTED) - RAW_PAN))
def test_offset_of_the_pan_alone(method: str) -> None:
    pan, lrms = arrays(4, 3)
    assert close(result(method, pan + 200, lrms), result(method, pan, lrms))


def test_band_order_permutes_through(method: str) -> None:
    pan, lrms = arrays(4, 2)
    scene = from_arrays(pan, lrms, gnyq=(0.3, 0.28, 0.3, 0.25))
    scene = replace(scene, bands=tuple(HAZE))
    order = [2, 0, 3, 1]
    permuted = select(scene, order)
    straight = fused(scene, METHODS[method](scene))
    assert close(fused(permuted, METHODS[method](permuted)), straight[order], 1e-6)  # the mean of gnyq is float32


@pytest.mark.parametrize("method", sorted(set(CLASSICAL) - NO_EXP))
@pytest.mark.parametrize("bands", [1, 4])
def test_flat_pan_gives_exp(method: str, bands: int) -> None:
    pan, lrms = arrays(bands, 3, dtype=torch.float32)
    flat = torch.full_like(pan, 321.7)
    assert close(result(method, flat, lrms), result("EXP", flat, lrms), 1e-6)


@pytest.mark.parametrize("method", sorted(set(CLASSICAL) - {"MTF-GLP-FS + consistency"}))
@pytest.mark.parametrize("bands", [1, 3])
def test_an_empty_collar_stays_finite_as_the_toolbox_divides(method: str, bands: int) -> None:
    pan, lrms = arrays(bands, 4)
    lrms[:, :, :6], pan[:, :, :24] = 0, 0
    assert result(method, pan, lrms, convention=Toolbox).isfinite().all()


@pytest.mark.parametrize("method", ["BT-H", "GSA", "MTF-GLP-CBD", "MTF-GLP-FS"])
def test_what_weighs_bands_does_not_depend_on_the_unit_of_each(method: str) -> None:
    pan, lrms = arrays(3, 4)
    units = torch.tensor([1e-5, 1, 1e4], dtype=torch.float64)[:, None, None]
    assert close(result(method, pan, units * lrms) / units, result(method, pan, lrms), 1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", [0.0, 300.3])
def test_constant_images_stay_finite(method: str, level: float) -> None:
    pan, lrms = arrays(3, 4, dtype=torch.float32)
    lrms[1] = level
    some = result(method, pan, lrms)
    every = result(method, torch.full_like(pan, level), torch.full_like(lrms, level))
    assert some.isfinite().all()
    assert every.isfinite().all()
    if method not in NO_EXP:
        assert (every - level).abs().max() <= 1e-4 * level + 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_invalid_pixels_teach_nothing(method: str) -> None:
    """Contents of the invalid part, beyond what filters carry over its edge, leave the fit as it is."""
    pan, lrms = arrays(3, 2, (40, 17), torch.float32)
    mask = torch.ones(pan.shape[-2:], dtype=torch.bool)
    mask[30:] = False
    other_pan, other_lrms = pan.clone(), lrms.clone()
    other_pan[:, 56:] = 1e4 * torch.rand_like(pan[:, 56:])
    other_lrms[:, 28:] = 1e4 * torch.rand_like(lrms[:, 28:])
    fits = [METHODS[method](from_arrays(p, m, mask=mask)) for p, m in ((pan, lrms), (other_pan, other_lrms))]
    one, other = (fit(pan, lrms) for fit in fits)
    assert torch.equal(one, other)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_valid_is_no_crash(method: str) -> None:
    pan, lrms = arrays(2, 2, dtype=torch.float32)
    mask = torch.zeros(pan.shape[-2:], dtype=torch.bool)
    assert result(method, pan, lrms, mask=mask).isfinite().all()


@pytest.mark.parametrize("method", CLASSICAL)
def test_a_dark_pan_does_not_blow_up(method: str) -> None:
    """Where PAN_LP comes near 0 in part of the scene, denominators are held."""
    pan, lrms = arrays(4, 4)
    dark = (pan - 250).clamp(min=0) * 3
    out = result(method, dark, lrms)
    assert out.abs().max() < 30 * lrms.max()


def test_consistency_brings_the_image_nearer_to_the_ms() -> None:
    pan, lrms = arrays(4, 4)
    sampling = Physical(4)
    gaps = [
        float((lrms - sampling.degrade(result(name, pan, lrms), (0.3,) * 4)).abs().mean())
        for name in ("EXP", "MTF-GLP-FS", "MTF-GLP-FS + consistency")
    ]
    assert gaps[2] < 0.5 * gaps[1] < gaps[0]


@pytest.mark.parametrize("seed", range(4))
def test_nonnegative_least_squares_is_optimal(seed: int) -> None:
    """Karush, Kuhn, Tucker: no weight below 0, no weight that should grow, no active weight that should move."""
    seeded = torch.Generator().manual_seed(seed)
    design = torch.randn(40, 7, generator=seeded, dtype=torch.float64)
    design[:, 6] = design[:, 0]  # collinear
    gram, towards = design.T @ design, design.T @ torch.randn(40, generator=seeded, dtype=torch.float64)
    weights = nonnegative(gram, towards)
    pull = towards - gram @ weights
    assert (weights >= 0).all()
    assert pull.max() < 1e-9
    assert (pull * weights).abs().max() < 1e-9


@pytest.mark.parametrize(("ratio", "phase"), [(2, (0.0, 0.3)), (3, (-1.6, 0.0)), (4, (0.5, 2.2))])
def test_collect_is_the_transpose_of_expand(ratio: int, phase: tuple[float, float]) -> None:
    seeded = torch.Generator().manual_seed(ratio)
    sampling = Physical(ratio, phase)
    lrms, pan = torch.zeros(1, 30, 30, dtype=torch.float64), torch.zeros(1, 30 * ratio, 30 * ratio, dtype=torch.float64)
    inner, inner_pan = slice(10, 20), slice(10 * ratio, 20 * ratio)
    lrms[:, inner, inner] = torch.randn(10, 10, generator=seeded, dtype=torch.float64)
    pan[:, inner_pan, inner_pan] = torch.randn(10 * ratio, 10 * ratio, generator=seeded, dtype=torch.float64)
    on_pan_grid = (sampling.expand(lrms) * pan).sum()
    assert torch.isclose(on_pan_grid, ratio**2 * (lrms * sampling.fit_pan(pan)).sum(), rtol=1e-10)


@pytest.mark.parametrize("seed", range(40))
def test_weights_of_bands_that_are_mixtures_of_few_end_and_are_not_negative(seed: int) -> None:
    """What is left of a band that was left out is nothing, not its rounding, which would be left out for ever."""
    drawn = torch.Generator().manual_seed(seed)
    grounds = torch.randn(3, 16, 16, generator=drawn).cumsum(1).cumsum(2)
    mixed = torch.einsum("bk,kij->bij", torch.rand(8, 3, generator=drawn), grounds - grounds.amin() + 1)
    pan = torch.randn(1, 64, 64, generator=drawn).cumsum(1).cumsum(2)
    weights = weights_without_constant(from_arrays(pan - pan.min() + 1, mixed + 0.01 * torch.rand(8, 16, 16)))
    assert (weights >= 0).all() and (weights > 0).any()

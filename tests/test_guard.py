"""No handful of pixels moves a fusion, nothing is held that need not be, and nothing leaves what ground can be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from pairs import landscape, middle, write_pair
from safetensors import safe_open
from safetensors.torch import save_file

import anypan
from anypan.judging.inspect import inspect_pair
from anypan.methods import FORMULAS, METHODS, Fuser
from anypan.methods.guard import guarded
from anypan.pair.limits import Limits
from anypan.pair.pair import pair_of_arrays
from anypan.pair.scene import from_arrays
from anypan.weights import FOLDER

RATIOS = (2, 3, 4, 5)


@dataclass(frozen=True)
class Filling(Fuser):
    """Makes one value of everything."""

    value: float
    halo: int = 0

    def __call__(self, pan: torch.Tensor, lrms: torch.Tensor) -> torch.Tensor:
        return torch.full_like(pan, self.value).expand(len(lrms), -1, -1)


def _scene(ratio: int) -> tuple[np.ndarray, np.ndarray]:
    return landscape(48 * ratio, 52 * ratio, 3, ratio)


@cache
def _clean(ratio: int, method: str = "anypan-s") -> np.ndarray:
    """The scene as it is, fused once for all that is done to it."""
    return anypan.fuse(*_scene(ratio), method=method, register=False)


@pytest.mark.parametrize("method", ["anypan-s", "MTF-GLP-FS", "SFIM"])
def test_a_fitted_method_holds_values_as_fuse_does(method: str) -> None:
    pan, ms = _scene(4)
    ms = ms - ms.min() + 1
    scene = pair_of_arrays(pan, ms).scene
    found = anypan.fuse_scene(scene, anypan.fit(scene, method)).numpy()
    assert np.array_equal(found, anypan.fuse(pan, ms, method=method)) and found.min() > 0


# --- zero ---


@pytest.mark.parametrize("method", METHODS)
def test_values_below_zero_are_fused_as_well_as_those_above(method: str) -> None:
    """Degrees, decibels, anomalies: zero is no darkness there, and nothing is multiplied as if it were.

    Of formulas that are published with the PAN as it is, no more can be asked than that they lose less than EXP.
    """
    pan, ms = _scene(4)
    truth = anypan.fuse(pan, ms, method=method)
    without = np.sqrt(((anypan.fuse(pan, ms, method="EXP") - truth) ** 2).mean())
    most = without if method in FORMULAS and FORMULAS[method].raw_pan else 0.15 * ms.std()
    for offset in (ms.mean(), 2000.0):
        low = anypan.fuse(pan, ms - np.float32(offset), method=method) + offset
        assert np.sqrt(((low - truth) ** 2).mean()) < most, offset
    lower = [anypan.fuse(pan, ms - np.float32(offset), method=method) + offset for offset in (2000.0, 3000.0)]
    assert np.abs(lower[0] - lower[1]).max() < 0.02 * ms.std()


def test_zero_stays_darkness_where_next_to_nothing_lies_below_it() -> None:
    pan, ms = _scene(4)
    few = ms.copy()
    few[0, :2, :2] = -30
    scenes = [pair_of_arrays(pan, image).scene for image in (ms, few, ms - np.float32(500))]
    assert not scenes[0].limits.below.any() and not scenes[1].limits.below.any()
    assert (scenes[2].limits.below > 0).all()


def test_what_lies_below_zero_and_what_holds_classes_is_said(tmp_path: Path) -> None:
    pan, ms = _scene(4)
    assert not any("below zero" in note or "classes" in note for note in pair_of_arrays(pan, ms).notes)
    ms[1], ms[2] = ms[1] - 600, ms[2] > ms[2].mean()
    said = pair_of_arrays(pan, ms).notes
    assert any("In band 2 of the MS array values lie below zero" in note for note in said)
    assert any("In band 3 of the MS array no more than 4 values were seen" in note for note in said)


# --- statistics ---


@pytest.mark.parametrize(
    ("ratio", "bad", "count"),
    [(2, 1e5, 1), (2, -1e5, 1), (2, 1e30, 3), (2, 1e9, 6), (3, -1e5, 1), (4, 1e9, 6), (5, 1e30, 3)],
)
def test_a_handful_of_pixels_moves_nothing_but_their_neighbourhood(ratio: int, bad: float, count: int) -> None:
    pan, ms = _scene(ratio)
    wrong, where = ms.copy(), np.random.default_rng(1).integers(0, 12, (count, 2))
    wrong[1, where[:, 0], where[:, 1]] = bad
    clean, dirty = _clean(ratio), anypan.fuse(pan, wrong, register=False)
    away = dirty[:, 36 * ratio :, 36 * ratio :] - clean[:, 36 * ratio :, 36 * ratio :]
    assert np.sqrt((away**2).mean()) < 0.02 * ms.std()
    assert np.isfinite(dirty[:, _elsewhere(wrong != ms, ratio)]).all()


def _elsewhere(changed: np.ndarray, ratio: int) -> np.ndarray:
    """(H, W): PAN pixels that are in no MS pixel that was changed: several of one value may be taken for fill."""
    return np.kron(~changed.any(0), np.ones((ratio, ratio), bool))


@pytest.mark.parametrize("bad", [1e5, -1e5, 1e30])
def test_nor_does_one_of_the_pan(bad: float) -> None:
    pan, ms = _scene(4)
    wrong = pan.copy()
    wrong[5, 7] = bad
    clean, dirty = _clean(4), anypan.fuse(wrong, ms, register=False)
    away = (dirty - clean)[:, 128:, 128:]
    assert np.sqrt((away**2).mean()) < 0.02 * ms.std() and np.isfinite(dirty).all()


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize(("bad", "count"), [(1e5, 1), (-9999.0, 3)])
def test_of_no_method(method: str, bad: float, count: int) -> None:
    """Statistics of the scene: what lies around the pixels themselves is theirs."""
    pan, ms = _scene(2)
    wrong = ms.copy()
    wrong[1, 3 : 3 + count, 5] = bad
    clean, dirty = _clean(2, method), anypan.fuse(pan, wrong, method=method, register=False)
    away = dirty[:, 72:, 72:] - clean[:, 72:, 72:]
    assert np.sqrt((away**2).mean()) < 0.02 * ms.std() and np.isfinite(dirty[:, _elsewhere(wrong != ms, 2)]).all()


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("power", [-37, 40])
def test_the_unit_does_not_matter(method: str, power: int) -> None:
    """Night lights in W / cm2 are of 1e-9: the same image in any unit, here in powers of two."""
    pan, ms = _scene(2)
    unit = np.float32(2.0**power)
    other = anypan.fuse(unit * pan, unit * ms, method=method, register=False) / unit
    assert np.abs(_clean(2, method) - other).max() < 1e-4 * ms.std()


def test_huge_values_beside_a_pan_of_one_value_are_numbers() -> None:
    pan, ms = _scene(2)
    pan = np.full_like(pan, 7.0)
    pan[:4, :4] = 9.0
    assert np.isfinite(anypan.fuse(pan, np.float32(5e9) + np.float32(1e8) * ms, register=False)).all()


@pytest.mark.parametrize("unit", [0.1, 1.0, 10.0])
def test_what_is_too_dark_is_held_alike_in_any_unit_and_at_one_in_whole_numbers(unit: float) -> None:
    """Of fluxes or per cents 1 is nothing special; of digital numbers it is the least that is not zero."""
    pan, ms = _scene(2)
    ms += 2.3 - ms.min()
    black = lambda scene: Filling(0.0)  # noqa: E731
    scenes = [pair_of_arrays(pan, np.float32(unit) * each).scene for each in (ms, ms.round())]
    held = [guarded(black, scene)(scene.whole().pan, scene.whole().lrms).min() for scene in scenes]
    assert held[0] == pytest.approx(0.25 * unit * ms.min(), rel=1e-5)
    assert held[1] == pytest.approx({0.1: 0.25 * 0.2, 1.0: 1.0, 10.0: 0.25 * 20}[unit], rel=1e-5)


def test_values_far_off_are_said_with_the_way_out(tmp_path: Path) -> None:
    pan, ms = _scene(4)
    wrong = ms.copy()
    wrong[2, 30, 30] = 1e5
    notes = anypan.fuse(*write_pair(tmp_path, pan, wrong), tmp_path / "out.tif", "EXP").notes
    assert sum("far off" in note and "band 3" in note and "--nodata 100000" in note for note in notes) == 1
    assert min(inspect_pair(tmp_path / "pan.tif", tmp_path / "ms.tif").quality.explained) > 0.5
    notes = anypan.fuse(*write_pair(tmp_path, pan, ms), tmp_path / "clean.tif", "EXP").notes
    assert not any("far off" in note or "held" in note for note in notes)


def test_where_nothing_lies_far_off_nothing_is_held() -> None:
    pan, ms = _scene(4)
    scene = from_arrays(torch.from_numpy(pan)[None], torch.from_numpy(ms))
    limits = Limits.of(scene)
    patch, held = scene.whole(), limits.hold(scene).whole()
    assert torch.equal(patch.lrms, held.lrms) and torch.equal(patch.pan, held.pan)


def test_what_is_no_number_is_not_counted_as_held() -> None:
    pan, ms = (torch.from_numpy(image) for image in _scene(4))
    scene = from_arrays(pan[None], ms)
    broken = guarded(lambda scene: Filling(torch.nan), scene)
    assert broken(pan[None], ms).isnan().all() and not broken.tally.notes


@pytest.mark.parametrize("method", ["anypan-s", "GSA", "MTF-GLP-HPM-R"])
@pytest.mark.parametrize("shape", [(1, 200), (2, 160), (200, 3)])
def test_where_there_is_too_little_for_statistics_the_ms_is_interpolated(shape: tuple[int, int], method: str) -> None:
    rng = np.random.default_rng(0)
    pan = rng.integers(300, 900, shape).astype("u2")
    ms = rng.integers(300, 900, (3, max(1, shape[0] // 4), max(1, shape[1] // 4))).astype("u2")
    try:
        fused = anypan.fuse(pan, ms, method=method)
    except anypan.UserError:  # proportions of odd sizes
        return
    assert fused.min() >= 1 and fused.max() < 4000


def test_what_was_interpolated_is_said(tmp_path: Path) -> None:
    pan, ms = _scene(4)
    pan[::3] = np.nan  # no MS pixel is whole
    done = anypan.fuse(*write_pair(tmp_path, pan, ms), tmp_path / "out.tif", register=False)
    assert any("share 0 whole MS pixels" in note and "only interpolated" in note for note in done.notes)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    with safe_open(FOLDER / "anypan-s.safetensors", framework="pt") as file:
        header, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    first = next(iter(tensors))
    tensors[first].view(-1)[0] = bad
    save_file(tensors, tmp_path / "wrong.safetensors", metadata=header)
    with pytest.raises(anypan.UserError, match="no finite numbers"):
        anypan.fuse(*_scene(4), method=tmp_path / "wrong.safetensors")


# --- range ---


class _Wild(Fuser):
    """A fuser that gives what no ground can have, in some pixels."""

    halo = 0

    def __init__(self, amount: float) -> None:
        self.amount = amount

    def __call__(self, pan: torch.Tensor, lrms: torch.Tensor) -> torch.Tensor:
        ratio = pan.shape[-1] // lrms.shape[-1]
        fused = lrms.repeat_interleave(ratio, -2).repeat_interleave(ratio, -1).clone()
        fused[:, ::7, ::5] += self.amount
        return fused


@pytest.mark.parametrize(
    ("ratio", "amount"), [(2, 1e17), (2, -1e17), (2, 1e4), (2, -1e4), (2, -700.0), (3, -1e17), (4, 1e4), (5, -700.0)]
)
def test_what_is_beyond_range_and_contrast_is_held_and_said(
    monkeypatch: pytest.MonkeyPatch, ratio: int, amount: float, tmp_path: Path
) -> None:
    monkeypatch.setitem(METHODS, "EXP", lambda scene: _Wild(amount))
    pan, ms = _scene(ratio)
    done = anypan.fuse(*write_pair(tmp_path, pan, ms), tmp_path / "out.tif", "EXP", register=False)
    fused = anypan.fuse(pan, ms, method="EXP", register=False)
    assert fused.min() > 0 and fused.min() > ms.min() - 3 * np.ptp(ms) and fused.max() < ms.max() + 3 * np.ptp(ms)
    said = next(note for note in done.notes if "and were clipped" in note)
    assert 2.5 < float(said.split(" %")[0]) < 3.3  # one in 35


@pytest.mark.parametrize(
    ("method", "dtype"),
    [*((method, "uint16") for method in sorted(METHODS)), ("anypan-s", "uint8"), ("anypan-s", "float32"),
     ("BDSD-PC", "uint8"), ("BDSD-PC", "float32")],
)  # fmt: skip
def test_a_positive_band_stays_positive(method: str, dtype: str) -> None:
    rng = np.random.default_rng(2)
    ms = rng.integers(18, 128, (4, 24, 24)).astype(dtype)
    pan = rng.integers(1, 250, (96, 96)).astype(dtype)
    assert anypan.fuse(pan, ms, method=method, register=False).min() > 0


def test_a_band_that_is_not_positive_may_be_negative() -> None:
    pan, ms = _scene(4)
    fused = anypan.fuse(pan - 500, ms - 500, method="GSA", register=False)
    assert fused.min() < (ms - 500).min()


def test_real_scenes_are_hardly_held(shared: Path) -> None:
    for name in ("scenes/qb-01", "scenes/pleiades-01", "scenes-2/wv4-01"):
        pan, ms = middle(shared / name, 160)
        assert np.isfinite(anypan.fuse(pan, ms, method="MTF-GLP-FS")).all()
        scene = pair_of_arrays(pan, ms).scene
        fuser, patch = guarded(METHODS["anypan-s"], scene), scene.whole()
        fuser(patch.pan, patch.lrms)
        assert fuser.tally.held < 1e-4 * fuser.tally.seen


def test_tiles_do_not_show_in_what_is_held() -> None:
    rng = np.random.default_rng(4)
    pan, ms = rng.random((160, 192)).astype("f4"), rng.random((2, 40, 48)).astype("f4")
    pair = pair_of_arrays(pan, ms, register=False)
    assert pair.scene.ratio == 4
    found = [anypan.fuse(pan, ms, method="GSA", tile=tile, register=False) for tile in (None, 32, 64)]
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])

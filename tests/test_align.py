"""Where the MS lies on the PAN grid: geometry, bands and registration."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import NORTH_UP, UTM, landscape, write, write_pair

import anypan
from anypan import raster
from anypan.geometry.fill import fill
from anypan.geometry.grid import Grid
from anypan.geometry.tiles import Tile
from anypan.optics.mtf import sigma_for
from anypan.optics.sampling import Physical
from anypan.pair.pair import open_pair, pair_of_arrays
from anypan.pair.registration import measure_shift
from anypan.runtime.errors import UserError

PAN, MS = landscape(128, 160)


# --- geometry ---


def test_a_whole_ratio_is_read_raw(tmp_path: Path) -> None:
    with open_pair(*write_pair(tmp_path, PAN, MS), register=False) as pair:
        patch = pair.scene.whole()
        assert pair.scene.ratio == 4 and pair.origin == (0, 0) and pair.scene.sampling.phase == (0, 0)
        assert np.array_equal(patch.lrms, MS) and np.array_equal(patch.pan[0], PAN) and patch.mask.all()
        assert not any("resampled" in note for note in pair.notes)


@pytest.mark.parametrize("offset", [(0.5, -0.5), (3.25, -7.75), (-8, 12), (40.3, 30)])
def test_the_offset_becomes_origin_and_phase(tmp_path: Path, offset: tuple[float, float]) -> None:
    with open_pair(*write_pair(tmp_path, PAN, MS, offset), register=False) as pair:
        spot = pair.place
        for k in (0, 1):
            assert spot.origin[k] + spot.phase[k] == pytest.approx(offset[k] + 4 * spot.start[k])
        patch = pair.scene.whole()
        rows, cols = (np.arange(s, s + n) for s, n in zip(spot.start, spot.shape, strict=True))
        assert np.array_equal(patch.lrms, MS[:, *np.ix_(rows.clip(0, 31), cols.clip(0, 39))])
        row, col = -min(0, spot.origin[0]), -min(0, spot.origin[1])
        assert patch.pan[0, row, col] == PAN[spot.origin[0] + row, spot.origin[1] + col]
        assert pair.covers_all == (max(abs(o) for o in offset) <= 0.5)


def _ramps(rows: int, cols: int, step: Affine) -> np.ndarray:
    """MS whose bands hold the PAN row and column of each pixel's centre."""
    col, row = step * (np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5))
    return np.stack([row, col]).astype("f4")


@pytest.mark.parametrize(
    "step",
    [
        Affine.scale(3.97),
        Affine.scale(2.5),
        Affine.scale(1.5),
        Affine.translation(1.3, 0.4) * Affine.scale(6.2),
        Affine.translation(20, 5) * Affine.rotation(10) * Affine.scale(4),
        Affine.scale(4, -4) * Affine.translation(0, -50),
        Affine.scale(4, 2.5),
    ],
)
def test_any_other_lattice_is_resampled_to_where_it_belongs(tmp_path: Path, step: Affine) -> None:
    ms = _ramps(50, 60, step)
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    with open_pair(pan, write(tmp_path / "ms.tif", ms, NORTH_UP * step, crs=UTM), register=False) as pair:
        said = next(note for note in pair.notes if "resampled" in note)
        assert ("2.5 PAN pixels high and 4 wide" in said) == (step == Affine.scale(4, 2.5))
        patch, ratio = pair.scene.whole(), pair.scene.ratio
        rows, cols = (pair.origin[k] + ratio * (np.arange(patch.lrms.shape[k + 1]) + 0.5) for k in (0, 1))
        valid = patch.mask_lr.numpy()
        assert valid.sum() > 100
        row_error, col_error = patch.lrms[0] - rows[:, None], patch.lrms[1] - cols[None, :]
        inner = valid.copy()  # cubic resampling is exact on ramps away from the border
        for shift, axis in ((2, 0), (-2, 0), (2, 1), (-2, 1)):
            inner &= np.roll(valid, shift, axis)
        inner[:2] = inner[-2:] = inner[:, :2] = inner[:, -2:] = False
        assert abs(row_error[inner]).max() < 0.1 and abs(col_error[inner]).max() < 0.1


def test_another_crs_is_resampled_to_where_it_belongs(tmp_path: Path) -> None:
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    grid = raster.in_crs_of(
        Grid((1, 1), Affine.identity(), "EPSG:4326"), Grid(PAN.shape, NORTH_UP, UTM)
    )  # the PAN's grid in degrees, linearised
    ms_grid = grid.transform * Affine.translation(-4, -4) * Affine.scale(4)
    ms = _ramps(36, 44, Affine.translation(-4, -4) * Affine.scale(4))
    with open_pair(pan, write(tmp_path / "ms.tif", ms, ms_grid, crs="EPSG:4326"), register=False) as pair:
        patch = pair.scene.whole()
        assert pair.scene.ratio == 4 and patch.mask.all()
        inner = patch.lrms[:, 2:-2, 2:-2]
        assert abs(inner[0] - 4 * (np.arange(32)[2:-2, None] + 0.5)).max() < 0.1
        assert abs(inner[1] - 4 * (np.arange(40)[None, 2:-2] + 0.5)).max() < 0.1


@pytest.mark.parametrize(("shape", "ratio"), [((32, 40), 4), ((64, 80), 2), ((33, 41), 4), ((50, 63), 3)])
def test_without_georeferencing_the_extent_is_the_same(shape: tuple[int, int], ratio: int) -> None:
    step = Affine.scale(160 / shape[1], 128 / shape[0])
    pair = pair_of_arrays(PAN, _ramps(*shape, step), register=False)
    assert pair.scene.ratio == ratio
    lrms = pair.scene.whole().lrms
    assert abs(lrms[0, 3:-3, 5] - ratio * (np.arange(lrms.shape[1])[3:-3] + 0.5)).max() < 0.1


def test_gains_follow_the_true_ratio() -> None:
    pair = pair_of_arrays(PAN, np.ones((2, 44, 55), "f4"), register=False)
    assert pair.scene.ratio == 3
    seen, meant = sigma_for(torch.tensor(pair.scene.gnyq[0]), 3), sigma_for(torch.tensor(0.3), 128 / 44)
    assert float(seen) == pytest.approx(float(meant))


@settings(deadline=None, max_examples=10)
@given(
    st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    st.integers(2, 5),
    st.integers(9, 60),
    st.integers(1, 9),
    st.integers(0, 9),
)
def test_tiles_equal_the_whole(
    tmp_path_factory: pytest.TempPathFactory, offset: tuple[float, float], ratio: int, side: int, size: int, halo: int
) -> None:
    rng = np.random.default_rng(side)
    pan, ms = rng.random((side, side + 3)).astype("f4"), rng.random((2, 9, 8)).astype("f4")
    pan[rng.random(pan.shape) > 0.9], ms[:, rng.random((9, 8)) > 0.9] = np.nan, np.nan
    files = write_pair(tmp_path_factory.mktemp("pair"), pan, ms, offset, ratio=ratio)
    try:
        pair = open_pair(*files, register=False)
    except UserError as error:
        assert "overlap" in str(error) or "valid" in str(error)
        return
    scene, wide = pair.scene, 12
    whole = scene.read(Tile(0, 0, *scene.shape, wide))
    for tile in scene.tiles(size, halo * ratio):
        patch, (row, col, height, width) = scene.read(tile), tile.padded
        part = slice(row + wide, row + wide + height), slice(col + wide, col + wide + width)
        fine = tuple(slice(s.start * ratio, s.stop * ratio) for s in part)
        assert torch.equal(patch.lrms, whole.lrms[:, *part]) and torch.equal(patch.pan, whole.pan[:, *fine])
        assert torch.equal(patch.mask, whole.mask[fine]) and patch.pan.isfinite().all()
    pair.__exit__()


# --- bands ---


def test_bands_by_name_number_and_sensor(tmp_path: Path) -> None:
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    profile = {"transform": NORTH_UP * Affine.scale(4), "crs": UTM}
    named = write(tmp_path / "named.tif", MS, names=("Blue", "Green", "NIR"), **profile)
    pair = open_pair(pan, named, bands=["nir", 1])
    assert pair.scene.bands == ("NIR", "Blue") and np.array_equal(pair.scene.whole().lrms, MS[[2, 0]])
    four = write(tmp_path / "four.tif", np.concatenate([MS, MS[:1]]), **profile)
    pair = open_pair(pan, four, bands=["red", "blue"], sensor="QB")
    assert np.array_equal(pair.scene.whole().lrms, MS[[2, 0]]) and pair.scene.sensor == "QB"
    with pytest.raises(UserError, match="no band 'swir'"):
        open_pair(pan, named, bands=["swir"])
    with pytest.raises(UserError, match="no band '4'"):
        open_pair(pan, named, bands=[4])


def test_single_band_files_stack_in_the_given_order(tmp_path: Path) -> None:
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    files = [write(tmp_path / f"b{b}.tif", MS[b], NORTH_UP * Affine.scale(4), crs=UTM) for b in range(3)]
    pair = open_pair(pan, [files[2], files[0], files[1]])
    assert np.array_equal(pair.scene.whole().lrms, MS[[2, 0, 1]])
    off = write(tmp_path / "off.tif", MS[0], NORTH_UP * Affine.scale(4) * Affine.translation(0.5, 0), crs=UTM)
    with pytest.raises(UserError, match=r"off.tif does not lie on the pixel grid"):
        open_pair(pan, [files[0], off])


# --- registration ---


@settings(deadline=None, max_examples=8)
@given(st.tuples(st.floats(-6, 6), st.floats(-6, 6)), st.sampled_from([2, 3, 4]), st.integers(0, 99))
def test_a_known_shift_is_measured(shift: tuple[float, float], ratio: int, seed: int) -> None:
    base = tuple(math.floor(s + 0.5) for s in shift)
    pan, _ = landscape(60 * ratio, 70 * ratio, ratio=ratio, seed=seed)
    rest = shift[0] - base[0], shift[1] - base[1]
    moved = torch.from_numpy(np.roll(pan, (-base[0], -base[1]), (0, 1)))[None]
    lrms = Physical(ratio, rest).degrade(moved, [0.3])
    noisy = torch.cat([lrms * 0.5 + 3, 20 - lrms]) + torch.randn(2, *lrms.shape[1:]) * 0.5
    dy, dx, confidence = measure_shift(torch.from_numpy(pan)[None], noisy, ratio)
    assert max(abs(dy - shift[0]), abs(dx - shift[1])) < 0.1 and confidence > 0.5


@pytest.mark.parametrize("shape", [(40, 40), (200, 200)])
def test_unrelated_images_are_not_registered(shape: tuple[int, int]) -> None:
    rng = torch.Generator().manual_seed(1)
    pan, lrms = torch.randn(1, *shape, generator=rng), torch.randn(4, *(n // 4 for n in shape), generator=rng)
    assert measure_shift(pan, lrms, 4)[2] < 0.3
    assert measure_shift(torch.ones_like(pan), lrms, 4)[2] == 0


def test_registration_moves_the_lattice_and_says_so() -> None:
    pan, ms = landscape(320, 320)
    moved = np.roll(pan, (5, -2), (0, 1))
    pair, left = pair_of_arrays(moved, ms), pair_of_arrays(moved, ms, register=False)
    assert pair.registered and not left.registered and left.place.origin == (0, 0) and left.place.phase == (0, 0)
    where = [o + p - 4 * s for o, p, s in zip(pair.place.origin, pair.place.phase, pair.place.start, strict=True)]
    assert where == pytest.approx([5, -2], abs=0.1) and left.shift == pair.shift
    assert not any("is off by" in note for note in pair.notes)  # what was put right leaves no doubt
    assert any("left, as asked" in note for note in left.notes)
    assert pair.scene.whole().mask.sum() == 319 * 320  # all but what lies more than an MS pixel beyond the MS


def test_estimates_agree_with_every_scene_of_quality_a(shared: Path) -> None:
    facts = {path.parent: json.loads(path.read_text()) for path in sorted(shared.glob("scenes/*/scene.json"))}
    folders = [folder for folder, fact in facts.items() if fact["quality"] == "A"]
    assert len(folders) > 10
    for folder in folders:
        told = facts[folder]["measured_alignment"]["subpixel_shift_pan_px_dy_dx"]
        with open_pair(folder / "pan.tif", folder / "ms.tif") as pair:
            assert pair.shift == pytest.approx(told, abs=0.25), folder.name
            assert pair.registered, folder.name


@pytest.mark.parametrize("bands", [[3, 2, 1], [2], [1, 3]])
def test_which_bands_are_fused_does_not_move_the_measured_shift(tmp_path, bands):
    pan, ms = landscape(256, 256, seed=2)
    files = write_pair(tmp_path, np.roll(pan, (2, -3), (0, 1)), ms)
    with open_pair(*files) as every, open_pair(*files, bands=bands) as some:
        assert some.shift == every.shift != (0.0, 0.0)
        assert some.confidence == every.confidence and len(some.scene.bands) == len(bands)


@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize(("cycle", "gap"), [(16, 7), (10, 3), (9, 2)])
@pytest.mark.parametrize("shift", [(2, -1), (-1, 2), (0, 0)])
def test_the_shift_is_measured_between_stripes_of_gaps(
    ratio: int, cycle: int, gap: int, shift: tuple[int, int]
) -> None:
    """Gaps in PAN and MS (a scan-line corrector that failed) that leave stripes of 7 to 9 MS rows, slanted."""
    side = 60 * ratio
    pan, ms = landscape(side, side, ratio=ratio, seed=cycle)
    moved = np.roll(pan, shift, (0, 1))
    rows, cols = np.mgrid[:side, :side]
    valid = (rows + cols // 8) % (cycle * ratio) >= gap * ratio
    low = valid.reshape(60, ratio, 60, ratio).all((1, 3))
    filled = fill(moved[None], valid, moved.mean(keepdims=True).reshape(1), 4), fill(ms, low, ms.mean((1, 2)), 3)
    mask = torch.from_numpy(valid & low.repeat(ratio, 0).repeat(ratio, 1))
    *found, confidence = measure_shift(*map(torch.from_numpy, filled), ratio, mask)
    assert found == pytest.approx(shift, abs=0.1) and confidence > 0.8


@pytest.mark.parametrize("side", [15, 20, 30])
def test_small_images_are_registered_and_wrong_ones_are_not(side: int) -> None:
    for seed in range(4):
        pan, ms = landscape(4 * side, 4 * side, seed=seed)
        images = [torch.from_numpy(each.copy()) for each in (np.roll(pan, (1, -2), (0, 1))[None], ms, pan[None, ::-1])]
        *found, confidence = measure_shift(images[0], images[1], 4)
        assert found == pytest.approx((1, -2), abs=0.15) and confidence > 0.7
        assert measure_shift(images[2], images[1], 4)[2] < 0.5


@pytest.mark.parametrize("where", ["frame", "stripes", "small"])
@pytest.mark.parametrize("wrong", ["other", "turned"])
def test_a_wrong_pair_is_refused_between_gaps_and_frames_too(tmp_path: Path, where: str, wrong: str) -> None:
    side = 120 if where == "small" else 240
    rows, cols = np.mgrid[:side, :side] - side // 2
    valid = {
        "frame": (abs(0.9 * rows + 0.35 * cols) < 90) & (abs(0.9 * cols - 0.35 * rows) < 90),
        "stripes": (rows + cols // 8) % 40 >= 12,
        "small": rows > -999,
    }[where]
    pan, ms = landscape(side, side, seed=2)
    low = valid.reshape(side // 4, 4, side // 4, 4).all((1, 3))
    other = {"other": landscape(side, side, seed=77)[0], "turned": np.rot90(pan)}[wrong]
    files = write_pair(tmp_path, np.where(valid, other, 0).astype("u2"), np.where(low, ms, 0).astype("u2"), nodata=0)
    with pytest.raises(UserError, match="do not show the same"):
        open_pair(*files)
    files = write_pair(tmp_path, np.where(valid, pan, 0).astype("u2"), np.where(low, ms, 0).astype("u2"), nodata=0)
    with open_pair(*files) as pair:
        assert pair.registered


@pytest.mark.parametrize("cut", [(127, 126), (125, 128), (128, 128)])
@pytest.mark.parametrize("rounded", [math.floor, math.ceil])
def test_without_a_place_a_part_of_a_pixel_at_the_end_changes_nothing(cut, rounded):
    """A PAN that was cropped to no whole number of MS pixels is fused as with georeferencing."""
    pan, ms = (image.astype("float32") for image in landscape(128, 128))
    size = tuple(rounded(n / 4) for n in cut)
    pan, ms = pan[: cut[0], : cut[1]], ms[:, : size[0], : size[1]]
    whole = tuple(min(n, 4 * m) for n, m in zip(cut, size, strict=True))
    placed = pair_of_arrays(pan, ms).reference
    assert placed.ratio == 4 and max(map(abs, placed.sampling.phase)) < 0.01
    fused = anypan.fuse(pan, ms, method="EXP", register=False)
    assert np.isfinite(fused[:, : whole[0], : whole[1]]).all() and np.isnan(fused[:, whole[0] :]).all()

"""The main path: files or arrays in, the PAN's grid out, whatever the tile."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from pairs import NORTH_UP, UTM, landscape, read, write, write_pair
from rio_cogeo import cog_validate

from anypan.api import fuse, plan
from anypan.fusing import fuse_scene
from anypan.methods import CLASSICAL, METHODS
from anypan.pair.pair import pair_of_arrays
from anypan.pair.scene import from_arrays
from anypan.runtime.errors import Note

PAN, MS = landscape(96, 120)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_files_become_a_cog_on_the_pan_grid(tmp_path: Path, dtype: str) -> None:
    pan, ms = ((image / 4).clip(0, 255).astype(dtype) for image in (PAN, MS))
    files = write_pair(tmp_path, pan, ms, nodata=0)
    report = fuse(*files, tmp_path / "out.tif", "EXP", tile=32)
    assert cog_validate(tmp_path / "out.tif")[0]
    with rasterio.open(tmp_path / "out.tif") as out, rasterio.open(files[0]) as source:
        assert (out.shape, out.transform, out.crs) == (source.shape, source.transform, source.crs)
        assert set(out.dtypes) == {dtype} and out.nodata == 0 and out.count == 3
    assert report.output == str(tmp_path / "out.tif") and report.size == (tmp_path / "out.tif").stat().st_size
    assert report.ratio == 4 and report.method == "EXP" and report.seconds > 0 and not report.notes
    assert np.array_equal(read(tmp_path / "out.tif"), fuse(*files, method="EXP"))


def test_arrays_give_an_array_of_the_ms_type() -> None:
    fused = fuse(PAN.astype("u2"), MS.astype("u2"), method="EXP")
    assert fused.shape == (3, 96, 120) and fused.dtype == np.uint16 and (fused > 0).all()
    fused = fuse(PAN, MS, method="EXP", bands=[2])
    assert fused.shape == (1, 96, 120) and fused.dtype == np.float32 and np.isfinite(fused).all()
    masked = np.ma.MaskedArray(MS.astype("u2"), np.zeros(MS.shape, bool))
    masked[:, 3, 4] = np.ma.masked
    fused = fuse(PAN, masked, method="EXP", register=False)
    assert isinstance(fused, np.ma.MaskedArray) and fused.mask.sum() == 3 * 16 and fused.mask[:, 12:16, 16:20].all()


@pytest.mark.parametrize("files", [True, False])
@pytest.mark.parametrize("doubt", ["resampled", "clipped", "moved", "none"])
def test_arrays_warn_of_what_files_report(tmp_path: Path, doubt: str, files: bool) -> None:
    pan, ms = (image * (254.9 / MS.max()) for image in (np.roll(PAN, 2 * (doubt == "moved"), 1), MS))
    ms = np.stack([pan[1::4, 2::4]] * 3) if doubt == "resampled" else ms
    asked: dict[str, Any] = {"clipped": {"dtype": "uint8"}, "moved": {"register": False}}.get(doubt, {})
    pair = write_pair(tmp_path, pan, ms)
    report = fuse(*pair, tmp_path / "out.tif", "GSA", **asked)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Note)
        fuse(*(pair if files else (pan, ms)), method="GSA", **asked)
    found = [one for one in caught if one.category is Note]
    assert [str(one.message) for one in found] == list(report.notes) and bool(found) == (doubt != "none")
    assert all(one.filename == __file__ for one in found)  # the line of the caller


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"anypan-s+"}))  # see test_ensemble
def test_tiles_do_not_show(name: str) -> None:
    pair = pair_of_arrays(PAN, MS, register=False)
    fuser = METHODS[name](pair.scene)
    whole = fuse_scene(pair.scene, fuser)
    tiled = fuse_scene(pair.scene, fuser, tile=32 if name in CLASSICAL else 64)
    assert whole.shape == (3, 96, 120)
    if name in CLASSICAL:  # sums of shifted copies, the same whatever the window
        assert torch.equal(whole, tiled)
    assert (whole - tiled).abs().max() <= 1e-4 * whole.abs().max()


def test_whole_numbers_are_the_same_whatever_tile_and_but_for_rounding_whatever_threads(tmp_path: Path) -> None:
    """Convolutions of two threads sum in another order: some values round to the next number, one in 1,000 at most.

    Ten bands of large values at ratio 2: a rounding of float32 is 3e-4 of a unit there, and so is the share of values
    that it carries across a half.
    """
    pan, ms = landscape(208, 208, 10, 2)
    files = write_pair(tmp_path, *((40 * image).clip(0, 65535).astype("u2") for image in (pan, ms)), ratio=2)
    threads, found = torch.get_num_threads(), []
    for count, tile in ((1, None), (1, 192), (2, 128)):
        torch.set_num_threads(count)
        found.append(fuse(*files, tile=tile))
    torch.set_num_threads(threads)
    assert np.array_equal(found[0], found[1])
    apart = np.abs(found[0].astype(int) - found[2].astype(int))
    assert apart.max() <= 1 and (apart > 0).mean() <= 1e-3


def test_what_a_network_sees_far_beyond_the_scene_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    near = fuse(PAN, MS, method="anypan-s", register=False)
    monkeypatch.setattr(sys.modules["anypan.methods.neural"], "EDGE", 1000)
    far = fuse(PAN, MS, method="anypan-s", register=False)
    assert 0 < np.abs(near - far).max() < 1e-3 * MS.std()


def test_a_network_says_that_it_keeps_its_tiles() -> None:
    said = [plan(PAN, MS, method=name, tile=48) for name in ("anypan-s", "EXP")]
    assert [each.tiles for each in said] == [1, 6]
    assert [any("tile is for formulas" in note for note in each.notes) for each in said] == [True, False]


def test_a_pair_of_arrays_is_the_scene_of_the_same_arrays() -> None:
    scene = from_arrays(torch.from_numpy(PAN)[None], torch.from_numpy(MS))
    fused = fuse_scene(scene, METHODS["EXP"](scene))
    assert np.array_equal(fused.numpy(), fuse(PAN, MS, method="EXP", register=False))


@settings(deadline=None, max_examples=6, phases=[Phase.explicit, Phase.generate])  # shrinking files is slow
@given(
    st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    st.sampled_from([1.5, 2, 2.7, 3, 3.97, 6]),
    st.tuples(st.integers(40, 70), st.integers(40, 70)),
    st.sampled_from([16, 24, 40]),
)
def test_any_geometry_lands_on_the_pan_grid(
    tmp_path_factory: pytest.TempPathFactory,
    offset: tuple[float, float],
    ratio: float,
    shape: tuple[int, int],
    tile: int,
) -> None:
    assume(min(shape) - max(map(abs, offset)) >= 4 * ratio)  # MS pixels that both must cover
    folder, rng = tmp_path_factory.mktemp("pair"), np.random.default_rng(0)
    pan, ms = rng.integers(1, 2000, shape).astype("u2"), rng.integers(1, 2000, (2, 30, 30)).astype("u2")
    files = write_pair(folder, pan, ms, offset, ratio=ratio, nodata=0)
    fuse(*files, folder / "out.tif", "EXP", tile=tile, register=False)
    with rasterio.open(folder / "out.tif") as out, rasterio.open(files[0]) as source:
        assert (out.shape, out.transform, out.crs) == (source.shape, source.transform, source.crs)
        valid = out.dataset_mask() > 0
    rows, cols = (np.arange(n) + 0.5 for n in shape)
    inside = (rows - offset[0] >= 0) & (rows - offset[0] <= 30 * ratio)
    inside = inside[:, None] & ((cols - offset[1] >= 0) & (cols - offset[1] <= 30 * ratio))
    assert (valid != inside).mean() < (0.001 if ratio in (2, 3, 6) else 0.25)  # resampled MS: to the MS pixel
    assert np.array_equal(read(folder / "out.tif"), fuse(*files, method="EXP", register=False))


def test_ms_files_in_order_bands_and_options(tmp_path: Path) -> None:
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    files = [
        write(tmp_path / f"b{b}.tif", MS[b], NORTH_UP * Affine.scale(4), crs=UTM, names=(f"b{b}",)) for b in range(3)
    ]
    seen: list[tuple[int, int]] = []
    done = seen.append
    report = fuse(
        pan,
        files[::-1],
        tmp_path / "out.tif",
        "EXP",
        bands=["b0", 1],
        tile=48,
        creation={"COMPRESS": "LZW", "DRIVER": "GTiff"},
        progress=lambda k, n: done((k, n)),
    )
    assert report.bands == ("b0", "b2") and seen == [(100 * k, 600) for k in range(1, 7)]
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.descriptions == ("b0", "b2") and out.profile["compress"] == "lzw"


def test_the_plan_tells_and_writes_nothing(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN, MS)
    before = sorted(tmp_path.iterdir())
    told = plan(*files, tmp_path / "out.tif", "EXP", tile=48)
    assert sorted(tmp_path.iterdir()) == before
    assert told.grid.shape == PAN.shape and told.ratio == 4 and told.tiles == 6 and told.dtype == "float32"
    assert told.size == PAN.size * 3 * 4 and told.memory > 2**20


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN, MS)
    before = sorted(tmp_path.iterdir())

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fuse(*files, tmp_path / "out.tif", "EXP", tile=48, progress=interrupt)
    assert sorted(tmp_path.iterdir()) == before


def test_the_pan_keeps_its_rational_polynomials(tmp_path: Path) -> None:
    from rasterio.rpc import RPC

    numbers = dict.fromkeys(["height_off", "lat_off", "line_off", "long_off", "samp_off"], 0.5)
    numbers |= dict.fromkeys(["height_scale", "lat_scale", "line_scale", "long_scale", "samp_scale"], 2.0)
    poly = [1.0] + [0.0] * 19
    rpc = RPC(**numbers, line_num_coeff=poly, line_den_coeff=poly, samp_num_coeff=poly, samp_den_coeff=poly)
    files = write(tmp_path / "pan.tif", PAN, NORTH_UP, rpcs=rpc), write(tmp_path / "ms.tif", MS)
    fuse(*files, tmp_path / "out.tif", "EXP")
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.rpcs is not None and out.rpcs.samp_scale == 2


def test_the_pan_keeps_its_ground_control_points(tmp_path: Path) -> None:
    from rasterio.control import GroundControlPoint

    files = write(tmp_path / "pan.tif", PAN), write(tmp_path / "ms.tif", MS)
    corners = [(row, col) for row in (0, PAN.shape[-2]) for col in (0, PAN.shape[-1])]
    with rasterio.open(files[0], "r+") as file:
        file.gcps = (
            [GroundControlPoint(r, c, 500_000 + c, 4_000_000 - r) for r, c in corners],
            rasterio.CRS.from_epsg(32633),
        )
    fuse(*files, tmp_path / "out.tif", "EXP")
    with rasterio.open(tmp_path / "out.tif") as out:
        points, crs = out.gcps
        assert [(p.row, p.col) for p in points] == corners and crs.to_epsg() == 32633


def test_a_table_of_greys_is_grey(tmp_path: Path) -> None:
    """Writers of 8-bit images add it; the values are brightness all the same."""
    files = write(tmp_path / "pan.tif", (PAN // 4).astype("u1")), tmp_path / "ms.tif"
    write(files[1], (MS[0] // 4).astype("u1"), photometric="palette")
    with rasterio.open(files[1], "r+") as file:
        file.write_colormap(1, {n: (n, n, n, 255) for n in range(256)})
    fuse(*files, tmp_path / "out.tif", "EXP")
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.colorinterp[0].name == "gray"


@pytest.mark.parametrize("driver", ["COG", "GTiff"])
def test_what_is_invalid_is_said_in_the_one_file(tmp_path: Path, driver: str) -> None:
    pan, ms = write_pair(tmp_path, PAN.astype("u2"), MS.astype("u2"), offset=(20, 40))
    fuse(pan, ms, tmp_path / "out.tif", "EXP", creation={"DRIVER": driver}, register=False)
    assert {file.name for file in tmp_path.iterdir()} == {"pan.tif", "ms.tif", "out.tif"}
    with rasterio.open(tmp_path / "out.tif") as out:
        valid = out.dataset_mask() > 0
    assert valid[20:, 40:].all() and valid.sum() == valid[20:, 40:].size


def test_masked_arrays_give_masked_arrays() -> None:
    hole = np.zeros(PAN.shape, bool)
    hole[8:16, 8:16] = True
    fused = fuse(np.ma.MaskedArray(PAN.astype("u2"), hole), MS.astype("u2"), method="EXP")
    assert isinstance(fused, np.ma.MaskedArray)
    np.testing.assert_array_equal(fused.mask, np.broadcast_to(hole, fused.shape))

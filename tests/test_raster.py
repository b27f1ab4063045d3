"""Grids, filling, windowed reads with masks, and the writer."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pairs import NORTH_UP, UTM, read, write
from rasterio.enums import ColorInterp
from rio_cogeo import cog_validate

from anypan import raster
from anypan.geometry.fill import Filled, fill, reach
from anypan.geometry.grid import Grid, Lattice, lattice_of, place
from anypan.runtime.errors import UserError

OFFSETS = st.floats(-40, 40, allow_nan=False)
SIZES = st.integers(1, 60)


# --- grids ---


@given(OFFSETS, SIZES, st.integers(2, 6), SIZES, st.floats(-5, 5))
def test_a_placement_is_where_the_lattice_says(
    offset: float, size: int, ratio: int, pan_size: int, shift: float
) -> None:
    spot = place(Lattice(ratio, (offset, offset), (size, size)), (pan_size, pan_size), (shift, shift))
    if spot is None:
        return
    first, end = spot.footprint[0]
    assert abs(spot.phase[0]) <= 0.5 + 2e-6
    # the scene's MS pixel (0, 0) is the lattice's pixel start
    assert spot.origin[0] + spot.phase[0] == pytest.approx(offset + shift + ratio * spot.start[0])
    # its blocks cover the footprint, and none of them lies wholly outside
    assert spot.origin[0] <= first < spot.origin[0] + ratio
    assert spot.origin[0] + ratio * (spot.shape[0] - 1) < end <= spot.origin[0] + ratio * spot.shape[0]
    assert 0 <= first < end <= pan_size


@given(st.integers(-20, 20), SIZES, st.integers(2, 6), SIZES)
def test_without_shift_only_ms_pixels_of_the_file_are_used(offset: int, size: int, ratio: int, pan_size: int) -> None:
    spot = place(Lattice(ratio, (offset, 0), (size, 99)), (pan_size, 99))
    if spot is None:
        assert offset >= pan_size or offset + ratio * size <= 0
        return
    assert spot.start[0] >= 0 and spot.start[0] + spot.shape[0] <= size
    assert spot.footprint[0] == (max(0, offset), min(pan_size, offset + ratio * size))


@pytest.mark.parametrize(("scale", "turn", "exact"), [(4, 0, True), (4.0001, 0, True), (3.97, 0, False), (4, 1, False)])
def test_only_a_whole_ratio_on_parallel_axes_is_exact(scale: float, turn: float, exact: bool) -> None:
    pan = Grid((400, 400), NORTH_UP)
    ms = Grid((100, 100), NORTH_UP * Affine.rotation(turn) * Affine.scale(scale))
    lattice = lattice_of(pan, ms)
    assert (lattice.ratio, lattice.exact) == (4, exact)


# --- filling ---


def test_filling_uses_valid_pixels_near_by_then_the_fallback() -> None:
    image = np.full((1, 60, 60), np.nan, np.float32)
    image[0, 0, 0] = 7
    filled = fill(image, np.isfinite(image[0]), np.float32([3]), 2)
    assert (filled[0, : reach(2) + 1, : reach(2) + 1] == 7).all()
    assert (filled[0, reach(2) + 1 :] == 3).all() and (filled[0, :, reach(2) + 1 :] == 3).all()


class Memory:
    def __init__(self, image: np.ndarray, valid: np.ndarray) -> None:
        self.image, self.valid, self.shape = image, valid, valid.shape

    def read(self, row: int, col: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        assert row >= 0 and col >= 0 and row + height <= self.shape[0] and col + width <= self.shape[1]
        part = slice(row, row + height), slice(col, col + width)
        return self.image[:, *part].copy(), self.valid[part]


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(-20, 45), st.integers(-20, 45), st.integers(1, 30), st.integers(1, 30)),
)
def test_a_window_of_a_filled_raster_equals_that_of_the_whole(seed: int, window: tuple[int, int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    image, valid = rng.normal(100, 9, (2, 40, 50)).astype("f4"), rng.random((40, 50)) > rng.random()
    filled = Filled(Memory(image, valid), 2)
    whole, mask = filled.read(-50, -50, 150, 150)
    row, col, height, width = window
    part = slice(row + 50, row + 50 + height), slice(col + 50, col + 50 + width)
    got, got_mask = filled.read(row, col, height, width)
    assert np.array_equal(got, whole[:, *part]) and np.array_equal(got_mask, mask[part])
    assert np.array_equal(whole[:, 50:90, 50:100][:, valid], image[:, valid])


# --- reading ---


@pytest.mark.parametrize("kind", ["nodata", "nan", "internal mask", "outer mask", "alpha", "nan nodata", "inf"])
def test_every_kind_of_invalid_pixel_is_seen(tmp_path: Path, kind: str) -> None:
    image, valid = np.full((2, 20, 30), 5, "f4"), np.ones((20, 30), bool)
    valid[3:6, 4:9] = False
    path = tmp_path / "a.tif"
    if kind in ("nodata", "nan", "nan nodata", "inf"):
        image[0, ~valid] = {"nodata": -1, "inf": np.inf}.get(kind, np.nan)
        write(path, image, NORTH_UP, nodata={"nodata": -1, "nan nodata": np.nan}.get(kind))
    elif kind == "alpha":
        write(
            path,
            np.concatenate([image, valid[None] * 255]).astype("u1"),
            NORTH_UP,
            alpha="yes",
            photometric="minisblack",
        )
        with rasterio.open(path, "r+") as dataset:
            dataset.colorinterp = [ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha]
    else:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=kind == "internal mask"):
            write(path, image, NORTH_UP, mask=valid)
    opened = raster.open_raster([path])
    assert opened.maybe_invalid and len(opened.bands) == 2
    assert np.array_equal(opened.read(0, 0, 20, 30)[1], valid)
    assert np.array_equal(opened.read(2, 3, 5, 7)[1], valid[2:7, 3:10])
    opened.close()


def test_a_near_infrared_band_that_its_writer_labelled_alpha_is_data(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 200, (4, 20, 30)).astype("u1")
    path = tmp_path / "a.tif"
    write(path, image, NORTH_UP, photometric="rgb", alpha="yes")
    with rasterio.open(path) as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha
    opened = raster.open_raster([path])
    pixels, valid = opened.read(0, 0, 20, 30)
    assert len(opened.bands) == 4 and valid.all()
    assert np.array_equal(pixels, image)
    assert ColorInterp.alpha not in raster.format_of(opened).colours
    opened.close()


# --- formats ---


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("nodata", [None, 0, 255, -9999])
def test_valid_pixels_never_become_nodata_and_stay_in_range(dtype: str, nodata: float | None) -> None:
    if nodata is not None and dtype[0] != "f" and not np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max:
        return
    form = raster.Format(dtype, nodata)
    fused = np.float32([[[-9999.2, -1e9, 0.3, 254.8, 1e9, 17.5, 5]]])
    valid = np.array([[True] * 6 + [False]])
    pixels = form.encode(fused, valid)
    assert pixels.dtype == dtype
    if nodata is not None:
        assert (pixels[0, 0, :6] != nodata).all() and pixels[0, 0, 6] == nodata
        assert np.abs(pixels[0, 0, 2:4].astype("f8") - fused[0, 0, 2:4]).max() <= 1.5
    if dtype[0] != "f":
        assert pixels[0, 0, 4] >= np.iinfo(dtype).max - 1 and pixels[0, 0, 5] in (17, 18)


def test_eleven_bits_stay_eleven_bits() -> None:
    pixels = raster.Format("uint16", nbits=11).encode(np.float32([[[5000, -3]]]), np.ones((1, 2), bool))
    assert pixels.tolist() == [[[2047, 0]]]


# --- writing ---


def _opened(tmp_path: Path, image: np.ndarray, **profile: object) -> raster.Raster:
    return raster.open_raster([write(tmp_path / "in.tif", image, NORTH_UP, crs=UTM, **profile)])


def _write(path: Path, like: raster.Raster, image: np.ndarray, valid: np.ndarray, **options: str) -> int:
    """By windows of 100 pixels that reach beyond the image."""
    form = raster.format_of(like)
    with raster.environment(), raster.Writer(path, like, form, options, True, overwrite=True) as writer:
        for row, col in itertools.product(range(-20, image.shape[1], 100), range(-20, image.shape[2], 100)):
            rows, cols = np.arange(row, row + 100), np.arange(col, col + 100)
            pick = np.ix_(rows.clip(0, image.shape[1] - 1), cols.clip(0, image.shape[2] - 1))
            writer.write(row, col, image[:, *pick], valid[pick])
        writer.close(True)
        return writer.finish()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("nodata", [None, 0])
@pytest.mark.parametrize("holes", [False, True])
def test_what_is_written_is_read_again(tmp_path: Path, dtype: str, nodata: float | None, holes: bool) -> None:
    image = np.random.default_rng(1).integers(1, 99, (2, 530, 250)).astype(dtype)
    like = _opened(tmp_path, image, nodata=nodata, names=("red", "nir"))
    valid = np.ones(image.shape[1:], bool)
    valid[40:90, 30:130] = not holes
    size = _write(tmp_path / "out.tif", like, image.astype("f4"), valid)
    assert size == (tmp_path / "out.tif").stat().st_size
    assert cog_validate(tmp_path / "out.tif")[0]
    with rasterio.open(tmp_path / "out.tif") as out, rasterio.open(tmp_path / "in.tif") as source:
        assert (out.transform, out.crs, out.shape, out.dtypes) == (
            source.transform, source.crs, source.shape, source.dtypes,
        )  # fmt: skip
        assert out.descriptions == ("red", "nir")
        assert np.array_equal(out.read()[:, valid], image[:, valid])
        assert np.array_equal(out.dataset_mask() > 0, valid)
        if nodata is None and dtype == "float32" and holes:
            assert np.isnan(out.nodata)
        else:
            assert out.nodata == nodata
    assert {p.name for p in tmp_path.iterdir()} == {"in.tif", "out.tif"}
    like.close()


def test_metadata_goes_along(tmp_path: Path) -> None:
    image = np.ones((3, 40, 40), "u1")
    path = write(tmp_path / "in.tif", image, NORTH_UP, photometric="RGB")
    with rasterio.open(path, "r+") as source:
        source.scales, source.offsets, source.units = (0.5, 0.5, 0.25), (1, 2, 3), ("W", "W", "m")
        source.update_tags(ACQUIRED="today")
        source.update_tags(2, wavelength="560", STATISTICS_MEAN="3")
    like = raster.open_raster([path])
    _write(tmp_path / "out.tif", like, image.astype("f4"), np.ones((40, 40), bool))
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        assert (out.scales, out.offsets, out.units) == ((0.5, 0.5, 0.25), (1, 2, 3), ("W", "W", "m"))
        assert out.tags()["ACQUIRED"] == "today" and out.tags()["TIFFTAG_SOFTWARE"].startswith("anypan")
        assert out.tags(2)["wavelength"] == "560" and "STATISTICS_MEAN" not in out.tags(2)
    like.close()


def test_creation_options_win(tmp_path: Path) -> None:
    image = np.ones((1, 300, 300), "u2")
    like = _opened(tmp_path, image)
    _write(tmp_path / "out.tif", like, image.astype("f4"), np.ones((300, 300), bool), driver="GTiff", compress="LZW")
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.profile["compress"] == "lzw" and not out.overviews(1) and out.profile["tiled"]
    like.close()


def test_leaving_early_leaves_nothing_and_keeps_the_old_file(tmp_path: Path) -> None:
    like = _opened(tmp_path, np.ones((1, 40, 40), "u1"))
    (tmp_path / "out.tif").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), raster.Writer(tmp_path / "out.tif", like, raster.format_of(like), {}, False):
        raise KeyboardInterrupt
    assert {p.name for p in tmp_path.iterdir()} == {"in.tif", "out.tif"}
    assert (tmp_path / "out.tif").read_bytes() == b"old"
    like.close()


@pytest.mark.parametrize("options", [{"driver": "NONSENSE"}, {"compress": "NONSENSE"}, {"COMPRES": "LZW"}])
def test_a_wrong_creation_option_is_one_sentence(tmp_path: Path, options: dict[str, str]) -> None:
    image = np.ones((1, 40, 40), "u1")
    like = _opened(tmp_path, image)
    with pytest.raises(UserError, match=r"NONSENSE|COMPRES"):
        _write(tmp_path / "out.tif", like, image.astype("f4"), np.ones((40, 40), bool), **options)
    assert {p.name for p in tmp_path.iterdir()} == {"in.tif"}
    like.close()


def test_stale_side_files_of_an_overwritten_file_go(tmp_path: Path) -> None:
    image = np.full((1, 40, 40), 9, "u1")
    like = _opened(tmp_path, image)
    write(tmp_path / "out.tif", image, mask=np.zeros((40, 40), bool))
    _write(tmp_path / "out.tif", like, image.astype("f4"), np.ones((40, 40), bool))
    assert np.array_equal(read(tmp_path / "out.tif"), image)
    assert {p.name for p in tmp_path.iterdir()} == {"in.tif", "out.tif"}
    like.close()


@pytest.mark.parametrize("shape", [(512, 700), (1500, 512), (1024, 2048)])
@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_overviews_of_the_draft_are_those_of_the_cog_driver(tmp_path: Path, shape: tuple[int, int], kind: str) -> None:
    pan = np.random.default_rng(3).integers(1, 2000, (1, *shape)).astype(kind)
    like, found = _opened(tmp_path, pan), []
    for name, options in (("ours", {}), ("theirs", {"OVERVIEW_COMPRESS": "DEFLATE"})):
        _write(tmp_path / name, like, pan.astype("f4"), np.ones(shape, bool), **options)
        with rasterio.open(tmp_path / name) as file:
            count = len(file.overviews(1))
        levels = [rasterio.open(tmp_path / name, overview_level=n).read() for n in range(count)]
        found.append(levels)
    assert len(found[0]) == len(found[1]) and all(map(np.array_equal, *found))


@pytest.mark.parametrize(("shape", "exact"), [((1000, 100), False), ((100, 1000), True)])
def test_axes_that_turn_drift_along_the_other_side(shape, exact):
    pan = Grid((4 * shape[0], 4 * shape[1]), NORTH_UP, UTM)
    step = Affine(4, 3e-4, 0, 0, 4, 0)  # a column more for each row: .3 over 1,000 of them
    assert lattice_of(pan, Grid(shape, NORTH_UP * step, UTM)).exact == exact

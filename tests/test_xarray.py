"""Fusing arrays of xarray: lazy where they are of Dask, placed right, and equal to the file path to the bit."""

import pickle
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pairs
import pytest
import rasterio
import rioxarray
import xarray
from affine import Affine

import anypan
import anypan.xarray
from anypan.runtime.errors import UserError

TILE = 64


def files(folder: Path, side: int = 160, **profile: Any) -> tuple[Path, Path]:
    """A pair of whole numbers in UTM with band names."""
    pan, ms = pairs.landscape(side, side, seed=3)
    names = profile.pop("names", ("blue", "green", "red"))
    pan_file, ms_file = pairs.write_pair(folder, pan.astype("uint16"), ms.astype("uint16"), **profile)
    with rasterio.open(ms_file, "r+") as file:
        file.descriptions = names
    return pan_file, ms_file


def opened(path: Path, lazy: bool = True, **options: Any) -> xarray.DataArray:
    found = rioxarray.open_rasterio(path, chunks={"x": 48, "y": 80} if lazy else None, **options)
    assert isinstance(found, xarray.DataArray)
    return found


def of_files(pan: Path, ms: Path, method: str, **options: Any) -> tuple[Path, np.ndarray]:
    out = pan.with_name("fused.tif")
    anypan.fuse(pan, ms, out, method, overwrite=True, **options)
    return out, pairs.read(out)


@pytest.mark.parametrize(
    ("method", "offset"), [("MTF-GLP-FS", (0.0, 0.0)), ("BDSD-PC", (-6.0, 10.0)), ("anypan-s", (-6.0, 10.0))]
)
def test_lazy_arrays_give_the_pixels_of_the_file(
    tmp_path: Path, method: str, offset: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs.in_tiles_of(monkeypatch, TILE)
    pan, ms = files(tmp_path, offset=offset)
    _, expected = of_files(pan, ms, method, tile=TILE)
    made = opened(ms).anypan.fuse(opened(pan), method=method, tile=TILE)
    assert made.chunks is not None and max(made.chunks[1]) <= TILE
    assert made.dtype == expected.dtype
    assert np.array_equal(made.values, expected)


@pytest.mark.parametrize("lazy", [True, False])
def test_a_pair_that_has_to_be_resampled_gives_the_pixels_of_the_file(tmp_path: Path, lazy: bool) -> None:
    """MS turned to another grid: .3 pixels off and of another ratio, floats, holes of NaN."""
    pan, ms = pairs.landscape(120, 120)
    ms[:, 4:6, 5:9] = np.nan
    pan_file = pairs.write(tmp_path / "pan.tif", pan, pairs.NORTH_UP, crs=pairs.UTM)
    coarse = pairs.NORTH_UP * Affine.translation(1.3, -2.2) * Affine.scale(3.9)
    ms_file = pairs.write(tmp_path / "ms.tif", ms, coarse, crs=pairs.UTM)
    _, expected = of_files(pan_file, ms_file, "anypan-s")
    made = opened(ms_file, lazy).anypan.fuse(opened(pan_file, lazy))
    assert (made.chunks is not None) == lazy
    assert np.array_equal(made.values, expected, equal_nan=True)


def test_what_a_file_reports_before_its_pixels_an_array_warns_of(tmp_path: Path) -> None:
    pan, ms = files(tmp_path)
    planned = anypan.plan(pan, ms, method="EXP", bands=[1])
    with pytest.warns(anypan.Note) as found:
        opened(ms).anypan.fuse(opened(pan), method="EXP", bands=[1])
    assert planned.notes and [str(one.message) for one in found if one.category is anypan.Note] == list(planned.notes)


def test_the_result_lies_where_the_file_lies_and_says_what_its_bands_are(tmp_path: Path) -> None:
    pan, ms = files(tmp_path, nodata=0)
    out, _ = of_files(pan, ms, "GSA", bands=["red", "blue"])
    made, told = opened(ms).anypan.fuse(opened(pan), method="gsa", bands=["red", "blue"]), opened(out)
    assert made.dims == told.dims == ("band", "y", "x")
    assert made.rio.crs == told.rio.crs and made.rio.transform() == told.rio.transform()
    assert made.rio.nodata == told.rio.nodata == 0
    assert made.attrs["long_name"] == ("red", "blue") and list(made.band) == [3, 1]
    for axis in ("x", "y"):
        assert np.array_equal(made[axis], told[axis])


def test_windows_of_arrays_are_the_windows_of_the_files(tmp_path: Path) -> None:
    """What was cut out of an array lies where its coordinates say, whatever transform was stored with it."""
    pan, ms = files(tmp_path)
    part = opened(ms)[:, 8:32, 4:36].anypan.fuse(opened(pan)[:, 40:120, 20:140], method="EXP", register=False)
    assert part.shape == (3, 80, 120)
    assert part.rio.transform() == pairs.NORTH_UP * Affine.translation(20, 40)
    whole = opened(ms).anypan.fuse(opened(pan), method="EXP", register=False)
    inner = slice(24, 56)
    assert np.array_equal(part.values[:, inner, inner], whole.values[:, 64:96, 44:76])


def test_coordinates_alone_place_an_array(tmp_path: Path) -> None:
    """As odc-geo and others have them: no stored transform, the CRS beside; dimensions in another order."""
    pan, ms = (opened(path, lazy=False) for path in files(tmp_path))
    expected = ms.anypan.fuse(pan, method="EXP")
    bare = [image.copy() for image in (pan, ms)]
    for image in bare:
        del image.spatial_ref.attrs["GeoTransform"]
    pan, ms = bare[0].squeeze("band", drop=True), bare[1].transpose("y", "x", "band")
    made = ms.anypan.fuse(pan, method="EXP")
    assert made.dims == ("band", "y", "x") and np.array_equal(made.values, expected.values)


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize(
    "places",
    [[*range(3), *range(6, 40)], [0, 2, 1, *range(3, 40)], [*range(20), *range(20), 39], [0] * 40],
)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_coordinates_that_are_not_even_are_refused(tmp_path: Path, axis: str, places: list[int], lazy: bool) -> None:
    """Pixels left out, exchanged or repeated: whatever transform is stored beside them."""
    pan, ms = files(tmp_path)
    with pytest.raises(UserError, match=f"coordinates {axis} of an array are not evenly spaced"):
        opened(ms, lazy).isel({axis: places}).anypan.fuse(opened(pan, lazy))


def test_coordinates_of_32_bits_are_even(tmp_path: Path) -> None:
    pan, ms = files(tmp_path)
    short = opened(ms, False)
    short = short.assign_coords(x=short.x.astype("f4"), y=short.y.astype("f4"))
    made = short.anypan.fuse(opened(pan, False), method="EXP").values.astype(float)
    assert np.abs(made - opened(ms, False).anypan.fuse(opened(pan, False), method="EXP").values).mean() < 1


def test_plain_arrays_without_a_place_cover_the_same_extent() -> None:
    pan, ms = pairs.landscape(64, 64)
    made = xarray.DataArray(ms, dims=("band", "y", "x")).anypan.fuse(xarray.DataArray(pan, dims=("y", "x")), "GSA")
    assert np.array_equal(made.values, anypan.fuse(pan, ms, method="GSA"))


def test_nothing_is_fused_before_it_is_asked_for_and_only_what_is_asked_for(tmp_path: Path) -> None:
    """Rows of the PAN that a window does not need may be unreadable."""
    pan, ms = files(tmp_path, 320)
    read: list[int] = []

    def seen(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        read.append(block_info[0]["array-location"][1][0])
        return block

    watched = opened(pan).copy(data=opened(pan).chunk({"y": 32, "x": 320}).data.map_blocks(seen, dtype="uint16"))
    read.clear()
    made = opened(ms).anypan.fuse(watched, method="Brovey", tile=TILE, register=False)
    fitted = made[:, :TILE, :TILE]
    read.clear()
    with dask.config.set(scheduler="synchronous"):
        fitted.compute()
    once = len(read)
    read.clear()
    with dask.config.set(scheduler="synchronous"):
        made.compute()
    assert 0 < once < len(read)


def test_the_same_pixels_come_from_a_cluster_and_go_to_zarr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client, LocalCluster

    pairs.in_tiles_of(monkeypatch, TILE)
    pan, ms = files(tmp_path)
    _, expected = of_files(pan, ms, "anypan-s")
    quiet: Any = {"dashboard_address": ":0", "silence_logs": 50}
    made = opened(ms).anypan.fuse(opened(pan))
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, **quiet) as cluster,
        Client(cluster, set_as_default=True),
    ):
        made.chunk({"y": TILE, "x": TILE}).to_dataset(name="fused").to_zarr(tmp_path / "fused.zarr")
    stored = xarray.open_zarr(tmp_path / "fused.zarr")["fused"]
    assert np.array_equal(stored.values, expected)
    made.rio.to_raster(tmp_path / "again.tif")
    with rasterio.open(tmp_path / "again.tif") as again, rasterio.open(tmp_path / "fused.tif") as file:
        assert np.array_equal(again.read(), expected)
        assert (again.transform, again.crs) == (file.transform, file.crs)


def test_tasks_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    pan, ms = files(tmp_path, 64)
    made = opened(ms, lazy=False).anypan.fuse(opened(pan).persist(scheduler="synchronous"), method="anypan-s")
    assert pickle.loads(pickle.dumps(made)).equals(made)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda pan, ms: ms.anypan.fuse(pan.values), "give a DataArray"),
        (lambda pan, ms: ms.anypan.fuse(pan, uncertainty="w.tif"), "uncertainty is for files"),
        (lambda pan, ms: ms.anypan.fuse(pan, verify=0.0), "verify is for files"),
        (lambda pan, ms: ms.anypan.fuse(pan, alpha=3), "alpha is for files"),
        (lambda pan, ms: ms.anypan.fuse(pan, nonsense=1), "no option 'nonsense'"),
        (lambda pan, ms: ms.anypan.fuse(pan, method="none such"), "No method is called"),
        (lambda pan, ms: ms.expand_dims("time").anypan.fuse(pan), "select one"),
        (lambda pan, ms: ms.rename(x="a", y="b").anypan.fuse(pan), "name two of them y and x"),
        (lambda pan, ms: (ms > 3).anypan.fuse(pan), "real pixels"),
        (lambda pan, ms: pan.anypan.fuse(ms), "a PAN has one"),
        (lambda pan, ms: ms.assign_coords(x=ms.x + 1e6).anypan.fuse(pan), "does not overlap"),
    ],
)
def test_what_cannot_be_fused_is_one_sentence(tmp_path: Path, change: Any, words: str) -> None:
    pan, ms = (opened(path) for path in files(tmp_path, 64))
    with pytest.raises(UserError, match=words):
        change(pan, ms)


def test_bands_that_are_picked_or_turned_round_keep_their_names_and_scales(tmp_path: Path) -> None:
    pan_file, ms_file = files(tmp_path, 64)
    with rasterio.open(ms_file, "r+") as file:
        file.scales = (1.0, 2.0, 3.0)
    pan, ms = opened(pan_file, lazy=False), opened(ms_file, lazy=False)
    plain = ms.anypan.fuse(pan, method="EXP", register=False)
    for picked in ([2, 1, 0], [2, 0]):
        turned = ms.isel(band=picked).anypan.fuse(pan, method="EXP", bands=["red"], register=False)
        assert np.array_equal(turned.values, plain.values[2:]) and turned.attrs["long_name"] == ("red",)
        assert turned.attrs["scales"] == (3.0,)
        turned.rio.to_raster(tmp_path / "out.tif")

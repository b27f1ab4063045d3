"""Rasters in: opening, checking, and windowed reads with masks."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform
from rasterio.windows import Window

from anypan.geometry.grid import Grid
from anypan.runtime.errors import UserError

DRIVERS = ("GTiff", "JP2OpenJPEG", "HFA", "ENVI", "NITF", "PCIDSK", "EHdr", "PNG", "JPEG")
CACHE = 96 * 2**20  # bytes of GDAL's block cache
MAX_SIDE = 1_000_000  # pixels
ALPHA_LOOK = 512  # pixels along a side of the overview that tells an alpha band from data
ALPHA_SHARE = 0.95  # of an alpha band's pixels are quite transparent or quite opaque
MAX_BLOCK = 2**30  # bytes that one read has to decode at least
WARP_TOLERANCE = 0.01  # source pixels that GDAL may be off when it resamples
PIXEL_CRS = "EPSG:3857"  # stands for "both in the same plane" where files have no CRS
_REMOTE = re.compile(r"^(/vsi|[a-z][a-z0-9+.-]+:/|[A-Z0-9_]{3,}:)", re.ASCII)


@dataclass(frozen=True)
class Raster:
    """Bands of one or more open datasets that share a grid; ``bands`` holds (dataset number, 1-based band) pairs."""

    name: str
    grid: Grid
    datasets: tuple[Any, ...]
    bands: tuple[tuple[int, int], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.grid.shape

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is read from, sidecars included."""
        return tuple(name for dataset in self.datasets for name in dataset.files)

    @property
    def maybe_invalid(self) -> bool:
        """True unless every pixel is valid by construction."""
        return any(_has_mask(d) or np.dtype(d.dtypes[0]).kind == "f" for d in self.datasets)

    def read(self, row: int, col: int, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Pixels (C, height, width) and validity (height, width) of a window inside; invalid pixels hold anything.

        A pixel is valid if all bands are: not nodata, not masked, not transparent, not NaN or infinite.
        """
        window = Window(col, row, width, height)  # type: ignore[call-arg]
        out = np.empty((len(self.bands), height, width), np.float32)
        valid = np.ones((height, width), bool)
        with _blaming(self.name):
            for number, dataset in enumerate(self.datasets):
                picked = [k for k, (n, _) in enumerate(self.bands) if n == number]
                indexes = [self.bands[k][1] for k in picked]
                if indexes:
                    out[picked] = dataset.read(indexes, window=window)
                    valid &= _mask(dataset, indexes, window)
        if any(np.dtype(d.dtypes[0]).kind == "f" for d in self.datasets):
            valid &= np.isfinite(out).all(0)
        return out, valid

    def close(self) -> None:
        """Close its files."""
        for dataset in self.datasets:
            dataset.close()


@contextmanager
def environment(threads: int = 1) -> Iterator[None]:
    """GDAL with a bounded block cache, masks in files of their own and threads to compress; wrap long work in it."""
    options = {"GDAL_CACHEMAX": CACHE, "GDAL_TIFF_INTERNAL_MASK": False, "GDAL_NUM_THREADS": str(threads)}
    with warnings.catch_warnings(), rasterio.Env(**options):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # said in the notes
        yield


def open_raster(paths: Sequence[str | Path], allow_vrt: bool = False, allow_remote: bool = False) -> Raster:
    """Open one file, or several that share a grid, with all their bands but alpha.

    Raises UserError if a file is missing, refused, damaged, or differs from the first in grid or data type.
    """
    datasets = tuple(_open(str(path), allow_vrt, allow_remote) for path in paths)
    first = datasets[0]
    for path, dataset in zip(paths, datasets, strict=True):
        if _grid(dataset) != _grid(first):
            raise UserError(f"{path} does not lie on the pixel grid of {paths[0]}: resample it onto that grid first.")
        if set(dataset.dtypes) != set(first.dtypes[:1]):
            raise UserError(f"{path} holds {dataset.dtypes[0]}, not {first.dtypes[0]} throughout: convert it first.")
    bands = tuple(
        (number, index)
        for number, dataset in enumerate(datasets)
        for index in dataset.indexes
        if index != _alpha(dataset)
    )
    return Raster(str(paths[0]), _grid(first), datasets, bands)


def in_memory(image: NDArray[Any], name: str) -> Raster:
    """An array (C, H, W) as a raster without georeferencing; NaN, infinite and masked pixels are invalid."""
    pixels = np.ma.filled(np.ma.asarray(image).astype(np.float32), np.nan)
    count, height, width = pixels.shape
    profile = {"driver": "MEM", "count": count, "height": height, "width": width, "dtype": "float32", "nodata": np.nan}
    dataset = rasterio.open("", "w+", **profile)
    dataset.write(pixels)
    bands = tuple((0, index) for index in dataset.indexes)
    return Raster(name, Grid((height, width)), (dataset,), bands)


def resampled(raster: Raster, grid: Grid, scale: float) -> Raster:
    """The raster seen on another grid through cubic resampling that leaves invalid pixels out; read lazily.

    ``scale``: pixels of the new grid per pixel of the old. GDAL's own guess at it would differ from window to window.
    """
    datasets = tuple(_warp(dataset, raster.grid, grid, scale) for dataset in raster.datasets)
    return Raster(raster.name, grid, datasets, raster.bands)


def in_crs_of(grid: Grid, other: Grid) -> Grid:
    """``other`` with a transform to the CRS of ``grid``; linearised about its centre if the CRS differ."""
    if same_crs(grid, other):
        return Grid(other.shape, other.transform, grid.crs)
    row, col = other.shape[0] / 2, other.shape[1] / 2
    corners = [other.transform * corner for corner in ((col, row), (col + 1, row), (col, row + 1))]
    try:
        xs, ys = transform(other.crs, grid.crs, *(list(values) for values in zip(*corners, strict=True)))[:2]
    except (CPLE_BaseError, RasterioError) as error:
        remedy = "bring both files into one CRS"
        raise UserError(f"There is no way from the CRS of the MS to that of the PAN: {remedy}.") from error
    if not np.isfinite([xs, ys]).all():
        raise UserError("The PAN and the MS lie on different parts of the globe: check that they show the same place.")
    linear = Affine(xs[1] - xs[0], xs[2] - xs[0], xs[0], ys[1] - ys[0], ys[2] - ys[0], ys[0])
    return Grid(other.shape, linear * Affine.translation(-col, -row), grid.crs)


def same_crs(one: Grid, other: Grid) -> bool:
    """True if the CRS are equal, or if either is unknown."""
    if one.crs == other.crs or not (one.crs and other.crs):
        return True
    return rasterio.CRS.from_user_input(one.crs) == rasterio.CRS.from_user_input(other.crs)


def _open(path: str, allow_vrt: bool, allow_remote: bool) -> Any:
    local = os.path.exists(path) and not path.startswith("/vsi")
    if not local and not allow_remote:
        if _REMOTE.match(path):
            raise UserError(
                f"{path} is not a plain file: copy it here, or pass --allow-remote (allow_remote=True in Python)."
            )
        raise UserError(f"{path} does not exist: check the path.")
    if local and not os.path.isfile(path) and not os.path.isdir(path):
        raise UserError(f"{path} is a pipe or a device: write the image to a file first.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = _first_to_open(path, (*DRIVERS, "VRT") if allow_vrt else DRIVERS)
    if dataset is None:
        raise UserError(_unreadable(path, allow_vrt))
    _check(path, dataset)
    return dataset


def _first_to_open(path: str, drivers: Sequence[str]) -> Any:
    """Opened by name of the driver, as GDAL would guess a VRT whatever the extension."""
    for driver in drivers:
        with suppress(RasterioError):
            return rasterio.open(path, driver=driver)
    return None


def _unreadable(path: str, allow_vrt: bool) -> str:
    if not allow_vrt and _is_vrt(path):
        remedy = "convert it to GeoTIFF, or pass --allow-vrt (allow_vrt=True in Python)"
        return f"{path} is a VRT, which can point at any other file: {remedy}."
    if Path(path).is_dir():
        return f"{path} is a folder, not a raster file: name the file in it."
    if os.path.exists(path) and not os.access(path, os.R_OK):
        return f"{path} may not be read by you: ask for the permission, or copy it to where you may."
    return (
        f"{path} cannot be read as a raster file: it is damaged or of an unsupported format, so convert it to GeoTIFF."
    )


def _is_vrt(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"<VRTDataset" in file.read(4096)
    except OSError:
        return path.lower().endswith(".vrt")


def _check(path: str, dataset: Any) -> None:
    if not dataset.count:
        raise UserError(f"{path} holds no bands of its own: name one of its subdatasets as a GeoTIFF.")
    kind = np.dtype(dataset.dtypes[0]).kind if not dataset.dtypes[0].startswith("complex") else "c"
    if kind not in "uif":
        raise UserError(f"{path} holds {dataset.dtypes[0]} pixels: convert it to integers or floats.")
    if max(dataset.shape) > MAX_SIDE:
        size = " x ".join(f"{n:,}" for n in dataset.shape)
        raise UserError(f"{path} claims {size} pixels: it is damaged, or else cut it into parts.")
    if any(_indexed(dataset, band) for band in dataset.indexes):
        remedy = "expand it first, for example with gdal_translate -expand"
        raise UserError(f"{path} holds indexes of a colour table, no brightness: {remedy}.")
    if dataset.transform.is_degenerate or not np.isfinite(dataset.transform).all():
        raise UserError(f"{path} has a broken geotransform, its pixels have no size: mend it, or remove it.")
    block = math.prod(dataset.block_shapes[0]) * np.dtype(dataset.dtypes[0]).itemsize
    if block > MAX_BLOCK:
        raise UserError(f"{path} is stored in blocks of {block / 2**30:.1f} GiB: rewrite it as a tiled GeoTIFF.")


def _indexed(dataset: Any, band: int) -> bool:
    """True if the band's values are the numbers of colours; a table in which each is its own grey says nothing."""
    if dataset.colorinterp[band - 1] != ColorInterp.palette:
        return False
    return any(colour[:3] != (number,) * 3 for number, colour in dataset.colormap(band).items())


@contextmanager
def _blaming(path: str) -> Iterator[None]:
    try:
        yield
    except RasterioIOError as error:
        raise UserError(f"{path} cannot be read to its end: it is damaged or cut off, so fetch it again.") from error


def _mask(dataset: Any, indexes: list[int], window: Window) -> NDArray[np.bool_]:
    alpha = _alpha(dataset)
    if alpha:
        return dataset.read(alpha, window=window) > 0
    if not _has_mask(dataset):
        return np.ones((int(window.height), int(window.width)), bool)
    if MaskFlags.per_dataset in dataset.mask_flag_enums[indexes[0] - 1]:
        return dataset.read_masks(indexes[0], window=window) > 0
    return (dataset.read_masks(indexes, window=window) > 0).all(0)


def _has_mask(dataset: Any) -> bool:
    if _alpha(dataset):
        return True
    return any(flags != [MaskFlags.all_valid] and MaskFlags.alpha not in flags for flags in dataset.mask_flag_enums)


@lru_cache(maxsize=32)
def _alpha(dataset: Any) -> int:
    """The number of the alpha band, 0 if there is none; GDAL's own mask knows it in 2 and 4 bands only.

    Writers label the fourth band of any 8-bit image alpha. It is one only if it holds hardly anything but none and
    full: a near infrared band holds values between.
    """
    if ColorInterp.alpha not in dataset.colorinterp:
        return 0
    band = dataset.colorinterp.index(ColorInterp.alpha) + 1
    look = tuple(min(side, ALPHA_LOOK) for side in dataset.shape)
    with _blaming(dataset.name):
        values = dataset.read(band, out_shape=look)
    return band if np.isin(values, (0, values.max())).mean() > ALPHA_SHARE else 0


def _grid(dataset: Any) -> Grid:
    return Grid(dataset.shape, dataset.transform, dataset.crs.to_string() if dataset.crs else "")


def _warp(dataset: Any, source: Grid, grid: Grid, scale: float) -> WarpedVRT:
    nodata = dataset.nodata
    if nodata is None and np.dtype(dataset.dtypes[0]).kind == "f":
        nodata = math.nan
    crs = source.crs or grid.crs or PIXEL_CRS
    options: dict[str, Any] = {"src_nodata": nodata, "nodata": nodata} if nodata is not None else {"add_alpha": True}
    if _alpha(dataset):
        options = {"src_alpha": _alpha(dataset)}
    return WarpedVRT(
        dataset,
        src_crs=crs,
        src_transform=source.transform,
        crs=grid.crs or crs,
        transform=grid.transform,
        height=grid.shape[0],
        width=grid.shape[1],
        resampling=Resampling.cubic,
        tolerance=WARP_TOLERANCE,
        XSCALE=scale,
        YSCALE=scale,
        **options,
    )

"""Rasters in: windowed reads with validity, of one file or of several that make one image."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.errors import NodataShadowWarning, NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.windows import Window

from anypan.geometry.grid import Grid
from anypan.raster.validity import FILE, Marks, Rules, fill_of
from anypan.runtime.errors import UserError
from anypan.runtime.shared import Shared

CACHE = 96 * 2**20  # bytes of GDAL's block cache
NO_NETWORK: dict[str, Any] = {"CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}", "GDAL_HTTP_MAX_RETRY": "0"}

_BAND_IN_NAME = re.compile(
    r"(?:^|[_\-.])(B\d{1,2}[A-Z]?|BAND_?\d{1,2}|ST_B\d{1,2}|SR_B\d{1,2}|"
    r"COASTAL|BLUE|GREEN|YELLOW|RED|RED_?EDGE|NIR\d?)$",
    re.IGNORECASE,
)

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Sheet:
    """An open dataset, where its first pixel lies on the raster's grid (row, column), and its alpha band or 0."""

    dataset: Any
    corner: tuple[int, int] = (0, 0)
    alpha: int = 0

    @cached_property
    def marks(self) -> Marks:
        """How the dataset marks fill."""
        return Marks.of(self.dataset)

    def maybe_invalid(self, rules: Rules) -> bool:
        """False if every pixel of the dataset is valid by construction."""
        return bool(self.alpha) or self.marks.any(rules) or np.dtype(self.dataset.dtypes[0]).kind == "f"


@dataclass(frozen=True)
class Raster:
    """Bands of one or more open datasets on a grid.

    ``bands`` holds (layer, 1-based band) pairs. A layer is one dataset, or the tiles that cover the grid together:
    ``layers`` holds their sheets. ``described``: names of
    bands that something other than the files gives. ``copied``: the pixel type of an array that the dataset is a copy
    of in another.
    """

    name: str
    grid: Grid
    layers: tuple[tuple[Sheet, ...], ...]
    bands: tuple[tuple[int, int], ...]
    rules: Rules = FILE
    notes: tuple[str, ...] = field(default=(), compare=False)
    described: Mapping[tuple[int, int], str] = field(default_factory=dict, compare=False)
    copied: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.grid.shape

    @property
    def datasets(self) -> tuple[Any, ...]:
        """The first dataset of every layer: what describes its bands."""
        return tuple(layer[0].dataset for layer in self.layers)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The pixel types of the layers that bands are taken from."""
        return (
            (self.copied,)
            if self.copied
            else tuple(self.datasets[n].dtypes[0] for n in sorted({n for n, _ in self.bands}))
        )

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is read from, sidecars included, and what VRT files among them point at."""
        return _behind([name for layer in self.layers for sheet in layer for name in sheet.dataset.files])

    @property
    def filler(self) -> float | None:
        """The value of fill that no header marks, if such fill was found."""
        return None

    @property
    def as_stored(self) -> bool:
        """True if its pixels are those of its files, on their grid."""
        return True

    @property
    def maybe_invalid(self) -> bool:
        """True unless every pixel is valid by construction."""
        sheets = [sheet for layer in self.layers for sheet in layer]
        tiled = any(len(layer) > 1 for layer in self.layers)
        return tiled or any(sheet.maybe_invalid(self.rules) for sheet in sheets)

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Floats, Bools]:
        """Pixels (C, height, width) and validity (height, width) of a window inside; invalid pixels hold anything.

        A pixel is valid if it is in every band: not masked, not transparent, a finite number, and no fill, of which
        ``rules`` say whether one band makes it or only all of them.
        """
        image, sound, fill = self.read_bands(row, col, height, width)
        if fill is not None:
            sound = sound & ~(fill.all(0) if self.rules.all_bands else fill.any(0))
        return image, sound

    def read_bands(self, row: int, col: int, height: int, width: int) -> tuple[Floats, Bools, Bools | None]:
        """As ``read``, but validity without fill, and where each band is fill (C, height, width) or None."""
        image = np.zeros((len(self.bands), height, width), np.float32)
        sound = np.ones((height, width), bool)
        fill: Bools | None = None
        for number, layer in enumerate(self.layers):
            picked = [k for k, (n, _) in enumerate(self.bands) if n == number]
            if not picked:
                continue
            covered, held = np.zeros((height, width), bool), np.zeros((height, width), bool)
            for sheet in layer:
                found = self._read_sheet(sheet, picked, (row, col, height, width))
                if found is None:
                    continue
                window, values, clear, empty = found
                new = ~held[window] if len(layer) > 1 else True  # what an earlier tile holds stays
                np.copyto(covered[window], clear, where=new)
                for k, band in zip(picked, values, strict=True):
                    np.copyto(image[k][window], band, where=new)
                if empty is not None:
                    fill = np.zeros(image.shape, bool) if fill is None else fill
                    for k, band in zip(picked, empty, strict=True):
                        np.copyto(fill[k][window], band, where=new)
                elif fill is not None:
                    for k in picked:
                        np.copyto(fill[k][window], False, where=new)
                if len(layer) > 1:
                    held[window] |= clear if empty is None else clear & ~empty.any(0)
            sound &= covered
        return image, sound, fill

    def _read_sheet(self, sheet: Sheet, picked: list[int], wanted: tuple[int, int, int, int]) -> Any:
        """Where the sheet lies in a window, and there: pixels, what is clear and finite, and fill; None outside."""
        row, col, height, width = wanted
        spans = [
            (max(start, corner), min(start + count, corner + size))
            for start, count, corner, size in zip(
                (row, col), (height, width), sheet.corner, sheet.dataset.shape, strict=True
            )
        ]
        (top, bottom), (left, right) = spans
        if top >= bottom or left >= right:
            return None
        window = Window(left - sheet.corner[1], top - sheet.corner[0], right - left, bottom - top)  # type: ignore[call-arg]
        indexes = [self.bands[k][1] for k in picked]
        with blaming(self.name):
            values = sheet.dataset.read(indexes, window=window)
            fill = fill_of(sheet.dataset, sheet.marks, indexes, values, window, self.rules)
            clear = np.ones(values.shape[1:], bool)
            if sheet.alpha:
                clear &= sheet.dataset.read(sheet.alpha, window=window) > 0
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is invalid
            values = values.astype(np.float32, copy=False)
        if sheet.dataset.dtypes[0].startswith("float"):
            clear &= np.isfinite(values).all(0)
        return (slice(top - row, bottom - row), slice(left - col, right - col)), values, clear, fill

    def close(self) -> None:
        """Close its files."""
        for layer in self.layers:
            for sheet in layer:
                sheet.dataset.close()


def _behind(names: Sequence[str]) -> tuple[str, ...]:
    """The files, and those that VRT files among them are made of, however deep."""
    found = list(dict.fromkeys(names))
    for name in found:  # it grows
        if name.lower().endswith(".vrt") and os.path.isfile(name):
            with suppress(RasterioError), rasterio.Env(**NO_NETWORK), rasterio.open(name, driver="VRT") as dataset:
                found += [other for other in dataset.files if other not in found]
    return tuple(found)


def descriptions_of(dataset: Any) -> tuple[str | None, ...]:
    """The bands' names; no names at all where one is no UTF-8, as of old writers in Latin-1."""
    try:
        return tuple(dataset.descriptions)
    except UnicodeDecodeError:
        return ()


def band_in_name(dataset: Any) -> str | None:
    """The band that a file's name ends in, as B4 or red; None if it ends in none."""
    found = _BAND_IN_NAME.search(Path(dataset.name).stem)
    return found[1] if found else None


@contextmanager
def environment(threads: int = 1) -> Iterator[None]:
    """GDAL with a bounded block cache, masks in files of their own and threads to compress; wrap long work in it."""
    options = {"GDAL_CACHEMAX": CACHE, "GDAL_TIFF_INTERNAL_MASK": False, "GDAL_NUM_THREADS": str(threads)}
    with _unwarned(), rasterio.Env(**options):
        yield


@Shared
@contextmanager
def _unwarned() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # said in the notes
        warnings.simplefilter("ignore", NodataShadowWarning)  # alpha and nodata both count
        yield


def in_memory(image: NDArray[Any], name: str, rules: Rules = FILE) -> Raster:
    """An array (C, H, W) as a raster without georeferencing; NaN, infinite and masked pixels are invalid."""
    with np.errstate(over="ignore"):  # as in files
        pixels = np.ma.filled(np.ma.asarray(image).astype(np.float32), np.nan)
    count, height, width = pixels.shape
    profile = {"driver": "MEM", "count": count, "height": height, "width": width, "dtype": "float32"}
    dataset = rasterio.open("", "w+", **profile)
    dataset.write(pixels)
    bands = tuple((0, index) for index in dataset.indexes)
    return Raster(name, Grid((height, width)), ((Sheet(dataset),),), bands, rules, copied=image.dtype.name)


@contextmanager
def blaming(path: str) -> Iterator[None]:
    """UserError that names ``path`` for what GDAL says of a damaged file, whichever of its two roots of errors."""
    try:
        yield
    except (RasterioIOError, CPLE_BaseError) as error:
        if str(error).startswith("Dataset is closed"):
            raise UserError(
                f"{path} was closed with its pair: work on the scene inside the 'with' that opened it."
            ) from error
        if path.lower().endswith(".vrt"):
            raise UserError(
                f"{path} cannot be read ({error.__cause__ or error}): check the files that it names."
            ) from error
        raise UserError(f"{path} cannot be read to its end: it is damaged or cut off, so fetch it again.") from error

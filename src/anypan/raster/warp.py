"""A raster seen on another grid. Invalid pixels are filled from valid ones first, and validity travels beside them, so
that no valid pixel of the result depends on what an invalid one holds."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform

from anypan.geometry.fill import Filled
from anypan.geometry.grid import Grid
from anypan.raster.read import Raster

BLOCK = 256  # pixels along a side of what is resampled at once: the same blocks whatever window is asked for
TICKS = 9  # points along a side of a block at which its place in the source is looked up
KEPT = 2**26  # bytes of resampled blocks that are kept
LEVELS = 3  # of filling: 13 pixels
SUPPORT = 3  # source pixels that cubic resampling looks at on each side, and one to spare
PIXEL_CRS = "EPSG:3857"  # stands for "both in the same plane" where files have no CRS

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Resampled(Raster):
    """``source`` on this raster's grid by cubic resampling, block by block; see ``resampled``."""

    source: Raster = None  # type: ignore[assignment]
    scale: float = 1.0
    _kept: OrderedDict[tuple[int, int], tuple[Floats, Bools]] = field(
        default_factory=OrderedDict, init=False, repr=False, compare=False
    )

    @cached_property
    def _filled(self) -> Filled:
        return Filled(self.source, LEVELS)  # one, since it looks for its fallback once

    @property
    def as_stored(self) -> bool:
        """False."""
        return False

    @property
    def maybe_invalid(self) -> bool:
        """True: what the source does not cover is invalid."""
        return True

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Floats, Bools]:
        """See Raster.read, (C, height, width) and (height, width); what the source does not cover is invalid."""
        image = np.empty((len(self.bands), height, width), np.float32)
        valid = np.empty((height, width), bool)
        for top, left in _blocks(row, col, height, width):
            block, sound = self._block(top, left)
            rows, cols = _common(top, row, height, sound.shape[0]), _common(left, col, width, sound.shape[1])
            there = slice(rows[0] - row, rows[1] - row), slice(cols[0] - col, cols[1] - col)
            here = slice(rows[0] - top, rows[1] - top), slice(cols[0] - left, cols[1] - left)
            image[:, *there], valid[there] = block[:, *here], sound[here]
        return image, valid

    def _block(self, top: int, left: int) -> tuple[Floats, Bools]:
        if (top, left) not in self._kept:
            most = max(1, KEPT // (4 * BLOCK**2 * len(self.bands)))
            while len(self._kept) >= most:
                self._kept.popitem(last=False)
            self._kept[top, left] = self._resample(top, left)
        return self._kept[top, left]

    def _resample(self, top: int, left: int) -> tuple[Floats, Bools]:
        shape = min(BLOCK, self.shape[0] - top), min(BLOCK, self.shape[1] - left)
        place = self.grid.transform @ Affine.translation(left, top)
        seen = self._seen(place, shape)
        image, valid = np.zeros((len(self.bands), *shape), np.float32), np.zeros(shape, bool)
        if seen is None:
            return image, valid
        row, col, height, width = seen
        pixels, sound = self._filled.read(row, col, height, width)
        grids: dict[str, Any] = {"dst_transform": place, "dst_crs": self._crs(self.grid), "tolerance": 0}
        grids |= self.source_place(row, col)
        stretch: dict[str, Any] = {"XSCALE": self.scale, "YSCALE": self.scale}
        reproject(pixels, image, resampling=Resampling.cubic, **grids, **stretch)
        flags = np.zeros(shape, np.uint8)
        reproject(sound.astype(np.uint8), flags, resampling=Resampling.nearest, **grids)
        return image, flags > 0

    def source_place(self, row: int, col: int) -> dict[str, Any]:
        """Of GDAL's warp: where the source's window from a row and column on lies."""
        place = self.source.grid.transform @ Affine.translation(col, row)
        return {"src_transform": place, "src_crs": self._crs(self.source.grid)}

    def to_source(self, across: NDArray[Any], down: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Columns and rows (N,) of the source of places (N,) on the map."""
        crs = self._crs(self.grid), self._crs(self.source.grid)
        if crs[0] != crs[1]:
            across, down = (np.asarray(axis) for axis in transform(*crs, list(across), list(down))[:2])
        to_pixels: Any = ~self.source.grid.transform
        return to_pixels @ (across, down)

    @property
    def margin(self) -> int:
        """Source pixels more than the points of a block span."""
        return math.ceil(SUPPORT * max(1.0, 1 / self.scale)) + 2

    def _crs(self, grid: Grid) -> str:
        return grid.crs or self.grid.crs or self.source.grid.crs or PIXEL_CRS

    def _seen(self, place: Affine, shape: tuple[int, int]) -> tuple[int, int, int, int] | None:
        """The source window that a block of ``shape`` at ``place`` looks at; None if it lies outside.

        Points that nothing places, as where an elevation model has a void, cost what lies around them no pixel.
        """
        rows, cols = crossings([np.unique(np.linspace(0, n, TICKS)) for n in shape])
        to_map: Any = place  # affine takes arrays, though its types do not say so
        xs, ys = to_map @ (cols, rows)
        across, down = self.to_source(xs, ys)
        sound = np.isfinite([across, down]).all(0)
        if not sound.any():
            return None
        margin = self.margin + (0 if sound.all() else math.ceil(2 * max(shape) / (TICKS - 1) / self.scale))
        spans = []
        for points, size in ((down[sound], self.source.shape[0]), (across[sound], self.source.shape[1])):
            first, end = max(0, math.floor(points.min()) - margin), min(size, math.ceil(points.max()) + margin)
            if first >= end:
                return None
            spans.append((first, end - first))
        return spans[0][0], spans[1][0], spans[0][1], spans[1][1]


def resampled(raster: Raster, grid: Grid, scale: float) -> Raster:
    """The raster seen on another grid; read lazily, the same pixels whatever windows are read.

    ``scale``: pixels of the new grid per pixel of the old. GDAL's own guess at it would differ from window to window.
    """
    parts: dict[str, Any] = {
        "layers": raster.layers,
        "bands": raster.bands,
        "notes": raster.notes,
        "copied": raster.copied,
    }
    return Resampled(raster.name, grid, **parts, source=raster, scale=scale)


def _blocks(row: int, col: int, height: int, width: int) -> Iterator[tuple[int, int]]:
    for top in range(row // BLOCK * BLOCK, row + height, BLOCK):
        for left in range(col // BLOCK * BLOCK, col + width, BLOCK):
            yield top, left


def _common(start: int, asked: int, count: int, size: int) -> tuple[int, int]:
    """First and end of what a block from ``start`` on and a window from ``asked`` on share."""
    return max(start, asked), min(start + size, asked + count)


def crossings(ticks: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows and columns of where those of ``ticks``, rows and columns, cross: (n,) each."""
    rows, cols = (axis.ravel() for axis in np.meshgrid(*ticks, indexing="ij"))
    return rows, cols

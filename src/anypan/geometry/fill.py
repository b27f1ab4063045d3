"""Finite values for what is invalid or outside of a raster, made from valid pixels near by and from nothing else.

Box means of growing width; every pixel sees the same sums in the same order wherever a window begins, so that a tile's
values equal those of the whole image bit for bit once the window is ``reach(levels)`` wider.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from anypan.geometry.window import clamped

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def reach(levels: int) -> int:
    """Pixels that fill() looks beyond a pixel: boxes of 3, 9, 27 ... pixels."""
    return (3**levels - 1) // 2


def fill(image: Floats, valid: Bools, fallback: Floats, levels: int) -> Floats:
    """(C, H, W) with every pixel outside ``valid`` (H, W) replaced.

    It takes the mean of the valid pixels in the smallest box around it that has any, up to ``reach(levels)``, and
    ``fallback`` (C,) beyond.
    """
    out = np.where(valid, image, fallback[:, None, None])
    if not valid.any():
        return out
    margin = reach(levels)
    spread = ((0, 0), (margin, margin), (margin, margin))
    inside = slice(margin, margin + valid.shape[0]), slice(margin, margin + valid.shape[1])
    total = np.pad(np.where(valid, image, np.float32(0)), spread)
    count = np.pad(valid.astype(np.float32)[None], spread)
    missing = ~valid
    for level in range(levels):
        total, count = (_sum3(_sum3(part, 3**level, -1), 3**level, -2) for part in (total, count))
        near = count[0][inside]
        found = missing & (near > 0)
        out[:, found] = total[:, *inside][:, found] / near[found]
        missing &= ~found
    return out


def _sum3(image: Floats, step: int, axis: int) -> Floats:
    """image[k - step] + image[k] + image[k + step] along an axis, zero outside."""
    padding = [(0, 0)] * image.ndim
    padding[axis] = (step, step)
    padded = np.pad(image, padding)
    size = image.shape[axis]
    pieces = [np.moveaxis(np.moveaxis(padded, axis, 0)[k * step : k * step + size], 0, axis) for k in range(3)]
    return pieces[0] + pieces[1] + pieces[2]


class Reader(Protocol):
    """What Filled reads from: ``read(row, col, height, width)`` inside ``shape`` gives pixels and their validity."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Floats, Bools]: ...


@dataclass(frozen=True)
class Filled:
    """A raster that is finite everywhere: invalid pixels are filled, and the outermost pixels go on outside of it."""

    raster: Reader
    levels: int

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Floats, Bools]:
        """Pixels (C, height, width) of any window and the validity (height, width) of the pixels that they repeat."""
        rows, cols = clamped(row, height, self.raster.shape[0]), clamped(col, width, self.raster.shape[1])
        top, left = int(rows[0]), int(cols[0])
        image, valid = self._read_inside(top, left, int(rows[-1]) + 1 - top, int(cols[-1]) + 1 - left)
        if image.shape[-2:] != (height, width):
            pick = np.ix_(rows - top, cols - left)
            image, valid = image[:, *pick], valid[pick]
        return image, valid

    def _read_inside(self, top: int, left: int, height: int, width: int) -> tuple[Floats, Bools]:
        image, valid = self.raster.read(top, left, height, width)
        if valid.all():
            return image, valid
        margin = reach(self.levels)
        first_row, first_col = max(0, top - margin), max(0, left - margin)
        end_row = min(self.raster.shape[0], top + height + margin)
        end_col = min(self.raster.shape[1], left + width + margin)
        wide = self.raster.read(first_row, first_col, end_row - first_row, end_col - first_col)
        filled = fill(*wide, self.fallback, self.levels)
        core = slice(top - first_row, top - first_row + height), slice(left - first_col, left - first_col + width)
        return filled[:, *core], valid

    @cached_property
    def fallback(self) -> Floats:
        """Mean (C,) over the valid pixels of evenly spread windows; zeros where nothing is valid."""
        total, count = np.zeros(()), 0
        for window in _spread(self.raster.shape):
            image, valid = self.raster.read(*window)
            total = total + image[:, valid].sum(-1, dtype=np.float64)
            count += int(valid.sum())
        return (total / max(1, count)).astype(np.float32)


def _spread(shape: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """At most 8 x 8 windows of up to 128 x 128 pixels, evenly spread."""
    starts = [sorted({(n - min(n, 128)) * k // 7 for k in range(8)}) for n in shape]
    for row in starts[0]:
        for col in starts[1]:
            yield row, col, min(128, shape[0]), min(128, shape[1])

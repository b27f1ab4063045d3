"""An MS that was blown up by repeating its pixels, seen as it was before."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from anypan.geometry.grid import Grid
from anypan.raster.read import Raster

LOOK = 128  # pixels along a side of the window that is looked at first
LEAST = 8  # edges between blocks that have to be seen along each axis
STRIP = 2**22  # values that are read at once

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Thinned(Raster):
    """Every ``step``-th pixel of ``source`` from ``start`` (row, column) on."""

    source: Raster = None  # type: ignore[assignment]
    step: int = 1
    start: tuple[int, int] = (0, 0)

    @property
    def as_stored(self) -> bool:
        """False."""
        return False

    @property
    def maybe_invalid(self) -> bool:
        """As the source."""
        return self.source.maybe_invalid

    @property
    def filler(self) -> float | None:
        """As the source's."""
        return self.source.filler

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Floats, Bools]:
        """See Raster.read."""
        source, (top, left), step = replace(self.source, bands=self.bands), self.start, self.step
        image, valid = source.read(top + row * step, left + col * step, height * step, width * step)
        return image[:, ::step, ::step].copy(), valid[::step, ::step].copy()


def thinned(raster: Raster) -> Raster:
    """The raster with one pixel for each block of equal pixels that it is made of throughout, and a note; or itself."""
    (row, height), (col, width) = ((max(0, (n - LOOK) // 2), min(n, LOOK)) for n in raster.shape)
    image, valid = raster.read(row, col, height, width)
    if repeated(image, valid) == 1:
        return raster
    across, down = np.zeros(raster.shape[1], bool), np.zeros(raster.shape[0], bool)
    rows = max(2, STRIP // (raster.shape[1] * len(raster.bands)))
    for first in range(0, raster.shape[0] - 1, rows - 1):
        strip = raster.read(first, 0, min(rows, raster.shape[0] - first), raster.shape[1])
        down[first : first + strip[1].shape[0]] |= _edges(*strip, 0)
        across |= _edges(*strip, 1)
    steps = _step(down), _step(across)
    return _thinned(raster, steps[0], (down, across)) if steps[0] == steps[1] > 1 else raster


def repeated(image: Floats, valid: Bools) -> int:
    """The side of the blocks of equal pixels that an image (C, h, w) is made of, 1 if of none."""
    return min(_step(_edges(image, valid, axis)) for axis in (0, 1))


def _thinned(raster: Raster, step: int, edges: tuple[Bools, Bools]) -> Raster:
    top, left = (int(np.flatnonzero(each)[0]) % step for each in edges)
    rows, cols = ((n - first) // step for n, first in zip(raster.shape, (top, left), strict=True))
    whole = (top, left) == (0, 0) and (rows * step, cols * step) == raster.shape
    if not whole and not raster.grid.georeferenced:
        return raster
    place = raster.grid.transform @ Affine.translation(left, top) @ Affine.scale(step)
    known = {f.name: getattr(raster, f.name) for f in fields(Raster)}
    said = f"Every pixel of {raster.name} is repeated {step} x {step} times: one of each was taken."
    known |= {"grid": Grid((rows, cols), place, raster.grid.crs), "notes": (*raster.notes, said)}
    return Thinned(**known, source=raster, step=step, start=(top, left))


def _edges(image: Floats, valid: Bools, axis: int) -> Bools:
    """Before which rows (axis 0) or columns anything changes: pixels of any band, or their validity."""
    seen = np.concatenate([np.where(valid, image, 0), valid[None].astype(np.float32)])
    changed = np.diff(seen, axis=axis + 1) != 0
    found = changed.any((0, 2 - axis))
    return np.concatenate([[False], found])


def _step(edges: Bools) -> int:
    """The side of the blocks, 1 if there are none or too few edges to tell."""
    at = np.flatnonzero(edges)
    return int(np.gcd.reduce(np.diff(at))) if len(at) >= LEAST else 1

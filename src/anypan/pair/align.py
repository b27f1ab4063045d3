"""Where the MS pixels lie on the PAN grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

from affine import Affine

from anypan import raster
from anypan.geometry.grid import (
    IDENTITY,
    MAX_SKEW,
    Grid,
    Lattice,
    coarse_part,
    lattice_of,
    ratios,
    stretched_over,
    whole_ratio,
)
from anypan.pair.check import check_overlap, check_ratio
from anypan.pair.notes import ONE_CRS, resampled, without_place
from anypan.raster import Raster
from anypan.runtime.errors import UserError


@dataclass(frozen=True)
class Aligned:
    """An MS on a ``lattice`` of whole ratio over the PAN's grid; ``blur``: its own ratio over that of the lattice.

    ``notes``: what was assumed and done to place it.
    """

    ms: Raster
    lattice: Lattice
    blur: float
    notes: tuple[str, ...]


def align(pan: Raster, ms: Raster) -> Aligned:
    """Place the MS on the PAN's grid: as it is if its pixels are whole multiples of the PAN's, else resampled.

    Raises UserError for two images that do not overlap, or whose ratio cannot be.
    """
    if _nowhere(pan.grid) and _nowhere(ms.grid):
        pan, ms = (replace(each, grid=replace(each.grid, transform=IDENTITY)) for each in (pan, ms))
    ms_grid, notes = _locate(pan, ms)
    own = ratios(pan.grid, ms_grid)
    ratio = max(own)
    check_ratio(ratio, pan, ms)
    lattice = lattice_of(pan.grid, ms_grid)
    if lattice.exact and raster.plane_in(pan.grid, ms.grid, ms_grid):
        check_overlap(lattice.overlaps(pan.shape), pan, ms)
        return Aligned(ms, lattice, 1.0, notes)
    part = coarse_part(pan.grid, ms_grid, lattice.ratio)
    check_overlap(part is not None, pan, ms)
    assert part is not None
    grid, lattice = part
    located = replace(ms, grid=ms.grid if ms.grid.georeferenced and pan.grid.georeferenced else ms_grid)
    blur = ratio / lattice.ratio
    return Aligned(raster.resampled(located, grid, blur), lattice, blur, (*notes, resampled(own, lattice.ratio)))


def _nowhere(grid: Grid) -> bool:
    """True for what some programs write of an image without a place: pixels of 1, rows counted downwards, no CRS."""
    return grid.transform == Affine(1, 0, 0, 0, -1, 0) and not grid.crs


def _bands_last(pan: tuple[int, int], ms: tuple[int, int, int]) -> bool:
    """True if an MS of a shape (B, h, w) fits the PAN's (H, W) as (h, w, B)."""
    rows, cols = pan[0] / ms[0], pan[1] / ms[1]
    return ms[2] < ms[0] and max(rows, cols) <= MAX_SKEW * min(rows, cols)


def _locate(pan: Raster, ms: Raster) -> tuple[Grid, tuple[str, ...]]:
    """The MS grid in the PAN's CRS; over the PAN's extent where georeferencing is missing; notes."""
    if pan.grid.georeferenced and ms.grid.georeferenced:
        notes = (ONE_CRS,) if bool(pan.grid.crs) != bool(ms.grid.crs) else ()
        return raster.in_crs_of(pan.grid, ms.grid), notes
    rows, cols = (p / m for p, m in zip(pan.shape, ms.shape, strict=True))
    if max(rows, cols) > MAX_SKEW * min(rows, cols) and not whole_ratio(pan.shape, ms.shape):
        remedy = "without georeferencing, crop both alike"
        if ms.copied and _bands_last(pan.shape, (len(ms.bands), *ms.shape)):
            remedy = "its bands come first, so try numpy.moveaxis(ms, -1, 0)"
        raise UserError(f"{ms.name} has other proportions than {pan.name}: {remedy}.")
    arrays = pan.copied and ms.copied  # of which nobody expects a place
    return stretched_over(pan.grid, ms.shape), () if arrays else (without_place(pan, ms),)

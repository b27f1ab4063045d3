"""Where a file's pixels lie on the earth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.rpc import RPC
from rasterio.transform import from_gcps
from rasterio.warp import transform

from anypan.geometry.grid import IDENTITY, Grid
from anypan.raster.read import Raster
from anypan.runtime.errors import UserError

LINEAR = 0.05  # pixels that a grid may bend in another CRS and still be taken for a plane one
GCP_MISFIT = 0.5  # pixels that ground control points may lie off an affine placing
WHOLE = 1e-3  # pixels that a whole number of them may be off
OFFSETS = "line_off", "samp_off"  # of rational polynomials: the row and the column that they begin at
ROUND = 360.0  # degrees


def grid_of(dataset: Any) -> Grid:
    """The dataset's grid: by its transform, or else by its ground control points where these are affine."""
    crs = dataset.crs.to_string() if dataset.crs else ""
    if dataset.transform == IDENTITY and dataset.gcps[0]:
        points, their_crs = dataset.gcps
        placed = _affine(points)
        if placed is not None:
            return Grid(dataset.shape, placed, their_crs.to_string() if their_crs else crs)
    return Grid(dataset.shape, dataset.transform, crs)


def _affine(points: list[Any]) -> Affine | None:
    """The affine transform of ground control points, None if they do not fit one."""
    if len(points) < 3:
        return None
    try:
        placed = from_gcps(points)
        found = [~placed @ (point.x, point.y) for point in points]
    except Exception:  # of GDAL or affine: points on a line, or in one place
        return None
    apart = [math.hypot(c - point.col, r - point.row) for (c, r), point in zip(found, points, strict=True)]
    return placed if max(apart) <= GCP_MISFIT else None


def metres(grid: Grid) -> float | None:
    """The side of a grid's pixels in metres, None where it lies on no map of lengths."""
    crs = rasterio.CRS.from_user_input(grid.crs) if grid.crs else None
    if crs is None or not crs.is_projected or not grid.georeferenced:
        return None
    return math.sqrt(abs(grid.transform.determinant)) * crs.linear_units_factor[1]


def rpc_of_whole(dataset: Any, corner: tuple[int, int]) -> RPC:
    """The rational polynomials of the image of which a dataset that has them is a tile at row and column ``corner``."""
    known = dataset.rpcs.to_dict()
    return RPC(**{**known, **{name: known[name] + n for name, n in zip(OFFSETS, corner, strict=True)}})


def same_rpc(one: RPC, other: RPC) -> bool:
    """True if polynomials place every pixel alike."""
    ours, theirs = one.to_dict(), other.to_dict()
    near = all(abs(ours[name] - theirs[name]) < WHOLE for name in OFFSETS)
    return near and {**theirs, **{name: ours[name] for name in OFFSETS}} == ours


def rpc_in_common(raster: Raster) -> RPC | None:
    """The polynomials of a raster's grid, None where not all of its files have them, and the same."""
    sheets = [sheet for layer in raster.layers for sheet in layer]
    if not all(sheet.dataset.rpcs for sheet in sheets):
        return None
    first, *others = (rpc_of_whole(sheet.dataset, sheet.corner) for sheet in sheets)
    return first if all(same_rpc(first, rpc) for rpc in others) else None


def corners_by_rpc(datasets: Sequence[Any]) -> list[tuple[int, int]] | None:
    """Row and column of each tile on the lattice of the first, where only polynomials place them; None for others.

    They are the tiles of one image where their polynomials differ by whole pixels of their offsets, and by no more.
    """
    if len(datasets) < 2 or not all(data.rpcs and data.transform == IDENTITY for data in datasets):
        return None
    first = datasets[0].rpcs
    corners = [
        (round(first.line_off - data.rpcs.line_off), round(first.samp_off - data.rpcs.samp_off)) for data in datasets
    ]
    tiles = zip(datasets, corners, strict=True)
    return corners if all(same_rpc(first, rpc_of_whole(data, corner)) for data, corner in tiles) else None


def unplaced(raster: Raster) -> str | None:
    """Why a raster cannot be placed although its file says something of its place; None if that is not so."""
    if raster.grid.georeferenced:
        return None
    for dataset in raster.datasets:
        if dataset.rpcs:
            remedy = "pass --orthorectify, with an elevation model if there is one"
            return f"{raster.name} is placed by rational polynomials (RPC) only: {remedy}"
        if dataset.gcps[0]:
            remedy = "rectify PAN and MS first, for example with gdalwarp -tps"
            return f"{raster.name} is placed by ground control points that fit no plane grid: {remedy}"
    return None


def in_crs_of(grid: Grid, other: Grid) -> Grid:
    """``other`` with a transform to the CRS of ``grid``, linearised if the CRS differ.

    Longitudes are taken on the turn of the globe where both lie nearest.
    """
    if same_crs(grid, other):
        return _on_same_turn(grid, Grid(other.shape, other.transform, grid.crs))
    corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    placed = [_moved(grid, other, col * other.shape[1], row * other.shape[0]) for col, row in corners]
    (x0, y0), (x1, y1), (x2, y2) = placed
    cols, rows = other.shape[1], other.shape[0]
    linear = Affine((x1 - x0) / cols, (x2 - x0) / rows, x0, (y1 - y0) / cols, (y2 - y0) / rows, y0)
    middle = _moved(grid, other, cols / 2, rows / 2)
    seen = linear @ (cols / 2, rows / 2)
    centred = Affine.translation(middle[0] - seen[0], middle[1] - seen[1]) @ linear
    return _on_same_turn(grid, Grid(other.shape, centred, grid.crs))


def plane_in(grid: Grid, other: Grid, located: Grid) -> bool:
    """True if ``located``, from ``in_crs_of``, is where each pixel of ``other`` lies, to some hundredths of a pixel."""
    if same_crs(grid, other):
        return True
    inverse = ~located.transform
    for row in np.linspace(0, other.shape[0], 5):
        for col in np.linspace(0, other.shape[1], 5):
            across, down = inverse @ _moved(grid, other, float(col), float(row))
            if math.hypot(across - col, down - row) > LINEAR:
                return False
    return True


def same_crs(one: Grid, other: Grid) -> bool:
    """True if the CRS are equal, or if either is unknown."""
    if one.crs == other.crs or not (one.crs and other.crs):
        return True
    return rasterio.CRS.from_user_input(one.crs) == rasterio.CRS.from_user_input(other.crs)


def _moved(grid: Grid, other: Grid, col: float, row: float) -> tuple[float, float]:
    """Where the CRS of ``grid`` has a corner of a pixel of ``other``."""
    x, y = other.transform @ (col, row)
    try:
        xs, ys = transform(other.crs, grid.crs, [x], [y])[:2]
    except (CPLE_BaseError, RasterioError) as error:
        ways = f"from the CRS of the MS ({other.crs[:40]}) to that of the PAN ({grid.crs[:40]})"
        raise UserError(f"No transformation of coordinates is known {ways}: bring both files into one CRS.") from error
    if not np.isfinite([xs, ys]).all():
        raise UserError("The PAN and the MS lie on different parts of the globe: check that they show the same place.")
    centre = grid.transform @ (grid.shape[1] / 2, grid.shape[0] / 2)
    turns = round((centre[0] - xs[0]) / ROUND) if _has_longitudes(grid) else 0
    return xs[0] + turns * ROUND, ys[0]


def _on_same_turn(grid: Grid, other: Grid) -> Grid:
    if not _has_longitudes(grid):
        return other
    centres = [each.transform @ (each.shape[1] / 2, each.shape[0] / 2) for each in (grid, other)]
    turns = round((centres[0][0] - centres[1][0]) / ROUND)
    return replace(other, transform=Affine.translation(turns * ROUND, 0) @ other.transform) if turns else other


def _has_longitudes(grid: Grid) -> bool:
    return bool(grid.crs) and rasterio.CRS.from_user_input(grid.crs).is_geographic

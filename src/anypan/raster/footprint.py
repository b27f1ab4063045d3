"""What a catalogue says of a raster file: where it lies on the earth, its grid, its bands, its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.transform import GCPTransformer, RPCTransformer
from rasterio.warp import transform_geom

from anypan.geometry.grid import IDENTITY
from anypan.runtime.digest import sha256

WGS84 = "EPSG:4326"
DENSE = 16  # points along a side of the outline: a straight side may bend in longitudes and latitudes


@dataclass(frozen=True)
class Footprint:
    """A file's outline as GeoJSON in WGS 84 (None without georeferencing), its grid, bands, size and SHA-256."""

    geometry: dict[str, Any] | None
    epsg: int | None
    wkt2: str | None
    shape: tuple[int, int]
    transform: tuple[float, ...]
    bands: tuple[tuple[str, str], ...]
    dtype: str
    nodata: float | None
    size: int
    sha256: str
    cog: bool


def footprint(path: Path) -> Footprint:
    """What the file at ``path`` says of itself. The bands are names and colours."""
    with rasterio.open(path) as file:
        crs = file.crs
        return Footprint(
            geometry=_outline(file),
            epsg=crs.to_epsg() if crs else None,
            wkt2=_wkt2(crs) if crs else None,
            shape=file.shape,
            transform=tuple(file.transform)[:6],
            bands=tuple(
                (name or f"band {n}", colour.name)
                for n, (name, colour) in enumerate(zip(file.descriptions, file.colorinterp, strict=True), 1)
            ),
            dtype=file.dtypes[0],
            nodata=file.nodata,
            size=path.stat().st_size,
            sha256=sha256(path),
            cog=file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG",
        )


def _wkt2(crs: Any) -> str | None:
    try:
        return crs.to_wkt(version="WKT2_2019")
    except (CPLE_BaseError, RasterioError):
        return None


def _outline(file: Any) -> dict[str, Any] | None:
    """By the transform; else by ground control points or rational polynomials, those at their mean height."""
    rows, cols = zip(*_ring(*file.shape), strict=True)
    points, crs = file.gcps
    if file.crs and file.transform != IDENTITY:
        crs, xs, ys = file.crs, *zip(*(file.transform @ at for at in zip(cols, rows, strict=True)), strict=True)
    elif points and crs:
        with GCPTransformer(points) as placed:
            xs, ys = placed.xy(rows, cols, offset="ul")
    elif file.rpcs:
        with RPCTransformer(file.rpcs) as placed:
            xs, ys = placed.xy(rows, cols, [file.rpcs.height_off] * len(rows), offset="ul")
        crs = WGS84
    else:
        return None
    ring = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
    try:
        found = transform_geom(crs, WGS84, {"type": "Polygon", "coordinates": [ring]}, precision=7)
    except (CPLE_BaseError, RasterioError):  # a CRS of a site, or corners off the Earth
        return None
    return found if np.isfinite(np.concatenate([np.ravel(part) for part in rings(found)])).all() else None


def rings(geometry: Mapping[str, Any]) -> list[Any]:
    """The outlines of a polygon, or of several."""
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [ring for part in parts for ring in part]


def _ring(rows: int, cols: int) -> list[tuple[float, float]]:
    """(row, column), closed; counterclockwise in a north-up grid."""
    steps = [k / DENSE for k in range(DENSE)]
    places = [(rows * k, 0.0) for k in steps] + [(rows, cols * k) for k in steps]
    places += [(rows * (1 - k), cols) for k in steps] + [(0.0, cols * (1 - k)) for k in steps]
    return [*places, places[0]]

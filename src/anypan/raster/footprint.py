"""What a catalogue says of a raster file: where it lies on the earth, its grid, its bands, its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio.warp import transform_geom

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


def footprint(path: Path) -> Footprint:
    """What the file at ``path`` says of itself. The bands are names and colours."""
    with rasterio.open(path) as file:
        crs = file.crs
        outline = {"type": "Polygon", "coordinates": [_ring(file)]}
        return Footprint(
            geometry=transform_geom(crs, WGS84, outline, precision=7) if crs else None,
            epsg=crs.to_epsg() if crs else None,
            wkt2=crs.to_wkt(version="WKT2_2019") if crs else None,
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
        )


def _ring(file: Any) -> list[tuple[float, float]]:
    """Counterclockwise in a north-up grid, closed."""
    rows, cols = file.shape
    steps = [k / DENSE for k in range(DENSE)]
    places = [(0.0, rows * k) for k in steps] + [(cols * k, rows) for k in steps]
    places += [(cols, rows * (1 - k)) for k in steps] + [(cols * (1 - k), 0.0) for k in steps]
    return [file.transform @ place for place in (*places, places[0])]

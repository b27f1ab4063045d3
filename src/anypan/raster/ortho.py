"""Rasters that rational polynomials (RPC) place, seen on a map's grid: GDAL's own transformer, block by block."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError, TransformWarning
from rasterio.rpc import RPC
from rasterio.transform import RPCTransformer
from rasterio.warp import transform

from anypan.geometry.grid import Grid
from anypan.raster.opened import open_raster
from anypan.raster.place import rpc_in_common
from anypan.raster.read import Raster
from anypan.raster.warp import Resampled, crossings
from anypan.runtime.errors import UserError

WGS84 = "EPSG:4326"
EDGE = 17  # points along a side at which an outline is placed
LOOKED = 129  # and at which an elevation model is looked for voids
DIGITS = 3  # of a pixel's size
RELIEF = 24  # pixels that the ground may move a place by between the points of a block
POLAR = {True: "EPSG:3413", False: "EPSG:3031"}  # beyond UTM: of the north, of the south
FARTHEST = {True: 84.0, False: -80.0}


@dataclass(frozen=True)
class Terrain:
    """How high the ground is: an elevation model, a file, or one height in metres for all of it."""

    model: str | None
    height: float = 0.0

    @property
    def options(self) -> dict[str, Any]:
        """Of GDAL's transformer."""
        return {"RPC_DEM": self.model} if self.model else {"RPC_HEIGHT": str(self.height)}


@dataclass(frozen=True)
class Orthorectified(Resampled):
    """``source`` on this raster's grid, by its ``rpc`` and the ``terrain``."""

    rpc: RPC = None  # type: ignore[assignment]
    terrain: Terrain = None  # type: ignore[assignment]

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is read from, the elevation model included."""
        return (*super().files, *([self.terrain.model] if self.terrain.model else []))

    @property
    def filler(self) -> float | None:
        """As the source's."""
        return self.source.filler

    def source_place(self, row: int, col: int) -> dict[str, Any]:
        """Of GDAL's warp: where the source's window from a row and column on lies."""
        moved = RPC(**{**self.rpc.to_dict(), "line_off": self.rpc.line_off - row, "samp_off": self.rpc.samp_off - col})
        return {"rpcs": moved, "src_crs": WGS84, **self.terrain.options}

    def to_source(self, across: NDArray[Any], down: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Columns and rows (N,) of the source of places (N,) on the map."""
        with _transformer(self.rpc, self.terrain) as way:
            lon, lat = transform(self.grid.crs, WGS84, list(across), list(down))[:2]
            rows, cols = way.rowcol(lon, lat, op=float)
        return np.asarray(cols, float), np.asarray(rows, float)

    @property
    def margin(self) -> int:
        """Source pixels more than the points of a block span."""
        return super().margin + RELIEF


def orthorectified(
    pan: Raster, ms: Raster, model: str | None, allow_vrt: bool, allow_remote: bool
) -> tuple[Raster, Raster]:
    """PAN and MS on grids of one map, the MS's a whole multiple of the PAN's; one that has no RPC stays as it is.

    ``model``: an elevation model in metres above the ellipsoid, or None for the height that the RPC begin at. The map
    is that of the file that has a place already, else the PAN file's CRS, else UTM. Raises UserError.
    """
    found = [_rpc_of(each) for each in (pan, ms)]
    first = found[0] or found[1]
    if first is None:
        raise UserError(f"Neither {pan.name} nor {ms.name} has rational polynomials (RPC): leave --orthorectify out.")
    if model is not None:
        open_raster([model], allow_vrt, allow_remote).close()
    ground = Terrain(model, first.height_off)
    crs = _map_of(pan, ms, found)
    grids = _grids(pan, ms, found, crs, ground)
    boxes = [_box(*each, crs, Terrain(None, first.height_off)) for each in zip((pan, ms), grids, found, strict=True)]
    if any(max(box[axis] for box in boxes) >= min(box[axis + 2] for box in boxes) for axis in (0, 1)):
        raise UserError(f"{pan.name} and {ms.name} do not overlap on the map: check that both show one place.")
    made = [
        raster if rpc is None else _seen_on(raster, grid, rpc, ground)
        for raster, grid, rpc in zip((pan, ms), grids, found, strict=True)
    ]
    return made[0], made[1]


def _box(raster: Raster, grid: Grid, rpc: RPC | None, crs: str, ground: Terrain) -> tuple[float, float, float, float]:
    """Least and greatest places (E, N, E, N) of an image on the map."""
    if rpc is None:
        corners: Any = grid.transform
        across, down = corners @ (np.array([0, 1, 0, 1]) * grid.shape[1], np.array([0, 0, 1, 1]) * grid.shape[0])
    else:
        across, down = _outline(raster, rpc, crs, ground)
    return across.min(), down.min(), across.max(), down.max()


def _seen_on(raster: Raster, grid: Grid, rpc: RPC, ground: Terrain) -> Raster:
    known: dict[str, Any] = {field.name: getattr(raster, field.name) for field in fields(Raster)}
    known["grid"] = grid
    height = f"the elevation model {ground.model}" if ground.model else f"one height, {ground.height:g} m"
    said = [f"{raster.name} was orthorectified by its RPC and {height}, to {grid.transform.a:g} m in {grid.crs[:16]}."]
    made = Orthorectified(**known, source=raster, rpc=rpc, terrain=ground)
    lacking = _lacking(made)
    if lacking == 1:
        raise UserError(f"The elevation model {ground.model} does not cover {raster.name}: give one of that place.")
    if lacking:
        said.append(f"The elevation model has no height for {100 * lacking:.2g} % of {raster.name}: nodata there.")
    return replace(made, notes=(*raster.notes, *said))


def _lacking(image: Orthorectified) -> float:
    """The share of an image's ground of which its elevation model knows no height."""
    rows, cols = crossings([np.linspace(0, n, LOOKED) for n in image.shape])
    to_map: Any = image.grid.transform
    places = to_map @ (cols, rows)
    across, down = replace(image, terrain=Terrain(None, image.terrain.height)).to_source(*places)
    inside = (across >= 0) & (down >= 0) & (across < image.source.shape[1]) & (down < image.source.shape[0])
    known = np.isfinite(image.to_source(*(axis[inside] for axis in places))).all(0)
    return float(1 - known.mean()) if known.size else 0.0


def _rpc_of(raster: Raster) -> RPC | None:
    """The polynomials of a raster's files, None without. UserError for bands and tiles that differ in them."""
    sheets = [sheet for layer in raster.layers for sheet in layer]
    if not any(sheet.dataset.rpcs for sheet in sheets):
        return None
    found = rpc_in_common(raster)
    if found is None:
        raise UserError(f"The files of {raster.name} and others have RPC of their own: orthorectify each first.")
    return found


def _map_of(pan: Raster, ms: Raster, found: list[RPC | None]) -> str:
    placed = [raster.grid.crs for raster, rpc in zip((pan, ms), found, strict=True) if rpc is None]
    if placed and not placed[0]:
        raise UserError(f"Only one of {pan.name} and {ms.name} has RPC, and the other no CRS: give it one first.")
    own = pan.datasets[0].crs
    if placed or (own and own.is_projected):
        return placed[0] if placed else own.to_string()
    rpc = found[0] or found[1]
    assert rpc is not None
    lon, lat = rpc.long_off, rpc.lat_off
    north = lat >= 0
    if abs(lat) > abs(FARTHEST[north]):
        return POLAR[north]
    return f"EPSG:{(32600 if north else 32700) + math.floor((lon + 180) % 360 / 6) + 1}"


def _grids(pan: Raster, ms: Raster, found: list[RPC | None], crs: str, ground: Terrain) -> tuple[Grid, Grid]:
    """The grids of PAN and MS: those that there are, and for the others ones that fit them."""
    if found[0] is None:
        assert found[1] is not None
        ratio = max(1, round(_pixel(ms, found[1], crs, ground) / math.sqrt(abs(pan.grid.transform.determinant))))
        return pan.grid, _coarser(pan.grid, ratio)
    size = _pixel(pan, found[0], crs, ground)
    if found[1] is None:
        ratio = max(1, round(math.sqrt(abs(ms.grid.transform.determinant)) / size))
        rows, cols = ms.shape
        return Grid((rows * ratio, cols * ratio), ms.grid.transform @ Affine.scale(1 / ratio), crs), ms.grid
    ratio = max(1, round(_pixel(ms, found[1], crs, ground) / size))
    size = float(f"{size:.{DIGITS}g}")
    across, down = _outline(pan, found[0], crs, ground)
    step = size * ratio
    left, top = math.floor(across.min() / step) * step, math.ceil(down.max() / step) * step
    cols, rows = math.ceil((across.max() - left) / step), math.ceil((top - down.min()) / step)
    grid = Grid((rows * ratio, cols * ratio), Affine(size, 0, left, 0, -size, top), crs)
    return grid, _coarser(grid, ratio)


def _coarser(grid: Grid, ratio: int) -> Grid:
    rows, cols = (math.ceil(n / ratio) for n in grid.shape)
    return Grid((rows, cols), grid.transform @ Affine.scale(ratio), grid.crs)


def _pixel(raster: Raster, rpc: RPC, crs: str, ground: Terrain) -> float:
    """The side of a square as large as a pixel in the middle of the image, on the map."""
    row, col, reach = raster.shape[0] / 2, raster.shape[1] / 2, min(raster.shape) / 4
    rows, cols = np.array([row, row + reach, row]), np.array([col, col, col + reach])
    across, down = _placed(rpc, rows, cols, crs, ground)
    area = (across[1] - across[0]) * (down[2] - down[0]) - (across[2] - across[0]) * (down[1] - down[0])
    return math.sqrt(abs(area)) / reach


def _outline(raster: Raster, rpc: RPC, crs: str, ground: Terrain) -> tuple[NDArray[Any], NDArray[Any]]:
    rows, cols = crossings([np.linspace(-0.5, n - 0.5, EDGE) for n in raster.shape])
    return _placed(rpc, rows, cols, crs, ground)


def _placed(
    rpc: RPC, rows: NDArray[Any], cols: NDArray[Any], crs: str, ground: Terrain
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where pixels lie on the map."""
    with _transformer(rpc, ground) as way:
        lon, lat = way.xy(list(rows), list(cols))
    across, down = (np.asarray(axis) for axis in transform(WGS84, crs, list(lon), list(lat))[:2])
    sound = np.isfinite(across) & np.isfinite(down)
    if not sound.any():
        where = "its elevation model" if ground.model else "the ground"
        raise UserError(
            f"The RPC place the image off {where}: check that image and elevation model show the same place."
        )
    return across[sound], down[sound]


@contextmanager
def _transformer(rpc: RPC, ground: Terrain) -> Iterator[RPCTransformer]:
    try:
        with RPCTransformer(rpc, **ground.options) as way, warnings.catch_warnings():
            warnings.simplefilter("ignore", TransformWarning)  # of places that nothing is known of: they are no number
            yield way
    except (RasterioError, ValueError) as error:
        raise UserError("The RPC cannot be followed to the ground: check them, and the elevation model.") from error

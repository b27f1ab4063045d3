"""DataArrays as rasters: which dimension is what, and where the pixels lie on the earth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import rioxarray  # noqa: F401 (the accessor .rio, which reads CRS and nodata)
import xarray
from affine import Affine
from numpy.typing import NDArray

from anypan.geometry.grid import IDENTITY, Grid
from anypan.raster import ArrayFile
from anypan.runtime.errors import UserError

BENT = 0.05  # pixels that coordinates may lie off even ones: 32-bit floats do by some hundredths
SNAP = 1e-3  # pixels by which coordinates may differ from the stored transform, whose numbers are exact


class Window:
    """Windows of an array: of Dask ones they are computed in this thread, as this may be a task of Dask itself."""

    def __init__(self, array: Any) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, place: Any) -> Any:
        part = self._array[place]
        return part.compute(scheduler="synchronous") if hasattr(part, "compute") else np.asarray(part)


def has_chunks(image: xarray.DataArray) -> bool:
    """Whether it is an array of Dask."""
    return image.chunks is not None


def laid_out(image: xarray.DataArray, what: str) -> xarray.DataArray:
    """The image as (band, y, x). UserError if it has other dimensions, or no real pixels."""
    try:
        col, row = image.rio.x_dim, image.rio.y_dim
    except Exception as error:  # rioxarray's own, which say the same
        raise UserError(
            f"The {what} has the dimensions {', '.join(map(str, image.dims))}: name two of them y and x."
        ) from error
    others = [name for name in image.dims if name not in (row, col)]
    if len(others) > 1:
        raise UserError(f"The {what} has the dimensions {', '.join(map(str, image.dims))}: select one {others[0]}.")
    if not image.size or np.dtype(image.dtype).kind not in "uif":
        raise UserError(f"The {what} has shape {image.shape} and holds {image.dtype}: give it real pixels.")
    image = image if others else image.expand_dims("band")
    return image.transpose(*(others or ["band"]), row, col)


def file_of(image: xarray.DataArray, what: str) -> ArrayFile:
    """A laid out image as a file whose windows are read when they are asked for."""
    count = image.shape[0]
    crs = image.rio.crs.to_string() if image.rio.crs else ""
    grid = Grid((image.shape[1], image.shape[2]), _transform(image), crs)
    scales, offsets = (
        of_bands(image, tuple(image.attrs.get(every, ()))) or _each(image.attrs.get(key, n), count)
        for every, key, n in (("scales", "scale_factor", 1.0), ("offsets", "add_offset", 0.0))
    )
    nodata = image.rio.nodata
    known = None if nodata is None or (np.isnan(nodata) and image.dtype.kind != "f") else float(nodata)
    return ArrayFile(Window(image.data), grid, f"the {what} array", known, _names(image), scales, offsets)


def _each(value: Any, count: int) -> tuple[float, ...]:
    values = np.broadcast_to(np.asarray(value, float), count)
    return tuple(float(one) for one in values)


def _names(image: xarray.DataArray) -> tuple[str | None, ...]:
    """The bands' names: their labels if these are words, else the descriptions that rioxarray keeps."""
    count, band = image.shape[0], image.dims[0]
    labels = image.coords[band].values if band in image.coords else np.arange(count)
    if labels.dtype.kind in "UOT":
        return tuple(str(label) for label in labels)
    said = image.attrs.get("long_name", ())
    found = of_bands(image, (said,) if isinstance(said, str) else tuple(said))
    return tuple(str(name) if name else None for name in found) if found else (None,) * count


def of_bands(image: xarray.DataArray, values: Sequence[Any]) -> tuple[Any, ...]:
    """Of values that an attribute has for each band of a file those of the image's bands; none if they do not fit.

    The labels of bands that rioxarray gives are their numbers in the file, which stay when bands are picked or turned
    round, while attributes stay as they are.
    """
    count, band = image.shape[0], image.dims[0]
    labels = image.coords[band].values if band in image.coords else np.arange(1, count + 1)
    if labels.dtype.kind in "iu" and labels.min() >= 1 and labels.max() <= len(values):
        return tuple(values[int(label) - 1] for label in labels)
    return tuple(values) if len(values) == count else ()


def _transform(image: xarray.DataArray) -> Affine:
    """By the coordinates; by the stored transform, moved by whole pixels, where they agree with it."""
    row, col = image.dims[1:]
    stored = _stored(image)
    if row not in image.coords or col not in image.coords:
        return stored or IDENTITY
    ys, xs = (_even(image, name) for name in (row, col))
    if stored is not None:
        across, down = ~stored @ (float(xs[0]), float(ys[0]))
        left, top = round(across - 0.5), round(down - 0.5)
        moved = stored @ Affine.translation(left, top)
        if all(_agrees(moved, xs[i], ys[j], i, j) for i, j in ((0, 0), (len(xs) - 1, len(ys) - 1))):
            return moved
    if min(len(xs), len(ys)) < 2:
        raise UserError("An array of one row or column has no pixel size: write its transform with .rio first.")
    step_x, step_y = (float(axis[-1] - axis[0]) / (len(axis) - 1) for axis in (xs, ys))
    found = Affine(step_x, 0, float(xs[0]) - step_x / 2, 0, step_y, float(ys[0]) - step_y / 2)
    plain = image.rio.crs is None and found.almost_equals(Affine.translation(-0.5, -0.5))
    return IDENTITY if plain else found


def _even(image: xarray.DataArray, name: Any) -> NDArray[np.float64]:
    """The coordinates of an axis. UserError if they are not evenly spaced: pixels would lie elsewhere than they say."""
    found = np.asarray(image.coords[name].values, float)
    even = np.linspace(found[0], found[-1], len(found))
    if len(found) > 1 and not np.abs(found - even).max() < BENT * abs(even[1] - even[0]):
        raise UserError(
            f"The coordinates {name} of an array are not evenly spaced: give it whole, or resample it first."
        )
    return found


def _agrees(transform: Affine, x_centre: float, y_centre: float, col: int, row: int) -> bool:
    across, down = ~transform @ (float(x_centre), float(y_centre))
    return max(abs(across - col - 0.5), abs(down - row - 0.5)) <= SNAP


def _stored(image: xarray.DataArray) -> Affine | None:
    """The transform that rioxarray and GDAL store with the CRS."""
    mapping = image.coords.get(image.rio.grid_mapping)
    text = "" if mapping is None else str(mapping.attrs.get("GeoTransform", ""))
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        return None
    return Affine.from_gdal(*numbers) if len(numbers) == 6 else None

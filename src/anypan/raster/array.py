"""Plain arrays out as georeferenced files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from anypan.geometry.grid import Grid
from anypan.raster.format import format_of
from anypan.raster.read import Raster, Sheet, environment
from anypan.raster.write import Writer, check_output

COLOURS = {"blue": ColorInterp.blue, "green": ColorInterp.green, "red": ColorInterp.red}


def write_array(
    path: str | os.PathLike[str],
    image: NDArray[Any],
    grid: Grid,
    names: Sequence[str],
    tags: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> int:
    """Write an image (B, H, W) on ``grid`` with its band names, as the cloud-optimised GeoTIFF that fusion writes.

    Every pixel is valid. Returns the bytes written; raises UserError if the file cannot be put there.
    """
    out = check_output(path, (), overwrite)
    count, height, width = image.shape
    profile = {"driver": "MEM", "count": count, "height": height, "width": width, "dtype": image.dtype.name}
    placed = {"transform": grid.transform, "crs": grid.crs or None}
    with environment(), rasterio.open("", "w+", **profile, **placed) as dataset:
        plain = ColorInterp.gray if count == 1 else ColorInterp.undefined
        dataset.colorinterp = [COLOURS.get(name, plain) for name in names]
        dataset.descriptions = tuple(names)
        dataset.update_tags(**dict(tags or {}))
        like = Raster(out.name, grid, ((Sheet(dataset),),), tuple((0, band) for band in dataset.indexes))
        with Writer(out, like, format_of(like), {}, masked=False, overwrite=overwrite) as writer:
            writer.write(0, 0, image, np.ones((height, width), bool))
            writer.close(complete=True)
            return writer.finish()


def write_plain(path: Path, image: NDArray[Any], grid: Grid, names: Sequence[str]) -> Path:
    """Write an image (B, H, W) as the plainest GeoTIFF there is, uncompressed and in rows, for any program to read."""
    count, height, width = image.shape
    shape = {"count": count, "height": height, "width": width, "dtype": image.dtype.name}
    place = {"transform": grid.transform, "crs": grid.crs or None}
    with rasterio.open(path, "w", driver="GTiff", BIGTIFF="IF_SAFER", **shape, **place) as file:
        file.descriptions = tuple(names)
        file.write(image)
    return path

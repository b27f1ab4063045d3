"""Rasters in and out: the only package that touches raster files."""

from anypan.raster.array import write_array, write_plain
from anypan.raster.format import Format, format_of, halfwidths_of
from anypan.raster.read import (
    CACHE,
    Raster,
    environment,
    in_crs_of,
    in_memory,
    open_raster,
    resampled,
    same_crs,
)
from anypan.raster.write import Canvas, Writer, check_creation, check_output

__all__ = [
    "CACHE",
    "Canvas",
    "Format",
    "Raster",
    "Writer",
    "check_creation",
    "check_output",
    "environment",
    "format_of",
    "halfwidths_of",
    "in_crs_of",
    "in_memory",
    "open_raster",
    "resampled",
    "same_crs",
    "write_array",
    "write_plain",
]

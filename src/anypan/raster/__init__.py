"""Rasters in and out: the only package that touches raster files.

Pixels are in the unit and range of their file (digital numbers, radiance or reflectance).
"""

from anypan.raster.array import write_array, write_plain
from anypan.raster.coarse import coarse_notes
from anypan.raster.creation import ENDINGS, RECIPE, ZARR, check_creation, check_ending, is_store
from anypan.raster.described import described
from anypan.raster.footprint import Footprint, footprint
from anypan.raster.format import Format, asked, filled_as, format_of, halfwidths_of, in_arrays, in_files, typed
from anypan.raster.lazy import ArrayFile, of_array
from anypan.raster.nodata import nodata_notes
from anypan.raster.opened import open_raster
from anypan.raster.ortho import orthorectified
from anypan.raster.place import in_crs_of, metres, plane_in, same_crs, unplaced
from anypan.raster.read import CACHE, Raster, descriptions_of, environment, in_memory
from anypan.raster.recipe import check_recipe, write_recipe
from anypan.raster.thinned import thinned
from anypan.raster.unmarked import without_unmarked
from anypan.raster.validity import Rules
from anypan.raster.warp import resampled
from anypan.raster.write import Canvas, Writer, check_output, is_whole
from anypan.runtime.claim import sweep

__all__ = [
    "CACHE",
    "ENDINGS",
    "RECIPE",
    "ZARR",
    "ArrayFile",
    "Canvas",
    "Footprint",
    "Format",
    "Raster",
    "Rules",
    "Writer",
    "asked",
    "check_creation",
    "check_ending",
    "check_output",
    "check_recipe",
    "coarse_notes",
    "described",
    "descriptions_of",
    "environment",
    "filled_as",
    "footprint",
    "format_of",
    "halfwidths_of",
    "in_arrays",
    "in_crs_of",
    "in_files",
    "in_memory",
    "is_store",
    "is_whole",
    "metres",
    "nodata_notes",
    "of_array",
    "open_raster",
    "orthorectified",
    "plane_in",
    "resampled",
    "same_crs",
    "sweep",
    "thinned",
    "typed",
    "unplaced",
    "without_unmarked",
    "write_array",
    "write_plain",
    "write_recipe",
]

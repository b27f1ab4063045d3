"""``ms.anypan.fuse(pan)``: what fuse() does with files, for arrays with coordinates (rioxarray, odc-geo)."""

from __future__ import annotations

import warnings
from dataclasses import replace
from os import PathLike
from typing import Any, Unpack

import numpy as np
import xarray

from anypan import raster
from anypan.api import OF_FILES, formatted, method_of
from anypan.options import FuseOptions, Options
from anypan.pair.opening import NO_ALPHA
from anypan.pair.pair import pair_of_rasters
from anypan.runtime.errors import Note, UserError
from anypan.runtime.keywords import options_of
from anypan.xarray.chunks import fused_chunks
from anypan.xarray.placed import file_of, has_chunks, laid_out, of_bands

EACH = frozenset(("scales", "offsets"))  # attributes with a value for each band
FOR_FILES = (*OF_FILES, "progress")


@xarray.register_dataarray_accessor("anypan")
class Anypan:
    """The accessor of an MS image: dimensions (band, y, x) in any order."""

    def __init__(self, ms: xarray.DataArray) -> None:
        self._ms = ms

    def fuse(
        self,
        pan: xarray.DataArray,
        method: str | PathLike[str] = "anypan-s",
        **options: Unpack[FuseOptions],
    ) -> xarray.DataArray:
        """The MS sharpened with a PAN of the same place: (band, y, x) on the PAN's grid, in the MS's pixel type.

        The pixels are those of ``anypan.fuse`` with the same images as files. If PAN or MS is an array of Dask, so is
        the result: PAN and MS are aligned now, of which samples are read; the method is fitted and the chunks, a tile
        each, are fused when they are asked for, each from its own part of PAN and MS with the method's halo. Invalid
        pixels hold the MS's nodata value, which ``.rio.nodata`` tells, or if it has none NaN in floats, else 0.
        ``options`` as of ``anypan.fuse``, without those of output files. What is known now is warned of, as a ``Note``
        each.
        Raises UserError: one sentence on what the caller can mend.
        """
        for name in FOR_FILES:
            if name in options:
                raise UserError(f"{name} is for files: leave it out, and write the result with .rio or .to_zarr.")
        if options.get("alpha") is not None:
            raise UserError(NO_ALPHA)
        if not isinstance(pan, xarray.DataArray):
            raise UserError(f"The PAN is a {type(pan).__name__}: give a DataArray with coordinates.")
        settings = options_of(Options, options, "fuse()")
        chosen = method_of(method, settings.best, settings.sharpness)
        of_pan, of_ms = settings.rules
        ms = laid_out(self._ms, "MS")
        pan = laid_out(pan, "PAN")
        pair = pair_of_rasters(
            raster.of_array(file_of(pan, "PAN"), of_pan), raster.of_array(file_of(ms, "MS"), of_ms), settings
        )
        pair = formatted(pair, chosen, settings)
        if pair.maybe_invalid and pair.format.nodata is None and not pair.format.floating:
            pair = replace(pair, format=replace(pair.format, nodata=pair.format.filler))
        for note in pair.notes:
            warnings.warn(note, Note, stacklevel=2)
        pixels = fused_chunks(pair, chosen, settings)
        lazy = has_chunks(pan) or has_chunks(self._ms)
        return _labelled(pixels if lazy else pixels.compute(scheduler="synchronous"), pan, ms, pair)


def _labelled(pixels: Any, pan: xarray.DataArray, ms: xarray.DataArray, pair: Any) -> xarray.DataArray:
    """The fused pixels with the PAN's places and the MS's bands."""
    band, (_, row, col) = ms.dims[0], pan.dims
    picked = [pair.rasters[1].bands[place][1] - 1 for place in pair.chosen]
    coords = {name: value for name, value in pan.coords.items() if set(value.dims) <= {row, col}}
    coords |= {name: value[picked] for name, value in ms.coords.items() if value.dims == (band,)}
    names = [name for name in pair.format.names if name]
    attrs = {key: value for key, value in ms.attrs.items() if key not in ("long_name", "_FillValue")}
    for name in EACH & attrs.keys():
        values = of_bands(ms, tuple(attrs.pop(name)))
        attrs |= {name: tuple(values[place] for place in picked)} if values else {}
    attrs |= {"long_name": tuple(names)} if names and len(names) == len(picked) else {}
    made = xarray.DataArray(pixels, dims=(band, row, col), coords=coords, attrs=attrs, name="fused")
    nodata = pair.format.nodata
    return made if nodata is None else made.rio.write_nodata(np.dtype(pair.format.dtype).type(nodata))

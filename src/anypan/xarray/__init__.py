"""Arrays of xarray: ``import anypan.xarray`` gives DataArrays ``.anypan.fuse(pan)``, lazy where they are of Dask."""

from anypan.xarray.accessor import Anypan

__all__ = ["Anypan"]

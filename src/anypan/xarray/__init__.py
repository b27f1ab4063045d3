"""Arrays of xarray: ``import anypan.xarray`` gives DataArrays ``.anypan.fuse(pan)``, lazy where they are of Dask.

Values keep the units of the arrays that are given (digital numbers or reflectance), of any range.
"""

from anypan.xarray.accessor import Anypan

__all__ = ["Anypan"]

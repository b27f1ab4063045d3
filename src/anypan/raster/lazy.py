"""Arrays that come with a place on the earth, as rasters: read window by window when asked, never as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from anypan.geometry.grid import Grid
from anypan.raster.read import Raster, Sheet
from anypan.raster.validity import FILE, Rules, equals


@dataclass(frozen=True)
class ArrayFile:
    """An array (C, H, W) in the place of an open dataset of rasterio, as far as a Raster asks for one.

    ``array`` has a shape and a dtype, and gives an array of NumPy for slices. It can be sent to another process if
    the array can.
    """

    array: Any
    grid: Grid
    name: str
    nodata: float | None = None
    descriptions: tuple[str | None, ...] = ()
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    files: tuple[str, ...] = ()
    gcps: tuple[Any, ...] = ((), None)
    rpcs: None = None

    @property
    def nodatavals(self) -> tuple[float | None, ...]:
        """The one value of all bands."""
        return (self.nodata,) * self.count

    @property
    def count(self) -> int:
        """Bands."""
        return self.array.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.grid.shape

    @property
    def indexes(self) -> tuple[int, ...]:
        """The numbers of the bands, from 1."""
        return tuple(range(1, self.count + 1))

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The pixel type of each band."""
        return (np.dtype(self.array.dtype).name,) * self.count

    @property
    def colorinterp(self) -> tuple[ColorInterp, ...]:
        """As GDAL has it of a plain file."""
        return (ColorInterp.gray, *(ColorInterp.undefined,) * (self.count - 1))

    @property
    def units(self) -> tuple[None, ...]:
        """None is told."""
        return (None,) * self.count

    @property
    def transform(self) -> Any:
        """The affine transform of the grid."""
        return self.grid.transform

    @property
    def crs(self) -> CRS | None:
        """The CRS of the grid."""
        return CRS.from_string(self.grid.crs) if self.grid.crs else None

    @property
    def mask_flag_enums(self) -> tuple[tuple[MaskFlags, ...], ...]:
        """What makes pixels invalid, band by band."""
        return ((MaskFlags.all_valid if self.nodata is None else MaskFlags.nodata,),) * self.count

    def tags(self, band: int = 0, ns: str | None = None) -> dict[str, str]:
        """Those of the file; bands and namespaces have none."""
        return {} if band or ns else dict(self.metadata)

    def read(self, indexes: Sequence[int], window: Window) -> NDArray[Any]:
        """Pixels (C, h, w) of the bands in a window."""
        rows, cols = window.toslices()
        first, last = min(indexes) - 1, max(indexes)
        return np.asarray(self.array[first:last, rows, cols])[[index - 1 - first for index in indexes]]

    def read_masks(self, indexes: Sequence[int], window: Window) -> NDArray[np.uint8]:
        """255 where the bands hold no fill, 0 where they do: (C, h, w)."""
        values = self.read(indexes, window)
        fill = np.zeros(values.shape, bool) if self.nodata is None else equals(values, self.nodata)
        return np.where(fill, 0, 255).astype(np.uint8)

    def close(self) -> None:
        """Nothing: the array is its owner's."""


def of_array(file: ArrayFile, rules: Rules = FILE) -> Raster:
    """The raster of an array's bands."""
    return Raster(file.name, file.grid, ((Sheet(file),),), tuple((0, band) for band in file.indexes), rules)

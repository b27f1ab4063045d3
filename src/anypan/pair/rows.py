"""A raster as an image whose rows are read when they are asked for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.raster import Raster


class Rows:
    """A window of a raster, bands first; NaN where it is invalid."""

    def __init__(self, source: Raster, row: int, col: int, height: int, width: int) -> None:
        self._source, self._corner = source, (row, col)
        self.shape = (len(source.bands), height, width)

    def __getitem__(self, key: tuple[slice, slice], /) -> Tensor:
        start, stop, _ = key[1].indices(self.shape[1])
        image, valid = self._source.read(self._corner[0] + start, self._corner[1], stop - start, self.shape[2])
        return torch.from_numpy(image).masked_fill(~torch.from_numpy(valid), math.nan)

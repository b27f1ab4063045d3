"""Patches of a pair without a hole: what is invalid is filled before anything reads it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from anypan.geometry.fill import Filled
from anypan.geometry.grid import Placement
from anypan.geometry.tiles import Tile
from anypan.geometry.window import inside
from anypan.pair.scene import Patch
from anypan.raster import Raster

PAN_LEVELS, MS_LEVELS = 4, 3  # of filling: 40 PAN pixels, 13 MS pixels


def source_of(pan: Raster, ms: Raster, ratio: int, place: Placement) -> PairSource:
    """Where a scene reads its patches."""
    return PairSource(Filled(pan, PAN_LEVELS), Filled(ms, MS_LEVELS), ratio, place)


@dataclass(frozen=True)
class PairSource:
    """Patches of a PAN and an MS raster, filled where they are invalid."""

    pan: Filled
    ms: Filled
    ratio: int
    place: Placement

    def read(self, tile: Tile) -> Patch:
        """The tile with its halo; ``mask`` is true where the PAN is valid and the MS has a valid pixel there."""
        row, col, height, width = tile.padded
        lrms, ms_valid = self.ms.read(row + self.place.start[0], col + self.place.start[1], height, width)
        row, col, height, width = (n * self.ratio for n in (row, col, height, width))
        row, col = row + self.place.origin[0], col + self.place.origin[1]
        pan, mask = self.pan.read(row, col, height, width)
        mask = mask & ms_valid.repeat(self.ratio, 0).repeat(self.ratio, 1)
        (top, bottom), (left, right) = self.place.footprint
        mask &= inside(row, height, bottom, top)[:, None] & inside(col, width, right, left)
        return Patch(torch.from_numpy(pan), torch.from_numpy(lrms), torch.from_numpy(mask), tile.halo)

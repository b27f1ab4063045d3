"""The adapter between networks made for a fixed number of bands, as papers publish them, and any scene.

Such a network maps PAN, MS on the PAN grid and MS on a grid four times coarser to ``config.bands`` sharp bands. Here it
gets, of any scene,

- standardised images, as every network in this package: each band and the PAN by its mean and standard deviation over
  the scene (``Scale``). Papers divide by the sensor's range instead, which ties a network to one sensor;
- bands in groups of ``config.bands`` neighbours, in the order given, the last group reaching back over bands that
  already have their result; fewer bands are repeated cyclically and the copies' results are dropped. So the order
  of the bands matters: give them in order of wavelength, as a sensor's file has them;
- any ratio: MS on the PAN grid is EXP, and the coarse MS is read from EXP at the centres of cells of 4 x 4 PAN
  pixels (up to ratio 3, where that would alias, the means of the cells). At ratio 4 it is the MS itself but for
  interpolation.

The gains at the Nyquist frequency are not used: the networks know nothing of the instrument.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models.cells import CELL
from anypan.optics.mtf import DenseSampling
from anypan.optics.normalise import Scale
from anypan.optics.sampling import Sampling


class FixedBands(nn.Module, ABC):
    """A network for ``config.bands`` bands under the contract of those for any bands; a paper's is a subclass."""

    cell = CELL  # PAN pixels: arrays begin at multiples of it
    tile = None  # tiles of the usual size

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    @property
    @abstractmethod
    def reach(self) -> int:
        """PAN pixels beyond which nothing of ``sharpen``'s inputs reaches an output pixel."""

    @abstractmethod
    def sharpen(self, pan: Tensor, exp: Tensor, coarse: Tensor) -> Tensor:
        """The paper's network: pan (N, 1, H, W), exp (N, bands, H, W), coarse (N, bands, H / 4, W / 4); like exp."""

    def halo(self, sampling: Sampling) -> int:
        """PAN pixels beyond which nothing reaches an output pixel."""
        return self.reach + CELL + sampling.reach

    def forward(
        self, pan: Tensor, lrms: Tensor, scale: Scale, gnyq: Tensor, sampling: Sampling | DenseSampling
    ) -> Tensor:
        """pan (N, 1, H, W), lrms (N, B, h, w), both standardised; to (N, B, H, W). H and W are multiples of 4."""
        exp, count = sampling.expand(lrms), lrms.shape[1]
        coarse = coarse_bands(exp, sampling.ratio)
        parts, done = [], 0
        for start in group_starts(count, self.config.bands):
            chosen = [band % count for band in range(start, start + self.config.bands)]
            parts.append(self.sharpen(pan, exp[:, chosen], coarse[:, chosen])[:, done - start : count - start])
            done = start + self.config.bands
        return torch.cat(parts, 1)


def group_starts(count: int, size: int) -> list[int]:
    """First bands of the groups of ``size`` neighbours that cover ``count`` bands."""
    return [*range(0, count - size, size), max(0, count - size)]


def coarse_bands(exp: Tensor, ratio: int) -> Tensor:
    """MS on a grid of cells of 4 x 4 PAN pixels, from EXP (N, B, H, W): (N, B, H / 4, W / 4)."""
    if ratio < CELL:
        return F.avg_pool2d(exp, CELL)
    return F.avg_pool2d(exp[..., 1:-1, 1:-1], 2, stride=CELL)

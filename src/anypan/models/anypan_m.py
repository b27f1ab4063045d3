"""anypan-m: a state space network (Mamba) for any number of bands, in any order, at any ratio.

What it reads and what it does with its features are anypan-s's: details from bases and gains, injection, texture and
consistency. Between them selective scans carry the PAN's features across windows, each quarter of the channels in a
direction of its own: along rows and columns, forwards and backwards (after the cross-scan of Liu et al., "VMamba",
NeurIPS 2024, which scans all channels in all four). Windows shift from block to block. The bands keep anypan-s's
branch: weights shared by all of them, exchange with the trunk by their mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models import anypan_s
from anypan.models.scan import StateSpace
from anypan.models.windowed import Dense, Normal, Windowed
from anypan.models.windows import cut, join

DIRECTIONS = 4


@dataclass(frozen=True)
class Config(anypan_s.Config):
    """The sizes of the network; stored with its weights. ``inner`` is a multiple of 4."""

    trunk: int = 48
    band: int = 32
    blocks: int = 4
    bases: int = 4
    inner: int = 64  # channels that are scanned
    state: int = 8
    window: int = 16  # cells along a side


class CrossScan(nn.Module):
    """Selective scans inside windows, gated; (N, T, h, w) to the same."""

    def __init__(self, c: Config, shift: int) -> None:
        super().__init__()
        self.window, self.shift = c.window, shift
        quarter = c.inner // DIRECTIONS
        self.norm, self.norm_out = Normal(c.trunk), nn.LayerNorm(c.inner)
        self.enter = nn.Conv2d(c.trunk, 2 * c.inner, 1)
        self.local = nn.Conv2d(c.inner, c.inner, 3, padding=1, groups=c.inner)
        self.scans = nn.ModuleList(StateSpace(quarter, c.state, -(-quarter // 8)) for _ in range(DIRECTIONS))
        self.out = nn.Conv2d(c.inner, c.trunk, 1)

    def forward(self, trunk: Tensor) -> Tensor:
        inner, gate = self.enter(self.norm(trunk)).chunk(2, 1)
        windows = cut(F.silu(self.local(inner)), self.window, self.shift)
        quarters = zip(self.scans, windows.flatten(0, 1).chunk(DIRECTIONS, -1), range(DIRECTIONS), strict=True)
        found = torch.cat([self._turn(scan(self._turn(q, n)), n) for scan, q, n in quarters], -1)
        shape = (trunk.shape[-2], trunk.shape[-1])
        found = join(self.norm_out(found).view_as(windows), self.window, self.shift, shape)
        return self.out(found * F.silu(gate))

    def _turn(self, tokens: Tensor, direction: int) -> Tensor:
        """Row by row, backwards, column by column, or that backwards; turning twice changes nothing."""
        if direction >= 2:
            grid = tokens.unflatten(1, (self.window, self.window))
            tokens = grid.transpose(1, 2).flatten(1, 2)
        return tokens.flip(1) if direction % 2 else tokens


class Block(nn.Module):
    """Scans and dense layers on the trunk, a convolution on each band, and an exchange between them."""

    def __init__(self, c: Config, shift: int) -> None:
        super().__init__()
        self.scan = CrossScan(c, shift)
        self.pooled = nn.Conv2d(c.band, c.trunk, 1)
        self.dense = Dense(c.trunk)
        self.shared = nn.Conv2d(c.trunk, c.band, 1)
        self.own = nn.Conv2d(c.band, c.band, 3, padding=1)
        self.out = nn.Conv2d(c.band, c.band, 1)

    def forward(self, trunk: Tensor, bands: Tensor) -> tuple[Tensor, Tensor]:
        """trunk (N, T, h, w), bands (N * B, C, h, w)."""
        count = len(bands) // len(trunk)
        pooled = bands.unflatten(0, (-1, count)).mean(1)
        trunk = trunk + self.scan(trunk) + self.pooled(pooled)
        trunk = trunk + self.dense(trunk)
        shared = self.shared(F.relu(trunk)).repeat_interleave(count, 0)
        return trunk, bands + self.out(F.relu(self.own(bands) + shared))


class AnypanM(Windowed):
    """``AnypanS`` with scans in the blocks."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config or Config(), Block)

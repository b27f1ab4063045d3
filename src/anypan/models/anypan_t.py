"""anypan-t: a Transformer for any number of bands, in any order, at any ratio.

What it reads and what it does with its features are anypan-s's: details from bases and gains, injection, texture and
consistency. Between them attention takes the place of convolutions: over space in windows of the PAN's features,
shifted from block to block (Liu et al., "Swin Transformer", ICCV 2021), and over the bands at every cell, where each
band looks at all bands and at the PAN. No band knows its number, so their order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models import anypan_s
from anypan.models.windowed import Dense, Normal, Windowed
from anypan.models.windows import cut, join, relative_index


@dataclass(frozen=True)
class Config(anypan_s.Config):
    """The sizes of the network; stored with its weights."""

    trunk: int = 48
    band: int = 32
    blocks: int = 4
    bases: int = 4
    heads: int = 4
    window: int = 8  # cells along a side


class OverSpace(nn.Module):
    """Attention between the cells of a window."""

    def __init__(self, features: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.norm = Normal(features)
        self.ask = nn.Linear(features, 3 * features)
        self.offsets = nn.Parameter(torch.zeros(heads, (2 * window - 1) ** 2))
        self.out = nn.Linear(features, features)

    def forward(self, trunk: Tensor) -> Tensor:
        """(N, C, h, w) to the same; beyond the border the windows see the border's cells again."""
        tokens = cut(self.norm(trunk), self.window, self.shift)
        parts = self.ask(tokens).flatten(0, 1).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.offsets[:, relative_index(self.window).to(trunk.device)]
        found = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=bias[None])
        found = self.out(found.transpose(1, 2).flatten(2)).view_as(tokens)
        return join(found, self.window, self.shift, (trunk.shape[-2], trunk.shape[-1]))


class OverBands(nn.Module):
    """Attention at every cell from each band to all bands and to the trunk."""

    def __init__(self, trunk: int, band: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = Normal(band)
        self.query = nn.Conv2d(band, band, 1)
        self.answer = nn.Conv2d(band, 2 * band, 1)
        self.shared = nn.Conv2d(trunk, 2 * band, 1)
        self.out = nn.Conv2d(band, band, 1)

    def forward(self, trunk: Tensor, bands: Tensor) -> Tensor:
        """trunk (N, T, h, w), bands (N * B, C, h, w); like bands."""
        normal = self.norm(bands)
        answers = torch.cat(
            [self._split(self.answer(normal), len(trunk)), self._split(self.shared(trunk), len(trunk))], 2
        )
        key, value = answers.chunk(2, -1)
        found = F.scaled_dot_product_attention(self._split(self.query(normal), len(trunk)), key, value)
        n, height, width = len(trunk), *trunk.shape[-2:]
        found = found.unflatten(0, (n, height, width)).permute(0, 4, 3, 5, 1, 2)
        return self.out(found.reshape(bands.shape))

    def _split(self, image: Tensor, n: int) -> Tensor:
        """(N * K, heads * D, h, w) to (N * h * w, heads, K, D)."""
        parts = image.unflatten(0, (n, -1)).unflatten(2, (self.heads, -1))
        return parts.permute(0, 4, 5, 2, 1, 3).flatten(0, 2)


class Block(nn.Module):
    """Attention over space and dense layers on the trunk, attention over bands and dense layers on each band."""

    def __init__(self, c: Config, shift: int) -> None:
        super().__init__()
        self.space = OverSpace(c.trunk, c.heads, c.window, shift)
        self.pooled = nn.Conv2d(c.band, c.trunk, 1)
        self.trunk = Dense(c.trunk)
        self.over = OverBands(c.trunk, c.band, c.heads)
        self.band = Dense(c.band)

    def forward(self, trunk: Tensor, bands: Tensor) -> tuple[Tensor, Tensor]:
        """trunk (N, T, h, w), bands (N * B, C, h, w)."""
        pooled = bands.unflatten(0, (len(trunk), -1)).mean(1)
        trunk = trunk + self.space(trunk) + self.pooled(pooled)
        trunk = trunk + self.trunk(trunk)
        bands = bands + self.over(trunk, bands)
        return trunk, bands + self.band(bands)


class Last(Block):
    """A block after which the features are normalised: sums of blocks that each normalise what they read may grow
    without bound, until the rectifiers before the heads let nothing through, and no gradient back."""

    def __init__(self, c: Config, shift: int) -> None:
        super().__init__(c, shift)
        self.ends = nn.ModuleList([Normal(c.trunk), Normal(c.band)])

    def forward(self, trunk: Tensor, bands: Tensor) -> tuple[Tensor, Tensor]:
        """As ``Block``."""
        trunk, bands = super().forward(trunk, bands)
        return self.ends[0](trunk), self.ends[1](bands)


class AnypanT(Windowed):
    """``AnypanS`` with attention in the blocks."""

    def __init__(self, config: Config | None = None) -> None:
        c = config or Config()
        super().__init__(c, Block)
        self.blocks[-1] = Last(c, (c.blocks - 1) % 2 * (c.window // 2))

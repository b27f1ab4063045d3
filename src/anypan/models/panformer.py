"""PanFormer: two streams of window self-attention and cross-attention between them.

H. Zhou, Q. Liu, Y. Wang, "PanFormer: a Transformer Based Model for Pan-sharpening", ICME 2022. The PAN's stream merges
2 x 2 pixels twice, the MS's none; each stage is a pair of Swin blocks with windows of 4 x 4 tokens, one regular and one
shifted. Three pairs of cross-attention modules follow: queries from the other stream, keys and values from the own.
Two pixel shuffles lead back to the PAN grid. ``FixedBands`` runs it on any scene; the published clamp to the sensor's
range is left out, because standardised images have none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models.fixed import CELL, FixedBands
from anypan.models.windows import cut, inside, join, relative_index


@dataclass(frozen=True)
class Config:
    """The sizes of the network; stored with its weights."""

    bands: int = 4
    features: int = 64
    heads: int = 8
    window: int = 4
    blocks: int = 3  # pairs of cross-attention modules


class Block(nn.Module):
    """A Swin block: attention in windows, then two dense layers on each token, both added to their inputs."""

    def __init__(self, c: Config, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = c.heads, c.window, shift
        self.norm1, self.norm2 = nn.LayerNorm(c.features), nn.LayerNorm(c.features)
        self.query = nn.Linear(c.features, c.features, bias=False)
        self.key_value = nn.Linear(c.features, 2 * c.features, bias=False)
        self.offsets = nn.Parameter(torch.randn((2 * c.window - 1) ** 2))
        self.out = nn.Linear(c.features, c.features)
        self.dense = nn.Sequential(
            nn.Linear(c.features, 4 * c.features), nn.GELU(), nn.Linear(4 * c.features, c.features)
        )

    def forward(self, own: Tensor, other: Tensor | None) -> Tensor:
        """own and other (N, C, h, w); without ``other`` the queries are its own."""
        shape = (own.shape[-2], own.shape[-1])
        tokens = cut(own, self.window, self.shift, "constant")
        normal = self.norm1(tokens)
        asking = normal if other is None else cut(other, self.window, self.shift, "constant")
        bias = self.offsets[relative_index(self.window).to(own.device)]
        valid = inside(shape, self.window, self.shift, own.device)
        mask = bias.where(valid[:, None, :], -torch.inf).repeat(len(own), 1, 1)[:, None]
        tokens = tokens + self._attend(asking, normal, mask)
        tokens = tokens + self.dense(self.norm2(tokens))
        return join(tokens, self.window, self.shift, shape)

    def _attend(self, asking: Tensor, asked: Tensor, mask: Tensor) -> Tensor:
        """asking and asked (N, windows, tokens, C), mask (N * windows, 1, tokens, tokens)."""
        parts = (self.query(asking), *self.key_value(asked).chunk(2, -1))
        query, key, value = (p.flatten(0, 1).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in parts)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(found.transpose(1, 2).flatten(2)).view_as(asked)


class Stage(nn.Module):
    """Merge ``merge`` x ``merge`` pixels into a token, then a regular and a shifted block."""

    def __init__(self, c: Config, channels: int, merge: int) -> None:
        super().__init__()
        self.merge = nn.Conv2d(channels, c.features, merge, stride=merge)
        self.blocks = nn.ModuleList([Block(c, 0), Block(c, c.window // 2)])

    def forward(self, own: Tensor, other: Tensor | None = None) -> Tensor:
        own = self.merge(own)
        other = None if other is None else self.merge(other)
        for block in self.blocks:
            own = block(own, other)
        return own


class PanFormer(FixedBands):
    """See the module."""

    def __init__(self, config: Config | None = None) -> None:
        c = config or Config()
        super().__init__(c)
        self.cell = CELL * c.window
        self.read_pan = nn.ModuleList([Stage(c, 1, 2), Stage(c, c.features, 2)])
        self.read_ms = nn.ModuleList([Stage(c, c.bands, 1), Stage(c, c.features, 1)])
        self.cross_pan = nn.ModuleList(Stage(c, c.features, 1) for _ in range(c.blocks))
        self.cross_ms = nn.ModuleList(Stage(c, c.features, 1) for _ in range(c.blocks))
        self.widen = nn.ModuleList(nn.Conv2d(n * c.features, 4 * c.features, 3, padding=1) for n in (2, 1))
        self.last = nn.Conv2d(c.features, c.features, 3, padding=1)
        self.tail = nn.Conv2d(c.features, c.bands, 3, padding=1)

    @property
    def reach(self) -> int:
        blocks = 2 * len(self.read_ms) + 2 * self.config.blocks
        return CELL * (self.config.window - 1) * blocks + CELL + 2 + 2 + CELL

    def sharpen(self, pan: Tensor, exp: Tensor, coarse: Tensor) -> Tensor:
        sharp, spectral = pan, coarse
        for one, two in zip(self.read_pan, self.read_ms, strict=True):
            sharp, spectral = one(sharp), two(spectral)
        for one, two in zip(self.cross_pan, self.cross_ms, strict=True):
            sharp, spectral = one(sharp, spectral), two(spectral, sharp)
        features = torch.cat([sharp, spectral], 1)
        for widen in self.widen:
            features = F.relu(F.pixel_shuffle(widen(features), 2))
        return self.tail(F.relu(self.last(features)))

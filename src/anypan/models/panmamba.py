"""Pan-Mamba: state space blocks for each modality, channels swapped between them, and cross-modal blocks.

X. He, K. Cao, K. Yan, R. Li, C. Xie, J. Zhang, M. Zhou, "Pan-Mamba: Effective pan-sharpening with State Space Model",
2024. Convolutions with half instance normalisation read PAN and interpolated MS; eight Mamba blocks follow on each,
two blocks that swap half of the channels, a shallow fusion, five cross-modal blocks, and a refinement with channel
attention; the result is added to EXP. Every block is added to its input.

The scan, the instance normalisation and the channel attention see the whole image, which no scene can afford. So the
network runs in windows of ``window`` PAN pixels, the patches that the paper trains on, which overlap by twice
``margin`` and fade into one another; what is no larger than one window is one. ``FixedBands`` runs it on any scene.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models.fixed import FixedBands
from anypan.models.scan import Mamba

TOKENS = 2**16  # pixels of the windows that are worked on at once


@dataclass(frozen=True)
class Config:
    """The sizes of the network; stored with its weights. ``window`` less twice ``margin`` is a multiple of 4."""

    bands: int = 4
    features: int = 32
    readers: int = 3  # convolutional blocks of each modality
    singles: int = 8  # Mamba blocks of each modality
    swaps: int = 2
    crosses: int = 5
    window: int = 128  # PAN pixels
    margin: int = 16  # PAN pixels


class Reader(nn.Module):
    """Two convolutions; half of the channels between them are normalised over the window."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(features, features, 3, padding=1)
        self.second = nn.Conv2d(features, features, 3, padding=1)
        self.norm = nn.InstanceNorm2d(features // 2, affine=True)

    def forward(self, features: Tensor) -> Tensor:
        one, two = F.leaky_relu(self.first(features), 0.2).chunk(2, 1)
        return features + F.leaky_relu(self.second(torch.cat([self.norm(one), two], 1)), 0.2)


class Single(nn.Module):
    """A Mamba block on one modality, (N, L, C)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm, self.mamba = nn.LayerNorm(features), Mamba(features)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.mamba(self.norm(tokens))


class Swap(nn.Module):
    """A Mamba block on each modality, which first trade the first half of their channels."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(2))
        self.mambas = nn.ModuleList(Mamba(features) for _ in range(2))

    def forward(self, ms: Tensor, pan: Tensor) -> tuple[Tensor, Tensor]:
        (ms1, ms2), (pan1, pan2) = (norm(t).chunk(2, -1) for norm, t in zip(self.norms, (ms, pan), strict=True))
        ms = ms + self.mambas[0](torch.cat([pan1, ms2], -1))
        return ms, pan + self.mambas[1](torch.cat([ms1, pan2], -1))


class Cross(nn.Module):
    """A cross-modal Mamba block on the MS, followed by a depthwise convolution."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(2))
        self.mamba = Mamba(features, crossed=True)
        self.local = nn.Conv2d(features, features, 3, padding=1, groups=features)

    def forward(self, ms: Tensor, pan: Tensor, shape: tuple[int, int]) -> Tensor:
        found = _image(self.mamba(self.norms[0](ms), self.norms[1](pan)), shape)
        return ms + _tokens(found + self.local(found))


class Refine(nn.Module):
    """Convolutions around a channel attention whose weights come from means over the window."""

    def __init__(self, features: int, bands: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(features, features, 3, padding=1)
        self.process = nn.ModuleList(nn.Conv2d(features, features, 3, padding=1) for _ in range(2))
        self.weigh = nn.Sequential(
            nn.Conv2d(features, features // 4, 1), nn.ReLU(), nn.Conv2d(features // 4, features, 1), nn.Sigmoid()
        )
        self.last = nn.Conv2d(features, bands, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        features = self.first(features)
        found = self.process[1](F.relu(self.process[0](features)))
        return self.last(features + self.weigh(found.mean((-2, -1), keepdim=True)) * found)


class PanMamba(FixedBands):
    """See the module."""

    def __init__(self, config: Config | None = None) -> None:
        c = config or Config()
        super().__init__(c)
        self.cell = c.window - 2 * c.margin
        self.read_pan = _reader(1, c)
        self.read_ms = _reader(c.bands, c)
        self.embed = nn.ModuleList(nn.Conv2d(c.features, c.features, 1) for _ in range(2))
        self.pan_blocks = nn.Sequential(*(Single(c.features) for _ in range(c.singles)))
        self.ms_blocks = nn.Sequential(*(Single(c.features) for _ in range(c.singles)))
        self.swaps = nn.ModuleList(Swap(c.features) for _ in range(c.swaps))
        self.mix = nn.ModuleList(nn.Conv2d(2 * c.features, c.features, 3, padding=1) for _ in range(2))
        self.crosses = nn.ModuleList(Cross(c.features) for _ in range(c.crosses))
        self.refine = Refine(c.features, c.bands)

    @property
    def reach(self) -> int:
        return self.config.window

    def sharpen(self, pan: Tensor, exp: Tensor, coarse: Tensor) -> Tensor:
        height, width = pan.shape[-2:]
        size, margin = self.config.window, self.config.margin
        if max(height, width) <= size:
            return self._window(pan, exp)
        more = [margin + (-n) % self.cell for n in (width, height)]
        pan, exp = (F.pad(one, (margin, more[0], margin, more[1]), mode="replicate") for one in (pan, exp))
        total, weight, fade = torch.zeros_like(exp), torch.zeros_like(exp[:1, :1]), _fade(size, margin).to(exp)
        for some in _places(exp.shape[-2:], size, self.cell, max(1, TOKENS // (len(pan) * size**2))):
            inputs = (torch.cat([one[..., rows, cols] for rows, cols in some]) for one in (pan, exp))
            for (rows, cols), found in zip(some, self._window(*inputs).split(len(pan)), strict=True):
                total[..., rows, cols] += fade * found
                weight[..., rows, cols] += fade
        inner = (..., slice(margin, margin + height), slice(margin, margin + width))
        return total[inner] / weight[inner]

    def _window(self, pan: Tensor, exp: Tensor) -> Tensor:
        """The network of the paper on one window."""
        shape = (pan.shape[-2], pan.shape[-1])
        ms = self.ms_blocks(_tokens(self.embed[0](self.read_ms(exp))))
        pan = self.pan_blocks(_tokens(self.embed[1](self.read_pan(pan))))
        for swap in self.swaps:
            ms, pan = swap(ms, pan)
        ms, pan = _image(ms, shape), _image(pan, shape)
        ms = ms + self.mix[0](torch.cat([ms, pan], 1))
        pan = pan + self.mix[1](torch.cat([pan, ms], 1))  # of the MS that is fused already, as in the authors' code
        ms, pan = (_tokens(embed(image)) for embed, image in zip(self.embed, (ms, pan), strict=True))  # once more
        for cross in self.crosses:
            ms = cross(ms, pan, shape)
        return exp + self.refine(_image(ms, shape))


def _reader(channels: int, c: Config) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, c.features, 3, padding=1), *(Reader(c.features) for _ in range(c.readers)))


def _tokens(image: Tensor) -> Tensor:
    """(N, C, h, w) to (N, h * w, C), row by row."""
    return image.flatten(2).mT


def _image(tokens: Tensor, shape: tuple[int, int]) -> Tensor:
    return tokens.mT.unflatten(-1, shape)


def _places(shape: tuple[int, ...], size: int, step: int, many: int) -> Iterator[list[tuple[slice, slice]]]:
    """Rows and columns of the windows that cover an image of ``shape``, up to ``many`` at a time."""
    rows, cols = ([slice(at, at + size) for at in range(0, n - size + 1, step)] for n in shape)
    every = [(row, col) for row in rows for col in cols]
    yield from (every[at : at + many] for at in range(0, len(every), many))


def _fade(size: int, margin: int) -> Tensor:
    """Weights (size, size) that rise from the window's edge over twice the margin; neighbours' add to one."""
    at = torch.arange(size) + 0.5
    axis = (torch.minimum(at, size - at) / max(1, 2 * margin)).clamp(max=1)
    return axis[:, None] * axis

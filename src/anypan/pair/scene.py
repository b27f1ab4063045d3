"""Scene: an aligned PAN/LRMS pair that is read window by window; what every method is fitted to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Protocol

import torch
from torch import Tensor

from anypan.geometry import window
from anypan.geometry.tiles import Tile, spread, tiles
from anypan.optics.sampling import Physical, Sampling
from anypan.optics.sensors import GNYQ, GNYQ_PAN
from anypan.pair.limits import Limits
from anypan.runtime.errors import UserError

FIT_BLOCK = 128  # MS pixels along a side of a block that fitting looks at
FIT_PIXELS, FIT_VALUES = 2**20, 2**25  # MS pixels and their values in all bands that fitting looks at, at most


@dataclass(frozen=True)
class Patch:
    """The pixels of a tile, core and halo: pan (1, H, W), lrms (B, h, w), mask (H, W), with H = ratio * h.

    ``mask`` is true where the PAN is valid and lies on a valid MS pixel. Elsewhere, and outside the scene,
    ``pan`` and ``lrms`` hold finite values made from valid pixels only. ``halo`` counts MS pixels on each side.
    """

    pan: Tensor
    lrms: Tensor
    mask: Tensor
    halo: int = 0

    @property
    def ratio(self) -> int:
        """PAN pixels along a side of an MS pixel."""
        return self.pan.shape[-2] // self.lrms.shape[-2]

    def core(self, image: Tensor) -> Tensor:
        """Cut the halo off an array (..., H, W) on the patch's PAN grid or (..., h, w) on its MS grid."""
        on_ms_grid = image.shape[-2:] == self.lrms.shape[-2:]
        margin = self.halo if on_ms_grid else self.halo * self.ratio
        return image[..., margin : image.shape[-2] - margin, margin : image.shape[-1] - margin]

    @property
    def mask_lr(self) -> Tensor:
        """(h, w): true where every PAN pixel of the MS pixel is valid."""
        return window.whole(self.mask, self.ratio)


class Source(Protocol):
    """Where a scene's pixels come from."""

    def read(self, tile: Tile) -> Patch: ...


@dataclass(frozen=True)
class Scene:
    """An aligned pair on an MS grid of ``shape`` pixels; its PAN grid is exactly ``sampling.ratio`` times as large."""

    source: Source
    shape: tuple[int, int]
    bands: tuple[str, ...]
    sampling: Sampling
    gnyq: tuple[float, ...]
    gnyq_pan: float = GNYQ_PAN
    sensor: str = "generic"

    @property
    def ratio(self) -> int:
        """PAN pixels along a side of an MS pixel."""
        return self.sampling.ratio

    @cached_property
    def limits(self) -> Limits:
        """Between which values count; measured once, for it reads as much as fitting does."""
        return Limits.of(self)

    def read(self, tile: Tile) -> Patch:
        """The tile's pixels with its halo, float32; finite everywhere."""
        return self.source.read(tile)

    def tiles(self, size: int, halo: int = 0) -> Iterator[Tile]:
        """Tiles whose halo covers ``halo`` PAN pixels, rounded up to whole MS pixels."""
        return tiles(self.shape, size, math.ceil(halo / self.ratio))

    def of(self, patch: Patch) -> Scene:
        """A scene in memory of a patch's pixels, halo included; the rest is this scene's."""
        shape = (patch.lrms.shape[-2], patch.lrms.shape[-1])
        return replace(self, source=ArraySource(patch.pan, patch.lrms, patch.mask), shape=shape)

    def changed(self, change: Callable[[Patch], Patch], limits: Limits) -> Scene:
        """The scene with its patches as ``change`` makes them, which can be sent to another process; their limits."""
        made = replace(self, source=_Changed(self.source, change))
        vars(made)["limits"] = limits  # not measured anew
        return made

    def raised(self, by: Tensor) -> Scene:
        """The scene with ``by`` (B,) added to its bands, and to their limits."""
        return self.changed(partial(_raised, by=by), self.limits.raised(by))

    def whole(self) -> Patch:
        """Everything at once, without halo: for small scenes only."""
        return self.read(Tile(0, 0, *self.shape))

    def blocks(self, pixels: int | None = None) -> Iterator[Patch]:
        """What fitting looks at: the whole scene if small, else evenly spread blocks of bounded number, with halo.

        They hold ``pixels`` MS pixels at most; unless given, ``FIT_PIXELS``, and fewer where the bands are many.

        Statistics of a block belong to its core: ``patch.core(image)``.
        """
        most = pixels or min(FIT_PIXELS, FIT_VALUES // len(self.bands))
        if self.shape[0] * self.shape[1] <= most:
            yield self.whole()
            return
        halo = math.ceil(self.sampling.reach / self.ratio)
        for tile in spread(self.shape, FIT_BLOCK, max(1, most // FIT_BLOCK**2), halo):
            yield self.read(tile)


def check_scene(given: object) -> Scene:
    """What is given, a scene. UserError for anything else."""
    if not isinstance(given, Scene):
        raise UserError(
            f"A {type(given).__name__} is given for the scene: give the .scene of what open_pair() returns."
        )
    return given


@dataclass(frozen=True)
class ArraySource:
    """Pixels held in memory: pan (1, H, W), lrms (B, h, w), mask (H, W), all finite."""

    pan: Tensor
    lrms: Tensor
    mask: Tensor

    def read(self, tile: Tile) -> Patch:
        ratio = self.pan.shape[-1] // self.lrms.shape[-1]
        row, col, height, width = tile.padded
        on_pan = (row * ratio, col * ratio, height * ratio, width * ratio)
        mask = window.read(self.mask, *on_pan) & window.inside_of(self.mask.shape[-2:], *on_pan)
        return Patch(window.read(self.pan, *on_pan), window.read(self.lrms, *tile.padded), mask, tile.halo)


def from_arrays(
    pan: Tensor,
    lrms: Tensor,
    gnyq: Sequence[float] | None = None,
    gnyq_pan: float = GNYQ_PAN,
    phase: tuple[float, float] = (0.0, 0.0),
    convention: type[Sampling] = Physical,
    mask: Tensor | None = None,
) -> Scene:
    """A scene of arrays: pan (1, H, W) and lrms (B, h, w), H = ratio * h, finite, of one float dtype."""
    ratio = pan.shape[-2] // lrms.shape[-2]
    if (ratio * lrms.shape[-2], ratio * lrms.shape[-1]) != tuple(pan.shape[-2:]):
        raise ValueError(
            f"PAN of {tuple(pan.shape[-2:])} is no whole multiple of MS of {tuple(lrms.shape[-2:])} pixels"
        )
    mask = torch.ones(pan.shape[-2:], dtype=torch.bool) if mask is None else mask
    bands = tuple(f"band {b + 1}" for b in range(len(lrms)))
    gains = tuple(gnyq) if gnyq is not None else (GNYQ,) * len(lrms)
    if len(gains) != len(lrms):
        raise ValueError(f"{len(gains)} gains for {len(lrms)} bands: give one for each")
    sampling = convention(ratio, phase)
    return Scene(ArraySource(pan, lrms, mask), (lrms.shape[-2], lrms.shape[-1]), bands, sampling, gains, gnyq_pan)


def select(scene: Scene, indices: Sequence[int]) -> Scene:
    """The same scene with the MS bands at ``indices`` only, in that order."""
    picked = _Changed(scene.source, partial(_picked, indices=list(indices)))
    names, gains = (tuple(values[i] for i in indices) for values in (scene.bands, scene.gnyq))
    return replace(scene, source=picked, bands=names, gnyq=gains)


@dataclass(frozen=True)
class _Changed:
    source: Source
    change: Callable[[Patch], Patch]

    def read(self, tile: Tile) -> Patch:
        return self.change(self.source.read(tile))


def _raised(patch: Patch, by: Tensor) -> Patch:
    return replace(patch, lrms=patch.lrms + by.to(patch.lrms)[:, None, None])


def _picked(patch: Patch, indices: list[int]) -> Patch:
    return replace(patch, lrms=patch.lrms[indices])

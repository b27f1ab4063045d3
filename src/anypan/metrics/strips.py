"""Row strips: how metrics look at images of any size with bounded temporaries, in float64.

Images are bands first: tensors, arrays, or anything with ``shape`` whose ``[:, start:stop]`` gives rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from anypan.geometry import window
from anypan.geometry.tiles import Tile
from anypan.pair.scene import Scene

HELD = 4  # float64 images as large as a strip that are held at once
STRIP_VALUES = 2**21  # samples (bands x rows x columns) of an image that are looked at together
FR_BLOCK = 32  # side, in pixels, of the blocks of all block-wise metrics


class Image(Protocol):
    """Bands first (B, H, W); ``image[:, a:b]`` gives rows a to b as something that torch can take."""

    @property
    def shape(self) -> Any: ...

    def __getitem__(self, key: Any, /) -> Any: ...


def spans(height: int, step: int, least: int = 1) -> Iterator[tuple[int, int]]:
    """Cut ``height`` rows every ``step``; a rest of fewer than ``least`` rows joins the span before it."""
    start = 0
    while start < height:
        stop = start + step if height - start - step >= least else height
        yield start, stop
        start = stop


def rows_of(image: Image, start: int, stop: int) -> Tensor:
    """Rows of an image as float64, (B, stop - start, W)."""
    return torch.as_tensor(image[:, start:stop]).to(torch.float64)


def strip_height(bands: int, width: int, block: int) -> int:
    """Rows of a strip: a multiple of ``block``."""
    return block * max(1, STRIP_VALUES // (bands * width * block))


def strip_bytes(scene: Scene, bands: int, reach: int) -> int:
    """About the bytes that work on the strips of some bands of a scene takes, with ``reach`` as for strips()."""
    height, width = (n * scene.ratio for n in scene.shape)
    rows = strip_height(bands, width, block_of(scene.ratio)) + 2 * reach
    return 8 * HELD * (bands + 1) * width * min(rows, height + 2 * reach)


def pairs(
    fused: Image, reference: Image, mask: Tensor | None = None, block: int = 1, overlap: int = 0
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Strips (fused, reference, mask) of two images of one shape; masked pixels are 0 in both.

    Strips start at multiples of ``block`` rows, hold at least ``block`` (but for a smaller image) and reach
    ``overlap`` rows into the next, so that each window of ``overlap + 1`` rows lies in exactly one.
    """
    bands, height, width = fused.shape
    if tuple(fused.shape) != tuple(reference.shape):
        raise ValueError(f"fused {tuple(fused.shape)} and reference {tuple(reference.shape)} differ in shape")
    for start, stop in spans(height - overlap, strip_height(bands, width, block), block):
        span = start, stop + overlap
        one, two = rows_of(fused, *span), rows_of(reference, *span)
        if mask is None:
            yield one, two, torch.ones(one.shape[1:], dtype=torch.bool, device=one.device)
            continue
        valid = torch.as_tensor(mask[span[0] : span[1]])
        yield one.masked_fill(~valid, 0), two.masked_fill(~valid, 0), valid


@dataclass(frozen=True)
class Strip:
    """Rows of a scene and of its fused image, core and halo, float64 (see scene.Patch); all values are finite.

    ``fused`` equals the interpolated MS wherever ``mask`` is false; ``inside`` is false outside the scene.
    """

    fused: Tensor
    pan: Tensor
    lrms: Tensor
    mask: Tensor
    inside: Tensor
    halo: int

    def core(self, image: Tensor) -> Tensor:
        """Cut the halo off an array (..., H, W) on the PAN grid or (..., h, w) on the MS grid."""
        ratio = self.pan.shape[-2] // self.lrms.shape[-2]
        margin = self.halo if image.shape[-2:] == self.lrms.shape[-2:] else self.halo * ratio
        return image[..., margin : image.shape[-2] - margin, margin : image.shape[-1] - margin]

    @property
    def mask_lr(self) -> Tensor:
        """(h, w): true where every PAN pixel of the MS pixel is valid."""
        return window.whole(self.mask, self.pan.shape[-2] // self.lrms.shape[-2])


def block_of(ratio: int) -> int:
    """Side in PAN pixels of the blocks at full resolution: whole MS pixels, as near to 32 as can be."""
    return ratio * round(FR_BLOCK / ratio)


def strips(fused: Image, scene: Scene, reach: int, block: int = 0, most: int | None = None) -> Iterator[Strip]:
    """Strips of a scene and its fused image (B, H, W), with ``reach`` PAN pixels of context on each side.

    With ``most``, evenly spread ones that hold about so many PAN pixels, of an image of more. Cores are whole
    ``block`` PAN pixels high (the last one is higher or lower). Where a convention is not local, the strip is the
    whole scene, without halo.
    """
    height, width = (n * scene.ratio for n in scene.shape)
    if tuple(fused.shape) != (len(scene.bands), height, width):
        raise ValueError(f"fused {tuple(fused.shape)} does not fit the scene: {(len(scene.bands), height, width)}")
    if not scene.sampling.local:
        yield _strip(fused, scene, Tile(0, 0, *scene.shape))
        return
    step = block or block_of(scene.ratio)
    rows = strip_height(len(scene.bands), width, step) // scene.ratio
    halo = -(-reach // scene.ratio)
    every = math.ceil(height * width / most) if most else 1
    for start, stop in [*spans(scene.shape[0], rows, step // scene.ratio)][(every - 1) // 2 :: every]:
        yield _strip(fused, scene, Tile(start, 0, stop - start, scene.shape[1], halo))


def _strip(fused: Image, scene: Scene, tile: Tile) -> Strip:
    patch = scene.read(tile)
    pan, lrms = patch.pan.double(), patch.lrms.double()
    height, width = (n * scene.ratio for n in scene.shape)
    row, col, rows, cols = (n * scene.ratio for n in tile.padded)
    inside = window.inside_of((height, width), row, col, rows, cols).to(pan.device)
    start, stop = max(0, row), min(height, row + rows)
    part = slice(start - row, stop - row), slice(-col, width - col)
    seen = rows_of(fused, start, stop).to(pan.device)
    if not patch.mask[part].all():
        seen = torch.where(patch.mask[part], seen, scene.sampling.expand(lrms)[:, part[0], part[1]])
    seen = window.pick(seen, window.clamped(row, rows, stop, start) - start, window.clamped(col, cols, width))
    return Strip(seen, pan, lrms, patch.mask, inside, tile.halo)

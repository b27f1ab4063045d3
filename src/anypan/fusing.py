"""The main path: tile by tile, read with a halo, fuse, keep the core."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from anypan.geometry.tiles import Tile, cut
from anypan.methods.base import Fuser
from anypan.methods.steps import STEPS, within
from anypan.methods.uncertainty import Halfwidths
from anypan.pair.scene import Scene, check_scene
from anypan.runtime.defaults import plain
from anypan.runtime.device import check_device
from anypan.runtime.errors import UserError

TILE = 1024  # PAN pixels along a side of a tile's core, unless the fuser asks for more
SMALLEST = 16  # PAN pixels, after memory has run out
LEAST_TILE = 256  # however many the bands
MEMORY = 9 * 2**28  # bytes that a tile may take
LARGE = 96, 22  # of networks that ask for large tiles: PAN pixels of halo, float32 planes of a tile and band at once

Progress = Callable[[int, int], None]
Fused = tuple[Tile, list[Tensor], Tensor]
Share = tuple[int, int]
WHOLE: Share = (0, 1)


def fused_tiles(
    scene: Scene,
    fuser: Fuser,
    size: int,
    device: str = "cpu",
    halfwidths: Halfwidths | None = None,
    progress: Progress | None = None,
    share: Share = WHOLE,
) -> Iterator[Fused]:
    """Each tile of ``size`` MS pixels: where it is, its images (B, H, W), and their mask (H, W), without the halo.

    The images are the fused one and, if asked for, its half-widths. ``share``, (number, of how many): that part of the
    tiles only. Where the device's memory runs out, tiles are half as wide from there on; UserError when none is left.
    """
    fuser = fuser.to(device)
    halfwidths = halfwidths and halfwidths.to(fuser.device)
    tiles = list(scene.tiles(size, halfwidths.halo(fuser) if halfwidths else fuser.halo))
    tiles = tiles[len(tiles) * share[0] // share[1] : len(tiles) * (share[0] + 1) // share[1]]
    for done, tile in enumerate(tiles, 1):
        waiting = list(cut(tile, size))
        while waiting:
            step = _step(progress, done - 1, len(tiles)) if waiting == [tile] else None
            found = _tried(scene, fuser, waiting[0], halfwidths, step)
            if found is None:
                size = _halved(scene, fuser, waiting[0])
                waiting = [part for each in waiting for part in cut(each, size)]
                continue
            yield found
            del waiting[0], found
        if progress:
            progress(STEPS * done, STEPS * len(tiles))


def _tried(scene: Scene, fuser: Fuser, tile: Tile, *how: Any) -> Fused | None:
    """As ``fused_tile``, None where the memory of the device does not do: what it held is free on return."""
    try:
        return fused_tile(scene, fuser, tile, *how)
    except torch.OutOfMemoryError:
        return None


def _halved(scene: Scene, fuser: Fuser, tile: Tile) -> int:
    """The side of tiles after one that did not fit. UserError if that leaves no tile to speak of."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    unit = _unit(scene, fuser)
    size = max(tile.height, tile.width) // 2 // unit * unit
    if size < unit or size * scene.ratio < SMALLEST:
        raise UserError(
            f"The memory of {fuser.device} runs out even with small tiles: end what else uses it, or pass --device cpu."
        )
    return size


def _step(progress: Progress | None, done: int, count: int) -> Callable[[int], None] | None:
    """What a tile tells its steps, after ``done`` of ``count`` tiles."""
    return None if progress is None else lambda step: progress(STEPS * done + step, STEPS * count)


def fused_tile(
    scene: Scene,
    fuser: Fuser,
    tile: Tile,
    halfwidths: Halfwidths | None = None,
    step: Callable[[int], None] | None = None,
) -> Fused:
    """One of the tiles that ``fused_tiles`` gives; ``step`` is told how many of its ``STEPS`` are done."""
    patch = scene.read(tile)
    seen = _seen(tile, scene, fuser.edge)
    on_pan = [slice(side.start * scene.ratio, side.stop * scene.ratio) for side in seen]
    pan, lrms = patch.pan[..., *on_pan].to(fuser.device), patch.lrms[..., *seen].to(fuser.device)
    with torch.inference_mode(), within(fuser, pan, lrms, step):
        images = [fuser(pan, lrms)]
        images += [halfwidths(pan, lrms, images[0])] if halfwidths else []
    top, left = ((tile.halo - side.start) * scene.ratio for side in seen)
    rows, cols = slice(top, top + tile.height * scene.ratio), slice(left, left + tile.width * scene.ratio)
    return tile, [image[..., rows, cols].cpu() for image in images], patch.core(patch.mask)


def _seen(tile: Tile, scene: Scene, edge: int | None) -> list[slice]:
    """Rows and columns of a tile's MS pixels that lie in the scene, or not more than ``edge`` PAN pixels outside."""
    beyond = tile.halo if edge is None else edge // scene.ratio
    sides = zip((tile.row, tile.col), (tile.height, tile.width), scene.shape, strict=True)
    return [
        slice(
            tile.halo - min(tile.halo, start + beyond), tile.halo + count + min(tile.halo, end - start - count + beyond)
        )
        for start, count, end in sides
    ]


@plain()
def fuse_scene(scene: Scene, fuser: Fuser, tile: int | None = None, device: str = "cpu") -> Tensor:
    """Fuse a scene in memory with a fitted fuser: (B, H, W) float32 on the scene's PAN grid, unrounded.

    That grid covers whole MS pixels, and so may begin before the PAN file does, and end behind it: ``Pair.on_pan``
    cuts out the file's. ``tile``: PAN pixels along a side of a tile's core; a network's last digits depend on it.
    Raises UserError for what is no scene or no fuser, and for a device that torch cannot use here.
    """
    check_device(device)
    if not callable(fuser) or not hasattr(fuser, "halo"):
        raise UserError(f"A {type(fuser).__name__} is given for the fuser: give what fit() returns.")
    check_scene(scene)
    return _whole(scene, fused_tiles(scene, fuser, tile_size(scene, tile, fuser), device))[0]


def fuse_with_halfwidths(
    scene: Scene, fuser: Fuser, halfwidths: Halfwidths, tile: int | None = None
) -> tuple[Tensor, Tensor]:
    """As ``fuse_scene``, (B, H, W), and in the same form and unit how far it may be off."""
    fused, widths = _whole(scene, fused_tiles(scene, fuser, tile_size(scene, tile, fuser), halfwidths=halfwidths))
    return fused, widths


def _whole(scene: Scene, tiles: Iterator[Fused]) -> list[Tensor]:
    ratio, (rows, cols) = scene.ratio, scene.shape
    out: list[Tensor] = []
    for part, images, _ in tiles:
        out = out or [torch.empty(len(image), rows * ratio, cols * ratio) for image in images]
        top, left = part.row * ratio, part.col * ratio
        for whole, image in zip(out, images, strict=True):
            whole[:, top : top + image.shape[1], left : left + image.shape[2]] = image
    return out


def tile_size(scene: Scene, tile: int | None, fuser: Fuser | type[Fuser]) -> int:
    """MS pixels along a side of a tile's core, for ``tile`` PAN pixels, in whole cells of the fuser's ``cell``.

    Unless given, it is what the fuser asks for (its ``tile``), or less where the bands are many: ``MEMORY`` bounds it.
    """
    unit = _unit(scene, fuser)
    halo, planes = LARGE
    most = math.isqrt(MEMORY // (4 * planes * (len(scene.bands) + 1))) - 2 * halo
    side = tile or max(LEAST_TILE, min(fuser.tile or TILE, most))
    return max(unit, side // scene.ratio // unit * unit)


def _unit(scene: Scene, fuser: Fuser | type[Fuser]) -> int:
    """MS pixels that the sides of tiles are multiples of."""
    return math.lcm(fuser.cell, scene.ratio) // scene.ratio

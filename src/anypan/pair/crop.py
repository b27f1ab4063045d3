"""The part of an aligned pair that PAN and MS both cover with whole MS pixels: what can be judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from anypan.geometry import window
from anypan.geometry.tiles import Tile
from anypan.pair.pair import Pair
from anypan.pair.scene import Patch, Scene, Source
from anypan.runtime.errors import UserError


@dataclass(frozen=True)
class Crop:
    """``shape`` MS pixels of a source from MS pixel ``start`` on; outside of them the last ones are repeated."""

    source: Source
    start: tuple[int, int]
    shape: tuple[int, int]
    ratio: int

    def read(self, tile: Tile) -> Patch:
        """The tile with its halo; ``mask`` is false outside of the crop."""
        row, col, height, width = tile.padded
        rows, cols = _span(row, height, self.shape[0]), _span(col, width, self.shape[1])
        part = Tile(self.start[0] + rows[0], self.start[1] + cols[0], rows[1] - rows[0], cols[1] - cols[0])
        patch = self.source.read(part)
        ratio, (on_ms, on_pan) = self.ratio, (_within(tile, rows, cols, each) for each in (1, self.ratio))
        inside = window.inside_of((self.shape[0] * ratio, self.shape[1] * ratio), *(ratio * n for n in tile.padded))
        mask = window.pick(patch.mask, *on_pan) & inside
        return Patch(window.pick(patch.pan, *on_pan), window.pick(patch.lrms, *on_ms), mask, tile.halo)


def covered(pair: Pair) -> tuple[Scene, tuple[int, int]]:
    """The pair's scene without MS pixels that reach beyond PAN or MS, and the PAN file's pixel at its corner.

    Raises UserError if no MS pixel is left.
    """
    ratio, place = pair.scene.ratio, pair.place
    spans = [
        (-((origin - first) // ratio), (end - origin) // ratio)
        for origin, (first, end) in zip(place.origin, place.footprint, strict=True)
    ]
    start, shape = tuple(a for a, _ in spans), tuple(b - a for a, b in spans)
    if min(shape) < 1:
        raise UserError(f"{pair.rasters[0].name} and its MS share less than one MS pixel: give larger images.")
    crop = Crop(pair.scene.source, (start[0], start[1]), (shape[0], shape[1]), ratio)
    corner = (place.origin[0] + ratio * start[0], place.origin[1] + ratio * start[1])
    return replace(pair.scene, source=crop, shape=crop.shape), corner


def middle(scene: Scene, side: int, cell: int = 1) -> tuple[Scene, tuple[int, int]]:
    """The scene's middle, at most ``side`` PAN pixels along a side, and its first row and column in MS pixels.

    What is longer than that becomes a whole number of ``cell`` MS pixels long, at least one.
    """
    most = max(1, side // scene.ratio // cell) * cell
    shape = (min(scene.shape[0], most), min(scene.shape[1], most))
    start = ((scene.shape[0] - shape[0]) // 2, (scene.shape[1] - shape[1]) // 2)
    return replace(scene, source=Crop(scene.source, start, shape, scene.ratio), shape=shape), start


def _span(start: int, count: int, size: int) -> tuple[int, int]:
    """First and end of the pixels of 0..size-1 that ``count`` pixels from ``start`` on are clamped to."""
    return min(max(start, 0), size - 1), min(max(start + count - 1, 0), size - 1) + 1


def _within(tile: Tile, rows: tuple[int, int], cols: tuple[int, int], scale: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows and columns of the pixels ``rows`` x ``cols``, ``scale`` as fine, that stand for the tile's."""
    row, col, height, width = (scale * n for n in tile.padded)
    (top, bottom), (left, right) = ((scale * a, scale * b) for a, b in (rows, cols))
    return window.clamped(row, height, bottom, top) - top, window.clamped(col, width, right, left) - left

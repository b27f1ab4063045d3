"""Tiles: cores that partition a grid, each with a halo of context. All numbers are MS pixels, rows before columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Tile:
    """A core of ``height`` x ``width`` MS pixels at (``row``, ``col``) and ``halo`` MS pixels around it."""

    row: int
    col: int
    height: int
    width: int
    halo: int = 0

    @property
    def padded(self) -> tuple[int, int, int, int]:
        """(row, col, height, width) of core and halo; may reach outside the grid."""
        return self.row - self.halo, self.col - self.halo, self.height + 2 * self.halo, self.width + 2 * self.halo


def tiles(shape: tuple[int, int], size: int, halo: int = 0) -> Iterator[Tile]:
    """Cut a grid of ``shape`` MS pixels into tiles with cores of at most ``size`` x ``size``, row by row."""
    rows, cols = shape
    for row in range(0, rows, size):
        for col in range(0, cols, size):
            yield Tile(row, col, min(size, rows - row), min(size, cols - col), halo)


def spread(shape: tuple[int, int], size: int, most: int, halo: int = 0) -> list[Tile]:
    """Of the tiles of a grid at most ``most``, evenly spread along both axes, row by row; all if they are no more."""
    counts = [math.ceil(n / size) for n in shape]
    every, some = list(tiles(shape, size, halo)), _shared_out(counts, most)
    rows, cols = ([int((k + 0.5) * n / few) for k in range(few)] for n, few in zip(counts, some, strict=True))
    return [every[row * counts[1] + col] for row in rows for col in cols]


def _shared_out(counts: list[int], most: int) -> tuple[int, int]:
    """How many of so many rows and columns, alike in proportion, whose product is ``most`` at most."""
    rows, cols = counts
    few = min(rows, most, max(1, round(math.sqrt(most * rows / cols))))
    some = min(cols, most // few)
    return min(rows, most // some), some


def cut(tile: Tile, size: int) -> Iterator[Tile]:
    """The tile in tiles with cores of at most ``size`` x ``size``, row by row: itself, if it is no larger."""
    for part in tiles((tile.height, tile.width), size, tile.halo):
        yield replace(part, row=tile.row + part.row, col=tile.col + part.col)

"""A frame of one value around an image: runs from its borders inwards, and what they look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anypan.raster.edges import lines

LEAST_FRAME = 32  # pixels
LONG, MOST_LINES = 64, 2  # pixels of edge that show whether it is straight, and lines on each side

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Frame:
    """Fill around an image: ``value`` (B,), and its pixels on each row (H,) and column (W,) up to the image."""

    value: Floats
    left: Counts
    right: Counts
    top: Counts
    bottom: Counts

    def covers(self, row: int, col: int, height: int, width: int) -> Bools:
        """Which pixels of a window are of the frame: (height, width)."""
        rows, cols = np.arange(row, row + height), np.arange(col, col + width)
        across = (cols < self.left[rows, None]) | (cols >= len(self.top) - self.right[rows, None])
        down = (rows[:, None] < self.top[cols]) | (rows[:, None] >= len(self.left) - self.bottom[cols])
        return across | down

    @property
    def size(self) -> int:
        """Pixels that it has at least."""
        along = (
            np.minimum(a + b, n)
            for a, b, n in ((self.left, self.right, len(self.top)), (self.top, self.bottom, len(self.left)))
        )
        return max(int(each.sum()) for each in along)

    @property
    def span(self) -> float:
        """The share of a side that it holds, of the side that it holds most of."""
        return max(float((run > 0).mean()) for run in (self.left, self.right, self.top, self.bottom))

    def straight(self, most: int = MOST_LINES) -> bool:
        """Whether its inner edges are straight lines, so many on each side at most."""
        rows, cols = len(self.left), len(self.top)
        sides = ((self.left, cols), (self.right, cols), (self.top, rows), (self.bottom, rows))
        edges = [run[(run > 0) & (run < most)] for run, most in sides]
        edges = [edge for edge in edges if len(edge) >= LEAST_FRAME]
        return sum(map(len, edges)) >= LONG and all(lines(edge) <= most for edge in edges)

"""Windows that may reach beyond an image: the outermost pixels go on out there, and nothing of it is valid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def clamped(start: int, count: int, end: int, first: int = 0) -> NDArray[np.int64]:
    """The pixels of ``first`` to ``end`` - 1 that stand for ``count`` pixels from ``start`` on: (count,)."""
    return np.arange(start, start + count).clip(first, end - 1)


def inside(start: int, count: int, end: int, first: int = 0) -> NDArray[np.bool_]:
    """Which of ``count`` pixels from ``start`` on lie in ``first`` to ``end`` - 1: (count,)."""
    index = np.arange(start, start + count)
    return (index >= first) & (index < end)


def inside_of(shape: Sequence[int], row: int, col: int, height: int, width: int) -> Tensor:
    """Which pixels of a window lie in an image of ``shape``: (height, width)."""
    rows, cols = inside(row, height, shape[0]), inside(col, width, shape[1])
    return torch.from_numpy(rows[:, None] & cols)


def pick(image: Tensor, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Tensor:
    """Those rows and columns of (..., H, W), a copy; each as ``clamped`` gives them."""
    for axis, index in ((-2, rows), (-1, cols)):
        first, last = int(index[0]), int(index[-1])
        before, after = int((index == first).sum()) - 1, int((index == last).sum()) - 1
        image = extended(image.narrow(axis, first, last - first + 1), before, after if last > first else 0, axis)
    return image


def read(image: Tensor, row: int, col: int, height: int, width: int) -> Tensor:
    """The window (..., height, width) of (..., H, W)."""
    return pick(image, clamped(row, height, image.shape[-2]), clamped(col, width, image.shape[-1]))


def extended(image: Tensor, before: int, after: int, axis: int) -> Tensor:
    """The image (..., H, W) with so many more pixels before and after along an axis, a copy."""

    def edge(pixel: int, count: int) -> Tensor:
        shape = list(image.shape)
        shape[axis] = count
        return image.narrow(axis, pixel, 1).expand(shape)

    # Beside one another: selecting columns by their numbers takes ten times as long.
    return torch.cat([edge(0, before), image, edge(image.shape[axis] - 1, after)], axis)


def whole(mask: Tensor, ratio: int) -> Tensor:
    """(h, w): which MS pixels have all of their PAN pixels in ``mask`` (ratio * h, ratio * w)."""
    if bool(mask.all()):  # mostly, and a fifth of the time
        return mask.new_ones([side // ratio for side in mask.shape])
    return mask.unfold(0, ratio, ratio).unfold(1, ratio, ratio).all(-1).all(-1)

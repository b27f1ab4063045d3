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
    """Those rows and columns of (..., H, W)."""
    rows_there, cols_there = (torch.from_numpy(index).to(image.device) for index in (rows, cols))
    return image.index_select(-2, rows_there).index_select(-1, cols_there)


def read(image: Tensor, row: int, col: int, height: int, width: int) -> Tensor:
    """The window (..., height, width) of (..., H, W)."""
    return pick(image, clamped(row, height, image.shape[-2]), clamped(col, width, image.shape[-1]))


def extended(image: Tensor, before: int, after: int, axis: int) -> Tensor:
    """The image (..., H, W) with so many more pixels before and after along an axis."""
    index = clamped(-before, before + image.shape[axis] + after, image.shape[axis])
    return image.index_select(axis, torch.from_numpy(index).to(image.device))


def whole(mask: Tensor, ratio: int) -> Tensor:
    """(h, w): which MS pixels have all of their PAN pixels in ``mask`` (ratio * h, ratio * w)."""
    return mask.unfold(0, ratio, ratio).unfold(1, ratio, ratio).all(-1).all(-1)

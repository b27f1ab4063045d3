"""Sums over sliding windows and disjoint blocks; the same bits wherever a window lies."""

from __future__ import annotations

import torch
from torch import Tensor


def box_sum(image: Tensor, size: int) -> Tensor:
    """Sums over all size x size windows of (..., H, W) that fit: (..., H - size + 1, W - size + 1)."""
    return _run(_run(image, size, -2), size, -1)


def _run(image: Tensor, size: int, axis: int) -> Tensor:
    """Sums of ``size`` neighbours by doubling: no running sum, so no rounding that grows along the axis."""
    count = image.shape[axis] - size + 1
    total, done, power, width = None, 0, image, 1
    while True:
        if size & width:
            part = power.narrow(axis, done, count)
            total = part if total is None else total + part
            done += width
        if done == size:
            return image.clone() if total is None else total
        length = power.shape[axis] - width
        power = power.narrow(axis, 0, length) + power.narrow(axis, width, length)
        width *= 2


def blocks(image: Tensor, size: int) -> Tensor:
    """Disjoint blocks of (B, H, W): (n, B, size * size), row by row; what fills no block is left out."""
    bands, rows, cols = image.shape[0], image.shape[1] // size, image.shape[2] // size
    cut = image[:, : rows * size, : cols * size].reshape(bands, rows, size, cols, size)
    return cut.permute(1, 3, 0, 2, 4).reshape(rows * cols, bands, size * size)


def whole_blocks(mask: Tensor, size: int) -> Tensor:
    """(n,): true for the blocks of (H, W) whose pixels are all valid."""
    return blocks(mask[None], size).all(-1)[:, 0]


def whole_windows(mask: Tensor, size: int) -> Tensor:
    """(H - size + 1, W - size + 1): true for the windows whose pixels are all valid."""
    return box_sum(mask.to(torch.int32), size) == size * size

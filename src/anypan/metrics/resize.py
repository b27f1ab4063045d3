"""Antialiased bicubic reduction: how the reference toolbox brings the PAN to the MS scale for D_s."""

from __future__ import annotations

import torch
from torch import Tensor


def reduce_bicubic(image: Tensor, ratio: int) -> Tensor:
    """(B, H, W) to (B, H / ratio, W / ratio): cubic convolution (a = -.5) stretched by ``ratio``, mirrored borders.

    Keys, IEEE TASSP 29(6), 1981. Output pixel i lies over the area of input pixels ratio * i to ratio * i + ratio - 1.
    """
    rows, cols = (_weights(n, ratio).to(image) for n in image.shape[-2:])
    return rows @ image @ cols.T


def _weights(size: int, ratio: int) -> Tensor:
    count = size // ratio
    centres = ratio * torch.arange(count, dtype=torch.float64)[:, None] + (ratio - 1) / 2
    taps = torch.floor(centres) + torch.arange(-2 * ratio - 1, 2 * ratio + 2)
    weights = _cubic((centres - taps) / ratio)
    weights /= weights.sum(1, keepdim=True)
    mirrored = taps.long() % (2 * size)
    mirrored = torch.where(mirrored < size, mirrored, 2 * size - 1 - mirrored)
    return torch.zeros(count, size, dtype=torch.float64).scatter_add_(1, mirrored, weights)


def _cubic(distance: Tensor) -> Tensor:
    d = distance.abs()
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))

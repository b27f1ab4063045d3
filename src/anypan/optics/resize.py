"""Antialiased bicubic resizing: how the reference toolbox brings the PAN to the MS scale for D_s, and back."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def reduce_bicubic(image: Tensor, ratio: int) -> Tensor:
    """(B, H, W) to (B, H / ratio, W / ratio): cubic convolution (a = -.5) stretched by ``ratio``, mirrored borders.

    Keys, IEEE TASSP 29(6), 1981. Output pixel i lies over the area of input pixels ratio * i to ratio * i + ratio - 1.
    """
    return _resized(image, ratio)


def enlarge_bicubic(image: Tensor, ratio: int) -> Tensor:
    """(B, h, w) to (B, ratio * h, ratio * w): cubic convolution (a = -.5), mirrored borders, areas aligned as above."""
    return _resized(image, 1 / ratio)


def _resized(image: Tensor, step: float) -> Tensor:
    rows, cols = (_weights(n, step).to(image) for n in image.shape[-2:])
    return rows @ image @ cols.T


def _weights(size: int, step: float) -> Tensor:
    """(count, size): what each of ``size / step`` output pixels takes from the input pixels."""
    count, spread = math.floor(size / step + 1e-9), max(step, 1.0)
    centres = step * torch.arange(count, dtype=torch.float64)[:, None] + (step - 1) / 2
    reach = 2 * math.ceil(spread)
    taps = torch.floor(centres) + torch.arange(-reach - 1, reach + 2)
    weights = _cubic((centres - taps) / spread)
    weights /= weights.sum(1, keepdim=True)
    mirrored = taps.long() % (2 * size)
    mirrored = torch.where(mirrored < size, mirrored, 2 * size - 1 - mirrored)
    return torch.zeros(count, size, dtype=torch.float64).scatter_add_(1, mirrored, weights)


def _cubic(distance: Tensor) -> Tensor:
    d = distance.abs()
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))

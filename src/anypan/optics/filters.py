"""Low-pass filters on the PAN grid as sums of shifted copies, so that a tile's pixels equal the whole image's."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from anypan.geometry.window import extended

SPLINE = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def separable(image: Tensor, taps: Sequence[float], dilation: int = 1) -> Tensor:
    """Filter rows and columns of (..., H, W) with an odd number of symmetric ``taps``; replicated borders."""
    return _along(_along(image, taps, dilation).mT, taps, dilation).mT


def _along(image: Tensor, taps: Sequence[float], dilation: int) -> Tensor:
    size, reach = image.shape[-1], len(taps) // 2 * dilation
    padded = extended(image, reach, reach, -1)
    total = padded[..., :size] * taps[0]
    for t, tap in enumerate(taps[1:], 1):
        total.add_(padded[..., t * dilation : t * dilation + size], alpha=tap)
    return total


def wavelet_levels(ratio: int) -> int:
    """Levels of a dyadic wavelet that come nearest to the ratio."""
    return max(1, round(math.log2(ratio)))


def a_trous(image: Tensor, levels: int) -> Tensor:
    """Low-pass of (..., H, W) by the a trous wavelet, cubic B-spline, taps 2^level apart (Starck and Murtagh)."""
    for level in range(levels):
        image = separable(image, SPLINE, 2**level)
    return image

"""The universal image quality index Q of Wang and Bovik (IEEE SPL 9(3), 2002): sliding, and in disjoint blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.metrics.strips import FR_BLOCK, Image, pairs
from anypan.metrics.windows import blocks, box_sum, whole_windows

FLAT = 1e-12  # variance relative to the squared mean below which a block holds nothing but rounding


def q(fused: Image, reference: Image, mask: Tensor | None = None, window: int = FR_BLOCK) -> float:
    """Q: mean over bands and over all ``window`` x ``window`` windows that fit; -1..1, 1 is best.

    Images (B, H, W) in one unit. Where both variances vanish but for rounding the term of the means stands alone,
    and is 1 if these vanish as well. Windows with an invalid pixel (``mask``) do not count; NaN if none is left.
    """
    size = min(window, *reference.shape[1:])
    total, count = 0.0, 0
    for one, two, valid in pairs(fused, reference, mask, overlap=size - 1):
        counted = whole_windows(valid, size)
        total += _window_values(one, two, size)[:, counted].sum().item()
        count += int(counted.sum()) * len(one)
    return total / count if count else math.nan


def _window_values(one: Tensor, two: Tensor, size: int) -> Tensor:
    n = size * size
    sum_one, sum_two = box_sum(one, size), box_sum(two, size)
    product, power = sum_one * sum_two, sum_one**2 + sum_two**2
    covariance = n * box_sum(one * two, size) - product
    variances = n * box_sum(one * one + two * two, size) - power
    luminance = torch.where(power != 0, 2 * product / power, 1.0)
    return torch.where((variances > FLAT * power) & (power != 0), luminance * 2 * covariance / variances, luminance)


def block_q(image: Tensor, size: int) -> Tensor:
    """Q between all bands of (B, H, W) in disjoint ``size`` x ``size`` blocks: (n, B, B), NaN where both are flat."""
    values = blocks(image, size)
    means = values.mean(-1)
    values = values - means[..., None]
    covariance = values @ values.mT / (size * size - 1)
    variance = covariance.diagonal(dim1=-2, dim2=-1)
    spread = variance[:, :, None] + variance[:, None, :]
    power = means[:, :, None] ** 2 + means[:, None, :] ** 2
    index = 4 * covariance * means[:, :, None] * means[:, None, :] / (spread * power)
    return torch.where(spread > FLAT * power, index, math.nan)

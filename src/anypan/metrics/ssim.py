"""Structural similarity."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.metrics.strips import Image, pairs
from anypan.metrics.windows import whole_windows

TAPS, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def ssim(fused: Image, reference: Image, peak: float, mask: Tensor | None = None) -> float:
    """SSIM: mean over bands and over all 11 x 11 Gaussian windows (sigma 1.5) that fit; 1 is best.

    Wang et al., IEEE TIP 13(4), 2004, K = .01, .03. Images (B, H, W) in one unit, ``peak`` their full scale.
    Windows with an invalid pixel (``mask``) do not count; NaN if none is left.
    """
    if min(reference.shape[-2:]) < TAPS:
        return math.nan
    total, count = 0.0, 0
    for one, two, valid in pairs(fused, reference, mask, overlap=TAPS - 1):
        counted = whole_windows(valid, TAPS)
        total += _values(one / peak, two / peak)[:, counted].sum().item()
        count += int(counted.sum()) * len(one)
    return total / count if count else math.nan


def _values(one: Tensor, two: Tensor) -> Tensor:
    mean_one, mean_two = _smooth(one), _smooth(two)
    product, power = mean_one * mean_two, mean_one**2 + mean_two**2
    covariance = _smooth(one * two) - product
    variances = _smooth(one * one + two * two) - power
    return (2 * product + K1**2) * (2 * covariance + K2**2) / ((power + K1**2) * (variances + K2**2))


def _smooth(image: Tensor) -> Tensor:
    taps = torch.exp(-0.5 * ((torch.arange(TAPS) - TAPS // 2) / SIGMA) ** 2).double()
    weights = (taps / taps.sum()).tolist()
    for axis in (-2, -1):
        count = image.shape[axis] - TAPS + 1
        smooth = weights[0] * image.narrow(axis, 0, count)
        for t in range(1, TAPS):
            smooth.add_(image.narrow(axis, t, count), alpha=weights[t])
        image = smooth
    return image

"""Filters by which the reference toolbox (Vivone et al., IEEE GRSM 2021) differs from the physical convention.

They work on whole images: their borders depend on where the image ends.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.metrics.resize import enlarge_bicubic, reduce_bicubic
from anypan.optics.mtf import TOOLBOX_TAPS, Sampling

_SPLINE = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def wavelet_lowpass(pan: Tensor, ratio: int) -> Tensor:
    """Low-pass of the cubic B-spline wavelet, two passes (analysis, synthesis) for each of log2(ratio) levels.

    The taps are not dilated between levels. Each analysis pass mirrors four pixels beyond the border of its own,
    ever larger, image; each synthesis pass shrinks it again. (..., H, W) to the same shape.
    """
    return _along(_along(pan, ratio).mT, ratio).mT


def _along(image: Tensor, ratio: int) -> Tensor:
    levels, edge = math.ceil(math.log2(ratio)), len(_SPLINE) - 1
    for _ in range(levels):
        before, after = image[..., :edge].flip(-1), image[..., -edge:].flip(-1)
        image = _spline(torch.cat([before, image, after], -1))
    for _ in range(levels):
        image = _spline(image)
    return image


def _spline(image: Tensor) -> Tensor:
    size = image.shape[-1] - len(_SPLINE) + 1
    return sum((tap * image[..., t : t + size] for t, tap in enumerate(_SPLINE)), torch.zeros(()))


def gaussian_lowpass(pan: Tensor, ratio: int) -> Tensor:
    """MTF filter of gain .30 whose Gaussian is wider by 41 / 40 than toolbox_kernel's: (1, H, W) to the same shape."""
    narrowing = (TOOLBOX_TAPS - 1) / TOOLBOX_TAPS
    return Sampling(ratio, convention="toolbox").lowpass(pan, [0.3 ** (narrowing**2)])


def bicubic_lowpass(pan: Tensor, ratio: int) -> Tensor:
    """Reduced by ``ratio`` with antialiased bicubic interpolation, and enlarged again: (1, H, W) to the same shape."""
    return enlarge_bicubic(reduce_bicubic(pan, ratio), ratio)

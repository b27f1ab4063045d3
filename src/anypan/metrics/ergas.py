"""Relative dimensionless global error in synthesis."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.metrics.strips import Image, pairs


def ergas(fused: Image, reference: Image, ratio: float, mask: Tensor | None = None) -> float:
    """ERGAS = 100 / ratio * sqrt(mean over bands of MSE_b / mean(reference_b)^2); 0 is best. Wald, 2000.

    Images (B, H, W) in one unit; ``ratio`` is PAN pixels per MS pixel along a side; ``mask`` (H, W) valid pixels.
    Bands whose reference is 0 on the mean do not count; NaN without any other, or any valid pixel.
    """
    squares, sums, count = (torch.zeros(reference.shape[0], dtype=torch.float64) for _ in range(3))
    for one, two, valid in pairs(fused, reference, mask):
        squares += ((one - two) ** 2).sum((1, 2)).cpu()
        sums += two.sum((1, 2)).cpu()
        count += valid.sum().cpu()
    return ergas_of(squares, sums, count, ratio)


def ergas_of(squares: Tensor, sums: Tensor, count: Tensor, ratio: float) -> float:
    """ERGAS of bands' squared errors and the reference's values (B,), each summed over ``count`` (B,) pixels."""
    relative = (count * squares / sums**2)[sums != 0]
    return 100 / ratio * math.sqrt(relative.mean().item()) if len(relative) else math.nan

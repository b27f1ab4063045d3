"""Relative dimensionless global error in synthesis."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.metrics.strips import Image, pairs


def ergas(fused: Image, reference: Image, ratio: float, mask: Tensor | None = None) -> float:
    """ERGAS = 100 / ratio * sqrt(mean over bands of MSE_b / mean(reference_b)^2); 0 is best. Wald, 2000.

    Images (B, H, W) in one unit; ``ratio`` is PAN pixels per MS pixel along a side; ``mask`` (H, W) valid pixels.
    """
    squares, sums, count = (torch.zeros(reference.shape[0], dtype=torch.float64) for _ in range(3))
    for one, two, valid in pairs(fused, reference, mask):
        squares += ((one - two) ** 2).sum((1, 2)).cpu()
        sums += two.sum((1, 2)).cpu()
        count += valid.sum().cpu()
    relative = (squares / count) / (sums / count) ** 2
    return 100 / ratio * math.sqrt(relative.mean().item())

"""Pearson's correlation coefficient."""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.metrics.strips import Image, pairs


def cc(fused: Image, reference: Image, mask: Tensor | None = None) -> float:
    """CC: mean over bands of the correlation of (B, H, W) images; -1..1, 1 is best, NaN if a band is constant."""
    count, sums = 0, torch.zeros(5, reference.shape[0], dtype=torch.float64)
    origin = None
    for one, two, valid in pairs(fused, reference, mask):
        if origin is None:
            origin = one[:, valid].mean(1), two[:, valid].mean(1)
        if not valid.any():
            origin = None
            continue
        one, two = (image[:, valid] - mean[:, None] for image, mean in zip((one, two), origin, strict=True))
        sums += torch.stack([one.sum(1), two.sum(1), (one * one).sum(1), (two * two).sum(1), (one * two).sum(1)]).cpu()
        count += one.shape[1]
    mean_one, mean_two, power_one, power_two, product = sums / count
    spread = (power_one - mean_one**2) * (power_two - mean_two**2)
    return float(((product - mean_one * mean_two) / torch.sqrt(spread)).mean())

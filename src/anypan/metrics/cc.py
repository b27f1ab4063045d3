"""Pearson's correlation coefficient."""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.metrics.strips import Image, pairs

ROUNDING = 1e-24  # of a mean's square, of which a constant's spread has no more


def cc(fused: Image, reference: Image, mask: Tensor | None = None) -> float:
    """CC: mean over bands of the correlation of (B, H, W) images; -1..1, 1 is best, NaN if a band is constant."""
    count, sums = 0, torch.zeros(5, reference.shape[0], dtype=torch.float64)
    origin = None
    for one, two, valid in pairs(fused, reference, mask):
        if not valid.any():
            continue
        if origin is None:  # one for all strips: sums are of what is left
            origin = one[:, valid].mean(1), two[:, valid].mean(1)
        one, two = (image[:, valid] - mean[:, None] for image, mean in zip((one, two), origin, strict=True))
        sums += torch.stack([one.sum(1), two.sum(1), (one * one).sum(1), (two * two).sum(1), (one * two).sum(1)]).cpu()
        count += one.shape[1]
    mean_one, mean_two, power_one, power_two, product = sums / count
    spreads = [power - mean**2 for power, mean in ((power_one, mean_one), (power_two, mean_two))]
    constant = [spread <= ROUNDING * (mean + first.cpu()) ** 2 for spread, mean, first in
                zip(spreads, (mean_one, mean_two), origin or (mean_one, mean_two), strict=True)]  # fmt: skip
    found = (product - mean_one * mean_two) / torch.sqrt(spreads[0] * spreads[1])
    return float(found.masked_fill(constant[0] | constant[1], torch.nan).mean())

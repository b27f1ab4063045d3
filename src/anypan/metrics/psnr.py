"""Peak signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.metrics.strips import Image, pairs


def psnr(fused: Image, reference: Image, peak: float, mask: Tensor | None = None) -> float:
    """PSNR = mean over bands of 10 log10(peak^2 / MSE_b), in dB; higher is better, infinite for equal images.

    Images (B, H, W) in one unit; ``peak`` is the full scale in that unit; ``mask`` (H, W) valid pixels.
    """
    squares, count = torch.zeros(reference.shape[0], dtype=torch.float64), 0
    for one, two, valid in pairs(fused, reference, mask):
        squares += ((one - two) ** 2).sum((1, 2)).cpu()
        count += int(valid.sum())
    return float((10 * torch.log10(peak**2 * count / squares)).mean())

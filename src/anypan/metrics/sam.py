"""Spectral angle mapper."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.metrics.strips import Image, pairs


def sam(fused: Image, reference: Image, mask: Tensor | None = None) -> float:
    """SAM: mean angle in degrees between the spectra of (B, H, W) images; 0 is best. Yuhas et al., JPL 1992.

    Pixels that ``mask`` (H, W) does not hold valid, and those with a spectrum of zeros, do not count;
    NaN if none is left.
    """
    total, count = 0.0, 0
    for one, two, valid in pairs(fused, reference, mask):
        norms = torch.sqrt((one * one).sum(0) * (two * two).sum(0))
        counted = valid & (norms > 0)
        cosine = (one * two).sum(0)[counted] / norms[counted]
        total += torch.arccos(cosine.clamp(-1, 1)).sum().item()
        count += int(counted.sum())
    return math.degrees(total / count) if count else math.nan

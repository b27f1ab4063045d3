"""Quality with no reference as the UniPAN and PreMix codes compute it: the same names, other quantities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.metrics.d_rho import local_correlation
from anypan.metrics.strips import Image, rows_of
from anypan.pair.scene import Scene

EPS = 1e-8  # in the denominator of Q
HALF = 8  # half-width of the windows of D_rho


def unipan(fused: Image, scene: Scene, peak: float) -> dict[str, float]:
    """D_lambda, D_s, QNR and D_rho of ``fused`` (B, H, W), by name, as Cui et al. (ICCV 2025) print them.

    Everything is divided by ``peak``, fused clipped to 0..1. Q has one window, the whole image, biased moments and EPS.
    D_lambda: ordered pairs of bands of F against M. D_s against M and the PAN through plain bicubic interpolation (no
    low-pass, corners aligned). D_rho: local correlation of F, reduced the same way, with M in windows of 16 x 16.
    Invalid pixels count as what they were filled with. Holds the whole scene in memory.
    """
    patch = scene.whole()
    pan, lrms = patch.pan.double() / peak, patch.lrms.double() / peak
    seen = torch.nan_to_num(rows_of(fused, 0, fused.shape[1]) / peak).clamp(0, 1)
    pan_lr, seen_lr = (_reduced(image, lrms.shape[-2:]) for image in (pan, seen))
    ours, theirs = (whole_q(torch.cat(pair)) for pair in ((seen, pan), (lrms, pan_lr)))
    bands = len(lrms)
    change = (ours - theirs).abs()
    between = change[:-1, :-1]
    d_lambda = float((between.sum() - between.trace()) / (bands * (bands - 1))) if bands > 1 else 0.0
    d_s = float(change[:-1, -1].mean())
    values = {"D_lambda": d_lambda, "D_s": d_s, "QNR": (1 - d_lambda) * (1 - d_s)}
    return values | {"D_rho": float((1 - _correlation(seen_lr, lrms).clamp(-1, 1)).mean())}


def whole_q(image: Tensor) -> Tensor:
    """(B, B): Q between all bands of (B, H, W), over the whole image."""
    values = image.flatten(1)
    means = values.mean(1)
    deviation = values - means[:, None]
    covariance = deviation @ deviation.T / values.shape[1]
    power, spread = means**2, covariance.diagonal()
    total = (spread[:, None] + spread) * (power[:, None] + power)
    return 4 * covariance * torch.outer(means, means) / (total + EPS)


def _reduced(image: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(image[None], tuple(size), mode="bicubic", align_corners=True)[0]


def _correlation(one: Tensor, two: Tensor) -> Tensor:
    pad = (2 * HALF,) * 4
    inside = F.pad(torch.ones_like(two[0], dtype=torch.bool), pad)
    found = local_correlation(F.pad(one, pad), F.pad(two, pad), HALF, inside)
    return found[:, 2 : 2 + one.shape[-2], 2 : 2 + one.shape[-1]]

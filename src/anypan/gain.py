"""How blurred the MS really is against the PAN: the effective MTF gain of a pair, measured on the pair itself.

Ground processing sharpens some PAN products and resamples some MS products, so the gain that holds between two files
can lie far from that of the instruments (measured on real scenes: 0.1 to 0.8, where the instruments have 0.2 to 0.4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.mtf import Sampling
from anypan.scene import Patch, Scene

CANDIDATES = tuple(0.08 * 1.12**n for n in range(22))  # 0.08 to 0.86
HIGH_PASS = 5  # MS pixels along a side of the mean that is taken away
TRUSTED = 0.8  # share of the PAN's detail that the bands must explain before a measured gain is believed
LIGHT = 1.6  # a measured gain this many times the instrument's is no instrument's


@dataclass(frozen=True)
class MeasuredGain:
    """``gnyq`` at the MS Nyquist frequency, and ``explained``: share of the PAN's detail that the bands explain."""

    gnyq: float
    explained: float


def measure_gain(scene: Scene) -> MeasuredGain:
    """The gain with which the degraded PAN's detail is best explained by the MS bands' detail, all bands together.

    For each candidate gain the PAN is filtered, sampled at the MS pixels and regressed on the bands, both high-passed;
    the gain of the highest R2 is refined by a parabola. At the ends of the range the end itself is returned.
    """
    moments = torch.stack([_moments(patch, scene.sampling) for patch in scene.blocks()]).sum(0)
    bands = len(scene.bands)
    between, cross = moments[:bands, :bands], moments[:bands, bands:]
    power = moments.diagonal()[bands:].clamp(min=1e-20)
    ridge = 1e-6 * between.diagonal().mean().clamp(min=1e-20) * torch.eye(bands, dtype=between.dtype)
    explained = (cross * torch.linalg.solve(between + ridge, cross)).sum(0) / power
    best = int(explained.argmax())
    return MeasuredGain(_refined(explained, best), float(explained[best]))


def effective_gnyq(scene: Scene) -> tuple[float, ...]:
    """The gains to fuse with: those of the scene's sensor, unless the MS was evidently blurred much less.

    An MS that was resampled rather than seen through an MTF has a measured gain far above the instrument's; believing
    the instrument then sharpens what is sharp. A low measured gain (a PAN sharpened on the ground) is not followed:
    the instrument's gain keeps the fused image consistent with the MS as delivered.
    """
    measured = measure_gain(scene)
    usual = sum(scene.gnyq) / len(scene.gnyq)
    if measured.explained < TRUSTED or measured.gnyq < LIGHT * usual:
        return scene.gnyq
    return (measured.gnyq,) * len(scene.gnyq)


def _moments(patch: Patch, sampling: Sampling) -> Tensor:
    """(B + G, B + G): products of the high-passed bands and of the PAN degraded with each of the G candidates."""
    degraded = [sampling.degrade(patch.pan, [gnyq]) for gnyq in CANDIDATES]
    stack = torch.cat([patch.lrms, *degraded])
    detail = patch.core(stack - _local_mean(stack)).to(torch.float64)
    inside = patch.core(_local_mean(patch.mask_lr[None].float()))[0] > 0.999
    values = detail[:, inside]
    return values @ values.T


def _local_mean(image: Tensor) -> Tensor:
    half = HIGH_PASS // 2
    padded = F.pad(image[None], (half,) * 4, mode="replicate")
    return F.avg_pool2d(padded, HIGH_PASS, 1)[0]


def _refined(explained: Tensor, best: int) -> float:
    if best in (0, len(CANDIDATES) - 1):
        return CANDIDATES[best]
    before, peak, after = explained[best - 1 : best + 2].tolist()
    offset = 0.5 * (before - after) / (before - 2 * peak + after)
    return math.exp(math.log(CANDIDATES[best]) + offset * math.log(CANDIDATES[1] / CANDIDATES[0]))

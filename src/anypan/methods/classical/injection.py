"""The three ways in which classical methods put the PAN's detail into EXP; all of them pure, local fusers.

A scene decides the coefficients once (``fit``); they are float64 and take the pixels' type when they are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from anypan.methods.base import Fuser
from anypan.methods.classical.statistics import degrade_pan, shared_gains
from anypan.optics.sampling import Sampling


def per_band(coefficients: Tensor, image: Tensor) -> Tensor:
    """(B,) as (B, 1, 1) in the image's type, on its device."""
    return coefficients.to(image)[:, None, None]


def mix(lrms: Tensor, weights: Tensor) -> Tensor:
    """The intensity (1, h, w): weighted sum of (B, h, w), band after band so that every pixel is summed alike."""
    total = lrms[:1] * weights[0].item()
    for band, weight in zip(lrms[1:], weights[1:].tolist(), strict=True):
        total = total + band * weight
    return total


@dataclass(frozen=True)
class Substitution(Fuser):
    """EXP_b + gain_b (slope PAN + offset - sum_k weight_k EXP_k): component substitution.

    EXP being linear, the bands less their share of the intensity are expanded, never the intensity.
    """

    sampling: Sampling
    weights: Tensor
    slope: Tensor
    offset: Tensor
    gains: Tensor

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return self.sampling.reach

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        gains = per_band(self.gains, pan)
        without = self.sampling.expand(lrms - gains * mix(lrms, self.weights))
        return without.add_(gains * (pan * self.slope.to(pan) + self.offset.to(pan)))


@dataclass(frozen=True)
class Pyramid(Fuser):
    """EXP_b + gain_b (PAN - PAN_LP_b), PAN_LP_b = expand(degrade(PAN, gnyq_b)): generalised Laplacian pyramid.

    EXP being linear, one expansion serves EXP and PAN_LP.
    """

    sampling: Sampling
    gnyq: tuple[float, ...]
    gains: Tensor

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return self.sampling.reach

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        gains = per_band(self.gains, pan)
        without = self.sampling.expand(lrms - gains * degrade_pan(self.sampling, pan, self.gnyq))
        return without.add_(gains * pan)


@dataclass(frozen=True)
class Modulation(Fuser):
    """EXP_b + EXP_b (P_b - P_LP_b) / P_LP_b: the pyramid with high-pass modulation.

    P_b = gain_b PAN + offset_b and P_LP_b = gain_b PAN_LP_b + offset_lp_b. Bands of equal gnyq share PAN_LP.
    """

    sampling: Sampling
    gnyq: tuple[float, ...]
    gains: Tensor
    offset: Tensor
    offset_lp: Tensor
    floor: Tensor

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return self.sampling.reach

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        fused = self.sampling.expand(lrms)
        distinct, index = shared_gains(self.gnyq)
        lows = self.sampling.expand(self.sampling.degrade(pan, distinct))
        coefficients = torch.stack([self.gains, self.offset, self.offset_lp, self.floor], 1).tolist()
        for band, k, (gain, offset, offset_lp, floor) in zip(fused, index, coefficients, strict=True):
            low = lows[k] * gain + offset_lp
            detail = pan[0] * gain + offset - low
            band.mul_(detail.div_(self.sampling.divisor(low, floor)).add_(1))
        return fused

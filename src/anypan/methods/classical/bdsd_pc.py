"""BDSD-PC: band-dependent detail that is estimated one scale down, under physical constraints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from anypan.methods.base import Fuser
from anypan.methods.classical.injection import mix
from anypan.methods.classical.statistics import of_scene
from anypan.optics.sampling import Sampling
from anypan.pair.scene import Patch, Scene


@dataclass(frozen=True)
class BandDependent(Fuser):
    """EXP_b + gain_b PAN - sum_k mixing_bk EXP_k; EXP being linear, the bands are mixed before they are expanded."""

    sampling: Sampling
    gains: Tensor
    mixing: Tensor

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return self.sampling.reach

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        mixed = torch.cat([mix(lrms, weights) for weights in self.mixing])
        return self.sampling.expand(lrms - mixed).add_(self.gains.to(pan)[:, None, None] * pan)


def bdsd_pc(scene: Scene) -> Fuser:
    """Band-dependent spatial detail with physical constraints: PAN in, bands out, both with weights of one sign.

    fused_b = EXP_b + g_b PAN - sum_k a_bk EXP_k, g, a >= 0. One scale down, MS_b - MS_LP_b is fitted by the PAN at MS
    scale and by -MS_LP_k, in least squares: MS_LP_k = MTF filter of MS_k, the PAN degraded with its own MTF gain.
    Garzelli, Nencini and Capobianco, IEEE TGRS 46(1), 2008; constraints: Vivone, IEEE TGRS 57(9), 2019.
    """
    bands = len(scene.bands)
    square = of_scene(scene, one_scale_down).square
    predictors = slice(bands, None)
    solve = [nonnegative(square[predictors, predictors], square[predictors, b]) for b in range(bands)]
    weights = torch.stack(solve)
    return BandDependent(scene.sampling, weights[:, 0], weights[:, 1:])


def one_scale_down(scene: Scene, patch: Patch) -> Tensor:
    """(2 B + 1, h, w): detail of the bands (B), the PAN at MS scale, the bands' low-pass (B) with the sign turned."""
    sampling, bands = scene.sampling, patch.lrms
    if not sampling.fits_at_ms:
        bands = sampling.reduced(sampling.fit_grid(bands), scene.gnyq)
    low = sampling.lowpass(bands, scene.gnyq)
    return torch.cat([bands - low, sampling.degrade(patch.pan, (scene.gnyq_pan,)), -low])


def nonnegative(gram: Tensor, towards: Tensor) -> Tensor:
    """The w >= 0 that minimises w' gram w / 2 - towards' w: (n, n) and (n,) to (n,).

    Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23: variables enter one by one, and leave when
    the solution among those inside turns negative.
    """
    scale = gram.diagonal().sqrt().clamp(min=torch.finfo(gram.dtype).tiny)
    gram, towards = gram / torch.outer(scale, scale), towards / scale
    inside = torch.zeros_like(towards, dtype=torch.bool)
    weights = torch.zeros_like(towards)
    tolerance = 1e-12 * towards.abs().max()
    for _ in range(10 * len(towards)):
        pull = torch.where(inside, -torch.inf, towards - gram @ weights)
        if pull.max() <= tolerance:
            break
        inside[pull.argmax()] = True
        weights, inside = _retreat(gram, towards, weights, inside)
    return weights / scale


def _retreat(gram: Tensor, towards: Tensor, weights: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Solve among ``inside``; while that is negative somewhere, go there as far as allowed and drop what became 0."""
    while inside.any():
        trial = torch.zeros_like(weights)
        among = gram[inside][:, inside]
        trial[inside] = torch.linalg.pinv(among, rtol=1e-13, hermitian=True) @ towards[inside]
        negative = inside & (trial <= 0)
        if not negative.any():
            return trial, inside
        steps = torch.where(negative, weights / (weights - trial).clamp(min=1e-300), torch.inf)
        weights = weights + steps.min() * (trial - weights)
        inside = inside & (weights > 0)
        inside[steps.argmin()] = False
        weights = torch.where(inside, weights, 0.0)
    return weights, inside

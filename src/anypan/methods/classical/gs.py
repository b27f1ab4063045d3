"""GS and GSA: the Gram-Schmidt component is replaced by the PAN."""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.methods.base import Fuser
from anypan.methods.classical.injection import Substitution
from anypan.methods.classical.statistics import Statistics, bands_and_pan, exp_and_pan, of_scene, over
from anypan.pair.scene import Scene


def gs(scene: Scene) -> Fuser:
    """Gram-Schmidt: the mean of the bands is replaced by the PAN, equalised to it in mean and standard deviation.

    fused_b = EXP_b + g_b (P - I), I = mean_b EXP_b, g_b = cov(I, EXP_b) / var(I),
    P = (PAN - mean(PAN)) std(I) / std(PAN) + mean(I). Laben and Brower, US patent 6,011,875, 2000, mode 1.
    std(PAN) is the PAN's own in ``toolbox``, as published; else at MS scale (Alparone, Garzelli and Vivone, IEEE TGRS
    55(8), 2017), without which the PAN's finer contrast makes the bands' too small.
    """
    seen = of_scene(scene, exp_and_pan)
    bands = len(scene.bands)
    weights = torch.full((bands,), 1 / bands, dtype=torch.float64)
    spread = (weights @ seen.covariance[:-1, :-1] @ weights).clamp(min=0).sqrt()
    return substitution(scene, seen, weights, over(spread, seen.std[-1]))


def gsa(scene: Scene) -> Fuser:
    """Adaptive Gram-Schmidt: the intensity that replaces best what the PAN saw, by least squares at MS scale.

    fused_b = EXP_b + g_b (PAN - mean - (I - mean)), I = sum_b w_b EXP_b, w = regression of the PAN at MS scale on the
    bands and a constant, g_b = cov(I, EXP_b) / var(I). Aiazzi, Baronti and Selva, IEEE TGRS 45(10), 2007.
    """
    at_ms = of_scene(scene, bands_and_pan)
    seen = at_ms if scene.sampling.fits_at_ms else of_scene(scene, exp_and_pan)
    bands = len(scene.bands)
    return substitution(scene, seen, at_ms.regress(bands, range(bands)), torch.ones((), dtype=torch.float64))


def substitution(scene: Scene, seen: Statistics, weights: Tensor, slope: Tensor) -> Substitution:
    """Gram-Schmidt with the intensity ``weights`` (B,), where slope * PAN has the intensity's contrast."""
    with_bands = seen.covariance[:-1, :-1] @ weights
    gains = over(with_bands, weights @ with_bands) * (seen.variance[-1] > 0)
    offset = weights @ seen.mean[:-1] - slope * seen.mean[-1]
    return Substitution(scene.sampling, weights, slope, offset, gains)

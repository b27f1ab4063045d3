"""Brovey and BT-H: all bands are multiplied by the ratio of the PAN and an intensity.

In the ``physical`` convention that intensity, less its haze, is held at a tenth of its root mean square where it
divides; ``toolbox`` leaves the formulas as published.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from anypan.methods.base import Fuser
from anypan.methods.classical.injection import mix, per_band
from anypan.methods.classical.statistics import Statistics, least, of_scene, over, solved
from anypan.optics.sampling import Sampling
from anypan.pair.scene import Patch, Scene

HAZE = {"blue": 0.95, "green": 0.45, "red": 0.40, "nir": 0.05}  # of the first percentile


@dataclass(frozen=True)
class Contrast(Fuser):
    """haze_b + (EXP_b - haze_b) (P - L) / (I - L), I = w' EXP, L = w' haze, P = slope PAN + offset.

    ``darkest``: what EXP_b - haze_b is held at from below.
    """

    sampling: Sampling
    weights: Tensor
    haze: Tensor
    slope: Tensor
    offset: Tensor
    floor: Tensor
    darkest: float

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return self.sampling.reach

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        exp = self.sampling.expand(lrms)
        intensity = mix(exp, self.weights)
        detail = pan * self.slope.to(pan) + self.offset.to(pan) - intensity
        clear = intensity.sub_((self.weights @ self.haze).to(pan))
        detail.div_(self.sampling.divisor(clear, self.floor))
        haze = per_band(self.haze, pan)
        return (exp - haze).clamp_(min=self.darkest).mul_(detail.add_(1)).add_(haze)


def brovey(scene: Scene) -> Fuser:
    """Brovey: EXP times the ratio of the PAN, equalised to the mean of the bands, and that mean.

    fused_b = EXP_b P / I, I = mean_b EXP_b, P = (PAN - mean(PAN)) std(I) / std(PAN) + mean(I), mean and standard
    deviation of the PAN at MS scale. Gillespie, Kahle and Walker, Remote Sensing of Environment 22(3), 1987; equalised
    as in Alparone, Garzelli and Vivone, IEEE TGRS 55(8), 2017 (by Vivone et al., IEEE TGRS 53(5), 2015, with the PAN's
    own deviation, which is larger). The intensity that divides is held at a tenth of its root mean square.
    """
    weights = torch.full((len(scene.bands),), 1 / len(scene.bands), dtype=torch.float64)
    return contrast(scene, of_scene(scene, exp_and_low), weights, torch.zeros_like(weights), -math.inf)


def bt_h(scene: Scene) -> Fuser:
    """Brovey with haze correction: ratios of what is left when the path radiance is taken from each band.

    fused_b = (EXP_b - H_b) (P - L) / (I - L) + H_b, I = sum_b w_b EXP_b, L = sum_b w_b H_b, w = least squares of the
    PAN at MS scale on the bands without constant, P = PAN equalised to I. H_b: .95, .45, .40, .05 of the first
    percentile for four bands named blue, green, red, nir (``toolbox``: four bands in that order), else the least value;
    EXP_b - H_b is held at 0 from below.
    Lolli et al., IEEE GRSL 14(12), 2017. The intensity that divides is held at a tenth of its root mean square.
    """
    seen = of_scene(scene, exp_and_low)
    return contrast(scene, seen, _without_constant(seen, seen.variance[:-1] > 0), haze(scene), 0.0)


def weights_without_constant(scene: Scene) -> Tensor:
    """(B,) float64, none below 0: weights of the bands whose sum comes nearest to the PAN at MS scale."""
    seen = of_scene(scene, exp_and_low)
    live = seen.variance[:-1] > 0
    weights = _without_constant(seen, live)
    while (weights < 0).any():  # leave out the one that is farthest from where it may be, and fit the others
        live = live & (torch.arange(len(weights)) != weights.argmin())
        weights = _without_constant(seen, live)
    return weights


def _without_constant(seen: Statistics, live: Tensor) -> Tensor:
    """(B,): least squares of the PAN on the bands that are ``live``, without a constant; 0 of the others."""
    square = seen.square
    among = square[:-1, :-1] * (live[:, None] & live)
    towards = square[:-1, -1] * (live & (seen.variance[-1] > 0))
    return solved(among, towards)


def contrast(scene: Scene, seen: Statistics, weights: Tensor, haze: Tensor, darkest: float) -> Contrast:
    """The fuser of an intensity ``weights`` (B,) and path radiances ``haze`` (B,); a flat PAN brings no detail."""
    mean = weights @ seen.mean[:-1]
    variance = (weights @ seen.covariance[:-1, :-1] @ weights).clamp(min=0)
    slope = over(variance.sqrt(), seen.std[-1])
    floor = least(mean - weights @ haze, variance)
    return Contrast(scene.sampling, weights, haze, slope, mean - slope * seen.mean[-1], floor, darkest)


def exp_and_low(scene: Scene, patch: Patch) -> Tensor:
    """(B + 1, ...): EXP and a low-pass of the PAN. On the MS grid, where EXP is the MS, it is bands_and_pan."""
    sampling = scene.sampling
    return torch.cat([sampling.fit_grid(patch.lrms), sampling.low_for_gains(patch.pan, scene.gnyq)])


def haze(scene: Scene) -> Tensor:
    """(B,) float64: path radiance of each band, from its darkest valid pixels."""
    factors = _haze_factors(scene)
    columns = []
    for patch in scene.blocks():
        bands = scene.sampling.fit_grid(patch.lrms)
        mask = patch.mask_lr if scene.sampling.fits_at_ms else patch.mask
        columns.append(patch.core(bands)[:, patch.core(mask)])
    values = torch.cat(columns, 1).to(torch.float64).sort(1).values
    if not values.shape[1]:
        return torch.zeros(len(values), dtype=torch.float64)
    if factors is None:
        return values[:, 0]
    return factors * _first_percentile(values)


def _haze_factors(scene: Scene) -> Tensor | None:
    names = tuple(name.lower() for name in scene.bands)
    if scene.sampling.bands_in_order and len(names) == len(HAZE):
        names = tuple(HAZE)
    if sorted(names) != sorted(HAZE):
        return None
    return torch.tensor([HAZE[name] for name in names], dtype=torch.float64)


def _first_percentile(ordered: Tensor) -> Tensor:
    """(B,) of (B, n) in ascending order: the k-th of n values is the percentile 100 (k - 1/2) / n, linear between."""
    last = ordered.shape[1] - 1
    position = min(max(ordered.shape[1] / 100 - 0.5, 0.0), last)
    below = int(position)
    above = min(below + 1, last)
    return ordered[:, below] + (position - below) * (ordered[:, above] - ordered[:, below])

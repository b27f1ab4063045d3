"""AWLP: the PAN's wavelet planes are shared out among the bands in proportion to them.

In the ``physical`` convention the mean of the bands is held at a tenth of its root mean square where it divides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from anypan.methods.base import Fuser
from anypan.methods.classical.injection import mix, per_band
from anypan.methods.classical.statistics import Statistics, exp_and_pan, least, of_scene, over
from anypan.optics.filters import wavelet_levels
from anypan.optics.sampling import Sampling
from anypan.pair.scene import Scene


@dataclass(frozen=True)
class Proportional(Fuser):
    """EXP_b + EXP_b / mean_b EXP_b gain_b (PAN - PAN_LP), PAN_LP by wavelets."""

    sampling: Sampling
    gains: Tensor
    floor: Tensor

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return max(self.sampling.reach, 2 * (2 ** wavelet_levels(self.sampling.ratio) - 1))

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        exp = self.sampling.expand(lrms)
        low = self.sampling.wavelet_low(pan)
        intensity = mix(exp, torch.full((len(exp),), 1 / len(exp), dtype=torch.float64))
        detail = (pan - low).div_(self.sampling.divisor(intensity, self.floor))
        return exp.mul_(per_band(self.gains, pan) * detail + 1)


def awlp(scene: Scene) -> Fuser:
    """Additive wavelet luminance proportional: the PAN's wavelet planes, in each pixel in proportion to the bands.

    fused_b = EXP_b + EXP_b / mean_b(EXP_b) g_b (PAN - PAN_LP), g_b = std(EXP_b) / std(PAN at MS scale); PAN_LP by the
    a trous wavelet (cubic B-spline) of the number of levels nearest to log2(ratio).
    Otazu et al., IEEE TGRS 43(10), 2005; g_b: Alparone, Garzelli and Vivone, IEEE TGRS 55(8), 2017.
    The mean of the bands that divides is held at a tenth of its root mean square.
    """
    seen = of_scene(scene, exp_and_pan)
    bands = slice(0, -1)
    among = seen.covariance[bands, bands].mean().clamp(min=0)
    floor = least(seen.mean[bands].mean(), among)
    gains = over(seen.std[bands], _pan_std(scene, seen))
    return Proportional(scene.sampling, gains, floor)


def _pan_std(scene: Scene, seen: Statistics) -> Tensor:
    if scene.sampling.fits_at_ms:
        return seen.std[-1]
    return of_scene(scene, lambda scene, patch: scene.sampling.low_at_fit(patch.pan, scene.gnyq)).std[0]

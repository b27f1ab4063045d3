"""HPF and SFIM: detail is what a box mean of the PAN leaves, added or multiplied.

In the ``physical`` convention SFIM's box mean is held at a tenth of the PAN's root mean square where it divides.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from anypan.methods.base import Fuser
from anypan.methods.classical.injection import per_band
from anypan.methods.classical.statistics import exp_and_pan, least, of_scene, over
from anypan.optics.normalise import box_mean
from anypan.optics.sampling import Sampling
from anypan.pair.scene import Scene


@dataclass(frozen=True)
class HighPass(Fuser):
    """EXP_b + gain_b (PAN - box mean of PAN)."""

    sampling: Sampling
    radius: int
    gains: Tensor

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return max(self.sampling.reach, self.radius)

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        detail = pan - box_mean(pan, 2 * self.radius + 1)
        return self.sampling.expand(lrms) + per_band(self.gains, pan) * detail


@dataclass(frozen=True)
class Smoothing(Fuser):
    """EXP_b PAN / box mean of PAN, as EXP_b (1 + (PAN - mean) / mean)."""

    sampling: Sampling
    radius: int
    floor: Tensor

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return max(self.sampling.reach, self.radius)

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        smooth = box_mean(pan, 2 * self.radius + 1)
        detail = (pan - smooth).div_(self.sampling.divisor(smooth, self.floor))
        return self.sampling.expand(lrms).mul_(detail.add_(1))


def hpf(scene: Scene) -> Fuser:
    """High-pass filtering: what a box of the MS pixel's size takes from the PAN, equalised to the band, is added.

    fused_b = EXP_b + std(EXP_b) / std(PAN) (PAN - box(PAN)), box the least odd one not below the ratio.
    Chavez, Sides and Anderson, PE&RS 57(3), 1991; equalised as in Vivone et al., IEEE TGRS 53(5), 2015: by the PAN's
    own std in ``toolbox``, else by that at MS scale (see ``gs``).
    """
    seen = of_scene(scene, exp_and_pan)
    return HighPass(scene.sampling, scene.ratio // 2, over(seen.std[:-1], seen.std[-1]))


def sfim(scene: Scene) -> Fuser:
    """Smoothing filter-based intensity modulation: EXP times the ratio of the PAN and its box mean.

    fused_b = EXP_b PAN / box(PAN), box the least odd one not below the ratio. Liu, Int. J. Remote Sensing 21(18), 2000.
    The PAN is taken as it is, as in that paper; Vivone et al., IEEE TGRS 53(5), 2015, equalise it to each band first.
    The box mean that divides is held at a tenth of the PAN's root mean square.
    """
    seen = of_scene(scene, exp_and_pan)
    return Smoothing(scene.sampling, scene.ratio // 2, least(seen.mean[-1], seen.variance[-1]))

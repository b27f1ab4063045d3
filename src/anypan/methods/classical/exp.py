"""EXP: the interpolated MS, without any detail of the PAN."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from anypan.methods.base import Fuser
from anypan.optics.sampling import Sampling
from anypan.pair.scene import Scene


@dataclass(frozen=True)
class Expansion(Fuser):
    """fused_b = EXP_b."""

    sampling: Sampling

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return self.sampling.reach

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        return self.sampling.expand(lrms)


def exp(scene: Scene) -> Fuser:
    """The MS interpolated to the PAN grid: what a fusion must beat.

    Aiazzi et al., IEEE TGRS 40(10), 2002 (``toolbox``: 23 taps). ``physical``: a polynomial of degree 7, any ratio.
    """
    return Expansion(scene.sampling)

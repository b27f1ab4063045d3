"""Consistency: any method followed by steps that make the fused image, degraded, agree with the MS."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from anypan.methods.base import Around, Fuser, Method
from anypan.optics.sampling import Sampling
from anypan.pair.scene import Scene


@dataclass(frozen=True)
class Consistent(Around):
    """fused <- fused + expand(lrms - degrade(fused, gnyq)), ``steps`` times."""

    sampling: Sampling
    gnyq: tuple[float, ...]
    steps: int

    @property
    def halo(self) -> int:
        """Context in PAN pixels on each side."""
        return self.fuser.halo + self.steps * self.sampling.reach

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        fused = self.fuser(pan, lrms)
        for _ in range(self.steps):
            fused = fused + self.sampling.expand(lrms - self.sampling.degrade(fused, self.gnyq))
        return fused


def consistent(method: Method, steps: int = 3) -> Method:
    """``method``, then ``steps`` of iterative back-projection (Irani and Peleg, CVGIP 53(3), 1991)."""

    def fit(scene: Scene) -> Fuser:
        """MTF-GLP-FS followed by iterative back-projection: fused += expand(MS - degrade(fused)).

        Irani and Peleg, CVGIP 53(3), 1991. It rings around bright targets and takes texture away: a yardstick.
        """
        return Consistent(method(scene), scene.sampling, scene.gnyq, steps)

    return fit

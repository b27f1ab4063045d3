"""The last look at a fused image: what no ground there can have is held, and how much of it is counted."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.methods.base import Around, Method
from anypan.methods.classical.exp import exp
from anypan.pair.limits import Limits
from anypan.pair.scene import Scene

AROUND = 5  # MS pixels along a side of the window that contrast is taken of
DARKEST = 0.25  # of the least MS value of a band that is positive everywhere
LEAST_SAID = 0.01  # % of the values held that is worth a word
LEAST_PIXELS = 25  # whole MS pixels that statistics need


@dataclass
class Tally:
    """How many values were held, of how many."""

    held: int = 0
    seen: int = 0


@dataclass(frozen=True)
class Guarded(Around):
    """A fuser whose values are held between the extremes of their band, widened by what contrast there is around.

    The contrast is the range of the MS and that of the PAN, in the band's units, in windows of 5 x 5 MS pixels. A band
    that is positive in the scene and around a pixel stays positive there. What is no number stays none.
    """

    limits: Limits
    ratio: int
    said: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally, compare=False)

    @property
    def halo(self) -> int:
        """As the fuser's, but for the window."""
        return max(self.fuser.halo, AROUND // 2 * self.ratio)

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        """As the fuser's, between the bounds."""
        fused = self.fuser(pan, lrms)
        low, high = (
            each.repeat_interleave(self.ratio, -2).repeat_interleave(self.ratio, -1) for each in self._bounds(pan, lrms)
        )
        out = torch.where(fused.isfinite(), torch.minimum(torch.maximum(fused, low), high), fused)
        live = (self.limits.spread > 0).to(out.device)  # a constant band is what it was, and nothing is said of it
        self.tally.held += int((out != fused)[live].sum())
        self.tally.seen += out[live].numel()
        return out

    def _bounds(self, pan: Tensor, lrms: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the greatest that a value may be, for each MS pixel: two of (B, h, w)."""
        lowest, highest = -_greatest(-lrms), _greatest(lrms)
        of_pan = [_greatest(F.max_pool2d(sign * pan, self.ratio)) for sign in (1, -1)]
        gain = self.limits.spread / self.limits.pan_spread.clamp(min=1e-30)
        known = (each.to(lrms)[:, None, None] for each in (gain, self.limits.least, self.limits.most))
        gain, least, most = known
        slack = highest - lowest + gain * (of_pan[0] + of_pan[1])
        least, most = torch.minimum(lowest, least), torch.maximum(highest, most)
        darkest = torch.where(least >= 1, (DARKEST * least).clamp(min=1), DARKEST * least)
        low = torch.where(least > 0, torch.maximum(least - slack, darkest), least - slack)
        return low, most + slack

    @property
    def notes(self) -> list[str]:
        """What it was made of, if not of what was asked for, and how much was held, if anything."""
        if not self.tally.held:
            return list(self.said)
        share = 100 * self.tally.held / self.tally.seen
        if share < LEAST_SAID:
            return list(self.said)
        much = f"{share:.2g} %"
        why = "lay farther beyond the MS's range than the contrast around them allows, and were held there"
        return [*self.said, f"{much} of the fused values {why}."]


def steady(method: Method) -> Method:
    """The method fitted to a scene whose values are held between its limits: no handful of pixels moves it."""
    return lambda scene: method(scene.limits.hold(scene))


def guarded(method: Method, scene: Scene) -> Guarded:
    """What the method makes of the scene, held; of EXP where there is too little of it to take statistics of."""
    limits = scene.limits
    if limits.count >= LEAST_PIXELS:
        return Guarded(method(scene), limits, scene.ratio)
    few = f"PAN and MS share {limits.count} whole MS pixels, fewer than the {LEAST_PIXELS} that statistics need"
    return Guarded(exp(scene), limits, scene.ratio, (f"{few}: the MS was only interpolated (EXP).",))


def _greatest(image: Tensor) -> Tensor:
    """The greatest of (C, h, w) in the window around each pixel."""
    return F.max_pool2d(image, AROUND, 1, AROUND // 2)

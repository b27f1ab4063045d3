"""The last look at a fused image: what no ground there can have is held, and how much of it is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.methods.base import Around, Fuser, Method
from anypan.methods.classical.exp import exp
from anypan.pair.limits import Limits
from anypan.pair.scene import Scene

AROUND = 5  # MS pixels along a side of the window that contrast is taken of
DARKEST = 0.25  # of the least MS value of a band that is positive everywhere
LARGEST = 1e30  # of the bands' range over the PAN's, so that it stays a number
LEAST_SAID = 0.01  # % of the values held that is worth a word
LEAST_PIXELS = 25  # whole MS pixels that statistics need


@dataclass
class Tally:
    """What there is to say of a fusion once it is made: how many values were held, of how many (those of halos count
    again), and what was ``said``; which method stood in for the one asked for, if one did; the MTF ``gains``.

    Tallies of parts of one fusion add up.
    """

    held: int = 0
    seen: int = 0
    said: tuple[str, ...] = ()
    instead: str = ""
    gains: tuple[float, ...] = ()

    def __iadd__(self, part: Tally) -> Tally:
        self.held, self.seen = self.held + part.held, self.seen + part.seen
        self.said, self.instead, self.gains = tuple(part.said), part.instead, tuple(part.gains)
        return self

    @property
    def notes(self) -> list[str]:
        """What it was made of, if not of what was asked for, and how much was held, if anything."""
        share = 100 * self.held / max(1, self.seen)
        if share < LEAST_SAID:
            return list(self.said)
        why = "lay farther beyond the MS's range than the contrast around them allows, and were clipped"
        return [*self.said, f"{share:.2g} % of the fused values {why}."]


@dataclass(frozen=True)
class Guarded(Around):
    """A fuser whose values are held between the extremes of their band, widened by what contrast there is around.

    The contrast is the range of the MS and that of the PAN, in the band's units, in windows of 5 x 5 MS pixels. A band
    that is positive in the scene and around a pixel stays positive there. What is no number stays none.
    """

    limits: Limits
    ratio: int
    tally: Tally = field(default_factory=Tally, compare=False)

    @property
    def halo(self) -> int:
        """As the fuser's, but for the window."""
        return max(self.fuser.halo, AROUND // 2 * self.ratio)

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        """As the fuser's, between the bounds."""
        fused = self.fuser(pan, lrms)
        rows = fused.unflatten(-2, (-1, self.ratio))  # as all rows of an MS pixel have its bounds
        low, high = (each.repeat_interleave(self.ratio, -1)[:, :, None] for each in self._bounds(pan, lrms))
        out = rows.clamp(low, high)
        if not fused.sum().isfinite():  # of one that is not, neither is the sum
            out = torch.where(rows.isfinite(), out, rows)
        live = (self.limits.spread > 0).to(out.device)  # a constant band is what it was, and nothing is said of it
        held, seen = (out, rows) if live.all() else (out[live], rows[live])
        self.tally.held += int(torch.count_nonzero((held != seen) & seen.isfinite()))
        self.tally.seen += seen.numel()
        return out.flatten(-3, -2)

    def _bounds(self, pan: Tensor, lrms: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the greatest that a value may be, for each MS pixel: two of (B, h, w)."""
        lowest, highest = -_greatest(-lrms), _greatest(lrms)
        of_pan = [_greatest(_greatest_inside(sign * pan, self.ratio)) for sign in (1, -1)]
        varied = self.limits.pan_spread > 0
        gain = torch.where(varied, self.limits.spread / self.limits.pan_spread, 0).clamp(max=LARGEST)
        known = (each.to(lrms)[:, None, None] for each in (gain, self.limits.least, self.limits.most))
        gain, least, most = known
        slack = highest - lowest + gain * (of_pan[0] + of_pan[1])
        least, most = torch.minimum(lowest, least), torch.maximum(highest, most)
        darkest = torch.maximum(DARKEST * least, self._counted().to(least)[:, None, None].minimum(least))
        low = torch.where(least > 0, torch.maximum(least - slack, darkest), least - slack)
        return low, most + slack

    def _counted(self) -> Tensor:
        """(B,): 1 for a band of whole numbers, of which a positive one is no less; 0 for one in any other unit."""
        ends = torch.stack([self.limits.least, self.limits.most])
        return (ends == ends.round()).all(0)


@dataclass(frozen=True)
class Raised(Around):
    """A fuser of a scene whose bands were raised by ``by`` (B,): the same of the scene as it is."""

    by: Tensor

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        """As the fuser's of what was raised, lowered again."""
        by = self.by.to(lrms)[:, None, None]
        return self.fuser(pan, lrms + by) - by


def above_zero(method: Method) -> Method:
    """The method fitted to a scene whose bands are raised until no ground is darker than zero, if some is.

    Methods that multiply take zero for darkness; in degrees, decibels or anomalies it is none.
    """

    def fit(scene: Scene) -> Fuser:
        by = scene.limits.below
        return Raised(method(scene.raised(by)), by) if by.any() else method(scene)

    return fit


def steady(method: Method) -> Method:
    """The method fitted to a scene whose values are held between its limits: no handful of pixels moves it."""
    return lambda scene: method(scene.limits.hold(scene))


def guarded(method: Method, scene: Scene) -> Guarded:
    """What the method makes of the scene, held; of EXP where there is too little of it to take statistics of."""
    limits = scene.limits
    if limits.count >= LEAST_PIXELS:
        fuser = method(scene)
        return Guarded(fuser, limits, scene.ratio, Tally(gains=fuser.mtf_gains or scene.gnyq))
    few = f"PAN and MS share {limits.count} whole MS pixels, fewer than the {LEAST_PIXELS} that statistics need"
    said = (f"{few}: the MS was only interpolated (EXP).",)
    return Guarded(exp(scene), limits, scene.ratio, Tally(said=said, instead="EXP", gains=scene.gnyq))


def _greatest(image: Tensor) -> Tensor:
    """The greatest of (C, h, w) in the window around each pixel: by shifts, faster than pooling."""
    for axis in (-1, -2):
        count, side = image.shape[axis], AROUND // 2
        padded = F.pad(image, (side, side, 0, 0) if axis == -1 else (0, 0, side, side), mode="replicate")
        image = reduce(torch.maximum, (padded.narrow(axis, k, count) for k in range(AROUND)))
    return image


def _greatest_inside(pan: Tensor, ratio: int) -> Tensor:
    """The greatest of the PAN (1, H, W) in each MS pixel: (1, h, w)."""
    return pan.unflatten(-2, (-1, ratio)).amax(-2).unflatten(-1, (-1, ratio)).amax(-1)

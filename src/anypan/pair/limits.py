"""A scene's statistics such that no handful of pixels moves them: what lies far beyond all others is held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:  # a scene has limits
    from anypan.pair.scene import Patch, Scene

HANDFUL, SHARE = 8, 1000  # pixels on each side that move nothing: so many, and one of so many
FEW = 64  # pixels of which an eighth on each side are a handful
DARK = 0.1  # of its range that a band may lie below zero before it is said
FEWEST, LOOKED = 4, 2**16  # values that a mask or classes hold at most, and pixels that are looked at for them
BEYOND = 4.0  # times the range of all but the handfuls that a value may lie outside of it; real scenes have 3.8


@dataclass(frozen=True)
class Limits:
    """Between which values count: of the MS bands ``low`` and ``high`` (B,), of the PAN (1,); ``count`` MS pixels.

    ``least`` and ``most`` (B,) are the bands' extremes where the scene was looked at, ``spread`` (B,) and
    ``pan_spread`` (1,) their ranges but for the handfuls. ``few`` (B,): bands of which a handful of values was seen.
    """

    low: Tensor
    high: Tensor
    pan_low: Tensor
    pan_high: Tensor
    least: Tensor
    most: Tensor
    spread: Tensor
    pan_spread: Tensor
    count: int
    few: Tensor

    @classmethod
    def of(cls, scene: Scene) -> Limits:
        """From the whole of a small scene, or spread blocks of a large one; without limits if nothing is valid."""
        seen = [_whole_pixels(patch) for patch in scene.blocks()]
        values = torch.cat(seen, 1)
        count = values.shape[1]
        if not count:
            nothing = torch.zeros(len(values))
            far = torch.full_like(nothing, torch.inf)
            zero = nothing[1:]
            return cls(-far[1:], far[1:], -far[:1], far[:1], zero, zero, zero, nothing[:1], 0, zero.bool())
        handful = max(HANDFUL, count // SHARE) if count > FEW else count // 8
        low, high = _ranked(values, handful), _ranked(values, count - 1 - handful)
        spread = high - low
        low, high = low - BEYOND * spread, high + BEYOND * spread
        least, most = values[1:].amin(1), values[1:].amax(1)
        return cls(low[1:], high[1:], low[:1], high[:1], least, most, spread[1:], spread[:1], count, _few(values[1:]))

    def hold(self, scene: Scene) -> Scene:
        """The scene with its values between the limits, which are its own, too."""
        return scene.changed(self.held, self)

    def held(self, patch: Patch) -> Patch:
        """The patch with its values between the limits."""
        return replace(patch, pan=self.pan(patch.pan), lrms=self.lrms(patch.lrms))

    @property
    def below(self) -> Tensor:
        """(B,): how far the darkest ground of each band lies below zero, but for a handful of pixels; else 0."""
        return (-(self.low + BEYOND * self.spread)).clamp(min=0) if self.count else torch.zeros_like(self.spread)

    def raised(self, by: Tensor) -> Limits:
        """Those of the same scene whose bands are ``by`` (B,) higher."""
        low, high, least, most = (each + by for each in (self.low, self.high, self.least, self.most))
        return replace(self, low=low, high=high, least=least, most=most)

    def notes(self, scene: Scene, file: str) -> tuple[str, ...]:
        """Which bands hold values far off all others, or below zero, and which nothing but one value or a few."""
        each = zip(scene.bands, self.low, self.high, self.least, self.most, strict=True)
        far = [
            (name, least if least < low else most)
            for name, low, high, least, most in each
            if least < low or most > high
        ]
        said = [
            f"Values of {name} in {file} lie far off all others, such as {float(value):.7g}: no statistics are taken "
            f"of them; if they are fill, pass --nodata {float(value):.7g}."
            for name, value in far
        ]
        constant = [
            name for name, same in zip(scene.bands, self.least == self.most, strict=True) if self.count and same
        ]
        said += [f"Of {file} nothing but one value was seen in {', '.join(constant)}: check it."] if constant else []
        dark = [name for name, by in zip(scene.bands, self.below > DARK * self.spread, strict=True) if by]
        few = [name for name, by in zip(scene.bands, self.few, strict=True) if by and name not in constant]
        found = {
            "values lie below zero, which no light has: the darkest ground was taken for dark, not zero; units that "
            "are linear in radiance serve best.": dark,
            f"no more than {FEWEST} values were seen, as in a mask or classes, and they were fused like an image: "
            "leave that out with --bands, or, if it says which pixels are valid, name it with --alpha.": few,
        }
        return (*said, *(f"In {', '.join(names)} of {file} {what}" for what, names in found.items() if names))

    def pan(self, pan: Tensor) -> Tensor:
        """(1, H, W), what lies beyond the limits at the end of the range of the others."""
        return _within(pan, self.pan_low, self.pan_high, self.pan_spread)

    def lrms(self, lrms: Tensor) -> Tensor:
        """(B, h, w), what lies beyond the limits at the end of the range of the others."""
        return _within(lrms, self.low, self.high, self.spread)


def _few(bands: Tensor) -> Tensor:
    """(B,): whether FEWEST values at most were seen in a band, of enough pixels of (B, N) to say so."""
    enough = bands.shape[1] > SHARE
    seen = bands[:, :: max(1, bands.shape[1] // LOOKED)]
    return torch.tensor([enough and len(band.unique()) <= FEWEST for band in seen])


def _ranked(values: Tensor, rank: int) -> Tensor:
    """The value of that rank, from 0, of each row of (C, N)."""
    return torch.from_numpy(np.partition(values.numpy(), rank, 1)[:, rank])


def _within(image: Tensor, low: Tensor, high: Tensor, spread: Tensor) -> Tensor:
    low, high, slack = (each.to(image)[:, None, None] for each in (low, high, BEYOND * spread))
    return torch.where(image > high, high - slack, torch.where(image < low, low + slack, image))


def _whole_pixels(patch: Patch) -> Tensor:
    """PAN, in the middle of an MS pixel, and bands (1 + B, N) of the MS pixels that are valid as a whole."""
    middle, ratio = patch.ratio // 2, patch.ratio
    pan, valid = patch.core(patch.pan)[:, middle::ratio, middle::ratio], patch.core(patch.mask_lr)
    return torch.cat([pan[:, valid], patch.core(patch.lrms)[:, valid]])

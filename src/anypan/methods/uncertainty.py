"""How far a fused image may be off, pixel by pixel: half-widths that hold the truth in a known share of the pixels.

Their pattern is a power law of what the pair shows around a pixel: how much detail was injected there, and how badly
the bands follow the PAN. Their size is the scene's own. The pair is reduced by Wald's protocol and fused by the same
method; the MS says how far the result is off; a factor for each band makes the half-widths hold ``SHARE`` of that
(split conformal prediction; Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, JASA 113, 2018). A scene errs less where it
is made coarser, so that they are widened by ``GROWTH``, which real scenes were seen to need from one reduction to the
next. What this takes for granted is Wald's: that the step to full resolution is like the step before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.geometry.tiles import spread
from anypan.methods.base import Fuser, Method
from anypan.methods.neural import block_sampling, scale_of
from anypan.optics.blocks import BlockSampling
from anypan.optics.mtf import DenseSampling
from anypan.optics.normalise import (
    REGRESSION_REACH,
    SMOOTHED,
    WINDOW,
    Scale,
    box_mean,
    local_regression,
    local_variance,
    pan_at_ms_scale,
)
from anypan.optics.sampling import Sampling
from anypan.pair import wald
from anypan.pair.scene import Scene
from anypan.runtime.errors import UserError

SHARE = 0.68  # of the pixels, whose truth lies within the half-width
EVIDENCE = {"injected": 0.67, "unlike the PAN": 0.28}  # and its powers, from runs/pretrain/uncertainty.py
GROWTH = 1.3  # of errors over half-widths from a scene reduced to the scene itself; runs/benchmark/uncertainty.py
FLOOR = 0.005  # of a band's standard deviation, added to what the powers are taken of
SIDE, PARTS = 512, 4  # MS pixels along a side of the parts of a scene that it is calibrated on, and how many at most
LEAST = 500  # pixels to calibrate on
EDGE = 2  # MS pixels of a reduced part along its borders that do not count


@dataclass(frozen=True)
class Halfwidths:
    """How far an image fused from a scene may be off; it is asked tile by tile, as the fuser beside it.

    ``gnyq`` (1, B); ``factors`` (B,) set the size.
    """

    scale: Scale
    gnyq: Tensor
    sampling: BlockSampling
    factors: Tensor

    @classmethod
    def of(cls, scene: Scene) -> Halfwidths:
        """With all factors 1."""
        sampling = block_sampling(scene)
        gnyq = torch.tensor([scene.gnyq])
        return cls(
            scale_of(scene.limits.hold(scene), scene.gnyq, sampling), gnyq, sampling, torch.ones(len(scene.bands))
        )

    def to(self, device: str) -> Halfwidths:
        """The same on another device."""
        scale, gnyq, factors = (part.to(device) for part in (self.scale, self.gnyq, self.factors))
        return replace(self, scale=scale, gnyq=gnyq, factors=factors)

    def halo(self, fuser: Fuser) -> int:
        """Context in PAN pixels that it needs beside ``fuser``, in whole cells."""
        ratio, unit = self.sampling.ratio, math.lcm(fuser.cell, self.sampling.ratio)
        seen = self.sampling.reach + ratio * (REGRESSION_REACH + 1)
        return unit * math.ceil(max(fuser.halo + _width(ratio) - 1, seen) / unit)

    def __call__(self, pan: Tensor, lrms: Tensor, fused: Tensor) -> Tensor:
        """pan (1, H, W), lrms (B, h, w) and fused (B, H, W) in the scene's units, to (B, H, W) in the bands'."""
        pan, lrms, fused = self.scale.apply_pan(pan[None]), self.scale.apply(lrms[None]), self.scale.apply(fused[None])
        shown = evidence(pan, lrms, fused, self.scale.slope, self.gnyq, self.sampling)
        widths = (self.factors * self.scale.std[0])[:, None, None]
        for kind, power in zip(shown, EVIDENCE.values(), strict=True):
            widths = widths * (kind[0] + FLOOR) ** power
        return widths


def evidence(
    pan: Tensor, lrms: Tensor, fused: Tensor, slope: Tensor, gnyq: Tensor, sampling: Sampling | DenseSampling
) -> tuple[Tensor, Tensor]:
    """What a standardised pair shows of the errors of ``fused``, in the order of ``EVIDENCE``: two of (N, B, H, W).

    The root mean square of the detail injected around a pixel, and of what regression on the PAN leaves of the MS.
    pan (N, 1, H, W), lrms (N, B, h, w), fused (N, B, H, W), slope and gnyq (N, B) as in Scale.
    """
    width = _width(sampling.ratio)
    around = box_mean(box_mean((fused - sampling.expand(lrms)) ** 2, width), width).clamp(min=0).sqrt()
    likeness = local_regression(lrms, pan_at_ms_scale(pan, gnyq, sampling), slope)[1].clamp(-1, 1)
    power = local_variance(lrms, box_mean(lrms, WINDOW))
    unlike = box_mean(power * (1 - likeness**2), SMOOTHED).clamp(min=0).sqrt()
    return around, F.interpolate(unlike, scale_factor=sampling.ratio, mode="bilinear")


def halfwidths(method: Method, scene: Scene) -> Halfwidths:
    """The half-widths of what ``method`` makes of the scene. UserError for a scene too small to calibrate on."""
    return replace(Halfwidths.of(scene), factors=calibrated(method, scene))


@torch.inference_mode()
def calibrated(method: Method, scene: Scene) -> Tensor:
    """The factor of each band: (B,). ``GROWTH`` times that by which ``SHARE`` of the reduced scene's errors are held.

    Raises UserError for a scene too small to be reduced.
    """
    shares = [torch.empty(len(scene.bands), 0)]
    for reduced, truth in _reduced(scene):
        patch, edge = reduced.whole(), EDGE * reduced.ratio
        fused = method(reduced)(patch.pan, patch.lrms)
        share = (fused - truth).abs() / Halfwidths.of(reduced)(patch.pan, patch.lrms, fused)
        inner = slice(edge, -edge)
        shares.append(share[:, inner, inner][:, patch.mask[inner, inner]])
    found = torch.cat(shares, 1)
    if found.shape[1] < LEAST:
        size, usable = " x ".join(str(n) for n in scene.shape), found.shape[1]
        raise UserError(
            f"The scene is too small to measure its uncertainty on: its MS has {size} pixels, of which {usable} can be "
            f"used and {LEAST} are needed; leave the uncertainty out."
        )
    return GROWTH * torch.quantile(found, SHARE, dim=1)


def _reduced(scene: Scene) -> Iterator[tuple[Scene, Tensor]]:
    """Evenly spread parts of the scene, reduced, each with its MS as the truth."""
    for tile in spread(scene.shape, SIDE, PARTS):
        if min(tile.height, tile.width) > 2 * (EDGE + 1) * scene.ratio:
            yield wald.degrade(scene.of(scene.read(tile)))


def _width(ratio: int) -> int:
    """PAN pixels along a side of the window in which injected detail is averaged, twice: an odd number."""
    return ratio | 1

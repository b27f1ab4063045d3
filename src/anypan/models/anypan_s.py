"""anypan-s: a small unfolded network for any number of bands, in any order, at any ratio.

The skeleton is physics, in four stages: *inject* the PAN's detail with a blend of three gains (one regressed locally,
two of modulations), *correct* what the residual against the MS and the PAN's missing texture reveal, *pull* the
image's intensity towards the PAN, and make it *consistent* with the MS (iterative back-projection). What is learnt is
how far to trust each: one trunk reads the PAN, one branch with weights shared by all bands reads each band, they meet
in every block by pooling over the bands. Facts on the scene scale and shift the features (FiLM, Perez et al., AAAI
2018). All convolutions run on cells of 4 x 4 PAN pixels, all that is smooth on the MS grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models.cells import (
    CELL,
    film,
    half,
    mixed,
    moved,
    onto,
    pointwise,
    resized,
    shared,
    shuffled,
    smooth,
    stacked,
    summed,
)
from anypan.models.physics import (
    FACTS,
    LEARNT,
    Sight,
    believed,
    blurred,
    described,
    facts,
    in_proportion,
    noise,
    seen_apart,
    sharpened,
    towards,
)
from anypan.optics.mtf import DenseSampling
from anypan.optics.normalise import REGRESSION_REACH, SMOOTHED, WINDOW, Scale, pan_at_ms_scale
from anypan.optics.sampling import Sampling

EVEN = (3**2 - 1) / 12  # variance of an even kernel of three cells along a side
REGRESSED = (WINDOW**2 + SMOOTHED**2 - 2) / 12  # variance of local regression, in MS pixels
RESAMPLED = 0.75  # variance of an MTF filter with a gain of .1 followed by interpolation, in MS pixels, rounded up
HIDDEN = 48  # units of the layer that facts go through
TRUSTS = (1.0, 0.95, 0.8, 0.5)  # in each step towards the MS, before training
FARTHEST = 8.0  # deviations from the mean that what was learnt is shown at most: it knows none beyond
FEW = 2  # at ratios up to it the MS knows half of the octaves: it is trusted no less than before training
BEGIN = (0.0, 0.0, *TRUSTS)  # shares before training: two of modulations, trusts
FIRST = 0.5  # share of the first pull


@dataclass(frozen=True)
class Config:
    """The sizes of the network; stored with its weights."""

    trunk: int = 48  # channels that describe the PAN and what the bands share
    band: int = 32  # channels that describe one band
    blocks: int = 2
    bases: int = 4  # detail images that the trunk offers to every band


class Block(nn.Module):
    """Two convolutions on the trunk, one on each band, and an exchange between them."""

    def __init__(self, trunk: int, band: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(trunk, trunk, 3, padding=1)
        self.second = nn.Conv2d(trunk, trunk, 3, padding=1)
        self.pooled = nn.Conv2d(band, trunk, 1)
        self.shared = nn.Conv2d(trunk, band, 1)
        self.own = nn.Conv2d(band, band, 3, padding=1)
        self.out = nn.Conv2d(band, band, 1)

    def forward(self, trunk: Tensor, bands: Tensor) -> tuple[Tensor, Tensor]:
        """trunk (N, T, h, w), bands (N * B, C, h, w)."""
        count = bands.shape[0] // trunk.shape[0]
        pooled = summed(bands.unflatten(0, (-1, count))) / count
        hidden = self.first(trunk).add_(self.pooled(pooled)).relu_()
        trunk = self.second(hidden).add_(trunk)
        own = shared(self.own(bands), self.shared(F.relu(trunk)))
        return trunk, onto(bands, self.out, own.relu_())


class Conditions(nn.Module):
    """Facts on scene and bands to scales and shifts of the features, one pair before each block: FiLM."""

    def __init__(self, trunk: int, band: int, stages: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(FACTS, HIDDEN)
        self.trunk = nn.Linear(HIDDEN + FACTS, 2 * trunk * stages)
        self.band = nn.Linear(HIDDEN + FACTS, 2 * band * stages)
        for layer in (self.trunk, self.band):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.stages = stages

    def forward(self, facts: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """facts (N, B, FACTS); for each stage (N, 2 T, 1, 1) and (N * B, 2 C, 1, 1)."""
        hidden = torch.cat([F.silu(self.hidden(facts)), facts], -1)
        of_trunk, of_bands = self.trunk(hidden.mean(1)), self.band(hidden.flatten(0, 1))
        return tuple([part[..., None, None] for part in each.chunk(self.stages, 1)] for each in (of_trunk, of_bands))  # type: ignore[return-value]


class Correction(nn.Module):
    """From the residual against the MS and the texture that the PAN has more to a change of the estimate."""

    def __init__(self, band: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(band + 4 + CELL**2, band, 3, padding=1)
        self.change = nn.Conv2d(band, CELL**2, 3, padding=1)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, residual: Tensor, texture: Tensor) -> Tensor:
        """features (N * B, C, h, w), residual (N * B, 4, h, w), texture (N, 16, h, w), which all bands share."""
        # One convolution for each input: numbers of channels that are no multiple of 8 take twice as long.
        of_bands, of_residual, of_texture = self.look.weight.split([features.shape[1], 4, CELL**2], 1)
        looked = F.conv2d(features, of_bands, self.look.bias, padding=1)
        looked += F.conv2d(residual, of_residual, padding=1)
        looked = shared(looked, F.conv2d(texture, of_texture, padding=1))
        return self.change(looked.relu_())


class AnypanS(nn.Module):
    """See the module; ``forward`` takes and returns standardised images."""

    cell = CELL  # PAN pixels: arrays begin at multiples of it
    takes_sharpness = True
    tile = 1536  # PAN pixels along a side of the tiles that suit it: of larger ones less is halo, but memory counts

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        c = config or Config()
        self.config = c
        self.conditions = Conditions(c.trunk, c.band, 1 + c.blocks)
        self.read_pan = nn.Conv2d(CELL**2 + 8, c.trunk, 3, padding=1)
        self.read_band = nn.Conv2d(4 + 5, c.band, 3, padding=1)
        self.blocks = nn.ModuleList(Block(c.trunk, c.band) for _ in range(c.blocks))
        self.bases = nn.Conv2d(c.trunk, c.bases * CELL**2, 1)
        self.gains = nn.Conv2d(c.band, c.bases + CELL**2, 3, padding=1)
        self.shares = nn.Conv2d(c.band, len(BEGIN), 1)
        self.correction = Correction(c.band)
        for head in (self.gains, self.shares):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        self.shares.bias = nn.Parameter(torch.tensor(BEGIN))

    def halo(self, sampling: Sampling) -> int:
        """PAN pixels beyond which nothing reaches an output pixel but less than rounding.

        Convolutions and resamplings follow one another, so that the squares of their spreads add, not their reaches.
        Six standard deviations of a chain of even kernels are left; measured, a change of any size is lost in
        rounding beyond five of them.
        """
        convolutions, resamplings = self._chain()
        smooth = resamplings * RESAMPLED + REGRESSED
        return math.ceil(6 * math.sqrt(CELL**2 * convolutions * EVEN + sampling.ratio**2 * smooth))

    def reach(self, sampling: Sampling) -> int:
        """PAN pixels beyond which nothing at all reaches an output pixel."""
        convolutions, resamplings = self._chain()
        windows = sampling.ratio * (REGRESSION_REACH + 1)
        return CELL * (convolutions + 3) + sampling.reach * resamplings + windows

    def _chain(self) -> tuple[int, int]:
        """Convolutions of 3 x 3 cells and resamplings, there and back, that follow one another."""
        return 4 + 2 * len(self.blocks), 4 + len(TRUSTS)

    def forward(
        self,
        pan: Tensor,
        lrms: Tensor,
        scale: Scale,
        gnyq: Tensor,
        sampling: Sampling | DenseSampling,
        sharpness: float = LEARNT,
    ) -> Tensor:
        """pan (N, 1, H, W), lrms (N, B, h, w), both standardised by ``scale``; gnyq (N, B); to (N, B, H, W).

        H and W are multiples of 4 and of the ratio. ``sharpness`` from 0, most faithful to the MS, to 1, all of the
        PAN's texture; at ``LEARNT`` it is what the network takes the truth's to be.
        """
        seen = Sight(pan, scale, gnyq, sampling)
        exp, pan_lr = sampling.expand(lrms), pan_at_ms_scale(pan, gnyq, sampling)
        pan_lp = sampling.expand(pan_lr)
        local = described(lrms, pan_lr, scale, (pan.shape[-2] // CELL, pan.shape[-1] // CELL))
        sound = 1 - noise(lrms, scale.alone)
        belief = believed(scale, local[-1], resized(sound, local[-1]))
        bands, own, shares = self._look(pan - pan_lp, pan_lp, exp, local, belief, seen)
        shares = torch.lerp(shares.new_tensor(BEGIN)[:, None, None], shares, belief[:, :, None])
        gains = torch.lerp(torch.lerp(local[0], local[2], shares[:, :, 0]), local[3], shares[:, :, 1])
        gains = in_proportion(gains, local[2], local[-1])
        gains = torch.lerp(scale.slope[..., None, None], gains, resized(sound, gains)) * scale.fine[..., None, None]
        fused = _inject(exp, smooth(gains), pan - pan_lp, own)
        del exp, pan_lp, own  # as large as the result: a third of the memory of a tile
        apart = seen_apart(lrms, sound)
        fused = self._correct(fused, lrms, bands, belief, apart, seen)
        fused = _pull(fused, FIRST * gains, seen)
        fused = _consistent(fused, lrms, shares[:, :, 2:], apart, sharpness, seen)
        last = towards(blurred(gnyq) * sharpened(scale), sharpness)
        return _pull(fused, last * gains, seen)

    def _correct(
        self, fused: Tensor, lrms: Tensor, bands: Tensor, belief: Tensor, apart: Tensor, seen: Sight
    ) -> Tensor:
        """What the residual against the MS and the texture of the PAN that is left reveal, as learnt: (N, B, H, W)."""
        residual = seen.sampling.expand(seen.residual(lrms, fused) * apart)
        left = F.pixel_unshuffle(seen.texture_left(fused), CELL)
        shown = half(residual.flatten(0, 1)[:, None]).clamp(-FARTHEST, FARTHEST)
        change = self.correction(bands, shown, left.clamp(-FARTHEST, FARTHEST)).mul_(belief.flatten(0, 1)[:, None])
        return (fused + residual).add_(shuffled(change, len(fused)))

    def _look(
        self,
        detail: Tensor,
        pan_lp: Tensor,
        exp: Tensor,
        local: tuple[Tensor, ...],
        belief: Tensor,
        seen: Sight,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Features of the bands (N * B, C, h, w), learned detail (N, B, H, W), shares (N, B, 2 + TRUSTS, h, w)."""
        misfit, count = pan_lp - seen.intensity(exp), len(exp)
        of_trunk, of_bands = self.conditions(facts(seen.scale, seen.gnyq, seen.sampling.ratio))
        seen_pan = stacked(F.pixel_unshuffle(detail, CELL), half(pan_lp), half(misfit))
        trunk = self.read_pan(seen_pan.clamp(-FARTHEST, FARTHEST))
        planes = torch.stack(local, 2).flatten(0, 1)
        bands = self.read_band(stacked(half(exp.flatten(0, 1)[:, None]), planes).clamp(-FARTHEST, FARTHEST))
        trunk, bands = film(trunk, of_trunk[0]), film(bands, of_bands[0])
        for block, t, b in zip(self.blocks, of_trunk[1:], of_bands[1:], strict=True):
            trunk, bands = block(trunk, bands)
            trunk, bands = film(trunk, t), film(bands, b)
        bands = F.relu(bands, inplace=True)
        shares = pointwise(self.shares, bands).to(exp.dtype).unflatten(0, (count, -1))
        return bands, self._detail(F.relu(trunk, inplace=True), bands, belief).to(exp.dtype), shares

    def _detail(self, trunk: Tensor, bands: Tensor, belief: Tensor) -> Tensor:
        """Learned detail (N, B, H, W): over the bases a gain per band and cell times the basis, plus the band's own."""
        said = self.gains(bands).unflatten(0, (len(trunk), -1)).mul_(belief[:, :, None])
        gains, own = said.split([self.config.bases, CELL**2], 2)
        bases = pointwise(self.bases, trunk).unflatten(1, (self.config.bases, CELL**2))
        return shuffled(mixed(gains, bases, own).flatten(0, 1), len(trunk))


def _inject(exp: Tensor, gains: Tensor, detail: Tensor, own: Tensor) -> Tensor:
    """exp (N, B, H, W) with the PAN's detail (N, 1, H, W) times ``gains``, and each band's own."""
    return moved(exp, gains, detail).add_(own)


def _pull(fused: Tensor, shares: Tensor, seen: Sight) -> Tensor:
    """The intensity of (N, B, H, W) drawn to the PAN by ``shares``, on the grid of cells."""
    return moved(fused, smooth(shares), seen.texture_left(fused))


def _consistent(fused: Tensor, lrms: Tensor, trusts: Tensor, apart: Tensor, sharpness: float, seen: Sight) -> Tensor:
    """(N, B, H, W) drawn to the MS, a step for each of ``trusts`` (N, B, steps, h, w), on the grid of cells.

    ``apart`` (N, B, h, w): how far the MS shows more than noise.
    """
    trusts = resized(trusts.flatten(1, 2), lrms).unflatten(1, (-1, len(TRUSTS))).clamp(0, 1)
    if seen.sampling.ratio <= FEW:
        trusts = torch.maximum(trusts, trusts.new_tensor(TRUSTS)[:, None, None])
    trusts = towards(trusts, max(LEARNT, 1 - sharpness)) * apart[:, :, None]
    return seen.sampling.expand(seen.steps(lrms, fused, trusts)).add_(fused)

"""anypan-s: a small convolutional network for any number of bands, in any order, at any ratio.

One trunk reads the PAN, one branch with weights shared by all bands reads each band; they meet in every block by
pooling over the bands. All convolutions run on a grid four times coarser than the PAN. What they find is added to a
classical estimate: injection with a blend of three gains, one regressed locally and two of modulations. The sum is
made consistent with the MS (a step of iterative back-projection), corrected by what that step and the PAN's fine
detail reveal, and made consistent with both once more, as far as the network trusts the one and the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.mtf import DenseSampling, Sampling
from anypan.normalise import REGRESSION_REACH, Scale, local_regression, pan_at_ms_scale

CELL = 4  # PAN pixels along a side of a cell of the coarse grid
CLEAR = 2.0  # standard deviations below the mean at which a modulation takes the air's light to end, at most
LEAST = 0.1  # of a band's root mean square, at which denominators are held, as in the classical modulations
STEEPEST = 4.0  # bound of a modulation's gain


@dataclass(frozen=True)
class Config:
    """The sizes of the network; stored with its weights."""

    trunk: int = 48  # channels that describe the PAN and what the bands share
    band: int = 32  # channels that describe one band
    blocks: int = 5
    bases: int = 16  # detail images that the trunk offers to every band
    steps: int = 1  # consistency steps with a learned correction; plain ones come last


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
        count = len(bands) // len(trunk)
        pooled = reduce(torch.add, bands.unflatten(0, (-1, count)).unbind(1)) / count
        hidden = self.first(trunk).add_(self.pooled(pooled)).relu_()
        trunk = self.second(hidden).add_(trunk)
        own = self.own(bands)
        own.unflatten(0, (-1, count)).add_(self.shared(F.relu(trunk))[:, None])
        return trunk, self.out(own.relu_()).add_(bands)


class Correction(nn.Module):
    """Learned part of a consistency step: from the residual against the MS to a change of the estimate."""

    def __init__(self, band: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(band + 4 + CELL**2, band, 3, padding=1)
        self.change = nn.Conv2d(band, CELL**2, 3, padding=1)
        nn.init.zeros_(self.change.weight)

    def forward(self, features: Tensor, residual: Tensor, texture: Tensor) -> Tensor:
        return self.change(F.relu(self.look(torch.cat([features, residual, texture], 1))))


class AnypanS(nn.Module):
    """See the module; ``forward`` takes and returns standardised images."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        c = config or Config()
        self.config = c
        self.read_pan = nn.Conv2d(CELL**2 + 8, c.trunk, 3, padding=1)
        self.read_band = nn.Conv2d(4 + 7 + 4, c.band, 3, padding=1)
        self.blocks = nn.ModuleList(Block(c.trunk, c.band) for _ in range(c.blocks))
        self.bases = nn.Conv2d(c.trunk, c.bases * CELL**2, 1)
        self.gains = nn.Conv2d(c.band, c.bases + CELL**2, 3, padding=1)
        self.blend = nn.Conv2d(c.band, 2, 3, padding=1)
        self.trust = nn.Conv2d(c.band, 2, 3, padding=1)
        self.corrections = nn.ModuleList(Correction(c.band) for _ in range(c.steps))
        nn.init.zeros_(self.gains.weight)
        for zero in (self.blend.weight, self.blend.bias, self.trust.weight):
            nn.init.zeros_(zero)  # type: ignore[arg-type]
        self.trust.bias = nn.Parameter(torch.tensor([0.9, 0.95]))

    def halo(self, sampling: Sampling) -> int:
        """PAN pixels beyond which nothing reaches an output pixel."""
        convolutions = 2 + 2 * self.config.blocks + 2 * self.config.steps
        return CELL * (convolutions + 1) + sampling.reach * (4 + self.config.steps) + sampling.ratio * REGRESSION_REACH

    def forward(
        self, pan: Tensor, lrms: Tensor, scale: Scale, gnyq: Tensor, sampling: Sampling | DenseSampling
    ) -> Tensor:
        """pan (N, 1, H, W), lrms (N, B, h, w), both standardised by ``scale``; gnyq (N, B); to (N, B, H, W).

        H and W are multiples of 4 and of the ratio.
        """
        exp, pan_lr = sampling.expand(lrms), pan_at_ms_scale(pan, gnyq, sampling)
        pan_lp = sampling.expand(pan_lr)
        gains, likeness = (sampling.expand(local) for local in local_regression(lrms, pan_lr, scale.slope))
        misfit = pan_lp - _intensity(exp, scale)
        trunk = self.read_pan(torch.cat([F.pixel_unshuffle(pan - pan_lp, CELL), _half(pan_lp), _half(misfit)], 1))
        modulations = _modulations(exp, pan_lp, scale)
        bands = self.read_band(_describe(exp, (gains, likeness, *modulations), scale, gnyq, sampling.ratio))
        for block in self.blocks:
            trunk, bands = block(trunk, bands)
        for share, other in zip(self._shares(self.blend, bands, lrms), modulations, strict=True):
            gains = gains + share * (other - gains)
        fused = exp + gains * (pan - pan_lp) + self._details(F.relu(trunk), F.relu(bands), lrms.shape[1])
        for correction in self.corrections:
            residual = sampling.expand(lrms - sampling.degrade(fused, gnyq))
            left = F.pixel_unshuffle(_texture_left(pan, fused, scale, gnyq, sampling), CELL)
            left = left.repeat_interleave(exp.shape[1], 0)
            change = correction(F.relu(bands), _half(residual.flatten(0, 1)[:, None]), left)
            fused = fused + residual + F.pixel_shuffle(change, CELL).unflatten(0, lrms.shape[:2])[:, :, 0]
        in_pan, in_ms = (share.clamp(0, 1) for share in self._shares(self.trust, bands, lrms))
        fused = fused + in_pan * gains * _texture_left(pan, fused, scale, gnyq, sampling)
        fused = fused + sampling.expand(lrms - sampling.degrade(fused, gnyq))
        return fused + in_ms * sampling.expand(lrms - sampling.degrade(fused, gnyq))

    def _shares(self, head: nn.Conv2d, bands: Tensor, lrms: Tensor) -> tuple[Tensor, ...]:
        """What a head says of every band, each output smoothly on the PAN grid: (N, B, H, W)."""
        said = F.interpolate(head(F.relu(bands)), scale_factor=CELL, mode="bilinear")
        return said.unflatten(0, lrms.shape[:2]).unbind(2)

    def _details(self, trunk: Tensor, bands: Tensor, count: int) -> Tensor:
        """Sum over the bases of a gain per band and cell times the basis, plus the band's own detail."""
        bases = self.bases(trunk).unflatten(1, (self.config.bases, CELL**2))
        gains, own = self.gains(bands).split([self.config.bases, CELL**2], 1)
        gains = gains.unflatten(0, (len(trunk), count))
        detail = torch.einsum("nbkhw,nkphw->nbphw", gains, bases) + own.unflatten(0, (len(trunk), count))
        return F.pixel_shuffle(detail, CELL)[:, :, 0]


def _describe(exp: Tensor, local: tuple[Tensor, ...], scale: Scale, gnyq: Tensor, ratio: int) -> Tensor:
    """What is known of each band, on the coarse grid: (N * B, 15, H / 4, W / 4)."""
    pooled = [F.avg_pool2d(known.flatten(0, 1)[:, None], CELL) for known in local]
    facts = [scale.slope, scale.weights, torch.full_like(scale.slope, ratio / 4), gnyq.expand_as(scale.slope)]
    facts += [known[:, None].expand_as(scale.slope) for known in (scale.lighter, scale.explained)]
    facts.append(1 / (1 + scale.level))
    planes = torch.stack(facts, -1).flatten(0, 1)[..., None, None].expand(-1, -1, *pooled[0].shape[-2:])
    return torch.cat([_half(exp.flatten(0, 1)[:, None]), planes, *pooled], 1)


def _modulations(exp: Tensor, pan_lp: Tensor, scale: Scale) -> tuple[Tensor, Tensor]:
    """Gains of MTF-GLP-HPM-R (Vivone et al., 2018), without haze and with it: two of (N, B, H, W).

    g_b = slope_b (EXP_b + c_b) / (slope_b PAN_LP + c_b), standardised, c_b = ``level``: a zero of the band's units.
    The second takes the light of the air off, as if the darkest ground lay ``CLEAR`` deviations below the mean.
    """
    slope = scale.slope[..., None, None]
    found = []
    for level in (scale.level, scale.level.clamp(max=CLEAR)):
        zero = level[..., None, None]
        below = torch.maximum(slope * pan_lp + zero, LEAST * torch.sqrt(1 + zero**2))
        found.append((slope * (exp + zero) / below).clamp(-STEEPEST, STEEPEST))
    return found[0], found[1]


def _intensity(bands: Tensor, scale: Scale) -> Tensor:
    """The mixture of the bands (N, B, ...) that best explains the PAN at MS scale: (N, 1, ...)."""
    return torch.einsum("nb,nbhw->nhw", scale.weights, bands)[:, None]


def _lowpass(pan: Tensor, gnyq: Tensor, sampling: Sampling | DenseSampling) -> Tensor:
    """What the MS instrument would resolve of an image like the PAN."""
    return sampling.expand(pan_at_ms_scale(pan, gnyq, sampling))


def _texture_left(pan: Tensor, fused: Tensor, scale: Scale, gnyq: Tensor, sampling: Sampling | DenseSampling) -> Tensor:
    """Fine detail of the PAN that the estimate's intensity lacks: (N, 1, H, W).

    Adding it times the gains brings the intensity R2 of the way to the PAN, since sum w_b gain_b = R2: all the way
    where the bands explain the PAN, hardly where they do not.
    """
    missing = pan - _intensity(fused, scale)
    return missing - _lowpass(missing, gnyq, sampling)


def _half(smooth: Tensor) -> Tensor:
    """(N, 1, H, W) without fine detail as four channels of the coarse grid."""
    return F.pixel_unshuffle(F.avg_pool2d(smooth, 2), 2)

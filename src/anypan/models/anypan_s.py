"""anypan-s: a small convolutional network for any number of bands, in any order, at any ratio.

One trunk reads the PAN, one branch with weights shared by all bands reads each band; they meet in every block by
pooling over the bands. All convolutions run on a grid four times coarser than the PAN. What they find is added to a
classical estimate: injection with a blend of three gains, one regressed locally and two of modulations. The sum is
made consistent with the MS (a step of iterative back-projection), corrected by what that step and the PAN's fine
detail reveal, and made consistent with both once more, as far as the network trusts the one and the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.optics.mtf import DenseSampling, Sampling
from anypan.optics.normalise import REGRESSION_REACH, SMOOTHED, WINDOW, Scale, local_regression, pan_at_ms_scale

CELL = 4  # PAN pixels along a side of a cell of the coarse grid
EVEN = (3**2 - 1) / 12  # variance of an even kernel of three cells along a side
REGRESSED = (WINDOW**2 + SMOOTHED**2 - 2) / 12  # variance of local regression, in MS pixels
RESAMPLED = 0.75  # variance of an MTF filter with a gain of .1 followed by interpolation, in MS pixels, rounded up
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
        return trunk, _pointwise(self.out, own.relu_()).add_(bands)


class Correction(nn.Module):
    """Learned part of a consistency step: from the residual against the MS to a change of the estimate."""

    def __init__(self, band: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(band + 4 + CELL**2, band, 3, padding=1)
        self.change = nn.Conv2d(band, CELL**2, 3, padding=1)
        nn.init.zeros_(self.change.weight)

    def forward(self, features: Tensor, residual: Tensor, texture: Tensor) -> Tensor:
        """features (N * B, C, h, w), residual (N * B, 4, h, w), texture (N, 16, h, w), which all bands share."""
        own, shared = self.look.weight.split([features.shape[1] + 4, CELL**2], 1)
        looked = F.conv2d(_stacked(features, residual), own, self.look.bias, padding=1)
        looked.unflatten(0, (len(texture), -1)).add_(F.conv2d(texture, shared, padding=1)[:, None])
        return self.change(looked.relu_())


class AnypanS(nn.Module):
    """See the module; ``forward`` takes and returns standardised images."""

    cell = CELL  # PAN pixels: arrays begin at multiples of it
    tile = 2048  # PAN pixels along a side of the tiles that suit it: of larger ones less is halo

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
        """PAN pixels beyond which nothing reaches an output pixel but less than rounding.

        Convolutions and resamplings follow one another, so that the squares of their spreads add, not their reaches,
        which come to 232 pixels at ratio 4. Six standard deviations of a chain of even kernels are left; measured, a
        change of any size is lost in rounding beyond five of them.
        """
        convolutions, resamplings = 2 + 2 * self.config.blocks + 2 * self.config.steps, 4 + self.config.steps
        cells = CELL**2 * convolutions * EVEN
        return math.ceil(6 * math.sqrt(cells + sampling.ratio**2 * (resamplings * RESAMPLED + REGRESSED)))

    def reach(self, sampling: Sampling) -> int:
        """PAN pixels beyond which nothing at all reaches an output pixel."""
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
        detail, misfit = pan - pan_lp, pan_lp - _intensity(exp, scale)
        trunk = self.read_pan(_stacked(F.pixel_unshuffle(detail, CELL), _half(pan_lp), _half(misfit)))
        modulations = _modulations(exp, pan_lp, scale)
        bands = self.read_band(_describe(exp, (gains, likeness, *modulations), scale, gnyq, sampling.ratio))
        for block in self.blocks:
            trunk, bands = block(trunk, bands)
        del likeness, misfit, pan_lp  # what is alive at once bounds the size of tiles
        trunk = F.relu(trunk)
        bands = F.relu(bands)
        details, shares = (said.to(pan.dtype) for said in self._heads(trunk, bands))  # the physics is in float32
        for rank, other in enumerate(modulations):
            gains = torch.lerp(gains, other, _smooth(shares[:, :, rank]))
        fused = torch.addcmul(exp, gains, detail).add_(details)
        del exp, details, modulations, other, trunk
        for correction in self.corrections:
            left = F.pixel_unshuffle(_texture_left(pan, fused, scale, gnyq, sampling), CELL)
            residual = sampling.expand(lrms - sampling.degrade(fused, gnyq))
            change = correction(bands, _half(residual.flatten(0, 1)[:, None]), left)
            fused = (fused + residual).add_(_shuffled(change, len(pan)))
        in_pan, in_ms = (_smooth(shares[:, :, rank]).clamp_(0, 1) for rank in (2, 3))
        fused = torch.addcmul(fused, in_pan * gains, _texture_left(pan, fused, scale, gnyq, sampling))
        fused = sampling.expand(lrms - sampling.degrade(fused, gnyq)).add_(fused)
        return torch.addcmul(fused, in_ms, sampling.expand(lrms - sampling.degrade(fused, gnyq)))

    def _heads(self, trunk: Tensor, bands: Tensor) -> tuple[Tensor, Tensor]:
        """Details (N, B, H, W), and on the coarse grid the shares of ``blend`` and ``trust`` (N, B, 4, h, w).

        A detail is the sum over the bases of a gain per band and cell times the basis, plus the band's own. What
        reads the bands is one convolution: a narrow one takes nearly as long as a wide one.
        """
        heads, counts = (self.gains, self.blend, self.trust), (self.config.bases, CELL**2, 4)
        weight, bias = torch.cat([head.weight for head in heads]), torch.cat([head.bias for head in heads])  # type: ignore
        said = F.conv2d(bands, weight, bias, padding=1).unflatten(0, (len(trunk), -1))
        gains, own, shares = said.split(counts, 2)
        bases = _pointwise(self.bases, trunk).unflatten(1, (self.config.bases, CELL**2))
        detail = torch.einsum("nbkhw,nkphw->nbphw", gains, bases).add_(own)
        return _shuffled(detail.flatten(0, 1), len(trunk)), shares


def _describe(exp: Tensor, local: tuple[Tensor, ...], scale: Scale, gnyq: Tensor, ratio: int) -> Tensor:
    """What is known of each band, on the coarse grid: (N * B, 15, H / 4, W / 4)."""
    pooled = [_means(known.flatten(0, 1)[:, None], 1) for known in local]
    facts = [scale.slope, scale.weights, torch.full_like(scale.slope, ratio / 4), gnyq.expand_as(scale.slope)]
    facts += [known[:, None].expand_as(scale.slope) for known in (scale.lighter, scale.explained)]
    facts.append(1 / (1 + scale.level))
    planes = torch.stack(facts, -1).flatten(0, 1)[..., None, None].expand(-1, -1, *pooled[0].shape[-2:])
    return _stacked(_half(exp.flatten(0, 1)[:, None]), planes, *pooled)


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
    return _means(smooth, 2)


def _means(image: Tensor, parts: int) -> Tensor:
    """(N, 1, H, W) to (N, parts^2, H / 4, W / 4): means of the parts of each cell. Faster than pooling."""
    each = torch.eye(parts**2, dtype=image.dtype, device=image.device).view(-1, 1, parts, parts)
    size = CELL // parts
    return F.conv2d(image, each.repeat_interleave(size, 2).repeat_interleave(size, 3) / size**2, stride=CELL)


def _smooth(coarse: Tensor) -> Tensor:
    """(N, B, h, w) on the coarse grid, smoothly on the PAN grid."""
    return F.interpolate(coarse.contiguous(), scale_factor=CELL, mode="bilinear")


def _shuffled(cells: Tensor, count: int) -> Tensor:
    """(N * B, 16, h, w) on the coarse grid, a channel for each pixel of a cell, as N images (N, B, H, W)."""
    return F.pixel_shuffle(cells, CELL).unflatten(0, (count, -1))[:, :, 0]


def _pointwise(layer: nn.Conv2d, image: Tensor) -> Tensor:
    """A 1 x 1 convolution as a matrix product, which on one thread is faster than the convolution."""
    return F.linear(image.movedim(1, -1), layer.weight[:, :, 0, 0], layer.bias).movedim(-1, 1)


def _stacked(*images: Tensor) -> Tensor:
    """Channels after one another, in the order of memory that convolutions like (much faster than torch.cat)."""
    first, end = images[0], 0
    shape = (len(first), sum(image.shape[1] for image in images), *first.shape[2:])
    out = torch.empty(shape, dtype=first.dtype, device=first.device, memory_format=torch.channels_last)
    for image in images:
        begin, end = end, end + image.shape[1]
        out[:, begin:end] = image
    return out

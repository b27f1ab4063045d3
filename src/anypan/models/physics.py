"""What anypan's networks know without learning: how PAN and MS see an estimate, local gains, what to believe.

All images are standardised by the scene's ``Scale``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.optics.mtf import DenseSampling
from anypan.optics.normalise import (
    DIFFERENCES,
    WINDOW,
    Scale,
    box_mean,
    local_regression,
    local_variance,
    pan_at_ms_scale,
    second_differences,
)
from anypan.optics.sampling import Sampling
from anypan.runtime.defaults import full_precision

CLEAR = 2.0  # standard deviations below the mean at which a modulation takes the air's light to end, at most
LEAST = 0.1  # of a band's root mean square, at which denominators are held, as in the classical modulations
STEEPEST = 4.0  # bound of a modulation's gain
LEARNT = 0.5  # the sharpness at which the network decides
HARDLY, WELL = 0.75, 0.9  # shares of the PAN's detail that the bands explain
FAINT = 0.08  # local standard deviation over the scene's at which half of what was learnt is believed
FLAT = 0.04  # the same, at which half of what the MS shows beyond the result is followed: the rest is noise
OWN, ALONE = 0.8, 0.95  # shares of a band's detail that nothing explains: it may be a detail of its own, it is noise
SMOOTH, ROUGH = 0.4, 0.6  # power of second differences over that of detail; white noise has 1, give or take .3
SOFT, SHARP = 0.45, 0.6  # gains of an MS that was blurred by an instrument, that was resampled from a sharp image
FACTS = 9  # entries of ``facts``


@dataclass(frozen=True)
class Sight:
    """How PAN and MS see an estimate (N, B, H, W): what the skeleton needs again and again."""

    pan: Tensor
    scale: Scale
    gnyq: Tensor
    sampling: Sampling | DenseSampling

    def intensity(self, bands: Tensor) -> Tensor:
        """The mixture of the bands (N, B, ...) that best explains the PAN at MS scale: (N, 1, ...)."""
        with full_precision(bands):  # what is left of the PAN is a small difference
            return torch.einsum("nb,nbhw->nhw", self.scale.weights, bands.to(self.scale.weights))[:, None]

    def texture_left(self, fused: Tensor) -> Tensor:
        """Fine detail of the PAN that the estimate's intensity lacks: (N, 1, H, W).

        Adding it times the gains brings the intensity R2 of the way to the PAN, since sum w_b gain_b = R2: all the
        way where the bands explain the PAN, hardly where they do not.
        """
        missing = self.pan - self.intensity(fused)
        return missing - self.sampling.expand(pan_at_ms_scale(missing, self.gnyq, self.sampling))

    def residual(self, lrms: Tensor, fused: Tensor) -> Tensor:
        """LRMS minus the degraded estimate: (N, B, h, w)."""
        return lrms - self.sampling.degrade(fused, self.gnyq)

    def steps(self, lrms: Tensor, fused: Tensor, trusts: Tensor) -> Tensor:
        """What to expand for a step of back-projection after another, each with its trust: (N, B, h, w).

        A step leaves r - D E t r of a residual r, all on the MS grid. trusts (N, B, steps, h, w).
        """
        residual = self.residual(lrms, fused)
        total = trusts[:, :, 0] * residual
        for rank in range(1, trusts.shape[2]):
            left = residual - self.sampling.reproject(total, self.gnyq)
            total = torch.addcmul(total, trusts[:, :, rank], left)
        return total


def described(lrms: Tensor, pan_lr: Tensor, scale: Scale, cells: tuple[int, int]) -> tuple[Tensor, ...]:
    """Of each band on the coarse grid: local gain, likeness to the PAN, two modulations, contrast; (N, B, h, w) each.

    The modulations are those of MTF-GLP-HPM-R (Vivone et al., 2018), without haze and with it:
    g_b = slope_b (MS_b + c_b) / (slope_b PAN_LR + c_b), standardised, c_b = ``level``: a zero of the band's units.
    The second takes the light of the air off, as if the darkest ground lay ``CLEAR`` deviations below the mean.
    The contrast is half the logarithm of the local standard deviation over the scene's.
    """
    slope = scale.slope[..., None, None]
    found = list(local_regression(lrms, pan_lr, scale.slope))
    for level in (scale.level, scale.level.clamp(max=CLEAR)):
        zero = level[..., None, None]
        below = torch.maximum(slope * pan_lr + zero, LEAST * torch.sqrt(1 + zero**2))
        found.append((slope * (lrms + zero) / below).clamp(-STEEPEST, STEEPEST))
    variance = local_variance(lrms, box_mean(lrms, WINDOW))
    found.append(0.25 * torch.log(variance + 1e-4))
    return tuple(F.interpolate(each, size=cells, mode="bilinear") for each in found)


def facts(scale: Scale, gnyq: Tensor, ratio: int) -> Tensor:
    """What is known of scene and bands: (N, B, FACTS)."""
    own = [scale.slope, scale.weights, gnyq.expand_as(scale.slope), 1 / (1 + scale.level), scale.alone]
    whole = [scale.log_gain_ratio, 1 - scale.explained, torch.full_like(scale.log_gain_ratio, math.log2(ratio / 4))]
    whole.append(torch.full_like(scale.log_gain_ratio, 4 / scale.slope.shape[-1]))
    return torch.stack([*own, *(fact[:, None].expand_as(scale.slope) for fact in whole)], -1)


def towards(share: Tensor, wish: float) -> Tensor:
    """A share (N, 1, 1, 1) as it is at a wish of ``LEARNT``, 0 at one of 0, 1 at one of 1, in proportion between."""
    return share * (wish / LEARNT) if wish <= LEARNT else torch.lerp(share, torch.ones_like(share), wish / LEARNT - 1)


def believed(scale: Scale, contrast: Tensor, sound: Tensor) -> Tensor:
    """How far what was learnt is believed, (N, B, h, w), of local ``contrast`` as ``described`` gives it.

    ``sound`` (N, B, h, w): how far the band is more than noise.

    Not at all where the bands hardly explain the PAN's detail: noise or light of its own is most of it there, and
    networks turn away from it. Nor where a band has next to no contrast, as on water: nothing was learnt of detail so
    far below that of the scene, and what is added there is a texture that is not there. Nor of a band that was
    resampled from a coarser grid, or is nothing but noise: there is no detail to restore.
    """
    whole = ((scale.explained - HARDLY) / (WELL - HARDLY)).clamp(0, 1)[:, None, None, None]
    whole = whole * scale.fine[..., None, None]
    return whole * _clear(torch.exp(4 * contrast), FAINT) * sound


def seen_apart(lrms: Tensor, sound: Tensor) -> Tensor:
    """How far an MS pixel shows more than noise, (N, B, h, w): ``sound``, less where a band has next to no contrast.

    Back-projection undoes the MTF, and so amplifies what the instrument added behind it. On water or deep shadow that
    is most of what is there: each band's own noise, a coloured mesh.
    """
    return sound * _clear(local_variance(lrms, box_mean(lrms, WINDOW)), FLAT)


def in_proportion(gains: Tensor, modulation: Tensor, contrast: Tensor) -> Tensor:
    """Gains (N, B, h, w), where a band has next to no contrast at most those of a modulation, as of light.

    Regression says nothing there, and falls back to the scene's slope, which is that of other ground: on water a near
    infrared band would get the detail of land, and go below zero.
    """
    return torch.lerp(torch.minimum(gains, modulation), gains, _clear(torch.exp(4 * contrast), FLAT))


def _clear(variance: Tensor, faint: float) -> Tensor:
    """A local variance, of the scene's, against that of a ``faint`` deviation: 0 to 1."""
    return variance / (variance + faint**2)


def noise(lrms: Tensor, alone: Tensor) -> Tensor:
    """How far a band is nothing but noise around each MS pixel, 0 to 1, of lrms and ``alone`` (N, B): (N, B, h, w).

    That is where neither the PAN nor another band explains its detail, and its second differences are those of white
    noise. Such a band follows no PAN, and steps towards it sharpen its noise.
    """
    rough = second_differences(lrms)
    detail = lrms - box_mean(lrms, WINDOW)
    power = box_mean(detail * detail, WINDOW) * (DIFFERENCES / (1 - WINDOW**-2))
    spectrum = box_mean(rough * rough, WINDOW) / power.clamp(min=1e-12)
    share = ((alone - OWN) / (ALONE - OWN)).clamp(0, 1)[..., None, None]
    return share * ((spectrum - SMOOTH) / (ROUGH - SMOOTH)).clamp(0, 1)


def blurred(gnyq: Tensor) -> Tensor:
    """How far the MS is blurred against the PAN, 1 or less, of gains (N, B): (N, 1, 1, 1).

    An MS that was resampled shows nearly all that there is; the PAN's texture beyond it is not in its truth.
    """
    return ((SHARP - gnyq.mean(-1)) / (SHARP - SOFT)).clamp(0, 1)[:, None, None, None]


def sharpened(scale: Scale) -> Tensor:
    """Where the last pull begins: at 1 where the PAN was evidently sharpened on the ground, (N, 1, 1, 1).

    That is where the gain measured is below the instrument's, and the bands explain the PAN.
    """
    share = torch.sigmoid(-(scale.log_gain_ratio + 0.1) / 0.04) * torch.sigmoid((scale.explained - 0.8) / 0.02)
    return share[:, None, None, None]

"""How blurred the MS really is against the PAN: the effective MTF gain of a pair, measured on the pair itself.

Ground processing sharpens some PAN products and resamples some MS products, so the gain that holds between two files
can lie far from that of the instruments (measured on real scenes: 0.1 to 0.8, where the instruments have 0.2 to 0.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.optics.mtf import DenseSampling
from anypan.optics.normalise import EXPLAINED_ENOUGH, box_mean, second_differences
from anypan.optics.sampling import Sampling
from anypan.pair.scene import Patch, Scene

CANDIDATES = tuple(0.08 * 1.12**n for n in range(22))  # 0.08 to 0.86
GAIN_PIXELS = 2**18  # MS pixels that are looked at: with four times as many a gain of .615 moves by .0004
HIGH_PASS = 5  # MS pixels along a side of the mean that is taken away
LINE = 15  # MS pixels along which dead and saturated lines of a detector are straight
LIGHT = 1.6  # a measured gain this many times the instrument's is no instrument's
# Power of second differences over that of detail, of a band over the smaller of the bands' median and the PAN's: up to
# COARSE of a band that was resampled from a coarser grid (Landsat's thermal bands .15), from FINE on of any other.
COARSE, FINE = 0.2, 0.4
USUAL = 12  # the candidate, about .3, with which the PAN is seen there


@dataclass(frozen=True)
class MeasuredGain:
    """``gnyq`` at the MS Nyquist frequency; ``explained``: the share of the PAN's detail that the bands explain;
    ``alone``: of each band's detail the share that neither the PAN nor the other bands explain; ``fine``: 1 for a band
    with detail of its own pixels' size, 0 for one that was resampled from a coarser grid."""

    gnyq: float
    explained: float
    alone: tuple[float, ...] = ()
    fine: tuple[float, ...] = ()


def measure_gain(scene: Scene) -> MeasuredGain:
    """The gain with which the degraded PAN's detail is best explained by the MS bands' detail, all bands together.

    For each candidate gain the PAN is filtered, sampled at the MS pixels and regressed on the bands, both high-passed;
    the gain of the highest R2 is refined by a parabola. At the ends of the range the end itself is returned.
    """
    found = [
        (moments_of(patch, scene.sampling), *powers_of(patch, scene.sampling)) for patch in scene.blocks(GAIN_PIXELS)
    ]
    moments, rough, power = (torch.stack(each).sum(0) for each in zip(*found, strict=True))
    gnyq, explained, alone = best_gain(moments, len(scene.bands))
    fine = fineness(rough, power)
    return MeasuredGain(float(gnyq), float(explained), tuple(alone.tolist()), tuple(fine.tolist()))


def measure_gains(
    pan: Tensor, lrms: Tensor, sampling: DenseSampling, patches: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for the scenes of a batch: gains and shares explained, (G,) each; shares alone, fineness, (G, B) each.

    pan (G * patches, 1, H, W), lrms (G * patches, B, h, w), the patches of a scene side by side; too small for lines.
    """
    degraded = sampling.degrade_each(pan, torch.tensor(CANDIDATES, device=pan.device))
    stack = torch.cat([lrms, degraded], 1)
    inside = slice(HIGH_PASS // 2, -(HIGH_PASS // 2))
    detail = (stack - box_mean(stack, HIGH_PASS))[..., inside, inside].flatten(2).to(torch.float64)
    moments = (detail @ detail.mT).unflatten(0, (-1, patches)).sum(1)
    seen = torch.cat([lrms, degraded[:, USUAL, None]], 1)
    rough = second_differences(seen)[..., inside, inside].square().sum((-2, -1)).unflatten(0, (-1, patches)).sum(1)
    bands = lrms.shape[1]
    power = moments.diagonal(dim1=-2, dim2=-1)[..., [*range(bands), bands + USUAL]]
    return *best_gain(moments, bands), fineness(rough.to(power), power)


def powers_of(patch: Patch, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Of each band and of the PAN, (B + 1,) each: squares of second differences, and of high-passed values, summed."""
    seen = torch.cat([patch.lrms, sampling.degrade(patch.pan, [CANDIDATES[USUAL]])])
    inside = patch.core(box_mean(patch.mask_lr[None].float(), HIGH_PASS))[0] > 0.999
    detail = without_lines(seen - box_mean(seen, HIGH_PASS))
    rough, power = (patch.core(each)[:, inside].double().square().sum(1) for each in (second_differences(seen), detail))
    return rough, power


def without_lines(detail: Tensor) -> Tensor:
    """(C, h, w) less its means along rows and columns: a straight line of bad values is gone, as of second differences.

    Else a single one has so much of a band's power that the band seems to come from a coarser grid.
    """
    side = LINE // 2
    for window, around in ((1, LINE), (side, side, 0, 0)), ((LINE, 1), (0, 0, side, side)):
        detail = detail - F.avg_pool2d(F.pad(detail, around, mode="replicate"), window, stride=1)
    return detail


def fineness(rough: Tensor, power: Tensor) -> Tensor:
    """(..., B) from 0, of a band from a coarser grid, to 1, of powers of second differences and of detail (..., B + 1).

    The last are the PAN's. Bands of noise do not make a clean one coarse, nor does a PAN that was sharpened; where
    nothing is seen, nothing is coarse.
    """
    spectrum = torch.where(power > 0, rough / power.clamp(min=1e-200), torch.nan)
    bands = spectrum[..., :-1]
    usual = torch.minimum(bands.nanmedian(-1).values, spectrum[..., -1])[..., None]
    among = torch.where((usual > 0) & (bands >= 0), bands / usual.clamp(min=1e-200), 1.0)
    return ((among - COARSE) / (FINE - COARSE)).clamp(0, 1)


def best_gain(moments: Tensor, bands: int) -> tuple[Tensor, Tensor, Tensor]:
    """From products (..., B + G, B + G): the gain that explains most, what it explains, (...) each; alone (..., B).

    Whatever the units of the bands are.
    """
    size = moments.diagonal(dim1=-2, dim2=-1).clamp(min=1e-200).sqrt()
    alike = moments / (size[..., :, None] * size[..., None, :])
    between, cross = alike[..., :bands, :bands], alike[..., :bands, bands:]
    ridge = 1e-6 * torch.eye(bands, dtype=between.dtype, device=between.device)
    explained = (cross * torch.linalg.solve(between + ridge, cross)).sum(-2)
    return candidates_of(explained), explained.amax(-1), _alone(moments, bands, explained.argmax(-1))


def _alone(moments: Tensor, bands: int, best: Tensor) -> Tensor:
    """1 - R2 of each band regressed on the others and on the PAN of the best gain: (..., B).

    That is the reciprocal of the diagonal of the inverse of their correlation.
    """
    chosen = (bands + best)[..., None, None]
    with_pan = moments.gather(-1, chosen.expand(*moments.shape[:-1], 1))
    corner = with_pan.gather(-2, chosen)
    side = with_pan[..., :bands, :]
    joined = torch.cat([torch.cat([moments[..., :bands, :bands], side], -1), torch.cat([side.mT, corner], -1)], -2)
    size = joined.diagonal(dim1=-2, dim2=-1).clamp(min=1e-200).sqrt()
    correlation = joined / (size[..., :, None] * size[..., None, :])
    ridge = 1e-4 * torch.eye(bands + 1, dtype=joined.dtype, device=joined.device)
    return (1 / torch.linalg.inv(correlation + ridge).diagonal(dim1=-2, dim2=-1))[..., :bands].clamp(0, 1)


def effective_gnyq(gnyq: tuple[float, ...], measured: MeasuredGain) -> tuple[float, ...]:
    """The gains to fuse with: those of the scene's sensor, ``gnyq``, unless the MS was evidently blurred much less.

    An MS that was resampled rather than seen through an MTF has a measured gain far above the instrument's; believing
    the instrument then sharpens what is sharp. A low measured gain (a PAN sharpened on the ground) is not followed:
    the instrument's gain keeps the fused image consistent with the MS as delivered.
    """
    return (measured.gnyq,) * len(gnyq) if resampled(gnyq, measured) else gnyq


def resampled(gnyq: tuple[float, ...], measured: MeasuredGain) -> bool:
    """True if the MS was evidently blurred much less than with the gains ``gnyq`` of its sensor."""
    return times_as_sharp(gnyq, measured) >= LIGHT


def times_as_sharp(gnyq: tuple[float, ...], measured: MeasuredGain) -> float:
    """The measured gain over the mean of ``gnyq``; 0 where the bands explain too little of the PAN to tell."""
    return measured.gnyq * len(gnyq) / sum(gnyq) if measured.explained >= EXPLAINED_ENOUGH else 0.0


def moments_of(patch: Patch, sampling: Sampling) -> Tensor:
    """(B + G, B + G): products of the high-passed bands and of the PAN degraded with each of the G candidates."""
    degraded = [sampling.degrade(patch.pan, [gnyq]) for gnyq in CANDIDATES]
    stack = torch.cat([patch.lrms, *degraded])
    detail = patch.core(stack - box_mean(stack, HIGH_PASS)).to(torch.float64)
    inside = patch.core(box_mean(patch.mask_lr[None].float(), HIGH_PASS))[0] > 0.999
    values = detail[:, inside]
    return values @ values.T


def candidates_of(explained: Tensor) -> Tensor:
    """The gain at the top of a parabola through the best of (..., G) and its neighbours; the end itself at an end."""
    best = explained.argmax(-1, keepdim=True)
    middle = best.clamp(1, len(CANDIDATES) - 2)
    before, peak, after = (explained.gather(-1, middle + step) for step in (-1, 0, 1))
    curved = before - 2 * peak + after
    offset = 0.5 * (before - after) / torch.where(curved == 0, 1, curved)
    place = torch.where(best == middle, middle + offset.clamp(-1, 1), best.to(offset.dtype))
    return CANDIDATES[0] * (CANDIDATES[1] / CANDIDATES[0]) ** place[..., 0]

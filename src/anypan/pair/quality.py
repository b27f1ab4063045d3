"""What a pair itself tells of its bands: effective MTF gain, the share of detail that the PAN explains, and noise.

Gain: the PAN, degraded with a candidate gain, correlates best with a band's detail at the band's own gain (by
Cauchy-Schwarz, if what the PAN does not explain is uncorrelated with it, which holds where that is little). Noise:
what a second difference along rows and columns leaves (Immerkaer, CVIU 1996) where the ground is flat. Which blocks are
flat is told by the other image, whose noise is independent, so that choosing them picks no noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from anypan.optics.normalise import DIFFERENCES, box_mean, second_differences
from anypan.pair.gain import CANDIDATES, HIGH_PASS, best_gain, candidates_of, moments_of
from anypan.pair.scene import Patch, Scene

BLOCK = 8  # MS pixels along a side
FLAT = 0.1  # share of the blocks, the flattest, that noise is read from
LEAST_BLOCKS = 12
OWN = 0.9  # of a band's detail, but for its noise, that the PAN has to explain for the band to have a gain of its own
TOGETHER = 0.8  # of the PAN's detail that all bands have to explain for them to have one in common
HIGH_PASSED = 1 - 1 / HIGH_PASS**2  # of white noise's variance that the high-pass leaves
NOTHING = 1e-300  # in 64-bit floats, whatever the unit
LEAST_SIGNAL = 0.05  # of a band's power that is no noise


@dataclass(frozen=True)
class Quality:
    """One entry a band. ``gains`` at the MS Nyquist frequency, ``explained`` shares of detail (0 to 1) by the PAN.

    ``means`` and ``noise`` (standard deviation) in DN; of the PAN ``pan_mean`` and ``pan_noise``. Noise is nan where
    too few blocks are valid. ``saturated``: shares of pixels at the greatest value seen. ``valid``: share of MS pixels.
    ``curves``: (candidate gain, R2) points.
    """

    gains: tuple[float, ...]
    explained: tuple[float, ...]
    means: tuple[float, ...]
    noise: tuple[float, ...]
    saturated: tuple[float, ...]
    pan_mean: float
    pan_noise: float
    valid: float
    curves: tuple[tuple[tuple[float, float], ...], ...] = ()

    @property
    def snr(self) -> tuple[float, ...]:
        """Mean over noise, band by band."""
        return tuple(
            mean / noise if noise > 0 else math.inf for mean, noise in zip(self.means, self.noise, strict=True)
        )

    @property
    def pan_snr(self) -> float:
        """The same of the PAN."""
        return self.pan_mean / self.pan_noise if self.pan_noise > 0 else math.inf


def measure_quality(scene: Scene) -> Quality:
    """Measure a scene on what fitting looks at: all of a small one, spread blocks of a large one."""
    moments, sums, blocks = [], [], []
    top = torch.full((len(scene.bands),), -math.inf)
    for patch in scene.blocks():
        moments.append(moments_of(patch, scene.sampling))
        values = patch.core(patch.lrms)[:, patch.core(patch.mask_lr)].double()
        pan = patch.core(patch.pan)[:, patch.core(patch.mask)].double()
        peak = values.amax(1).float() if values.shape[1] else top
        tops = values.eq(peak.double()[:, None]).sum(1)
        sums.append(
            (values.sum(1), values.shape[1], pan.sum(), pan.shape[1], peak, tops, patch.core(patch.mask_lr).numel())
        )
        top = torch.maximum(top, peak)
        blocks.append(_blocks(patch, scene))
    products = torch.stack(moments).sum(0)
    r2 = _agreement(products, len(scene.bands))
    explained = r2.amax(1)
    curves = tuple(tuple(zip(CANDIDATES, row, strict=True)) for row in r2.tolist())
    count = max(1, sum(each[1] for each in sums))
    total = torch.stack([each[0] for each in sums]).sum(0) / count
    held = torch.stack([torch.where(each[4] == top, each[5], 0) for each in sums]).sum(0) / count
    pan_mean = float(sum(each[2] for each in sums)) / max(1, sum(each[3] for each in sums))
    noise, pan_noise = _noise(torch.cat(blocks, 1))
    gains = _gains(products, r2, torch.tensor(noise) ** 2 * count)
    return Quality(
        tuple(gains.tolist()), tuple(explained.tolist()), tuple(total.tolist()), noise, tuple(held.tolist()),
        pan_mean, pan_noise, count / max(1, sum(each[6] for each in sums)), curves,
    )  # fmt: skip


def _gains(products: Tensor, r2: Tensor, noise: Tensor) -> Tensor:
    """Gains (B,) of products (B + G, B + G), agreement (B, G) and the noise's part (B,) of each band's power.

    A band's own, where the PAN follows nearly all of its detail but for the noise; else that with which all bands
    together explain the PAN, if they do: a band's detail of its own would pull its gain off by a third.
    """
    bands = len(r2)
    power = products.diagonal()[:bands]
    clean = (power - HIGH_PASSED * noise.nan_to_num(0.0)).clamp(min=LEAST_SIGNAL * power)
    followed = r2.amax(1) * power / clean >= OWN
    common, together, _ = best_gain(products, bands)
    return torch.where(followed | (together < TOGETHER), candidates_of(r2), common)


def _agreement(moments: Tensor, bands: int) -> Tensor:
    """Of products (B + G, B + G): R2 (B, G) of each band with the PAN degraded with each candidate gain."""
    power = moments.diagonal()
    r2 = moments[:bands, bands:].square() / (power[:bands, None] * power[None, bands:]).clamp(min=NOTHING)
    return r2.clamp(0, 1)


def _blocks(patch: Patch, scene: Scene) -> Tensor:
    """Per valid block: variances (B + 1) of the second differences of bands and PAN, then their activities (B + 1)."""
    ratio = scene.ratio
    degraded = scene.sampling.degrade(patch.pan, [sum(scene.gnyq) / len(scene.gnyq)])
    left = second_differences(torch.cat([patch.lrms, degraded]).double())
    inside = patch.core(box_mean(patch.mask_lr[None].float(), HIGH_PASS))[0] > 0.999
    bands = torch.stack([_residual(patch.core(left)[b], patch.core(left)[-1]) for b in range(len(patch.lrms))])
    pan = _variance(patch.core(second_differences(patch.pan.double())), BLOCK * ratio)
    detail = torch.cat([patch.lrms, degraded]).double()
    activity = _variance(patch.core(detail - box_mean(detail.float(), 2 * HIGH_PASS + 1).double()), BLOCK)
    rows, cols = activity.shape[1:]
    sound = _tiled(inside[None].double(), BLOCK)[0].amin(-1) > 0
    every = torch.cat([bands / DIFFERENCES, pan[:, :rows, :cols] / DIFFERENCES, activity])
    return every[:, sound]


def _tiled(image: Tensor, side: int) -> Tensor:
    """(C, H, W) as (C, H // side, W // side, side * side)."""
    rows, cols = image.shape[1] // side, image.shape[2] // side
    cut = image[:, : rows * side, : cols * side].unflatten(2, (cols, side)).unflatten(1, (rows, side))
    return cut.transpose(2, 3).flatten(3)


def _variance(image: Tensor, side: int) -> Tensor:
    return _tiled(image, side).square().mean(-1)


def _residual(band: Tensor, pan: Tensor) -> Tensor:
    """Mean square, block by block, of what is left of a band without its part along the PAN."""
    one, two = (_tiled(image[None], BLOCK)[0] for image in (band, pan))
    slope = (one * two).sum(-1) / (two * two).sum(-1).clamp(min=NOTHING)
    return (one - slope[..., None] * two).square().sum(-1) / (BLOCK * BLOCK - 1)


def _noise(blocks: Tensor) -> tuple[tuple[float, ...], float]:
    """Standard deviations of the bands and of the PAN; a band's flat blocks are told by all other images."""
    count = len(blocks) // 2
    variance, activity = blocks[:count], blocks[count:]
    if blocks.shape[1] < LEAST_BLOCKS:
        return (math.nan,) * (count - 1), math.nan
    scaled = activity / activity.median(1, keepdim=True).values.clamp(min=NOTHING)
    found = []
    for index in range(count):
        others = scaled[[n for n in range(count) if n != index]].amax(0)
        chosen = others.argsort()[: max(LEAST_BLOCKS, int(FLAT * blocks.shape[1]))]
        found.append(math.sqrt(float(variance[index, chosen].median())))
    return tuple(found[:-1]), found[-1]

"""Detail transfer: how much of the PAN's fine texture the fused image carries, and how well the bands explain it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.metrics.strips import FR_BLOCK, Image, strips
from anypan.metrics.windows import blocks, box_sum, whole_blocks
from anypan.pair.scene import Scene
from anypan.runtime.columns import HIGH, LOW

EXPLAINED = "R2"
MEAN_OF = 9  # side of the window whose mean the high-pass removes


def detail_transfer(fused: Image, scene: Scene) -> dict[str, float]:
    """Share of the PAN's detail in the intensity of ``fused`` (B, H, W), 1 is ideal, and R2 of that intensity.

    w = least-squares weights of the MS bands and a constant for the PAN at MS scale; I = sum of w_b fused_b; per
    disjoint 32 x 32 block g = <hp(I), hp(PAN)> / <hp(PAN), hp(PAN)>, with hp = image minus its 9 x 9 mean. The
    figures are the medians of g over the quarter of the blocks with the weakest and the strongest hp(PAN).
    Blocks with an invalid pixel or without any detail do not count. Keys: LOW, HIGH, EXPLAINED.
    """
    weights, explained = band_weights(scene)
    gains, powers = [], []
    for strip in strips(fused, scene, MEAN_OF // 2, math.lcm(FR_BLOCK, scene.ratio)):
        intensity = (weights.to(strip.fused)[:, None, None] * strip.fused).sum(0, keepdim=True)
        ours, theirs = (blocks(strip.core(_high_pass(image)), FR_BLOCK)[:, 0] for image in (intensity, strip.pan))
        power = (theirs**2).sum(-1)
        kept = whole_blocks(strip.core(strip.mask), FR_BLOCK) & (power > 0)
        gains.append(((ours * theirs).sum(-1) / power)[kept].cpu())
        powers.append(power[kept].cpu())
    gain = torch.cat(gains)[torch.argsort(torch.cat(powers), stable=True)]
    quarter = max(1, len(gain) // 4)
    return {LOW: _median(gain[:quarter]), HIGH: _median(gain[-quarter:]), EXPLAINED: explained}


def band_weights(scene: Scene) -> tuple[Tensor, float]:
    """Least-squares weights (B,) of the MS bands, with a constant, for the PAN at MS scale; and R2, 0..1.

    The PAN is degraded with the mean of the bands' gains, so that both sides are equally sharp.
    """
    size = len(scene.bands) + 1
    origin, sums, products, count = None, torch.zeros(size).double(), torch.zeros(size, size).double(), 0
    for strip in strips(_nothing(scene), scene, scene.sampling.reach):
        pan_lr = scene.sampling.degrade(strip.pan, [sum(scene.gnyq) / len(scene.gnyq)])
        valid = strip.core(strip.mask_lr)
        values = strip.core(torch.cat([strip.lrms, pan_lr]))[:, valid].cpu()
        if origin is None and values.shape[1]:
            origin = values.mean(1, keepdim=True)
        if origin is not None:
            values = values - origin
            sums, products, count = sums + values.sum(1), products + values @ values.T, count + values.shape[1]
    if not count:
        return torch.full((size - 1,), math.nan).double(), math.nan
    moments = products / count - torch.outer(sums, sums) / count**2
    scale = torch.sqrt(moments.diagonal()).clamp_min(1e-300)
    between = moments / scale[:, None] / scale[None, :]
    beta = torch.linalg.pinv(between[:-1, :-1], rtol=1e-10, hermitian=True) @ between[:-1, -1]
    return beta * scale[-1] / scale[:-1], float(beta @ between[:-1, -1])


def _nothing(scene: Scene) -> Tensor:
    """A stand-in of the fused image's shape that takes no memory, for passes that look at the scene only."""
    height, width = (n * scene.ratio for n in scene.shape)
    return torch.zeros(1).expand(len(scene.bands), height, width)


def _high_pass(image: Tensor) -> Tensor:
    half = MEAN_OF // 2
    return image - box_sum(F.pad(image, (half,) * 4, mode="replicate"), MEAN_OF) / MEAN_OF**2


def _median(values: Tensor) -> float:
    return float(torch.quantile(values, 0.5)) if len(values) else math.nan

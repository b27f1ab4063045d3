"""D_rho: how well the fused bands follow the PAN locally."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.metrics.strips import Image, strips
from anypan.metrics.windows import box_sum, whole_windows
from anypan.pair.scene import Scene

FLOOR = 1e-20  # of the variances, as in the authors' code


def d_rho(fused: Image, scene: Scene) -> float:
    """D_rho = mean over bands and pixels of 1 - local correlation with the PAN; 0 is best, 2 worst.

    Scarpa and Ciotola, Remote Sensing 14(8), 2022. Windows of 2w x 2w with w = ceil(ratio / 2) and zeros around the
    image; the local mean is removed first. ``fused`` (B, H, W) in the scene's units; pixels whose windows touch an
    invalid pixel do not count.
    """
    half = math.ceil(scene.ratio / 2)
    total, count = 0.0, 0
    for strip in strips(fused, scene, 2 * half):
        margin = strip.halo * scene.ratio
        pad = (2 * half if not margin else 0,) * 4
        inside = F.pad(strip.inside, pad)
        correlation = local_correlation(F.pad(strip.fused, pad), F.pad(strip.pan, pad), half, inside)
        usable = whole_windows(whole_windows(F.pad(strip.mask, pad) | ~inside, 2 * half), 2 * half)
        first = margin + pad[0] - 2 * (half - 1)
        rows, cols = strip.core(strip.mask).shape
        window = slice(first, first + rows), slice(first, first + cols)
        usable = usable[window] & strip.core(strip.mask)
        total += (1 - correlation[:, window[0], window[1]].clamp(-1, 1))[:, usable].sum().item()
        count += int(usable.sum()) * len(correlation)
    return total / count if count else math.nan


def local_correlation(one: Tensor, two: Tensor, half: int, inside: Tensor) -> Tensor:
    """Correlation of (B, H, W) images in windows -half+1..half about a pixel, twice: means, then moments.

    Pixels outside ``inside`` (H, W) count as 0 both times. Entry (0, 0) belongs to pixel (2 half - 2, 2 half - 2).
    """
    size = 2 * half
    one, two = (_deviation(image * inside, size, inside) for image in (one, two))
    power_one, power_two = (box_sum(image * image, size).clamp_min(FLOOR) for image in (one, two))
    return box_sum(one * two, size) / torch.sqrt(power_one * power_two)


def _deviation(image: Tensor, size: int, inside: Tensor) -> Tensor:
    mean = box_sum(image, size) / size**2
    first = size // 2 - 1
    window = slice(first, first + mean.shape[-2]), slice(first, first + mean.shape[-1])
    return (image[:, window[0], window[1]] - mean) * inside[window]

"""R-ERGAS of an image of any size, in bounded memory: what a written file says of itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from anypan.metrics.strips import Image, strips
from anypan.optics.blocks import BlockSampling
from anypan.pair.crop import covered
from anypan.pair.pair import Pair
from anypan.pair.rows import Rows
from anypan.pair.scene import Scene, select
from anypan.raster import Raster
from anypan.runtime.errors import UserError

TOGETHER = 32  # bands that are looked at together
PIXELS = 2**22  # PAN pixels that a figure of a large image rests on


def r_ergas_of(image: Raster, pair: Pair, whole: bool) -> float | None:
    """R-ERGAS of an image on the grid of a pair's PAN against the pair's MS; None where no whole MS pixel is shared.

    Of the ``whole`` image, or of evenly spread strips of a large one. 0 is best.
    """
    try:
        scene, corner = covered(pair)
    except UserError:
        return None
    size = tuple(n * scene.ratio for n in scene.shape)
    count, parts = len(scene.bands), []
    for first in range(0, count, TOGETHER):
        group = range(first, min(first + TOGETHER, count))
        part = replace(image, bands=tuple(image.bands[k] for k in group))
        some = scene if len(group) == count else select(scene, group)
        parts.append(_sums(Rows(part, *corner, *size), some, None if whole else PIXELS))
    value = _r_ergas(parts, scene.ratio)
    return value if math.isfinite(value) else None


def _sums(fused: Image, scene: Scene, most: int | None) -> tuple[int, Tensor, Tensor]:
    """How many MS pixels are valid, and of each band (B,) the squared differences and the MS's sum."""
    count, squares, sums = 0, torch.zeros(len(scene.bands)).double(), torch.zeros(len(scene.bands)).double()
    sampling = BlockSampling(scene.ratio, scene.sampling.offset)
    for strip in strips(fused, scene, scene.sampling.reach, most=most):
        valid = strip.core(strip.mask_lr)
        seen, lrms = strip.core(sampling.degrade(strip.fused, scene.gnyq)), strip.core(strip.lrms)
        squares += (seen - lrms)[:, valid].square().sum(1)
        sums += lrms[:, valid].sum(1)
        count += int(valid.sum())
    return count, squares, sums


def _r_ergas(parts: Sequence[tuple[int, Tensor, Tensor]], ratio: int) -> float:
    """100 / ratio * sqrt(mean over bands of (RMSE_b / mean_b)^2), from the sums of groups of bands.

    Bands of mean 0 do not count; NaN without any other, or any valid MS pixel.
    """
    errors = torch.cat([(count * squares / sums.square())[sums != 0] for count, squares, sums in parts])
    return 100 / ratio * float(errors.mean().sqrt()) if len(errors) else math.nan

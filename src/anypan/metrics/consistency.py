"""R-ERGAS of an image of any size, in bounded memory: what a written file says of itself."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from anypan.metrics.ergas import ergas_of
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
    squares, sums, counts = (torch.cat(each) for each in zip(*parts, strict=True))
    value = ergas_of(squares, sums, counts, scene.ratio)
    return value if math.isfinite(value) else None


def _sums(fused: Image, scene: Scene, most: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Of each band (B,) the squared differences, the MS's sum, and how many MS pixels are valid."""
    squares, sums, count = (torch.zeros(len(scene.bands)).double() for _ in range(3))
    sampling = BlockSampling(scene.ratio, scene.sampling.offset)
    for strip in strips(fused, scene, scene.sampling.reach, most=most):
        valid = strip.core(strip.mask_lr)
        seen, lrms = strip.core(sampling.degrade(strip.fused, scene.gnyq)), strip.core(strip.lrms)
        squares += (seen - lrms)[:, valid].square().sum(1)
        sums += lrms[:, valid].sum(1)
        count += valid.sum()
        del strip, seen, lrms, valid  # before the next is read
    return squares, sums, count

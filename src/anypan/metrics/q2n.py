"""Q2n: the quality index of hypercomplex images (Q4 for 4 bands, Q8 for 8)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.metrics.q import FLAT
from anypan.metrics.strips import FR_BLOCK, Image, pairs
from anypan.metrics.windows import blocks, whole_blocks
from anypan.optics.toolbox import EPS


def q2n(
    fused: Image, reference: Image, mask: Tensor | None = None, block: int = FR_BLOCK, toolbox: bool = False
) -> float:
    """Q2n: mean over disjoint ``block`` x ``block`` blocks of the hypercomplex index; 1 is best, 0 worst.

    Garzelli and Nencini, IEEE GRSL 6(4), 2009. Images (B, H, W) in one unit, mirrored to whole blocks.
    Blocks with an invalid pixel (``mask``), or in which a band of the reference is flat, do not count; NaN if none
    is left. ``toolbox``: both images rounded to uint16 first and flat blocks counted, as the reference toolbox does.
    """
    total, count = 0.0, 0
    for one, two, valid in pairs(fused, reference, mask, block):
        values = block_values(one, two, valid, block, toolbox)
        total += values.sum().item()
        count += len(values)
    return total / count if count else math.nan


def block_values(fused: Tensor, reference: Tensor, mask: Tensor, block: int, toolbox: bool) -> Tensor:
    """The index of each block that counts, (n,), of images (B, H, W) that fit in memory."""
    values, kept = _all_values(_mirror(fused, block), _mirror(reference, block), block, toolbox)
    return values[kept & whole_blocks(_mirror(mask[None], block)[0], block)]


def _mirror(image: Tensor, block: int) -> Tensor:
    below, right = (-n % block for n in image.shape[-2:])
    if not below and not right:
        return image
    rows, cols = (
        torch.from_numpy(np.pad(np.arange(n), (0, more), mode="symmetric")).to(image.device)
        for n, more in zip(image.shape[-2:], (below, right), strict=True)
    )
    return image[:, rows][:, :, cols]


def _all_values(fused: Tensor, reference: Tensor, block: int, toolbox: bool) -> tuple[Tensor, Tensor]:
    """Index of each block, (n,), and which count: of the toolbox all, else those without a flat band.

    The reference is standardised to mean 1, std 1.
    """
    if toolbox:
        fused, reference = (torch.floor(image.clamp(0, 65535) + 0.5) for image in (fused, reference))
    test, truth = blocks(fused, block), blocks(reference, block)
    n = block * block
    mean_test, mean_truth = test.mean(-1), truth.mean(-1)
    test, truth = test - mean_test[..., None], truth - mean_truth[..., None]
    scale = torch.sqrt((truth * truth).sum(-1) / (n - 1))
    kept = (scale.square() > FLAT * mean_truth.square()).all(-1)  # interpolation makes of a constant one and rounding
    kept = kept | toolbox
    scale = torch.where(scale > 0, scale, EPS)
    scale_test = torch.where(mean_truth == 0, 1.0, scale)
    cross = truth @ test.mT / (n - 1) / scale[..., :, None] / scale_test[..., None, :]
    spread = ((truth * truth).sum(-1) / scale**2 + (test * test).sum(-1) / scale_test**2).sum(-1) / (n - 1)
    shift = (mean_test - mean_truth) / scale_test
    return _index(cross, spread, shift + 1), kept


def _index(cross: Tensor, spread: Tensor, means: Tensor) -> Tensor:
    """Bands become the components of a hypercomplex number; those that are missing to a power of two stay at 1."""
    size = 1 << (means.shape[-1] - 1).bit_length()
    lack = size - means.shape[-1]
    signs = _signs(size).to(cross)
    cross = F.pad(cross, (0, lack, 0, lack)) * signs
    picked = torch.arange(size)[:, None] ^ torch.arange(size)[None, :]
    parts = cross[:, torch.arange(size)[None, :], picked].sum(-1)
    power = (means**2).sum(-1) + lack
    luminance = 2 * math.sqrt(size) * torch.sqrt(power) / (size + power)
    modulus = torch.sqrt((parts**2).sum(-1))
    return luminance * torch.where(spread > 0, 2 * modulus / spread.clamp_min(1e-300), 1.0)


@lru_cache
def _signs(size: int) -> Tensor:
    """(size, size): sign of e_i * conj(e_j) in the Cayley-Dickson algebra; the unit is e_(i xor j)."""
    product = _product_signs(size)
    product[:, 1:] *= -1
    return torch.from_numpy(product)


def _product_signs(size: int) -> np.ndarray:
    """(a, b)(c, d) = (ac - d*b, da + bc*), unit by unit."""
    if size == 1:
        return np.ones((1, 1))
    half = size // 2
    smaller = _product_signs(half)
    conjugate = np.array([1.0] + [-1.0] * (half - 1))
    table = np.empty((size, size))
    table[:half, :half] = smaller
    table[half:, half:] = -(smaller * conjugate[:, None]).T
    table[:half, half:] = smaller.T
    table[half:, :half] = smaller * conjugate[None, :]
    return table

"""Random fields of natural roughness: every octave from the finest pixel to the whole image, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]


def fractal(
    shape: tuple[int, int], rng: np.random.Generator, coarsest: float, persistence: float = 1.0, finest: float = 1.0
) -> Field:
    """A field of zero mean and unit variance whose octaves span ``finest`` to ``coarsest`` pixels.

    ``persistence`` is the ratio of an octave's amplitude to that of the next coarser one: 1 is the 1/f amplitude
    spectrum of natural images (Field, JOSA A 1987), less is smoother.
    """
    levels = max(1, 1 + round(np.log2(max(coarsest / finest, 1))))
    total = torch.zeros(1, 1, 1, 1)
    for level in range(levels - 1, -1, -1):
        step = finest * 2**level
        size = tuple(max(2, 1 + int(np.ceil(extent / step))) if step > 1 else extent for extent in shape)
        fresh = torch.from_numpy(rng.standard_normal(size, dtype=np.float32))[None, None]
        total = _resize(total, size) + persistence ** (levels - 1 - level) * fresh
    field = _resize(total, shape)[0, 0].numpy()
    return (field - field.mean()) / np.float32(max(float(field.std()), 1e-6))


def smooth(shape: tuple[int, int], rng: np.random.Generator, wavelength: float) -> Field:
    """A field (H, W) of about unit variance that varies over ``wavelength`` pixels only, without visible grid."""
    size = tuple(max(2, 2 + int(np.ceil(extent / wavelength))) for extent in shape)
    coarse = torch.from_numpy(rng.standard_normal(size, dtype=np.float32))[None, None]
    offset = rng.uniform(0, 1, 2)
    stride = max(1, int(wavelength) // 24)
    nodes = [(np.arange(0.5, -(-n // stride)) * stride / wavelength + o) for n, o in zip(shape, offset, strict=True)]
    axes = [torch.from_numpy(2 * node / (n - 1) - 1).float() for node, n in zip(nodes, size, strict=True)]
    where = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1)[None]
    sampled = F.grid_sample(coarse, where, mode="bicubic", padding_mode="border", align_corners=True)
    grown = F.interpolate(sampled, scale_factor=stride, mode="bilinear", align_corners=False) if stride > 1 else sampled
    return grown[0, 0, : shape[0], : shape[1]].numpy() / np.float32(0.75)


def _resize(field: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    if tuple(field.shape[-2:]) == tuple(size):
        return field
    return F.interpolate(field, size=tuple(size), mode="bilinear", align_corners=False)

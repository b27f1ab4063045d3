"""Random numbers and random fields, all drawn from an explicit torch generator."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


def uniform(rng: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Values between ``low`` and ``high``."""
    return low + (high - low) * torch.rand(shape, generator=rng)


def log_uniform(rng: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Values between ``low`` and ``high`` whose logarithm is uniform."""
    return torch.exp(uniform(rng, math.log(low), math.log(high), *shape))


def normal(rng: torch.Generator, sigma: float, *shape: int) -> Tensor:
    """Gaussian values of mean 0 and standard deviation ``sigma``."""
    return sigma * torch.randn(shape, generator=rng)


def chance(rng: torch.Generator, share: float, *shape: int) -> Tensor:
    """1.0 with probability ``share``, else 0.0."""
    return (torch.rand(shape, generator=rng) < share).float()


def pick(rng: torch.Generator, weights: dict[int, float]) -> int:
    """One of the keys, with probability proportional to its weight."""
    keys = list(weights)
    odds = torch.tensor([weights[key] for key in keys], dtype=torch.float32)
    return keys[int(torch.multinomial(odds, 1, generator=rng))]


def smooth_field(rng: torch.Generator, leading: tuple[int, ...], size: int, knots: int) -> Tensor:
    """(*leading, size, size) fields: unit-variance knots on a grid of knots x knots, interpolated smoothly."""
    coarse = torch.randn((*leading, knots, knots), generator=rng)
    if knots == size:
        return coarse
    matrix = _interpolation(size, knots)
    return matrix @ coarse @ matrix.T


@lru_cache(maxsize=64)
def _interpolation(size: int, knots: int) -> Tensor:
    """(size, knots) matrix of cubic interpolation between evenly spread knots."""
    rows = torch.eye(knots)[None, None]
    return F.interpolate(rows, size=(size, knots), mode="bicubic", align_corners=True)[0, 0]

"""Random numbers and random fields, all drawn from an explicit torch generator."""

from __future__ import annotations

import math

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
    """(*leading, size, size) fields of unit-variance knots on a coarse grid, interpolated smoothly."""
    coarse = torch.randn((math.prod(leading), 1, knots, knots), generator=rng)
    fine = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)
    return fine.reshape(*leading, size, size)

"""Random numbers and random fields, all drawn from explicit torch generators, on any device."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeVar
from zlib import crc32

import torch
import torch.nn.functional as F
from torch import Tensor

Key = TypeVar("Key")


class Random:
    """Draws on the generator's device and delivers on ``device``: a seed gives the same values wherever they are used.

    What is drawn has the ``shape`` asked for, (...).

    ``device`` is the generator's own if not given.
    """

    def __init__(self, generator: torch.Generator, device: torch.device | str | None = None) -> None:
        self.generator, self.device = generator, torch.device(device or generator.device)

    @classmethod
    def seeded(cls, seed: int, device: torch.device | str = "cpu") -> Random:
        """Draws of a generator on the CPU."""
        return cls(torch.Generator().manual_seed(seed), device)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Values between ``low`` and ``high``."""
        return low + (high - low) * self._rand(shape)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Values between ``low`` and ``high`` whose logarithm is uniform."""
        return torch.exp(self.uniform(math.log(low), math.log(high), *shape))

    def normal(self, sigma: float, *shape: int) -> Tensor:
        """Gaussian values of mean 0 and standard deviation ``sigma``."""
        drawn = torch.randn(shape, generator=self.generator, device=self.generator.device)
        return sigma * drawn.to(self.device)

    def chance(self, share: float, *shape: int) -> Tensor:
        """1.0 with probability ``share``, else 0.0."""
        return (self._rand(shape) < share).float()

    def poisson(self, rate: Tensor) -> Tensor:
        """Counts of the given mean."""
        return torch.poisson(rate.to(self.generator.device), generator=self.generator).to(self.device)

    def integer(self, low: int, high: int) -> int:
        """A whole number from ``low`` up to, and without, ``high``."""
        return int(torch.randint(low, high, (1,), generator=self.generator, device=self.generator.device))

    def order(self, count: int) -> Tensor:
        """A random permutation of 0 .. count - 1."""
        drawn = torch.randperm(count, generator=self.generator, device=self.generator.device)
        return drawn.to(self.device)

    def pick(self, weights: dict[Key, float]) -> Key:
        """One of the keys, with probability proportional to its weight."""
        keys = list(weights)
        odds = torch.tensor([weights[key] for key in keys], dtype=torch.float32, device=self.generator.device)
        return keys[int(torch.multinomial(odds, 1, generator=self.generator))]

    def field(self, leading: tuple[int, ...], size: int, knots: int) -> Tensor:
        """(*leading, size, size) fields: unit-variance knots on a grid of knots x knots, interpolated smoothly."""
        coarse = self.normal(1.0, *leading, knots, knots)
        if knots == size:
            return coarse
        matrix = interpolation(size, knots).to(self.device)
        return matrix @ coarse @ matrix.T

    def _rand(self, shape: tuple[int, ...]) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self.generator.device).to(self.device)


class Branches:
    """Independent streams by name, all decided by one draw: leaving a stream unused does not disturb the others."""

    def __init__(self, generator: torch.Generator, device: torch.device | str) -> None:
        self._root, self._device, self._home = Random(generator).integer(0, 2**32), device, generator.device

    def __getitem__(self, name: str) -> Random:
        """The stream of that name, from its beginning."""
        seed = self._root ^ crc32(name.encode())
        return Random(torch.Generator(self._home).manual_seed(seed), self._device)


@lru_cache(maxsize=64)
def interpolation(size: int, knots: int, corners: bool = True) -> Tensor:
    """(size, knots) matrix of cubic interpolation between evenly spread knots, in the ``corners`` or amid blocks."""
    rows = torch.eye(knots)[None, None]
    return F.interpolate(rows, size=(size, knots), mode="bicubic", align_corners=corners)[0, 0]

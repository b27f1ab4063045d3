"""Landscapes that the package renders itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from anypan.dataset.pixels import TILE, cut
from anypan.dataset.source import Names, Sample, Source
from anypan.errors import UserError
from anypan.sensors import Band
from anypan.simulate.landscape import landscape, scene_bands
from anypan.simulate.spectra import responses

CAMERA = tuple(
    Band(name, low, high)
    for name, low, high in (("red", 605, 695), ("green", 515, 600), ("blue", 430, 515), ("nir", 770, 895))
)


@dataclass(frozen=True, kw_only=True)
class Landscapes(Source):
    """``count`` landscapes of ``size`` x ``size`` pixels of ``gsd`` metres in turn. A key is a number from 0.

    Without ``held_out`` the last tenth is held out."""

    count: int
    size: int = 1024
    gsd: tuple[float, ...] = (0.25, 0.5, 1.0)
    seed: int = 1000

    def parts(self) -> Sequence[str]:
        if self.count < 1 or self.size < TILE or min(self.gsd, default=0) <= 0:
            raise UserError(
                f"Landscapes with count = {self.count}, size = {self.size}, gsd = {list(self.gsd)} cannot be rendered: "
                f"give a count of 1 or more, a size of {TILE} or more, and metres above 0."
            )
        return Names(str(number) for number in range(self.count))

    @property
    def validates(self) -> bool:
        return True

    def wants(self, key: str, held_out: bool) -> bool:
        if self.held_out:
            return super().wants(key, held_out)
        last = int(key) >= self.count - -(-self.count // 10)
        return bool(re.search(self.keys, key)) and last == held_out

    def samples(self, part: str) -> Iterator[Sample]:
        yield Sample(part, partial(self._render, int(part)))

    def _render(self, number: int) -> Iterator[NDArray[np.uint8]]:
        """As a camera for red, green, blue and near infrared would deliver it."""
        gsd = self.gsd[number % len(self.gsd)]
        scene = landscape((self.size, self.size), self.seed + number, gsd)
        light, _ = scene_bands(scene, responses([*CAMERA, CAMERA[0]]))
        top = light.flatten(1).quantile(0.995, dim=1)[:, None, None]
        return cut((255 * (light / top).clamp(0, 1).sqrt()).round().to(torch.uint8).numpy())

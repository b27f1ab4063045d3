"""Landscapes that the package renders itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from anypan.dataset.pixels import TILE, cut
from anypan.dataset.source import Names, Sample, Source
from anypan.optics.sensors import Band
from anypan.runtime.bounds import Bounds
from anypan.runtime.errors import UserError
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

    limits: ClassVar[dict[str, Bounds]] = {
        "count": Bounds(1, 10**7),
        "size": Bounds(TILE, 8192),
        "gsd": Bounds(0.05, 10),
        "seed": Bounds(0, 2**31 - 1),
    }

    count: int
    size: int = 1024
    gsd: tuple[float, ...] = (0.25, 0.5, 1.0)
    seed: int = 1000

    def parts(self) -> Sequence[str]:
        if not self.gsd:
            raise UserError("Landscapes have an empty gsd: give the size of a pixel in metres, as gsd = [0.5].")
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
        top = np.quantile(light.flatten(1).numpy(), 0.995, axis=1)  # torch's takes 2^24 values at most
        light = light / torch.from_numpy(top).float()[:, None, None]
        return cut((255 * light.clamp(0, 1).sqrt()).round().to(torch.uint8).numpy())

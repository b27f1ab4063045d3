"""Bands generation from imaging spectrometers' cubes: bands and PAN of a drawn sensor, through its response curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from anypan.optics.sensors import Band
from anypan.simulate.curves import band_weights, draw_bands, seen_by_pan
from anypan.simulate.random import Random


@dataclass(frozen=True)
class Cube:
    """A tile of narrow bands: ``pixels`` (C, S, S), floats in 0..1 or unsigned integers whose greatest value is 1, and
    the centres (C,) of its channels in nm, in any order."""

    pixels: NDArray[Any]
    wavelengths: NDArray[np.float64]

    def through(self, bands: Sequence[Band], device: torch.device | str = "cpu") -> Tensor:
        """(B, S, S) in 0..1: for each band the mean of the channels, weighted by its response curve."""
        full = np.iinfo(self.pixels.dtype).max if self.pixels.dtype.kind == "u" else 1.0
        weights = torch.from_numpy(band_weights(bands, self.wavelengths.tolist()) / full)
        pixels = torch.from_numpy(self.pixels.astype(np.float32, order="C"))
        return torch.tensordot(weights.float().to(device), pixels.to(device), 1)


@dataclass(frozen=True)
class Exposure:
    """Images (G, K, C, S, S) of which the ``chosen`` scenes (G, 1) hold the B ``bands`` of a sensor and then its PAN.

    ``seen`` (G, B): the PAN's weights there. ``apart`` (G, 1, C): what makes of them the PAN's light that no mixture of
    the bands with these weights has.
    """

    images: Tensor
    chosen: Tensor
    seen: Tensor

    @property
    def apart(self) -> Tensor:
        """(G, 1, C): the weights of that light; 0 in scenes of pictures."""
        count = self.seen.shape[1]
        rest = pad(self.seen.new_ones(len(self.seen), 1), (count, self.images.shape[2] - count - 1))
        return ((rest - pad(self.seen, (0, rest.shape[1] - count))) * self.chosen)[:, None]

    def instead(self, weights: Tensor, curved: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What pictures take, in the scenes of cubes replaced: weights (G, B, C) of the bands, whether they are those
        of response curves (G, 1), and the PAN's weights (G, B)."""
        if not bool(self.chosen.any()):
            return weights, curved, seen
        weights = pad(weights, (0, self.images.shape[2] - weights.shape[2]))
        plain = torch.eye(*weights.shape[1:], device=weights.device)
        return (
            torch.where(self.chosen[..., None], plain, weights),
            curved | self.chosen,
            torch.where(self.chosen, self.seen, seen),
        )


def expose(images: Tensor, cubes: Mapping[int, Sequence[Cube]], count: int, rng: Random, shift_nm: float) -> Exposure:
    """Scenes of ``cubes`` as ``count`` bands and PAN of a sensor drawn for each; images (G, K, C, S, S) as are.

    The sensor's bands lie where all tiles of the scene have channels; its curves are perturbed as ``draw_bands`` does.
    """
    scenes, _, channels = images.shape[:3]
    chosen = torch.zeros(scenes, 1, dtype=torch.bool, device=rng.device)
    seen = torch.zeros(scenes, count, device=rng.device)
    if cubes:
        images = pad(images, (0, 0, 0, 0, 0, max(0, count + 1 - channels)))
    for scene, tiles in cubes.items():
        common = max(t.wavelengths.min() for t in tiles), min(t.wavelengths.max() for t in tiles)
        bands, pan = draw_bands(count, common, rng, shift_nm)
        for place, tile in zip(images[scene], tiles, strict=True):
            place[: count + 1] = tile.through([*bands, pan], images.device)
        chosen[scene], seen[scene] = True, torch.from_numpy(seen_by_pan(bands, pan)).to(seen)
    return Exposure(images, chosen, seen)

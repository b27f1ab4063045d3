"""Effects on how bands and PAN are made of a source's channels, and on the PAN's light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.runtime.bounds import Bounds
from anypan.simulate.bands import FLOOR, detail_of, to_the_power
from anypan.simulate.effects.base import Effect, Range, Share
from anypan.simulate.random import Random


@dataclass(frozen=True)
class BandsGeneration(Effect):
    """Bands as random mixtures of the channels."""

    name = "bands generation"

    share: Share = 1.0


@dataclass(frozen=True)
class ResponseCurves(Effect):
    """Bands and PAN through response curves of known sensors, perturbed."""

    name = "response curves"

    shift_nm: Annotated[float, Bounds(0, 200)] = 12.0  # standard deviation; of cubes always


@dataclass(frozen=True)
class UnseenBands(Effect):
    """Bands outside of the PAN's range."""

    name, of = "unseen bands", "bands"

    share: Share = 0.25


@dataclass(frozen=True)
class PartedBands(Effect):
    """A PAN of one band, and the others with it, against it or of their own."""

    name = "parted bands"

    correlation: Annotated[Range, Bounds(-1, 1)] = (-0.8, 1.0)  # of a band with what it was

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Every band but the first keeps a correlation with what it was; the rest is another patch's content.

        So do short-wave bands under a guide of visible light: some run with it, some against it, some know nothing
        of it.
        """
        g, _, c = image.shape[:3]
        own = rng.uniform(*self.correlation, g, 1, c, 1, 1)
        own[:, :, 0] = 1.0
        mean = image.mean((1, 3, 4), keepdim=True)
        varying = image - mean
        return mean + own * varying + (1 - own**2).sqrt() * varying.roll(1, 1).flip(-2)


@dataclass(frozen=True)
class SoftBands(Effect):
    """Bands that a coarser detector recorded, resampled to the others' grid: there is no detail to restore.

    So are the thermal bands of Landsat, and short-wave bands that are delivered on the grid of visible ones.
    """

    name = "soft bands"

    part: Annotated[float, Bounds(0, 1)] = 0.4  # of the bands of such a scene; one stays sharp
    cells: Annotated[Range, Bounds(1, 16)] = (1.5, 5.0)  # MS pixels along a side of a pixel of theirs

    def apply(self, image: Tensor, rng: Random, pixel: int = 1) -> Tensor:
        """``pixel``: pixels of the image along a side of an MS pixel. The PAN is none of such a band's business."""
        g, _, c = image.shape[:3]
        soft = rng.chance(self.part, g, c).bool()
        soft[:, 0] = False
        sizes = (image.shape[-1] / (pixel * rng.log_uniform(*self.cells, g))).round().clamp(min=2).int().tolist()
        coarse = torch.stack([resampled(scene, size) for scene, size in zip(image, sizes, strict=True)])
        return torch.where(soft[:, None, :, None, None], coarse, image)


def resampled(image: Tensor, size: int) -> Tensor:
    """(K, C, S, S) recorded on a grid of ``size`` pixels along a side, and brought back by cubic convolution."""
    small = F.interpolate(image, size=(size, size), mode="area")
    return F.interpolate(small, size=image.shape[-2:], mode="bicubic").clamp(min=FLOOR)


@dataclass(frozen=True)
class HiddenLight(Effect):
    """A part of the PAN that no band has."""

    name, selects = "hidden light", True

    share: Share = 0.35

    def apply(self, image: Tensor, rng: Random, bands: Tensor | None = None) -> Tensor:
        """Up to 40 % of the PAN's light (G, K, 1, S, S) is that which no mixture of ``bands`` (G, K, B, S, S) has."""
        assert bands is not None
        g = len(bands)
        part = rng.uniform(0, 0.4, g, 1, 1, 1, 1) * rng.chance(self.share, g, 1, 1, 1, 1)
        if not bool(part.any()):
            return image
        other = bands.clamp(min=FLOOR).log().mean(2, keepdim=True).exp()
        return torch.lerp(image, other, part)


@dataclass(frozen=True)
class ForeignLight(Effect):
    """Detail of the PAN that no mixture of the bands explains."""

    name, stage = "foreign light", "PAN"

    part: Annotated[Range, Bounds(0.001, 4)] = (0.1, 0.7)  # of the PAN's own detail

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Fine detail of other ground, ``part`` of the PAN's own: another patch of the scene, mirrored.

        A part p leaves 1 / (1 + p^2) of the detail explained.
        """
        other = detail_of(image.roll(1, 1).flip(-1))
        size = detail_of(image).square().mean((1, 2, 3, 4), keepdim=True).sqrt()
        other = other * size / other.square().mean((1, 2, 3, 4), keepdim=True).sqrt().clamp(min=1e-6)
        return image + rng.log_uniform(*self.part, len(image), 1, 1, 1, 1) * other


@dataclass(frozen=True)
class PanCurve(Effect):
    """A slightly nonlinear PAN."""

    name, selects = "PAN curve", True

    share: Share = 0.35

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """A power of about 1 of the PAN (G, K, 1, S, S), and a floor."""
        power = 1 + rng.normal(0.08, len(image), 1, 1, 1, 1) * rng.chance(self.share, len(image), 1, 1, 1, 1)
        return to_the_power(image.clamp(min=FLOOR), power)


@dataclass(frozen=True)
class ChannelShuffling(Effect):
    """Bands in random order, the PAN's weights with them."""

    name = "channel shuffling"

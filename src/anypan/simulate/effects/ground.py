"""Effects on the ground and on the bands' view of it: geometry, texture, colours, light.

Images are in 0..1, (G, K, C, S, S): G scenes of K patches. What belongs to a sensor is drawn once per scene, what
belongs to the ground per patch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from anypan.runtime.bounds import Bounds
from anypan.simulate import geometry
from anypan.simulate.bands import detail_of, slow_part, to_the_power
from anypan.simulate.effects.base import Effect, Range, Share
from anypan.simulate.random import Random

DARK = 0.01  # what a power is taken of, at least


@dataclass(frozen=True)
class Zoom(Effect):
    """Magnify or reduce about the centre."""

    name, stage = "zoom", "geometry"

    factor: Annotated[Range, Bounds(0.25, 4)] = (0.75, 1.5)  # above 1 magnifies

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        return geometry.zoom(image, rng, self.factor)


@dataclass(frozen=True)
class Turn(Effect):
    """One of the eight positions of a square."""

    name, stage = "turn", "geometry"

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        return geometry.turn(image, rng)


@dataclass(frozen=True)
class LinearLight(Effect):
    """The curve of pictures for eyes undone: light adds up, and few things are bright."""

    name, stage = "linear light", "pictures"

    power: Annotated[Range, Bounds(1, 4)] = (1.6, 2.6)

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """One power for all channels of a scene; cameras took the inverse, 1 / 2.2 or so (IEC 61966-2-1)."""
        return to_the_power(image.clamp(min=DARK), rng.uniform(*self.power, len(image), 1, 1, 1, 1))


@dataclass(frozen=True)
class Texture(Effect):
    """Random fine texture on the ground, nearly common to the bands."""

    name, stage = "texture", "surface"

    share: Share = 1.0

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Multiply by random texture at three scales, common to the bands but for 70-130 % of strength.

        Source images were smoothed by cameras and codecs; without this a network learns to distrust fine PAN texture.
        """
        g, k, c, size, _ = image.shape
        texture = image.new_zeros(g, k, 1, size, size)
        for knots in (size, size // 2, size // 4):
            strength = rng.log_uniform(0.005, 0.1, g, k, 1, 1, 1)
            where = torch.sigmoid(2 * rng.field((g, k, 1), size, 6))
            texture.addcmul_(where.mul_(strength), rng.field((g, k, 1), size, knots))
        return (texture * rng.uniform(0.7, 1.3, g, k, c, 1, 1)).exp_().mul_(image)


@dataclass(frozen=True)
class HighPassFiltering(Effect):
    """Slow variation of the ground taken out in part."""

    name, stage = "high-pass filtering", "colours"

    keep: Annotated[Range, Bounds(0, 1)] = (0.1, 0.6)  # share of the slow variation that stays

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Keep a part of what varies over more than an eighth of the patch, and all that varies faster.

        A network sees then that detail is detail whatever it lies on. The mean of a patch stays.
        """
        slow = slow_part(image)
        removed = 1 - rng.uniform(*self.keep, len(image), 1, 1, 1, 1)
        return image - removed * (slow - slow.mean((-2, -1), keepdim=True))


@dataclass(frozen=True)
class ColourJitter(Effect):
    """A power between 0.6 and 2, band by band."""

    name, stage = "colour jitter", "colours"

    share: Share = 1.0

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """A monotone curve a band, after clipping at a small positive value."""
        g, _, c = image.shape[:3]
        power = rng.log_uniform(0.6, 2.0, g, 1, c, 1, 1)
        return to_the_power(image.clamp(min=DARK), power)


@dataclass(frozen=True)
class GainFields(Effect):
    """Gain that changes slowly over the image, band by band."""

    name, stage = "gain fields", "colours"

    share: Share = 0.35

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        g, k, c, size, _ = image.shape
        depth = rng.uniform(0, 0.3, g, 1, c, 1, 1)
        return rng.field((g, k, c), size, 4).mul_(depth).exp_().mul_(image)


@dataclass(frozen=True)
class ForeignContent(Effect):
    """Content that the other bands do not have, in some bands."""

    name, stage, of, selects = "foreign content", "colours", "bands", True

    share: Share = 0.12

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Content of another patch of the scene, as infrared bands have; a scene of one patch gets more of its own."""
        g, _, c = image.shape[:3]
        part = rng.uniform(0.05, 0.4, g, 1, c, 1, 1) * rng.chance(self.share, g, 1, c, 1, 1)
        if not bool(part.any()):
            return image
        foreign = image.mean(2, keepdim=True).roll(1, 1)
        return torch.addcmul(image, part, foreign - foreign.mean((-2, -1), keepdim=True))


@dataclass(frozen=True)
class LocalInversion(Effect):
    """Contrasts that turn from place to place, in some bands."""

    name, stage, of, selects = "local inversion", "colours", "bands", True

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Detail times a field between -1 and 1 that changes slowly, as infrared bands have it over vegetation."""
        g, k, c, size, _ = image.shape
        struck = rng.chance(self.share, g, 1, c, 1, 1)
        if not bool(struck.any()):
            return image
        turn = 1 - struck * (1 - torch.tanh(3 * rng.field((g, k, c), size, 4)))
        return image - (1 - turn.clamp(max=1)) * detail_of(image)


@dataclass(frozen=True)
class FlatGround(Effect):
    """Smooth dark ground, as water, in a part of a patch."""

    name, stage, of, selects = "flat ground", "light", "patches", True

    level: Annotated[Range, Bounds(0.001, 1)] = (0.02, 0.5)  # of a band's mean over the scene

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Every band falls to a level of its own; a hundredth of the ground's contrast is left."""
        g, k, c, size, _ = image.shape
        struck = rng.chance(self.share, g, k, 1, 1, 1)
        if not bool(struck.any()):
            return image
        level = rng.log_uniform(*self.level, g, 1, c, 1, 1) * image.mean((1, 3, 4), keepdim=True)
        wet = struck * torch.sigmoid(20 * rng.field((g, k, 1), size, 4))
        return torch.lerp(image, level + 0.01 * (image - level), wet)


@dataclass(frozen=True)
class Haze(Effect):
    """The light of the air, a constant added to each band."""

    name, stage = "haze", "light"

    share: Share = 0.6
    depth: Annotated[Range, Bounds(0, 10)] = (0.0, 1.5)  # of a band's mean over the scene

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        amount = rng.uniform(*self.depth, len(image), 1, image.shape[2], 1, 1)
        return image + amount * image.mean((1, 3, 4), keepdim=True)

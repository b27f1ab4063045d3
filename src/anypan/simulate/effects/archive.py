"""Effects of detectors and storage on PAN and MS (G, K, B, H, W), each on its own; zero is no light."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Annotated

import torch
from torch import Tensor

from anypan.runtime.bounds import Bounds
from anypan.simulate.effects.base import SNR, Effect, Range, Share, check_known
from anypan.simulate.noise import NOISES, dct_quantise, detector_noise, mean_signal
from anypan.simulate.random import Random


@dataclass(frozen=True)
class Noise(Effect):
    """Shot and read noise."""

    name = "noise"

    share: Share = 1.0
    pan_snr: Annotated[Range, SNR] = (300.0, 3000.0)
    ms_snr: Annotated[Range, SNR] = (500.0, 5000.0)

    def apply(self, image: Tensor, rng: Random, pan: bool = True) -> Tensor:
        """``pan``: the image is a PAN."""
        return detector_noise(image, rng, self.pan_snr if pan else self.ms_snr)


@dataclass(frozen=True)
class CoarseNoise(Effect):
    """Noise of old instruments, most at low ratios."""

    name, of = "coarse noise", "scenes of ratio 2, a fifth of it above"

    snr: Annotated[Range, SNR] = (25.0, 250.0)

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        return detector_noise(image, rng, self.snr)


@dataclass(frozen=True)
class FamilyNoise(Effect):
    """Noise of one of the families below, besides."""

    name, stage = "family noise", "archive"

    families: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NOISES, 1.0))  # weights of NOISES
    level: Annotated[Range, Bounds(0, 1, above=True)] = (0.002, 0.02)  # over the mean signal

    def __post_init__(self) -> None:
        super().__post_init__()
        check_known("families", self.families, NOISES)

    def without(self, names: Collection[str]) -> FamilyNoise:
        """The same without the families of which ``names`` holds "gaussian noise" and so on; never, if none is left."""
        left = {name: odds for name, odds in self.families.items() if f"{name} noise" not in names}
        return replace(self, families=left) if left else self.never()

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """One family a scene, drawn by weight."""
        drawn = rng.log_uniform(*self.level, len(image), 1, 1, 1, 1)
        noisy = [NOISES[rng.pick(self.families)](image[g : g + 1], rng, drawn[g : g + 1]) for g in range(len(image))]
        return torch.cat(noisy)


@dataclass(frozen=True)
class Stripes(Effect):
    """Columns or rows of unequal gain and offset."""

    name, stage = "stripes", "archive"

    depth: Annotated[Range, Bounds(0, 1, above=True)] = (0.0005, 0.005)  # standard deviations, over the mean signal

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Unequal detectors: constant along columns (push-broom), in a fifth of the scenes along rows."""
        g, _, b, height, width = image.shape
        sigma = rng.log_uniform(*self.depth, g, 1, 1, 1, 1)
        whisk = rng.chance(0.2, g, 1, 1, 1, 1) > 0
        gain, offset = (
            sigma * torch.where(whisk, rng.normal(1.0, g, 1, b, height, 1), rng.normal(1.0, g, 1, b, 1, width))
            for _ in range(2)
        )
        return image * (1 + gain) + offset * mean_signal(image)


@dataclass(frozen=True)
class Saturation(Effect):
    """The brightest pixels clipped."""

    name, stage = "saturation", "archive"

    below: Annotated[Range, Bounds(0, 1)] = (0.97, 0.999)  # share of a band's pixels under the ceiling

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Clip each band of a scene."""
        g, k, b, height, width = image.shape
        count = k * height * width
        ordered = image.transpose(1, 2).reshape(g, b, count).sort(-1).values
        share = rng.uniform(*self.below, g, b, 1)
        ceiling = ordered.gather(-1, (share * (count - 1)).round().long())
        return torch.minimum(image, ceiling[:, None, :, :, None])


@dataclass(frozen=True)
class Quantisation(Effect):
    """Whole numbers of 8 to 12 bits."""

    name, stage = "quantisation", "archive"

    bits: Annotated[dict[int, float], Bounds(1, 16)] = field(
        default_factory=lambda: {8: 0.25, 10: 0.2, 11: 0.35, 12: 0.2}
    )

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """Round to whole DN, negative ones to 0. The scene's greatest value takes 50 to 100 % of the full scale."""
        top = image.amax((1, 2, 3, 4), keepdim=True).clamp(min=1e-6)
        levels = torch.tensor([2.0 ** rng.pick(self.bits) - 1 for _ in range(len(image))], device=image.device)
        step = top / (levels[:, None, None, None, None] * rng.uniform(0.5, 1.0, len(image), 1, 1, 1, 1))
        return (image / step).round().clamp(min=0) * step


@dataclass(frozen=True)
class Compression(Effect):
    """Quantised cosine transforms of 8 x 8 blocks."""

    name, stage = "compression", "archive"

    quality: Annotated[Range, Bounds(1, 100)] = (70.0, 97.0)  # of 1 to 100

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """As JPEG has them (ITU-T T.81)."""
        return dct_quantise(image, rng.uniform(*self.quality, len(image)))

"""A batch being drawn: what its scenes have in common, the streams of random numbers, and what was done so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from anypan.simulate.random import Branches, Random
from anypan.simulate.recipe import EFFECTS, Simulation


@dataclass(frozen=True)
class Frame:
    """What all scenes of a batch have in common; ``own`` is the MS's ratio before it is resampled."""

    ratio: int
    own: float
    bands: int
    reduction: int
    kernel: str


@dataclass(frozen=True)
class Draw:
    """One batch being drawn: settings, streams, and what was done so far."""

    settings: Simulation
    streams: Branches
    scenes: int
    hits: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Tensor] = field(default_factory=dict)

    def note(self, name: str, hit: Tensor) -> Tensor:
        """Remember which scenes an effect befell."""
        if bool(hit.any()):
            self.hits[name] = hit.reshape(-1).bool().cpu()
        return hit

    def hit(self, name: str, rng: Random) -> Tensor:
        """(G,) booleans on the CPU: the scenes that the effect befalls by its share."""
        share = getattr(self.settings, EFFECTS[name].share)
        if share <= 0 or share >= 1:
            return torch.full((self.scenes,), share >= 1)
        return rng.chance(share, self.scenes).bool().cpu()

    def some(
        self, name: str, image: Tensor, effect: Callable[..., Tensor], *parameters: object, part: str = ""
    ) -> Tensor:
        """The image (G, ...) with ``effect(image, rng, *parameters)`` on a share of its scenes."""
        label = f"{name} {part}".strip()
        rng = self.streams[label]
        hit = self.hit(name, rng)
        if not bool(hit.any()):
            return image
        if getattr(self.settings, EFFECTS[name].share) < 1:
            self.note(label, hit)
        if bool(hit.all()):
            return effect(image, rng, *parameters)
        chosen = hit.nonzero()[:, 0].to(image.device)
        return image.index_copy(0, chosen, effect(image[chosen], rng, *parameters))

    def own(self, name: str, image: Tensor, effect: Callable[..., Tensor], *parameters: object) -> Tensor:
        """``effect(image, rng, *parameters)``, which draws its share itself; noted where it changed the first row."""
        changed = effect(image, self.streams[name], *parameters)
        self.note(name, (changed[..., 0, :] - image[..., 0, :]).abs().flatten(1).amax(1) > 1e-5)
        return changed

"""A batch being drawn: what its scenes have in common, the streams of random numbers, and what was done so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from anypan.simulate.effects import EFFECTS
from anypan.simulate.effects.base import Effect
from anypan.simulate.random import Branches, Random
from anypan.simulate.recipe import Simulation

Change = Callable[[Tensor, Random], Tensor]


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
        """Remember which scenes (G, ...) an effect changed."""
        if bool(hit.any()):
            self.hits[name] = hit.reshape(-1).bool().cpu()
        return hit

    def hit(self, kind: type[Effect], rng: Random) -> Tensor:
        """(G,) booleans on the CPU: the scenes that the effect is drawn for, by its share."""
        share = self.settings[kind].share
        if share <= 0 or share >= 1:
            return torch.full((self.scenes,), share >= 1)
        return rng.chance(share, self.scenes).bool().cpu()

    def stage(self, name: str, image: Tensor, part: str = "") -> Tensor:
        """The image (G, ...) after the effects of a stage, in their order."""
        for kind in EFFECTS.values():
            if kind.stage == name:
                image = self.apply(kind, image, part=part)
        return image

    def apply(self, kind: type[Effect], image: Tensor, change: Change | None = None, part: str = "") -> Tensor:
        """The image (G, ...) with the effect on its share.

        ``change``: what it does, unless that is its apply(); ``part`` names a stream of its own.
        """
        effect, label = self.settings[kind], f"{kind.name} {part}".strip()
        change, rng = change or effect.apply, self.streams[label]
        if kind.selects:
            changed = change(image, rng)
            row = (changed[..., 0, :] - image[..., 0, :]).abs()  # the first one will show it
            self.note(label, row.flatten(1).amax(1) > 1e-5)
            return changed
        hit = self.hit(kind, rng)
        if not bool(hit.any()):
            return image
        if effect.share < 1:
            self.note(label, hit)
        if bool(hit.all()):
            return change(image, rng)
        chosen = hit.nonzero()[:, 0].to(image.device)
        return image.index_copy(0, chosen, change(image[chosen], rng))

"""Batches of real scenes for adaptation: reduced by Wald's protocol with their MS as the reference, or as they are.

At full resolution nobody knows the truth: the reference there is what the network made of the scene before it learnt.
That keeps the detail that it took from the PAN, which the reduced scene alone would teach it to leave out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from anypan.geometry.tiles import spread
from anypan.methods.ensemble import TURNS, turned
from anypan.methods.neural import NeuralFuser
from anypan.models.cells import CELL
from anypan.optics.mtf import DenseSampling
from anypan.optics.normalise import Moments, pan_at_ms_scale
from anypan.optics.sampling import Physical, Sampling
from anypan.pair import wald
from anypan.pair.scene import FIT_BLOCK, Patch, Scene
from anypan.runtime.errors import UserError
from anypan.simulate.history import History
from anypan.simulate.sample import Batch
from anypan.train.config import Optimisation

PATCH = 128  # PAN pixels along a side of a patch, as in pretraining, if the scene has room for it
LEAST, LEAST_MS = 32, 8  # PAN and MS pixels along the side of the smallest patch
REMEMBERED = 8  # parts at full resolution, at most
JUDGED = 16  # patches that judge, at most
KINDS = ("pan", "lrms", "reference")

Sample = tuple[Scene, Tensor]


def reduced(scene: Scene) -> Iterator[Sample]:
    """(reduced scene, reference): of the whole scene if it is small, else of evenly spread blocks of it.

    Blurred with the scene's own gains, physical kernel.
    """
    for patch in scene.blocks():
        yield wald.degrade(scene.of(patch))


def remembered(scene: Scene, fuser: NeuralFuser, device: str | torch.device = "cpu") -> Iterator[Sample]:
    """(part of the scene at full resolution, what ``fuser``, on ``device``, makes of it), evenly spread."""
    for tile in spread(scene.shape, FIT_BLOCK, REMEMBERED, math.ceil(fuser.halo / scene.ratio)):
        patch = scene.read(tile)
        fused = fuser(patch.pan.to(device), patch.lrms.to(device)).cpu()
        part = Patch(patch.core(patch.pan), patch.core(patch.lrms), patch.core(patch.mask))
        yield scene.of(part), patch.core(fused).clone()


@dataclass(frozen=True)
class Place:
    """A patch of a sample: the sample's number and the patch's first row and column, in MS pixels."""

    sample: int
    row: int
    col: int


class RealPatches:
    """The patches of a scene: at random places, turned and mirrored at random, from a seed for each step.

    ``places`` are those without an invalid pixel. Raises UserError if there is none. ``samples``: of the ``reduced``
    scene if none are given; those with a phase are not turned, since it would have to turn with them.
    """

    def __init__(self, scene: Scene, o: Optimisation, samples: Iterable[Sample] | None = None) -> None:
        self.o, self.ratio, self.gnyq = o, scene.ratio, torch.tensor([scene.gnyq])
        unit = math.lcm(CELL, scene.ratio)
        least = unit * math.ceil(max(LEAST, LEAST_MS * scene.ratio) / unit)
        if samples is None:
            samples = reduced(scene) if min(scene.shape) >= least else ()
        parts = list(samples)
        self.samples = [(part.whole(), reference) for part, reference in parts]
        self.phase = parts[0][0].sampling.phase if parts else (0.0, 0.0)
        self.turns = TURNS if self.phase == (0.0, 0.0) else 1
        self.size, self.places = _places([patch for patch, _ in self.samples], least, unit)
        if not self.places:
            size = " x ".join(str(n) for n in scene.shape)
            raise UserError(
                f"The scene is too small to be degraded and learnt from: its MS has {size} pixels, but no valid area "
                f"of {least} x {least}; give a larger one."
            )
        self.weights = _pan_weights([patch for patch, _ in self.samples], self.gnyq, Physical(self.ratio, self.phase))

    def draw(self, step: int) -> Batch:
        """The batch of a step; no place comes twice in the same turn unless there are too few."""
        rng = torch.Generator().manual_seed(self.o.seed * 10**6 + step)
        ways, count = self.turns * len(self.places), self.o.scenes * self.o.patches
        drawn = torch.cat([torch.randperm(ways, generator=rng) for _ in range(math.ceil(count / ways))])[:count]
        return self.batch((self.places[way // self.turns], way % self.turns) for way in drawn.tolist())

    def batch(self, ways: Iterable[tuple[Place, int]]) -> Batch:
        """The patches at places, each turned as its number says."""
        cuts = [[turned(part, turn) for part in self._cut(place)] for place, turn in ways]
        pan, lrms, reference = (torch.stack(parts) for parts in zip(*cuts, strict=True))
        sampling = DenseSampling(self.ratio, (self.size, self.size), self.phase)
        gnyq, weights = (values.expand(len(pan), -1) for values in (self.gnyq, self.weights))
        history = _history(self.ratio, self.gnyq)
        return Batch(pan, lrms, reference, gnyq, weights, sampling, len(pan), history)

    def _cut(self, place: Place) -> tuple[Tensor, ...]:
        patch, reference = self.samples[place.sample]
        top, left, side = place.row, place.col, self.size // self.ratio

        def window(image: Tensor, scale: int) -> Tensor:
            rows, cols = (slice(scale * start, scale * (start + side)) for start in (top, left))
            return image[..., rows, cols]

        return window(patch.pan, self.ratio), window(patch.lrms, 1), window(reference, self.ratio)


class InTurn:
    """Batches of several scenes: each step has the next one's."""

    def __init__(self, scenes: Sequence[RealPatches]) -> None:
        self.scenes = scenes

    @property
    def images(self) -> int:
        """How many scenes there are."""
        return len(self.scenes)

    def draw(self, step: int) -> Batch:
        return self.scenes[step % len(self.scenes)].draw(step)

    def state(self) -> Tensor:
        return torch.zeros(1, 1, dtype=torch.int64)

    def restore(self, state: Tensor) -> None:
        """Each step has a seed of its own: there is nothing to restore, and the state is (1, 1)."""

    def broken(self) -> list[str]:
        return []


class Judging:
    """A batch for each scene, always the same, of patches spread evenly over it: what adaptation is judged by."""

    def __init__(self, scenes: Sequence[RealPatches]) -> None:
        self.scenes = scenes

    def __len__(self) -> int:
        return len(self.scenes)

    def draw(self, step: int) -> Batch:
        """The batch of the scene of that number."""
        places = self.scenes[step].places
        every = torch.linspace(0, len(places) - 1, min(JUDGED, len(places))).round().long().tolist()
        return self.scenes[step].batch((places[n], 0) for n in every)


def _places(patches: list[Patch], least: int, unit: int) -> tuple[int, list[Place]]:
    """The side of the patches, in PAN pixels, and where they can be: the largest for which there is a place."""
    largest = max((min(PATCH, *patch.mask.shape) for patch in patches), default=0)
    sizes = {max(least, size) // unit * unit for size in (largest, largest // 2, largest // 4) if largest >= least}
    for size in sorted(sizes, reverse=True):
        found = [
            Place(n, *corner) for n, patch in enumerate(patches) for corner in _corners(patch.mask, size, patch.ratio)
        ]
        if found:
            return size, found
    return least, []


def _corners(mask: Tensor, size: int, step: int) -> list[tuple[int, int]]:
    """Rows and columns, in steps, at which size x size pixels of the mask (H, W) are all true."""
    if min(mask.shape) < size:
        return []
    invalid = torch.nn.functional.max_pool2d((~mask).float()[None, None], size, step)[0, 0]
    return cast(list[tuple[int, int]], [tuple(corner) for corner in torch.nonzero(invalid == 0).tolist()])


def _pan_weights(patches: list[Patch], gnyq: Tensor, sampling: Sampling) -> Tensor:
    """(1, B): least-squares weights of the samples' bands, in their units, for their PAN."""
    moments = [Moments.of(p.lrms, pan_at_ms_scale(p.pan, gnyq[0], sampling), p.mask_lr) for p in patches]
    scale = Moments.total(moments).scale()
    return (scale.weights / scale.std)[None]


def _history(ratio: int, gnyq: Tensor) -> History:
    unknown = torch.full((1,), torch.nan)
    return History(
        ratio, float(ratio), gnyq.shape[1], ratio, "mtf", (0.0, 0.0), unknown, unknown, gnyq, gnyq,
        torch.zeros(1, 2), {},
    )  # fmt: skip

"""Where batches come from: anything that draws one for a step, and can say and restore where it is."""

from __future__ import annotations

import dataclasses
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import torch
from torch import Tensor

from anypan.dataset import BUFFER, Mixture
from anypan.simulate.sample import Batch, Simulation, simulate_batch
from anypan.train.config import Config, Optimisation

HELD_OUT_SEED = 2**32 - 2**20  # far from the steps of runs seeded below 4,000: a generator keeps 32 bits of a seed
HELD_OUT_ORDER = 1  # of the held-out images, whatever the run's seed: losses of several seeds can be compared
ROOM = 8  # held-out tiles in the buffer for each that is used


class Batches(Protocol):
    """A run draws steps 0, 1, 2, ... in turn; after ``restore(state())`` the same batches follow."""

    def draw(self, step: int) -> Batch:
        """The batch of a step."""
        ...

    def state(self) -> Tensor:
        """Integers (n, m) that ``restore`` needs."""
        ...

    def restore(self, state: Tensor) -> None:
        """Go on where ``state`` (...) was taken."""
        ...

    def broken(self) -> list[str]:
        """The images met since the last call that could not be read."""
        ...


class Simulated:
    """Batches simulated from the tiles of a mixture; each step draws from a generator seeded by its number.

    The arithmetic is done on ``device``; what is drawn does not depend on it.
    """

    def __init__(
        self,
        mixture: Mixture,
        o: Optimisation,
        simulation: Simulation,
        share: tuple[int, int] = (0, 1),
        device: torch.device | str = "cpu",
    ) -> None:
        self.mixture, self.o, self.simulation, self.share, self.device = mixture, o, simulation, share, device

    def draw(self, step: int) -> Batch:
        rank, world = self.share
        rng = torch.Generator().manual_seed((self.o.seed * 10**6 + step) * world + rank)
        pictures, cubes = self.mixture.draw_scenes(self.o.scenes, self.o.patches, rng)
        return simulate_batch(pictures.to(self.device), rng, self.simulation, cubes)

    def state(self) -> Tensor:
        return self.mixture.state()

    def restore(self, state: Tensor) -> None:
        self.mixture.restore(state)

    def broken(self) -> list[str]:
        return self.mixture.broken()


class Ahead:
    """Batches of which the next is drawn on another thread while the network learns from this one.

    The same batches in the same order; ``state()`` is that before the batch that waits.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches, self._state = batches, batches.state()
        self._thread = ThreadPoolExecutor(1)
        self._waiting: tuple[int, Future[Batch]] | None = None

    def draw(self, step: int) -> Batch:
        waiting, self._waiting = self._waiting, None
        batch = waiting[1].result() if waiting and waiting[0] == step else None
        if batch is None:
            if waiting:
                raise ValueError(f"step {waiting[0]} was drawn ahead, not {step}: steps follow one another")
            batch = self.batches.draw(step)
        self._state = self.batches.state()
        self._waiting = step + 1, self._thread.submit(self.batches.draw, step + 1)
        return batch

    def state(self) -> Tensor:
        return self._state

    def restore(self, state: Tensor) -> None:
        if self._waiting:
            self._waiting[1].result()
        self._waiting = None
        self.batches.restore(state)
        self._state = self.batches.state()

    def broken(self) -> list[str]:
        return self.batches.broken()


class HeldOut:
    """The batches of validation, always the same and in memory: of the first held-out tiles, pictures as 8 bits.

    ``broken``: the held-out images that could not be read.
    """

    def __init__(self, mixture: Mixture, o: Optimisation, simulation: Simulation) -> None:
        self.batches: list[Batch] = []
        for number in range(o.validation_batches):
            pictures, cubes = mixture.draw_scenes(o.scenes, o.patches, _rng(number))
            pictures = (255 * pictures).round().to(torch.uint8).float() / 255
            self.batches.append(simulate_batch(pictures, _rng(number), simulation, cubes))
        self.broken = mixture.broken()

    def draw(self, step: int) -> Batch:
        return self.batches[step]

    def __len__(self) -> int:
        return len(self.batches)


def _rng(step: int) -> torch.Generator:
    return torch.Generator().manual_seed(HELD_OUT_SEED + step)


def training_batches(config: Config, share: tuple[int, int] = (0, 1), device: torch.device | str = "cpu") -> Simulated:
    """The batches of a run; ``share`` is (rank, processes)."""
    mixture = Mixture(config.sources, config.train.seed, config.buffer, share=share)
    return Simulated(mixture, config.train, config.simulation, share, device)


def held_out_batches(config: Config) -> HeldOut:
    """The batches of validation, the same in every process and for every seed."""
    o = config.train
    room = min(config.buffer or BUFFER, ROOM * len(config.sources) * o.scenes * o.patches * o.validation_batches)
    return HeldOut(Mixture(config.sources, HELD_OUT_ORDER, room, held_out=True), o, config.simulation)


def moved(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    parts = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch)}
    return dataclasses.replace(batch, **{n: p.to(device) for n, p in parts.items() if isinstance(p, Tensor)})

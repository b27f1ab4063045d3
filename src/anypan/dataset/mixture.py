"""Several sources as one: tiles drawn by weight, flipped and turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from anypan.dataset.source import Source
from anypan.dataset.stream import Stream
from anypan.errors import UserError

BUFFER = 16384  # tiles in memory over all sources: 256 KiB each, 512 KiB those of 16 bits


class Mixture:
    """Tiles of several sources; each draw takes the next tile of a source chosen by weight.

    ``buffer`` tiles at most are in memory, the same number for each source. ``share``: (rank, processes).
    """

    def __init__(
        self,
        sources: Sequence[Source],
        seed: int = 1,
        buffer: int = BUFFER,
        held_out: bool = False,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        used = [s for s in sources if not held_out or s.validates]
        if not used:
            what = "has held-out images: set held_out" if sources else "is named: add [[sources]]"
            raise UserError(f"No source {what} in the configuration.")
        if min(source.weight for source in used) <= 0:
            raise UserError("A source has a weight that is not positive: leave it out instead.")
        room = max(2, buffer // len(used))
        self.streams = [Stream(s, (seed, n), room, held_out, share) for n, s in enumerate(used)]
        self.weights = torch.tensor([source.weight for source in used], dtype=torch.float64)

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """(count, 4, 256, 256) in 0..1: the next tiles of sources drawn at random, flipped and turned at random."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=rng).tolist()
        turns = torch.randint(0, 8, (count,), generator=rng).tolist()
        return torch.stack([_turned(self.streams[n].take(), turn) for n, turn in zip(chosen, turns, strict=True)])

    def broken(self) -> list[str]:
        """The broken images met since the last call."""
        names = [name for stream in self.streams for name in stream.broken]
        for stream in self.streams:
            stream.broken.clear()
        return names

    def state(self) -> Tensor:
        """(sources, 9) integers: what ``restore`` needs."""
        return torch.tensor([stream.state() for stream in self.streams], dtype=torch.int64)

    def restore(self, state: Tensor) -> None:
        """Go on where the mixture was that gave this state."""
        for stream, numbers in zip(self.streams, state.tolist(), strict=True):
            stream.restore(numbers)


def _turned(tile: np.ndarray, turn: int) -> Tensor:
    full = float(np.iinfo(tile.dtype).max)
    image = torch.from_numpy(tile.astype(np.float32)) / full
    return torch.rot90(image if turn < 4 else image.flip(-1), turn % 4, (-2, -1))

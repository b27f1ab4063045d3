"""Several sources as one: tiles drawn by weight, flipped and turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from anypan.dataset.pixels import TILE
from anypan.dataset.source import Source, Tile
from anypan.dataset.stream import Stream
from anypan.runtime.errors import UserError
from anypan.simulate.cubes import Cube

BUFFER = 16384  # tiles in memory over all sources: 256 KiB each, 512 KiB those of 16 bits
CUBE = 64  # tiles that one of a cube counts for: as many channels of 16 bits as 256 channels have


class Mixture:
    """Tiles of several sources; each draw takes the next tile of a source chosen by weight.

    ``buffer`` tiles at most are in memory, the same number for each source, a cube's counting for ``CUBE``.
    ``share``: (rank, processes).
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
        room = max(2, buffer // len(used))
        rooms = [max(2, room // CUBE) if source.spectral else room for source in used]
        self.streams = [Stream(s, (seed, n), rooms[n], held_out, share) for n, s in enumerate(used)]
        self.weights = torch.tensor([source.weight for source in used], dtype=torch.float64)
        self.spectral = torch.tensor([source.spectral for source in used])

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """(count, 4, 256, 256) in 0..1: tiles as in ``draw_scenes``, each for itself. UserError if one is a cube's."""
        pictures, cubes = self.draw_scenes(count, 1, rng)
        if cubes:
            raise UserError("Cubes cannot be drawn as pictures: leave hyperspectral sources out of this configuration.")
        return pictures[:, 0]

    def draw_scenes(self, scenes: int, patches: int, rng: torch.Generator) -> tuple[Tensor, dict[int, list[Cube]]]:
        """The next tiles of sources drawn at random, flipped and turned at random: what ``simulate_batch`` takes.

        Pictures (scenes, patches, 4, 256, 256) in 0..1, zeros in scenes of cubes; and the tiles of those, by number of
        the scene. No scene has both: its first tile decides, which leaves each source its share.
        """
        chosen = torch.multinomial(self.weights, scenes * patches, replacement=True, generator=rng).view(scenes, -1)
        first = chosen[:, :1].expand_as(chosen)
        chosen = torch.where(self.spectral[chosen] == self.spectral[first], chosen, first).flatten().tolist()
        turns = torch.randint(0, 8, (scenes * patches,), generator=rng).tolist()
        tiles = [_turned(self.streams[n].take(), turn) for n, turn in zip(chosen, turns, strict=True)]
        blank = torch.zeros(4, TILE, TILE)
        pictures = torch.stack([blank if isinstance(tile, Cube) else tile for tile in tiles])
        cubes: dict[int, list[Cube]] = {}
        for number, tile in enumerate(tiles):
            if isinstance(tile, Cube):
                cubes.setdefault(number // patches, []).append(tile)
        return pictures.unflatten(0, (scenes, patches)), cubes

    def broken(self) -> list[str]:
        """The broken images met since the last call."""
        names: list[str] = []
        for stream in self.streams:  # another thread may add to it: what it adds now is of the next call
            found, stream.broken = stream.broken, []
            names += found
        return names

    def state(self) -> Tensor:
        """(sources, 9) integers: what ``restore`` needs."""
        return torch.tensor([stream.state() for stream in self.streams], dtype=torch.int64)

    def restore(self, state: Tensor) -> None:
        """Go on where the mixture was that gave this state (...) of integers."""
        for stream, numbers in zip(self.streams, state.tolist(), strict=True):
            stream.restore(numbers)


def _turned(tile: Tile, turn: int) -> Tensor | Cube:
    if isinstance(tile, Cube):
        pixels = tile.pixels if turn < 4 else tile.pixels[..., ::-1]
        return replace(tile, pixels=np.rot90(pixels, turn % 4, (-2, -1)))
    full = float(np.iinfo(tile.dtype).max)
    image = torch.from_numpy(tile.astype(np.float32)) / full
    return torch.rot90(image if turn < 4 else image.flip(-1), turn % 4, (-2, -1))

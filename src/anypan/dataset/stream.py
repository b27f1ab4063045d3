"""A source's tiles in a seeded order, from a bounded buffer, resumable at any tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from anypan.dataset.pixels import Broken
from anypan.dataset.source import Sample, Source, Tile
from anypan.runtime.errors import UserError

MOST_BROKEN = 0.01  # share of an epoch's images
PATIENCE = 1000  # images before a share within an epoch is believed


@dataclass
class Cursor:
    """Where the next tile lies: epoch, part in its order, image in the part, tile in the image; and what came before:
    images of this epoch read, and broken among them."""

    epoch: int = 0
    part: int = 0
    sample: int = 0
    tile: int = 0
    seen: int = 0
    broken: int = 0


class Stream:
    """Tiles without end. Each epoch reads the parts in a new order, all of its tiles once.

    The buffer holds at most ``capacity`` tiles. A source that fits is read once and stays. Of another, one half of the
    buffer is given out in a random order while the other is filled, a tile for a tile. The order depends on ``seed``
    alone; ``rank`` of ``world`` processes reads its own share of the parts, or, where they are too few, of the images.
    """

    def __init__(
        self,
        source: Source,
        seed: Sequence[int] = (0,),
        capacity: int = 4096,
        held_out: bool = False,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.source, self.seed, self.held_out = source, list(seed), held_out
        self.half = max(1, capacity // 2)
        parts = source.parts()
        rank, world = share
        wanted = [n for n in range(len(parts)) if not source.skips(parts[n], held_out)]
        self._parts, self._share = parts, (rank, world) if len(wanted) < world else (0, 1)
        self._mine = np.array(wanted if len(wanted) < world else wanted[rank::world], np.int64)
        self.broken: list[str] = []
        self.resident: bool | None = None  # unknown until it has been read
        self._start, self._taken = Cursor(), 0
        self._tiles: list[Tile] | None = None
        self._coming: list[Tile] = []

    @property
    def held(self) -> int:
        """Tiles in memory."""
        return len(self._tiles or ()) + len(self._coming)

    def take(self) -> Tile:
        """The next tile. Raises UserError: no images, or more than 1 % broken."""
        if self._tiles is None:
            self._fill()
        assert self._tiles is not None
        if self._taken == len(self._tiles):
            self._turn()
        tile = self._tiles[self._order[self._taken]]
        self._taken += 1
        if not self.resident and len(self._coming) < self.half:
            self._coming.append(next(self._walk))
        return tile

    def state(self) -> list[int]:
        """All that ``restore`` needs, as integers."""
        return [*astuple(self._start), self._taken, self.half, -1 if self.resident is None else int(self.resident)]

    def restore(self, state: Sequence[int]) -> None:
        """Go on as the stream would have that gave this state; with another size of buffer, from the beginning."""
        *start, taken, half, resident = state
        self._tiles, self._coming = None, []
        if half == self.half and resident >= 0:
            self._start, self._taken, self.resident = Cursor(*start), taken, bool(resident)
        else:
            self._start, self._taken, self.resident = Cursor(), 0, None

    def _fill(self) -> None:
        """Read what the buffer held when the state was taken; at first also find out whether the source fits."""
        self._at = Cursor() if self.resident else replace(self._start)
        self._walk = self._read_on(self._at)
        epoch, tiles, middle = self._at.epoch, [], replace(self._at)
        limit = self.half + self._taken if self.resident is False else 2 * self.half
        while len(tiles) < limit:
            tile = next(self._walk)
            if self._at.epoch > epoch and self.resident is not False:
                self.resident = True
                self._walk = iter(())
                break
            tiles.append(tile)
            if len(tiles) == self.half:
                middle = replace(self._at)
        self.resident = bool(self.resident)
        if not self.resident:
            tiles, self._coming, self._middle = tiles[: self.half], tiles[self.half :], middle
        self._tiles = tiles
        self._shuffle()

    def _turn(self) -> None:
        if self.resident:
            self._start = Cursor(self._start.epoch + 1)
        else:
            self._coming += [next(self._walk) for _ in range(self.half - len(self._coming))]
            self._start, self._middle = self._middle, replace(self._at)
            self._tiles, self._coming = self._coming, []
        self._taken = 0
        self._shuffle()

    def _shuffle(self) -> None:
        assert self._tiles is not None
        start = self._start
        key = [*self.seed, 1, start.epoch, start.part, start.sample, start.tile]
        self._order = np.random.default_rng(key).permutation(len(self._tiles))

    def _read_on(self, at: Cursor) -> Iterator[Tile]:
        """Tiles from ``at`` on, epoch after epoch; ``at`` moves along."""
        while True:
            order = np.random.default_rng([*self.seed, 0, at.epoch]).permutation(self._mine)
            whole, count = not at.part + at.sample + at.tile, 0
            while at.part < len(order):
                for tile in self._read_part(self._parts[int(order[at.part])], at):
                    count += 1
                    yield tile
                at.part, at.sample, at.tile = at.part + 1, 0, 0
            self._check(at, at.seen)
            if whole and not count:
                kind = "held-out" if self.held_out else "training"
                raise UserError(f"No {kind} image of 256 x 256 pixels was found in {self.source.name}: check its keys.")
            at.epoch, at.part, at.seen, at.broken = at.epoch + 1, 0, 0, 0

    def _read_part(self, part: str, at: Cursor) -> Iterator[Tile]:
        rank, world = self._share
        for number, sample in enumerate(self.source.samples(part)):
            if number < at.sample or number % world != rank or not self.source.wants(sample.key, self.held_out):
                continue
            if number > at.sample:
                at.sample, at.tile = number, 0
            yield from self._read_sample(sample, at)
            at.sample, at.tile = number + 1, 0

    def _read_sample(self, sample: Sample, at: Cursor) -> Iterator[Tile]:
        try:
            for number, tile in enumerate(sample.read()):
                if number >= at.tile:
                    at.tile = number + 1
                    yield tile
        except (Broken, OSError) as error:
            at.broken += 1
            self.broken.append(f"{sample.key} in {self.source.name}: {error}")
        at.seen += 1
        self._check(at, max(at.seen, PATIENCE))

    def _check(self, at: Cursor, seen: int) -> None:
        if at.broken > MOST_BROKEN * seen:
            raise UserError(
                f"{at.broken} of the first {at.seen} images of {self.source.name} are broken, the last being "
                f"{self.broken[-1] if self.broken else 'one read before'}: repair or leave them out with 'keys'."
            )

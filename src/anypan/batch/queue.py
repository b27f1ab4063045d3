"""Units through a pool: as many at a time as it wants, what a dead process had in hand done again, and once each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

from anypan.batch.pools import Pool
from anypan.batch.work import Row, Unit
from anypan.raster import sweep
from anypan.runtime.errors import UserError

ENDED = "Its process ended, perhaps for want of memory: choose fewer --jobs."
KILLED = "KilledWorker"  # Dask's word for a unit whose workers ended again and again
GONE = ("CommClosedError", "FutureCancelledError", "ClosedClientError", "TimeoutError", "StreamClosedError")


class Gone(Exception):
    """The scheduler does not answer any more."""


class Queue:
    """Iterating gives each unit with its row, as it is done; units can be added meanwhile. Raises Gone."""

    def __init__(self, pool: Pool, units: Iterable[Unit]) -> None:
        self._pool, self._waiting = pool, deque(units)
        self._suspects: deque[Unit] = deque()  # one of them may have ended a process: each is done alone
        self._running: dict[Any, Unit] = {}

    def add(self, unit: Unit) -> None:
        """Do this one next."""
        self._waiting.appendleft(unit)

    def __iter__(self) -> Iterator[tuple[Unit, Row]]:
        while self._waiting or self._suspects or self._running:
            alone = self._fill()
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            broken = False
            for future in done:
                row, lost = _row(future)
                broken |= lost
                if lost and not alone:
                    self._suspects.append(self._running.pop(future))
                else:
                    yield self._running.pop(future), row
            if broken:
                self._renew()

    def _fill(self) -> bool:
        """Give the pool what it wants; True if that is one suspect by itself."""
        if self._suspects:
            if not self._running:
                self._submit(self._suspects.popleft())
            return len(self._running) == 1
        while self._waiting and len(self._running) < self._pool.window:
            self._submit(self._waiting.popleft())
        return False

    def _submit(self, unit: Unit) -> None:
        try:
            future = self._pool.submit(unit)
        except BrokenProcessPool:  # a process has ended while it had nothing to do
            self._renew()
            future = self._pool.submit(unit)
        self._running[future] = unit

    def _renew(self) -> None:
        """All that was in hand when a process ended is suspected, and the pool made anew."""
        self._suspects.extend(self._running.values())
        self._running.clear()
        self._pool.renew()

    def abandon(self) -> None:
        """Remove what units that were stopped midway have left beside their outputs."""
        for unit in (*self._running.values(), *self._suspects):
            with suppress(UserError, OSError):
                sweep(Path(unit.out))


def _row(future: Any) -> tuple[Row, bool]:
    """The row of a future, and whether its process ended instead of giving one."""
    try:
        return future.result(), False
    except BrokenProcessPool:
        return {"reason": ENDED}, True
    except CancelledError as problem:
        raise Gone from problem
    except Exception as problem:
        kind = type(problem).__name__
        if kind in GONE:
            raise Gone from problem
        return {"reason": ENDED if kind == KILLED else f"{kind}: {problem}"}, False

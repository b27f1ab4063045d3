"""Where units are done: processes of this machine, or the workers of a Dask scheduler, behind one kind of executor."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, parent_process
from typing import Any, Protocol

from anypan.runtime.errors import UserError
from anypan.runtime.processes import starting

MEMORY = 5 * 2**29  # bytes that a scene takes, at most, with tiles of the usual size
AHEAD = 4  # units that wait at the scheduler for each thread of its workers, so that none is idle
LEAST_AHEAD = 64  # so many at least, for clusters that grow with what waits
CONNECT = 15  # seconds


class Pool(Protocol):
    """Processes that do units. ``window``: how many units to have there at a time; ``workers``: how many are done."""

    @property
    def workers(self) -> int: ...
    @property
    def window(self) -> int: ...
    def submit(self, unit: Any) -> Any:
        """A future of the unit's row."""
        ...

    def renew(self) -> None:
        """Make it usable again after a process has ended."""
        ...


class Inline:
    """This process."""

    workers = window = 1

    def submit(self, unit: Any) -> Any:
        """A future that holds the unit's row already."""
        future: Future[Any] = Future()
        future.set_result(unit.run())
        return future

    def renew(self) -> None:
        """Nothing: it is here."""


class Local:
    """Processes of this machine; they end with this one."""

    def __init__(self, jobs: int) -> None:
        self.workers = self.window = jobs
        self._pool: Executor | None = None
        self._others: set[Any] = set()

    def submit(self, unit: Any) -> Any:
        """A future of the unit's row; all futures fail once one process has ended."""
        if self._pool is None:
            self._others = set(active_children())
            self._pool = ProcessPoolExecutor(self.workers, starting("anypan.api"), _attend)
        return self._pool.submit(unit.run)

    def renew(self) -> None:
        """New processes for those that ended."""
        self.close()

    def close(self) -> None:
        """End the processes, whatever they do."""
        ours, self._pool = self._pool, None
        if ours is not None:
            ours.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - self._others:  # not the caller's own
                process.terminate()
                process.join()


class Cluster:
    """The workers of a Dask scheduler; Dask itself gives the work of one that has ended to another."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._pool = client.get_executor(retries=0)

    @property
    def workers(self) -> int:
        """Threads of all workers that are there now."""
        return max(1, sum(self._client.nthreads().values()))

    @property
    def window(self) -> int:
        """Units to have there at a time."""
        return max(LEAST_AHEAD, AHEAD * self.workers)

    def submit(self, unit: Any) -> Any:
        """A future of the unit's row."""
        return self._pool.submit(unit.run)

    def renew(self) -> None:
        """Nothing: Dask has done it."""


def jobs_here() -> int:
    """As many scenes as the cores and the memory of this machine allow side by side."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else MEMORY
    return max(1, min(cores, memory // MEMORY))


@contextmanager
def pool_of(jobs: int, scheduler: str | None = None) -> Iterator[Pool]:
    """A pool of so many processes, or that of the scheduler at an address. UserError if nothing answers there."""
    if scheduler is None and jobs == 1:
        yield Inline()
        return
    if scheduler is None:
        local = Local(jobs)
        try:
            yield local
        finally:
            local.close()
        return
    with _client(scheduler) as client:
        yield Cluster(client)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise UserError("--scheduler needs dask.distributed: pip install 'anypan[dask]'.") from error
    try:
        return Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"No Dask scheduler answers at {address!r}: check the address, and that it runs.") from error


def _attend() -> None:
    """Of a process: leave Ctrl-C to the parent, and end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

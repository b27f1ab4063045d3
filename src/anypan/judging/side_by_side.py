"""Several processes that make rows, for one that writes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

import torch

from anypan.report.rows import Row
from anypan.runtime.errors import UserError
from anypan.runtime.processes import starting


class Work(Protocol):
    """Something that can be sent to another process and makes rows there."""

    def rows(self) -> Iterator[Row]: ...


def side_by_side(units: Sequence[Work], jobs: int) -> Iterator[Row]:
    """The rows of all units, each as soon as it is made, by ``jobs`` processes that share the threads of this one.

    UserError if a process ends, as it does when the system is out of memory.
    """
    context, waiting = starting("anypan.judging.run"), deque(units)
    threads = max(1, torch.get_num_threads() // jobs)
    busy: dict[Any, Any] = {}
    try:
        for _ in range(min(jobs, len(units))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, threads), daemon=True)
            process.start()
            theirs.close()
            busy[ours] = process
            ours.send(waiting.popleft())
        while busy:
            for end in wait(list(busy)):
                row = end.recv()  # type: ignore[union-attr]
                if row is not None:
                    yield row
                elif waiting:
                    end.send(waiting.popleft())  # type: ignore[union-attr]
                else:
                    _dismiss(end, busy.pop(end))
    except (EOFError, ConnectionError) as problem:
        raise UserError(
            "A process ended early, perhaps for want of memory: use fewer --jobs with --resume."
        ) from problem
    finally:
        for process in busy.values():
            process.terminate()


def _dismiss(end: Any, process: Any) -> None:
    end.send(None)
    process.join()
    end.close()


def _work(end: Connection, threads: int) -> None:
    torch.set_num_threads(threads)
    while (unit := end.recv()) is not None:
        for row in unit.rows():
            end.send(row)
        end.send(None)

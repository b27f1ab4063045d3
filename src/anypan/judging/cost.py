"""What a method costs: seconds and the high-water mark of resident memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measured(work: Callable[[], Result]) -> tuple[Result, float, float]:
    """(result, seconds, peak_mib) of a piece of work.

    peak_mib is the largest resident memory of the whole process, interpreter and libraries and the scene included,
    during the work. Where the system cannot reset that mark (any but Linux) it is the largest since the process began.
    """
    _reset()
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start, _peak_mib()


def _reset() -> None:
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def _peak_mib() -> float:
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

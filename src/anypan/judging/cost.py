"""What a method costs: seconds and the high-water mark of resident memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

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
        return _peak_elsewhere() / 2**20


def _peak_elsewhere() -> float:
    """Bytes: what Windows keeps, or macOS; the memory of now where a system keeps no such mark."""
    if sys.platform == "darwin":
        import resource  # which Windows has not

        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    now = psutil.Process().memory_info()
    return float(getattr(now, "peak_wset", now.rss))

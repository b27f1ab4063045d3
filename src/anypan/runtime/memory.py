"""Large arrays made from memory that was used before, which is much faster than from memory that is new."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anypan.runtime.shared import Shared

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # of mallopt(3)
LARGE = 2**25  # bytes above which glibc gives an array memory of its own, at most


@Shared
@contextmanager
def kept() -> Iterator[None]:
    """Keep what is freed for the next array, and give it back to the system at the end; of glibc, elsewhere nothing.

    glibc fetches every array above 32 MiB from the system and gives it back when it is freed. The system hands it over
    page by page, each filled with zeros: without this a network spends a third of its time there.
    """
    mallopt, trim = _glibc("mallopt"), _glibc("malloc_trim")
    mallopt(MMAP_MAX, 0)
    mallopt(TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        mallopt(MMAP_MAX, 65536)  # the default
        mallopt(MMAP_THRESHOLD, LARGE)  # what the defaults come to once an array of this size was freed
        mallopt(TRIM_THRESHOLD, 2 * LARGE)
        trim(0)


def give_back() -> None:
    """Give what is free to the system in between: what follows, of other sizes, would come on top of it."""
    _glibc("malloc_trim")(0)


def _glibc(name: str) -> Callable[..., int]:
    """A function of the C library, or one that does nothing where there is none of that name."""
    return getattr(ctypes.CDLL(None), name, lambda *_: 0) if sys.platform == "linux" else lambda *_: 0

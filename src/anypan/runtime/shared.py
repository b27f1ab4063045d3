"""A state of the whole process that several threads ask for at once: the first sets it, the last undoes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock


class Shared:
    """Calling it gives a context in which the state holds, in whatever thread and however many at a time."""

    def __init__(self, state: Callable[[], AbstractContextManager[None]]) -> None:
        self._state, self._lock, self._users = state, Lock(), 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """The context; it may be entered again within itself."""
        with self._lock:
            if not self._users:
                self._held = self._state()
                self._held.__enter__()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._held.__exit__(None, None, None)

"""A scene to fuse as a value that can be sent to another process, and what is wrong with one that cannot be fused."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from anypan.methods.resolve import BEST
from anypan.products import files_of, find_product
from anypan.raster.sidecars import read_with
from anypan.runtime.errors import UserError
from anypan.weights import available


def time_of(given: str | None, pan: str, ms: Sequence[str]) -> str | None:
    """When a scene was acquired: as told, else as a product's metadata say; fusing says what is wrong with one."""
    with suppress(UserError):
        return given if given is not None or ms else find_product(pan).acquired
    return None


@dataclass(frozen=True)
class Job:
    """A scene: the ``name`` of its output, its files, and ``options`` of fuse() that hold for it alone.

    ``where`` says where in the manifest it stands, ``acquired`` when it was acquired, if that is told.
    """

    name: str
    pan: str
    ms: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    acquired: str | None = None

    def key(self, method: str, options: Mapping[str, Any]) -> str:
        """What its result depends on, as one word: files (size and time of change), options and the method.

        Files that an option names, or the method, count as the scene's own: a sensor's, an elevation model, weights.
        """
        settings = {**options, **self.options}
        named = [str(value) for value in (method, *settings.values()) if isinstance(value, str | os.PathLike)]
        files = [[name, *_state(name)] for name in (*self._files, *filter(os.path.isfile, named))]
        pinned = {card.name: card.sha256 for card in available()}
        text = json.dumps([files, method, pinned.get(method.removesuffix(BEST)), settings], sort_keys=True, default=str)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]

    @property
    def time(self) -> str | None:
        """When it was acquired: see ``time_of``."""
        return time_of(self.acquired, self.pan, self.ms)

    @property
    def _files(self) -> tuple[str, ...]:
        """What is read: of a product its metadata name it; of one that is incomplete, what there is."""
        if self.ms or not os.path.isdir(self.pan):
            return tuple(each for name in (self.pan, *self.ms) for each in (name, *read_with(name)))
        return files_of(self.pan)


@dataclass(frozen=True)
class Fault:
    """A scene of a manifest that cannot be fused as it stands there: one sentence says why."""

    name: str
    reason: str


def _state(path: str) -> tuple[int, int]:
    try:
        about = os.stat(path)
    except (OSError, ValueError):  # a URL, or nothing there yet: opening it says so
        return (0, 0)
    return (about.st_size, about.st_mtime_ns)

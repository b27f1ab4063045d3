"""A scene of a set before it is opened, what is known of it, and its images once they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from anypan.runtime.errors import UserError

Protocol = Literal["rr", "fr"]
PROTOCOLS: tuple[Protocol, ...] = ("rr", "fr")
Phase = Literal["unknown", "centred", "toolbox"]
PHASES: dict[Phase, float] = {"unknown": 0.0, "centred": 0.0, "toolbox": 0.5}


@dataclass(frozen=True)
class About:
    """What a set says of its images.

    ``sensor`` is a name that the sensors may know, ``bands`` the band names in order or nothing, ``full_scale`` the
    largest DN. ``phase``: MS pixel (i, j) lies in the middle of its block of PAN pixels (``centred``), at PAN pixel
    ``ratio * i + ratio / 2`` (``toolbox``), or nothing is said. ``extra`` are further entries of the scene's rows.
    """

    sensor: str = "unknown"
    bands: tuple[str, ...] = ()
    full_scale: float | None = None
    phase: Phase = "unknown"
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Images:
    """PAN, MS and, if there is one, the truth on the PAN's grid: files, or arrays (H, W), (B, h, w), (B, H, W)."""

    pan: Path | NDArray[Any]
    ms: Path | Sequence[Path] | NDArray[Any]
    truth: Path | NDArray[Any] | None
    about: About


@dataclass(frozen=True)
class Entry:
    """A scene of a set: its name in rows, and how to read it.

    ``name`` is the same wherever the set lies. ``protocols`` are those that the set publishes it for. ``read`` raises
    UserError where the scene cannot be read; nothing is read before. It can be sent to another process. ``side``: of
    the scene only the middle is judged, at most so many PAN pixels along a side; 0 is all of it.
    """

    name: str
    layout: str
    sensor: str
    read: Callable[[], Images]
    split: str | None = None
    protocols: tuple[Protocol, ...] = PROTOCOLS
    side: int = 0

    def offers(self, wanted: Iterable[Protocol]) -> list[Protocol]:
        """Those of the ``wanted`` protocols that the scene is published for."""
        return [protocol for protocol in wanted if protocol in self.protocols]

    @property
    def head(self) -> dict[str, Any]:
        """The entries of a row that are known before the scene is opened."""
        return {"scene": self.name, "sensor": self.sensor, "layout": self.layout, "split": self.split}


@dataclass(frozen=True)
class Layout:
    """A published way to lay a set out on disk.

    ``find`` lists the scenes of one split below a folder without reading any image. ``splits`` are the names that it
    knows, the first is taken where none is named. ``holds`` says what the files are called, ``home`` where the set is
    published, ``terms`` under which conditions.
    """

    name: str
    title: str
    find: Callable[[Path, str], Iterable[Entry]]
    splits: tuple[str, ...]
    holds: str
    home: str = ""
    terms: str = ""


def failing(problem: UserError) -> Callable[[], Images]:
    """The reader of something that is already known to be unreadable: its row will say why."""
    return partial(_fail, problem)


def _fail(problem: UserError) -> Images:
    raise problem

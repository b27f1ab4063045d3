"""What all sources of images share: parts that are read one after another, and keys that choose images."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, overload

from numpy.typing import NDArray

from anypan.dataset.pixels import IMAGES
from anypan.runtime.bounds import Bounds
from anypan.runtime.errors import UserError
from anypan.simulate.cubes import Cube

Tile = NDArray[Any] | Cube  # (4, 256, 256), uint8 or uint16; or all channels of a cube


@dataclass(frozen=True)
class Sample:
    """One image: ``read()`` gives its tiles, or raises Broken.

    It may be called only until the next sample is asked for: archives are read from front to back.
    """

    key: str
    read: Callable[[], Iterable[Tile]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Images of one kind. ``weight``: share of the draws beside the other sources' weights, whatever their sizes.

    ``keys`` and ``held_out`` are regular expressions that are searched in an image's key (its name within the source):
    the one chooses images, the other those that only validation sees.
    """

    spectral: ClassVar[bool] = False  # its tiles are cubes
    limits: ClassVar[dict[str, Bounds]] = {}  # what the numbers of its own may be

    weight: float = 1.0
    keys: str = ""
    held_out: str = ""

    def __post_init__(self) -> None:
        pattern(self.keys, "keys of a source")
        pattern(self.held_out, "held_out of a source")
        for name, bounds in {"weight": Bounds(0, above=True), **self.limits}.items():
            bounds.check(f"{name} of the source {self.name}", getattr(self, name))

    @property
    def name(self) -> str:
        """What messages call the source: its path, else its kind."""
        return str(getattr(self, "path", type(self).__name__))

    def parts(self) -> Sequence[str]:
        """What can be read apart from the rest: files, or shards of many images. Raises UserError if there are none."""
        raise UserError(f"{self.name} has no images: name a source.")

    def samples(self, part: str) -> Iterator[Sample]:
        """The images of a part, always in the same order."""
        return iter(())

    def wants(self, key: str, held_out: bool) -> bool:
        """True if an image belongs to training, or with ``held_out`` to validation."""
        if not re.search(self.keys, key):
            return False
        return bool(self.held_out and re.search(self.held_out, key)) == held_out

    @property
    def validates(self) -> bool:
        """True if some of its images are held out."""
        return bool(self.held_out)

    def skips(self, part: str, held_out: bool) -> bool:
        """True if a part is known, unread, to hold nothing that is wanted."""
        return False


class Names(Sequence[str]):
    """Many names in little memory: one block of bytes, and where each ends."""

    def __init__(self, names: Iterable[str]) -> None:
        self._bytes, self._ends = bytearray(), array("Q", [0])
        for name in names:
            self._bytes += os.fsencode(name)
            self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return os.fsdecode(bytes(self._bytes[self._ends[index] : self._ends[index + 1]]))


def files_below(folder: str | Path, suffixes: Sequence[str] = IMAGES) -> Iterator[str]:
    """Paths, relative to a folder, of the files below it with one of the suffixes, in sorted order."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(tuple(suffixes)) and not name.startswith("."):
                yield os.path.relpath(os.path.join(root, name), folder).replace(os.sep, "/")


def pattern(text: str, what: str) -> str:
    """The same regular expression; UserError if it is none."""
    try:
        re.compile(text)
    except re.error as error:
        raise UserError(f"{what}: {text!r} is no regular expression ({error}): correct it.") from error
    return text


def found(parts: Sequence[str], path: str, what: str) -> Sequence[str]:
    """The parts; UserError if there are none."""
    if not len(parts):
        there = "holds no" if os.path.exists(path) else "does not exist: there is no"
        raise UserError(f"{path} {there} {what}: correct the path in the configuration.")
    return parts

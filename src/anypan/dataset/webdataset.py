"""WebDataset shards: tar files whose neighbouring members with one key make one sample."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from glob import glob
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from anypan.dataset.archive import opened
from anypan.dataset.pixels import IMAGES, photograph
from anypan.dataset.source import Sample, Source, found
from anypan.runtime.errors import UserError

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True, kw_only=True)
class WebDataset(Source):
    """Tar shards: ``path`` is a file, a pattern with ``*``, or one with ``{0000..0012}``; an http(s) address if
    ``allow_remote`` says so.

    A key is a member's path up to the first dot of its name. ``key.nir.*`` is a near-infrared picture; of the other
    images of a key ``key.rgb.*`` is taken, or the first.
    """

    path: str
    allow_remote: bool = False

    def parts(self) -> Sequence[str]:
        paths = expand(self.path)
        if "://" in self.path:
            self._check_address()
            return paths
        paths = [match for path in paths for match in (sorted(glob(path)) if "*" in path else [path])]
        missing = [path for path in paths if not Path(path).is_file()]
        if missing:
            raise UserError(f"The shard {missing[0]} does not exist: correct the path in the configuration.")
        return found(paths, self.path, "shard")

    def _check_address(self) -> None:
        if not self.path.startswith(("http://", "https://")):
            raise UserError(f"{self.path} is no http(s) address: copy the shards here and give their path.")
        if not self.allow_remote:
            raise UserError(
                f"{self.path} lies on the network: set allow_remote = true if it is to be fetched from there."
            )

    def samples(self, part: str) -> Iterator[Sample]:
        with opened(part) as members:
            pictures = ((*_split(name), load) for name, load in members if name.lower().endswith(IMAGES))
            for key, group in groupby(pictures, key=itemgetter(0)):
                named = {name: load for _, name, load in group}
                nir = next((load for name, load in named.items() if name.startswith("nir.")), None)
                colours = {name: load for name, load in named.items() if not name.startswith("nir.")}
                if colours:
                    rgb = next((name for name in colours if name.startswith("rgb.")), next(iter(colours)))
                    yield Sample(key, partial(photograph, key, colours[rgb], nir))


def _split(name: str) -> tuple[str, str]:
    """``a/b.rgb.jpg`` to (``a/b``, ``rgb.jpg``)."""
    folder, slash, file = name.rpartition("/")
    key, _, extension = file.partition(".")
    return folder + slash + key, extension.lower()


def expand(pattern: str) -> list[str]:
    """``shard-{08..10}.tar`` to shard-08.tar, shard-09.tar, shard-10.tar."""
    match = _RANGE.search(pattern)
    if not match:
        return [pattern]
    first, last = match.groups()
    numbers = (str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))
    return [path for number in numbers for path in expand(pattern[: match.start()] + number + pattern[match.end() :])]

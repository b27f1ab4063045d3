"""Any folder of images; its subfolders too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anypan.dataset.pixels import photograph
from anypan.dataset.source import Names, Sample, Source, files_below, found


@dataclass(frozen=True, kw_only=True)
class Folder(Source):
    """Image files below ``path``; a key is the path of a file within it."""

    path: str

    def parts(self) -> Sequence[str]:
        return found(Names(files_below(self.path)), self.path, "image file")

    def samples(self, part: str) -> Iterator[Sample]:
        yield Sample(part, partial(photograph, part, (Path(self.path) / part).read_bytes))

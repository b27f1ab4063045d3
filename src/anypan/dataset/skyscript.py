"""SkyScript (Wang et al., AAAI 2024): folders or zip files of aerial and satellite images, and tables about them."""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from anypan.dataset.pixels import Broken, photograph
from anypan.dataset.source import Names, Sample, Source, found, pattern
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import check_plain

COLUMN = "filepath"  # of the image, from the folder that holds images2 ... images7


@dataclass(frozen=True, kw_only=True)
class SkyScript(Source):
    """``path`` holds ``images2`` to ``images7``, as folders or as zip files, and the table ``index``, a CSV file.

    A key is the column ``filepath`` (``images2/a198234555_CH_19.jpg``: object, source of the image, year). ``where``
    keeps the rows that match: {column = "title", matches = "a regular expression"}, or a list of such.
    """

    path: str
    index: str
    where: Any = ()

    def parts(self) -> Sequence[str]:
        return found(Names(self._rows()), self.path, f"row of {self.index} that 'where' lets through")

    def _rows(self) -> Iterator[str]:
        file = Path(self.path, self.index)
        conditions = [_condition(one) for one in (self.where if isinstance(self.where, tuple) else [self.where])]
        if not file.is_file():
            raise UserError(f"The table {file} does not exist: set index to a CSV file of SkyScript in {self.path}.")
        try:
            yield from _matching(file, conditions)
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{file} is no CSV file in UTF-8 ({error}): set index to a table of SkyScript.") from error

    def samples(self, part: str) -> Iterator[Sample]:
        yield Sample(part, partial(photograph, part, partial(self._load, part)))

    def _load(self, name: str) -> bytes:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise Broken(f"not below {self.path}")
        file = Path(self.path, name)
        folder, _, inside = name.partition("/")
        archive = Path(self.path, f"{folder}.zip")
        if file.is_file() or not archive.is_file():
            return file.read_bytes()
        return _unzip(str(archive), (name, inside))


def _matching(file: Path, conditions: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The images of the rows whose columns match."""
    check_plain(file, "give the table of the data set")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream)
        for column in (COLUMN, *(column for column, _ in conditions)):
            if column not in (rows.fieldnames or ()):
                raise UserError(f"{file} has no column '{column}': it has {', '.join(rows.fieldnames or ())}.")
        for row in rows:
            if row[COLUMN] and all(re.search(expression, row[column] or "") for column, expression in conditions):
                yield row[COLUMN]


def _condition(table: Any) -> tuple[str, str]:
    texts = isinstance(table, Mapping) and all(isinstance(value, str) for value in table.values())
    if not texts or set(table) != {"column", "matches"}:
        raise UserError(f'where = {table!r} is not understood: write {{column = "title", matches = "forest"}}.')
    return table["column"], pattern(table["matches"], "matches in where")


def _unzip(path: str, names: Sequence[str]) -> bytes:
    """The member of a zip file with one of the names."""
    try:
        archive = _open(path)
        name = next((name for name in names if name in archive.NameToInfo), None)
        if name is None:
            raise Broken(f"not in {path}")
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise Broken(f"{path}: {error}") from error


@lru_cache(maxsize=8)
def _open(path: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)

"""The file of rows: appended by one writer, each row on the disk before the next is begun, mended after an accident."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from anypan.report.rows import Record, parsed
from anypan.runtime.claim import Claim, real_place
from anypan.runtime.errors import UserError
from anypan.runtime.lines import whole_lines

ROW = frozenset(("scene", "protocol", "method"))  # what a row of the benchmark has at least


class Ledger:
    """An open file of rows; see ``opened``."""

    def __init__(self, path: Path, file: BinaryIO, needs: Set[str], writer: str) -> None:
        self._path, self._file, self._needs, self._writer = path, file, needs, writer
        self.rows = self._read()

    def append(self, row: Record) -> None:
        """Write a row; when this returns it is on the disk."""
        self.extend([row])

    def extend(self, rows: Iterable[Record]) -> None:
        """Write rows; when this returns they are on the disk."""
        text = b"".join(json.dumps(dict(row)).encode() + b"\n" for row in rows)
        with _blaming(self._path):
            self._file.write(text)
            self._file.flush()
            os.fsync(self._file.fileno())

    def _read(self) -> list[dict[str, Any]]:
        """The rows so far; half a row at the end, left by an interruption, is cut off."""
        whole, rest = whole_lines(self._file)
        rows = [self._parsed(number, line) for number, line in enumerate(whole.splitlines(), 1) if line.strip()]
        if rest:
            if not rest.startswith(b'{"'):
                raise UserError(f"{self._path} does not end with a row: give a file that '{self._writer}' wrote.")
            self._file.truncate(len(whole))
        self._file.seek(0, os.SEEK_END)
        return rows

    def _parsed(self, number: int, line: bytes) -> dict[str, Any]:
        what = f"give a file that '{self._writer}' wrote"
        return parsed(line, f"{self._path}, line {number}", sorted(self._needs), what)


@contextmanager
def opened(path: str | Path, needs: Set[str] = ROW, writer: str = "anypan benchmark") -> Iterator[Ledger]:
    """The ledger at ``path``, new or not, for this process alone; each row has the keys ``needs``.

    UserError if it cannot be written, or is no ledger that the command ``writer`` wrote.
    """
    path = real_place(path)
    with ExitStack() as stack:
        with _blaming(path):
            stack.enter_context(Claim(path))
            file = stack.enter_context(path.open("a+b"))
        yield Ledger(path, file, needs, writer)


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise UserError(f"{path} cannot be written ({problem.strerror}): name another file.") from problem


def write_rows(rows: Iterable[Record], out: str | Path, say: Callable[[Record], None] | None = None) -> int:
    """Append each row to ``out`` as a line of JSON as soon as it is known; ``say`` sees it too. Returns their count."""
    count = 0
    with opened(out) as ledger:
        for row in rows:
            ledger.append(row)
            count += 1
            if say:
                say(row)
    return count

"""Files of rows, a line each, that are appended to."""

from __future__ import annotations

from typing import BinaryIO


def whole_lines(file: BinaryIO) -> tuple[bytes, bytes]:
    """The lines that were ended, and what follows them: half a row, as an interruption or a full disk leaves it."""
    file.seek(0)
    whole, newline, rest = file.read().rpartition(b"\n")
    return whole + newline, rest

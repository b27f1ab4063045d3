"""Cells of CSV tables: texts that a spreadsheet would run as a formula are kept texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

# = + - @ begin a formula, also after what a spreadsheet takes for space; a number does not.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def plain(line: Sequence[Any]) -> list[Any]:
    """A line of a table with an apostrophe before each text that would be a formula."""
    return [f"'{cell}" if isinstance(cell, str) and _runs(cell) else cell for cell in line]


def _runs(text: str) -> bool:
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)

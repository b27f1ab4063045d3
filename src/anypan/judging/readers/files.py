"""Which files lie below a folder, and what their names say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from anypan.dataset.source import files_below
from anypan.optics.sensors import find
from anypan.runtime.errors import UserError


def below(root: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """The files below ``root`` with one of the suffixes, in sorted order; ``root`` itself if it is a file."""
    if root.is_file():
        return iter([root])
    return (root / name for name in files_below(root, suffixes))


def number(stem: str) -> str:
    """``7`` as ``0007``, so that names sort as numbers do; anything else as it is."""
    return f"{int(stem):04d}" if stem.isascii() and stem.isdigit() else stem


def sensor_in(path: str) -> str:
    """The sensor that a part of the path names (``WV3`` of ``RR/NY1_WV3_RR.mat``), the last if several; ``unknown``."""
    parts = [part for folder in path.split("/") for part in (folder, *re.split(r"[_\s.()]+", folder))]
    for part in reversed(parts):
        with suppress(UserError):
            return find(re.sub(r"^(\d+[_ ]|img)", "", part)).name
    return "unknown"

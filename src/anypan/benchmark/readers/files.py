"""Which files lie below a folder, and what their names say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from anypan.dataset.source import files_below


def below(root: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """The files below ``root`` with one of the suffixes, in sorted order; ``root`` itself if it is a file."""
    if root.is_file():
        return iter([root])
    return (root / name for name in files_below(root, suffixes))


def number(stem: str) -> str:
    """``7`` as ``0007``, so that names sort as numbers do; anything else as it is."""
    return f"{int(stem):04d}" if stem.isascii() and stem.isdigit() else stem

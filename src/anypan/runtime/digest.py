"""The SHA-256 of files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from anypan.runtime.errors import UserError


def sha256(path: Path) -> str:
    """The SHA-256 of a file, computed once for each state of it. UserError if it cannot be read."""
    try:
        about = path.stat()
        return _sha256(str(path), about.st_mtime_ns, about.st_size)
    except OSError as problem:
        raise UserError(f"{path} cannot be read ({problem.strerror}): check the path.") from problem


@lru_cache(maxsize=256)
def _sha256(path: str, *_: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

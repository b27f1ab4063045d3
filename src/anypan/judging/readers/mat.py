"""MATLAB files of any version since 5, told apart by their first bytes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anypan.judging.readers import hdf5, mat5
from anypan.runtime.errors import UserError

MAGIC = b"\x89HDF\r\n\x1a\n"
USER_BLOCK = 512  # bytes that MATLAB writes before the HDF5 part of a 7.3 file


def read(path: Path, wanted: Collection[str]) -> dict[str, NDArray[Any] | str]:
    """The variables called ``wanted`` that the file has: arrays (H, W, C, ...), texts as str. Raises UserError."""
    try:
        with path.open("rb") as file:
            start = file.read(USER_BLOCK + len(MAGIC))
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check the path.") from error
    return hdf5.matlab(path, wanted) if MAGIC in (start[: len(MAGIC)], start[USER_BLOCK:]) else mat5.read(path, wanted)


def one(path: Path, names: Collection[str]) -> NDArray[Any]:
    """The array (C, H, W) of the file under the first of the ``names`` that it has. UserError without any."""
    found = read(path, names)
    name = next((name for name in names if name in found), None)
    if name is None:
        raise UserError(f"{path} has no array {' or '.join(names)}: fetch the published file.")
    return bands_first(path, name, found[name])


def bands_first(path: Path, name: str, value: NDArray[Any] | str) -> NDArray[Any]:
    """(H, W) or (H, W, C) as (C, H, W). UserError for other axes."""
    if isinstance(value, str) or value.ndim not in (2, 3):
        raise UserError(f"{path} holds no image as {name}: it should have rows, columns and bands.")
    return np.ascontiguousarray(value[None] if value.ndim == 2 else np.moveaxis(value, -1, 0))

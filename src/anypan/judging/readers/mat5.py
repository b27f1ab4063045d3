"""MATLAB files of versions 5 to 7: numeric arrays and texts, read as untrusted.

The format is that of MathWorks' "MAT-File Format": a header of 128 bytes, then one tagged element for each variable,
plain or deflated. Cells, structures, objects, sparse and complex arrays are passed over; nothing is ever executed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from anypan.judging.readers.limits import DEFLATE, MOST, check_claim
from anypan.runtime.errors import UserError

HEADER = 128
MATRIX, COMPRESSED = 14, 15
TEXT = 4  # the class of character arrays
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8", TEXT: "u2"}
STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
    17: "u2",
}
COMPLEX = 0x0800
MOST_AXES, MOST_NAME = 8, 256
BITE = 2**16  # bytes that are inflated at a time
TAIL = 16  # bytes after the values: padding, and the checksum that is verified on the way


class _Bytes(Protocol):
    def read(self, count: int, /) -> bytes: ...


def read(path: Path, wanted: Collection[str]) -> dict[str, NDArray[Any] | str]:
    """The variables called ``wanted`` that the file has: arrays (H, W, C, ...), texts as str. Raises UserError."""
    found: dict[str, NDArray[Any] | str] = {}
    try:
        with path.open("rb") as file:
            order = _order(path, file.read(HEADER))
            for kind, body, size in _elements(path, file, order):
                reader = _Element(path, body, order, size)
                if kind == MATRIX and (value := reader.variable(wanted)) is not None:
                    found[value[0]] = value[1]
    except (OSError, zlib.error, struct.error, ValueError, IndexError) as error:
        raise _damaged(path) from error
    return found


def _order(path: Path, header: bytes) -> str:
    orders = {b"IM": "<", b"MI": ">"}
    if len(header) < HEADER or header[126:128] not in orders:
        raise UserError(f"{path} is no MATLAB file of version 5 or later: save it anew with save -v7.")
    return orders[header[126:128]]


def _elements(path: Path, file: BinaryIO, order: str) -> Iterator[tuple[int, _Bytes, int]]:
    """Kind, bytes and their largest possible count of each variable; the file is moved on whatever is read of it."""
    size, start = path.stat().st_size, HEADER
    while start + 8 <= size:
        file.seek(start)
        kind, count = struct.unpack(order + "II", file.read(8))
        start += 8 + count
        if start > size:
            raise _damaged(path)
        if kind != COMPRESSED:
            yield kind, file, count
            continue
        inner = _Inflated(file, count)
        kind, _ = struct.unpack(order + "II", inner.read(8))
        yield kind, inner, count * DEFLATE


class _Inflated:
    """The first ``count`` bytes of a file, inflated as far as they are asked for."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file, self._left = file, count
        self._stream, self._waiting = zlib.decompressobj(), b""

    def read(self, count: int, /) -> bytes:
        parts, missing = [], count
        while missing and not self._stream.eof:
            if not self._waiting and self._left:
                self._waiting = self._file.read(min(BITE, self._left))
                self._left -= len(self._waiting)
            part = self._stream.decompress(self._waiting, missing)
            self._waiting = self._stream.unconsumed_tail
            if not part and not self._waiting and not self._left:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


@dataclass(frozen=True)
class _Element:
    """A matrix element, read from its first subelement on; ``size`` bounds the bytes that it can have."""

    path: Path
    body: _Bytes
    order: str
    size: int

    def variable(self, wanted: Collection[str]) -> tuple[str, NDArray[Any] | str] | None:
        """Name and value; None for what is not wanted, not numeric or empty."""
        flags = np.frombuffer(self._small(8), self.order + "u4")
        shape = tuple(int(n) for n in np.frombuffer(self._small(4 * MOST_AXES), self.order + "i4"))
        name = self._small(MOST_NAME).decode("latin1")
        number = int(flags[0]) & 0xFF
        if name not in wanted or number not in CLASSES or int(flags[0]) & COMPLEX or 0 in shape:
            return None
        values = self._values(shape).reshape(shape, order="F")
        self.body.read(TAIL)
        if number == TEXT:
            return name, "".join(map(chr, values.ravel()))
        return name, values.astype(self.order + CLASSES[number], copy=False)

    def _values(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """The numbers, in the type that they are stored in: MATLAB stores whole numbers in the smallest that fits."""
        kind, count, short = self._tag()
        if kind not in STORED:
            raise _damaged(self.path)
        stored = np.dtype(self.order + STORED[kind])
        check_claim(self.path, shape, stored.itemsize, min(self.size, MOST))
        if count != prod(shape) * stored.itemsize:
            raise _damaged(self.path)
        return np.frombuffer(self._exactly(count) if short is None else short[:count], stored)

    def _small(self, most: int) -> bytes:
        """A subelement of at most so many bytes, and the padding after it."""
        _, count, short = self._tag()
        if count > most:
            raise _damaged(self.path)
        return short[:count] if short is not None else self._exactly(count + -count % 8)[:count]

    def _tag(self) -> tuple[int, int, bytes | None]:
        """Type and bytes of a subelement; those of four bytes and less come with their tag."""
        raw = self._exactly(8)
        kind, count = struct.unpack(self.order + "II", raw)
        if kind >> 16:
            if kind >> 16 > 4:
                raise _damaged(self.path)
            return kind & 0xFFFF, kind >> 16, raw[4:]
        return kind, count, None

    def _exactly(self, count: int) -> bytes:
        raw = self.body.read(count)
        if len(raw) != count:
            raise _damaged(self.path)
        return raw


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} cannot be read as a MATLAB file: it is damaged or cut off, so fetch it again.")

"""Where an ERDAS Imagine file (.img) says that its parts end: GDAL reads zeros beyond the end of what is cut off."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"EHFA_HEADER_TAG\0"
ENTRY = struct.Struct("<6I64s32s")  # next, previous, parent, child, data, bytes of data, name, type
STATE = b"Edms_State"  # the type of a table of a layer's blocks
TABLE, BLOCK = struct.Struct("<IIIHII"), struct.Struct("<HIIHH")
MOST = 100_000  # entries that are looked at


def end_of(path: str) -> int:
    """The byte behind the last part that the file's own tables name, 0 for a file that is none of the kind."""
    with open(path, "rb") as file:
        if file.read(len(SIGNATURE)) != SIGNATURE:
            return 0
        header = _int(file.read(4))
        file.seek(header + 8)  # behind version and free list
        root = _int(file.read(4))
        return max(_ends(file, root), default=0)


def _ends(file: BinaryIO, root: int) -> Iterator[int]:
    """Where each entry, its data and its blocks end; what lies beyond the file's end is not followed."""
    waiting, seen = [root], set[int]()
    while waiting and len(seen) < MOST:
        at = waiting.pop()
        if not at or at in seen:
            continue
        seen.add(at)
        file.seek(at)
        found = file.read(ENTRY.size)
        yield at + ENTRY.size
        if len(found) < ENTRY.size:
            return
        after, _, _, child, data, size, _, kind = ENTRY.unpack(found)
        waiting += [after, child]
        yield data + size
        if kind.split(b"\0")[0] == STATE:
            file.seek(data)
            yield from _blocks(file.read(size))


def _blocks(table: bytes) -> Iterator[int]:
    """Where the blocks of a layer end, by its table."""
    if len(table) < TABLE.size:
        return
    *_, count, _ = TABLE.unpack_from(table)
    for n in range(min(count, (len(table) - TABLE.size) // BLOCK.size)):
        _, offset, size, valid, _ = BLOCK.unpack_from(table, TABLE.size + n * BLOCK.size)
        if valid:
            yield offset + size


def _int(four: bytes) -> int:
    return struct.unpack("<I", four)[0] if len(four) == 4 else 0

"""Work on a GPU elsewhere: an archive small enough to go there, and files small enough to come back."""

from __future__ import annotations

import io
import re
import shutil
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

MIB = 2**20
MOST_OUT = 60  # MiB of an archive
MOST_BACK = 16 * MIB  # bytes of a file that comes back
MINUTES = 8.5  # of a piece, so that with its start it stays below 9
RESERVE = 2 * MIB  # for the padding of the archive
Sample = list[tuple[str, bytes]]


def package(root: Path) -> dict[str, bytes]:
    """The package in ``root``/src without its weights, of which the largest part of its size is."""
    folder = root / "src" / "anypan"
    every = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix not in (".pyc", ".safetensors"))
    return {f"src/anypan/{path.relative_to(folder)}": path.read_bytes() for path in every}


def samples(path: Path, wanted: str = "") -> Iterator[Sample]:
    """The files of each sample of an archive: those of one name up to the first dot, if the pattern finds it."""
    found: dict[str, Sample] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and re.search(wanted, Path(member.name).name.partition(".")[0]):
                data = archive.extractfile(member)
                found.setdefault(member.name.partition(".")[0], []).append((member.name, data.read() if data else b""))
    yield from found.values()


def size(sample: Sample) -> int:
    """Bytes of a sample in an archive, nearly."""
    return sum(len(data) + 1024 for _, data in sample)


def part_for(room: float, sources: Iterable[Iterable[Sample]]) -> float:
    """The share of all sources' samples for which there is room, at most 1."""
    return min(1.0, room / max(1, sum(size(sample) for found in sources for sample in found)))


def shard(found: list[Sample], part: float) -> bytes:
    """A tar of that part of the samples' bytes, in their order; which, their names decide."""
    budget, chosen = part * sum(map(size, found)), set()
    for sample in sorted(found, key=lambda each: sha256(each[0][0].encode()).digest()):
        if size(sample) <= budget:
            chosen.add(sample[0][0])
            budget -= size(sample)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for sample in found:
            for name, data in sample if sample[0][0] in chosen else ():
                add(archive, name, data)
    return out.getvalue()


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """A file into an archive, without a date or an owner."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def write(out: Path, files: Mapping[str, bytes]) -> None:
    """The archive of these files."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(out, "w") as archive:
        for name, data in files.items():
            add(archive, name, data)


def bring_back(made: Iterable[Path], out: Path) -> int:
    """Copy what was made. Exit status 1, and a sentence, if that is nothing, or too large to come back."""
    found = [path for path in made if path.is_file()]
    large = [path.name for path in found if path.stat().st_size > MOST_BACK]
    out.mkdir(parents=True, exist_ok=True)
    for path in found:
        shutil.copy2(path, out)
    if not found or large:
        print(f"{', '.join(large)} over 16 MiB" if found else "nothing was made", file=sys.stderr)
    return int(not found or bool(large))

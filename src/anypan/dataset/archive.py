"""Tar files from front to back, wherever they lie, without keeping a list of what is in them."""

from __future__ import annotations

import tarfile
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import IO

from anypan.dataset.pixels import Load
from anypan.runtime.errors import UserError

TIMEOUT, ATTEMPTS = 60, 3  # seconds without an answer; times that a remote tar is asked for
_DAMAGE = (tarfile.TarError, EOFError, zlib.error)
COMPRESSED = (".gz", ".tgz", ".bz2", ".xz")
Entry = tuple[str, Load]


@contextmanager
def opened(path: str, file: IO[bytes] | None = None) -> Iterator[Iterator[Entry]]:
    """(name, load) of the files in a tar: a local one, compressed or not, an http(s) address, or an open file.

    ``load`` works until the block ends. Both raise UserError where a tar is missing, damaged or cut off.
    """
    if "://" in path:
        yield _remote(path)
        return
    if file is None and not Path(path).is_file():
        raise UserError(f"The tar file {path} does not exist: correct the path in the configuration.")
    with _blaming(path):
        compressed = path.lower().endswith(COMPRESSED)
        with tarfile.open(None if file else path, "r|*" if compressed else "r:", file) as tar:
            if compressed:
                yield _loaded(tar)
            else:
                yield ((name, partial(_blamed, path, load)) for name, load in _walk(tar))


def _remote(url: str) -> Iterator[Entry]:
    """The tar is asked for anew where the connection breaks."""
    given, left = 0, ATTEMPTS
    while True:
        try:
            for number, entry in enumerate(_stream(url)):
                if number >= given:
                    yield entry
                    given = number + 1
            return
        except (OSError, HTTPException, *_DAMAGE) as error:
            left -= 1
            if not left:
                raise UserError(f"{url} cannot be fetched ({error}): check address and network.") from error


def _stream(url: str) -> Iterator[Entry]:
    with closing(urllib.request.urlopen(url, timeout=TIMEOUT)) as file, tarfile.open(fileobj=file, mode="r|*") as tar:
        yield from _loaded(tar)


def _loaded(tar: tarfile.TarFile) -> Iterator[Entry]:
    """Of a tar that cannot go back: contents are read before the next file is looked for."""
    for name, load in _walk(tar):
        content = load()
        yield name, lambda content=content: content


def _walk(tar: tarfile.TarFile) -> Iterator[Entry]:
    while (entry := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep them all
        if entry.isreg():

            def load(entry: tarfile.TarInfo = entry) -> bytes:
                file = tar.extractfile(entry)
                assert file is not None
                return file.read()

            yield entry.name.removeprefix("./"), load


def _blamed(name: str, load: Load) -> bytes:
    with _blaming(name):
        return load()


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise UserError(f"{name} is no whole tar file ({error}): fetch it again.") from error

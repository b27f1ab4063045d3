"""The files of a product, in a folder, a .zip or a .tar: what is not listed here is never opened."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from anypan.raster import archive
from anypan.runtime.errors import UserError

MOST_TEXT = 2**26  # bytes of a metadata file
MOST_FILES = archive.MOST_MEMBERS


@dataclass(frozen=True)
class Shelf:
    """``name`` is what the user named, ``members`` the files in it, with "/" between folders, sorted."""

    name: str
    members: tuple[str, ...]
    packed: bool = False

    def named(self, pattern: str) -> list[str]:
        """The members whose last part matches a regular expression from end to end, in any case."""
        wanted = re.compile(pattern, re.IGNORECASE)
        return [member for member in self.members if wanted.fullmatch(posixpath.basename(member))]

    def path(self, member: str) -> str:
        """What rasters are opened by."""
        whole = posixpath.join(self.name, member)
        return f"{archive.prefix_of(self.name)}{whole}" if self.packed else whole

    def text(self, member: str) -> bytes:
        """A metadata file's bytes. UserError if it is too long or damaged."""
        if self.packed:
            found = archive.read_member(self.name, member, MOST_TEXT + 1)
        else:
            with open(os.path.join(self.name, member), "rb") as file:
                found = file.read(MOST_TEXT + 1)
        if len(found) > MOST_TEXT:
            raise UserError(f"{self.path(member)} is longer than {MOST_TEXT >> 20} MiB: it is no product's metadata.")
        return found

    def beside(self, metadata: str, href: str) -> str:
        """The member that a metadata file names, relative to itself, in any case.

        UserError if it is missing, or if the name leads out of the product.
        """
        found = self.look(metadata, href)
        if found is None:
            raise UserError(
                f"{self.path(metadata)} names {href}, which is not there: the product is incomplete, fetch it again."
            )
        return found

    def look(self, metadata: str, href: str) -> str | None:
        """As ``beside``, but None if the file is missing. Raises UserError."""
        href = href.strip().replace("\\", "/")
        whole = posixpath.normpath(posixpath.join(posixpath.dirname(metadata), href))
        if href.startswith("/") or ":" in href or whole.startswith(".."):
            raise UserError(f"{self.path(metadata)} names {href!r}, a file outside of the product: fetch it again.")
        return {member.lower(): member for member in self.members}.get(whole.lower())


def open_shelf(path: str | os.PathLike[str]) -> Shelf | None:
    """The shelf of a folder, of an archive, or of the folder of a product's metadata file; None for anything else."""
    name = os.fspath(path)
    if os.path.isdir(name):
        return Shelf(name.rstrip("/") or "/", _walked(name))
    if not os.path.isfile(name):
        return None
    if archive.prefix_of(name):
        return Shelf(name, tuple(sorted(archive.members(name))), packed=True)
    if name.lower().endswith((".xml", ".til", ".imd", ".txt")):
        return open_shelf(Path(name).parent)
    return None


def _walked(root: str) -> tuple[str, ...]:
    """Files under a folder; links that lead out of it are left out."""
    real, found = os.path.realpath(root), []
    for folder, _, files in os.walk(root):
        for file in files:
            path = os.path.join(folder, file)
            if os.path.isfile(path) and os.path.realpath(path).startswith(os.path.join(real, "")):
                found.append(os.path.relpath(path, root).replace(os.sep, "/"))
        if len(found) > MOST_FILES:
            raise UserError(f"{root} holds more than {MOST_FILES:,} files: name the folder of one product.")
    return tuple(sorted(found))

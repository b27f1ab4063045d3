"""Local archives whose members GDAL reads in place, as /vsizip/scene.zip/B8.TIF or /vsitar/scene.tar/B8.TIF."""

from __future__ import annotations

import os
import posixpath
import tarfile
import zipfile
import zlib
from functools import lru_cache
from typing import Any

from anypan.raster.sidecars import PICTURES
from anypan.runtime.errors import UserError

ZIPS, TARS = (".zip",), (".tar", ".tar.gz", ".tgz")
PREFIXES = {"/vsizip/": ZIPS, "/vsitar/": TARS}
MOST_MEMBERS = 100_000
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError)
"""What reading an archive raises that is damaged, encrypted or of a kind that is not known."""
ALONE: dict[str, Any] = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
WITHOUT_NOTES: dict[str, Any] = {"GDAL_PAM_ENABLED": "NO"}


def prefix_of(path: str) -> str | None:
    """What GDAL wants before the path of an archive; None for a file that is none by its name."""
    return next((prefix for prefix, ends in PREFIXES.items() if path.lower().endswith(ends)), None)


def split(path: str) -> tuple[str, str] | None:
    """The archive, a plain local file, and the member that a /vsizip or /vsitar path names; None for other paths."""
    for prefix, ends in PREFIXES.items():
        inner = path.removeprefix(prefix)
        if inner == path or inner.lstrip("/").startswith("vsi"):
            continue
        archive, member = inner, ""
        while archive and not os.path.isfile(archive):
            archive, last = posixpath.split(archive.rstrip("/"))
            member = posixpath.join(last, member) if member else last
            if not last:
                return None
        if archive and member and archive.lower().endswith(ends):
            return archive, member
    return None


def names_archive(path: str) -> bool:
    """Whether a path is one within a local archive, by its beginning."""
    prefix = next((each for each in PREFIXES if path.startswith(each)), None)
    return prefix is not None and not path.removeprefix(prefix).lstrip("/").startswith("vsi")


def settings(archive: str, member: str) -> dict[str, Any]:
    """GDAL's, under which it opens no file that points out of the archive: no notes, no pictures beside a member."""
    stem = posixpath.splitext(member)[0].lower()
    beside = (name.lower() for name in members(archive))
    risky = any(name.startswith(stem) and name.endswith(PICTURES) for name in beside)
    return WITHOUT_NOTES | (ALONE if risky else {})


def members(archive: str) -> tuple[str, ...]:
    """The names of an archive's files; those that lead out of it are left out. UserError for what is no archive."""
    state = os.stat(archive)
    return _members(archive, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _members(archive: str, *_: int) -> tuple[str, ...]:
    names = [name for name in _listed(archive) if _inside(name)]
    if len(names) > MOST_MEMBERS:
        raise UserError(f"{archive} holds more than {MOST_MEMBERS:,} files: it is no product, so unpack what you need.")
    return tuple(names)


def _listed(archive: str) -> list[str]:
    try:
        if archive.lower().endswith(ZIPS):
            with zipfile.ZipFile(archive) as opened:
                return [info.filename for info in opened.infolist() if not info.is_dir()]
        with tarfile.open(archive) as opened:
            return [info.name.removeprefix("./") for info in opened if info.isfile()]
    except BROKEN as error:
        raise UserError(f"{archive} is no archive that can be read, or it is cut off: fetch it again.") from error


def _inside(name: str) -> bool:
    return not name.startswith("/") and "\\" not in name and ".." not in name.split("/")


def read_member(archive: str, member: str, most: int) -> bytes:
    """At most ``most`` bytes of a member. UserError if it is damaged or encrypted."""
    try:
        if archive.lower().endswith(ZIPS):
            with zipfile.ZipFile(archive) as opened, opened.open(member) as file:
                return file.read(most)
        with tarfile.open(archive) as opened:
            known = {info.name.removeprefix("./"): info for info in opened}
            file = opened.extractfile(known[member])
            return file.read(most) if file else b""
    except BROKEN as error:
        raise UserError(f"{member} in {archive} cannot be read: it is damaged or encrypted, so unpack it.") from error

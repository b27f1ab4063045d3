"""Local archives whose members GDAL reads in place, as /vsizip/scene.zip/B8.TIF or /vsitar/scene.tar/B8.TIF."""

from __future__ import annotations

import os
import posixpath
import tarfile
import zipfile
import zlib
from functools import lru_cache

from anypan.raster.sidecars import check_sidecar, sidecars_of
from anypan.runtime.errors import UserError

ZIPS, TARS = (".zip",), (".tar", ".tar.gz", ".tgz")
PREFIXES = {"/vsizip/": ZIPS, "/vsitar/": TARS}
MOST_MEMBERS = 100_000
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError)
"""What reading an archive raises that is damaged, encrypted or of a kind that is not known."""


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
        if inner.startswith("{") and "}" in inner:  # GDAL's way to set an archive's name off
            archive, _, member = inner[1:].partition("}")
            member = member.lstrip("/")
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


def check_beside(archive: str, member: str) -> None:
    """UserError if what lies beside a member points at other files; GDAL opens it without being asked."""
    prefix, (folder, name) = prefix_of(archive), posixpath.split(member)
    others = (posixpath.basename(each) for each in members(archive) if posixpath.dirname(each) == folder)
    for other in sidecars_of(name, others):
        side = posixpath.join(folder, other)
        check_sidecar(f"{prefix}{archive}/{side}", lambda most, side=side: read_member(archive, side, most))


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

"""The place of an output: who writes there, what is left from who was killed there, and how a file gets its name."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from anypan.runtime.errors import UserError

PREFIX = 40  # letters of the output's name in that of its folder: names are short of 256 bytes
TRIES = 3  # to take a place that others give free at the same moment
LOCK = "lock"


def real_place(path: str | os.PathLike[str]) -> Path:
    """Where a file of this name is written: links are followed, so that they stay. UserError for what is no file."""
    try:
        place = Path(os.path.realpath(path))
        kind = place.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return place
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be written ({reason}): name another file.") from error
    if stat.S_ISDIR(kind):
        raise UserError(f"{path} is a folder: name a file in it for the output.")
    if not stat.S_ISREG(kind):
        raise UserError(f"{path} is a pipe or a device, which would be lost: name a file for the output.")
    return place


def check_free(path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """UserError, before the work, where a file lies at ``path`` that is not to be replaced."""
    if os.path.exists(path) and not overwrite:
        raise UserError(f"{path} exists already: name another file, or pass --overwrite (overwrite=True in Python).")


class Claim:
    """A hidden folder beside an output that one process holds; what a killed process left in it is removed.

    Raises UserError if another process is writing the same output, with the sentence ``busy`` if there is one. OSError
    if the folder cannot be made.
    """

    def __init__(self, path: Path, busy: str = "") -> None:
        mark = hashlib.sha256(path.name.encode(errors="surrogatepass")).hexdigest()[:8]
        self.folder = path.absolute().parent / f".{path.name[:PREFIX]}.{mark}"
        self._lock = FileLock(self.folder / LOCK, timeout=0)
        for _ in range(TRIES):
            with suppress(FileExistsError):
                self.folder.mkdir()
            if self._held():
                self._empty()
                return
        raise UserError(busy or f"{path} is being written by another process: wait for it, or name another file.")

    def _held(self) -> bool:
        """Take the lock; false if another has it, or it is one that its holder has removed meanwhile."""
        try:
            self._lock.acquire()
        except (Timeout, FileNotFoundError, FileExistsError):
            return False
        with suppress(Timeout, FileNotFoundError, FileExistsError):
            with FileLock(self.folder / LOCK, timeout=0):
                pass
            self._lock.release()  # what is there now is another file, or none
            return False
        return True

    def _empty(self) -> None:
        for left in self.folder.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            elif left.name != LOCK:
                left.unlink(missing_ok=True)

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Remove the folder, and give the place free; who takes it meanwhile makes a lock, and thereby keeps it."""
        if not self._lock.is_locked:
            return
        with suppress(OSError):
            self._empty()
            (self.folder / LOCK).unlink()
            self.folder.rmdir()
        self._lock.release()
        if os.name == "nt":  # where an open file stays
            shutil.rmtree(self.folder, ignore_errors=True)


def sweep(path: Path) -> None:
    """Remove what a process that was killed has left of an output. UserError if another is writing it."""
    claim = Claim(real_place(path))
    claim.release()


@contextmanager
def drafted(path: str | os.PathLike[str], overwrite: bool = True) -> Iterator[Path]:
    """A file or folder to write, which takes the name ``path`` at the end, or is gone if that is not reached.

    UserError if another process is writing there, or without ``overwrite`` if something has appeared there meanwhile;
    OSError if the disk does not do.
    """
    place = real_place(path)
    with Claim(place) as claim:
        draft = claim.folder / "draft"
        yield draft
        put_in_place(draft, place, overwrite)


def put_in_place(made: Path, path: Path, overwrite: bool) -> None:
    """Give a finished file or folder its name. Without ``overwrite`` what has appeared there is kept: UserError."""
    if made.is_dir():
        _put_folder(made, path, overwrite)
        return
    if overwrite:
        os.replace(made, path)
        return
    try:
        os.link(made, path)
    except FileExistsError as error:
        raise UserError(f"{path} has appeared meanwhile, and was kept: name another file for the output.") from error
    except OSError:  # a file system without hard links
        _create_and_replace(made, path)


def _put_folder(made: Path, path: Path, overwrite: bool) -> None:
    """What it replaces moves aside first, back if that was all, and goes with the claim's folder."""
    old = made.with_name("old")
    if path.exists():
        if not overwrite:
            raise UserError(f"{path} has appeared meanwhile, and was kept: name another file for the output.")
        os.rename(path, old)
    try:
        os.rename(made, path)
    except OSError:
        if old.exists():
            os.rename(old, path)
        raise


def _create_and_replace(made: Path, path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError as error:
        raise UserError(f"{path} has appeared meanwhile, and was kept: name another file for the output.") from error
    os.replace(made, path)

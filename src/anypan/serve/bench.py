"""The one fusion that the page is about: its files in a temporary folder, its state, its result."""

from __future__ import annotations

import shutil
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from anypan.api import fuse
from anypan.batch.manifest import read_manifest
from anypan.raster.archive import BROKEN
from anypan.runtime.errors import UserError

INPUTS = {"pan": "pan.tif", "ms": "ms.tif", "zip": "pair.zip"}  # names of this side's choice, whatever was uploaded
RESULT, PAGE = "fused.tif", "report.html"
PIECE = 2**20
WAIT = 10.0  # seconds that a question for news is held
MOST_MEMBERS = 1000  # of a zip


@dataclass(frozen=True)
class State:
    """``phase``: empty, working, done or failed; tiles ``done`` of ``total``; a sentence to show."""

    number: int = 0
    phase: str = "empty"
    done: int = 0
    total: int = 0
    said: str = ""


class Bench:
    """Holds one fusion at a time; to be closed. ``limit``: bytes of an upload, and of what a zip unpacks to."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._folder = Path(tempfile.mkdtemp(prefix="anypan-"))
        self._state = State()
        self._news = threading.Condition()
        self._files = threading.Lock()

    def close(self) -> None:
        """Remove all files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def state(self) -> State:
        """As it is now."""
        return self._state

    def news(self, since: int) -> State:
        """The state once it is another than number ``since``, or after some seconds."""
        with self._news:
            self._news.wait_for(lambda: self._state.number != since, WAIT)
            return self._state

    def take(self, kind: str, stream: BinaryIO, size: int) -> None:
        """An upload of ``size`` bytes. UserError while a fusion is at work, or if it ends early."""
        with self._idle():
            place = self._folder / INPUTS[kind]
            for other in ("pan", "ms") if kind == "zip" else ("zip",):
                (self._folder / INPUTS[other]).unlink(missing_ok=True)
            left = size
            try:
                with place.open("wb") as file:
                    while left and (piece := stream.read(min(PIECE, left))):
                        file.write(piece)
                        left -= len(piece)
            except OSError as problem:
                place.unlink(missing_ok=True)
                raise UserError(f"The upload was not kept ({problem.strerror or problem}): try again.") from problem
            if left:
                place.unlink()
                raise UserError("The upload ended early: try again.")

    def start(self, method: str) -> None:
        """Begin to fuse what was uploaded. UserError while another fusion is at work."""
        with self._idle():
            self._say(phase="working", done=0, total=0, said="aligning")
        threading.Thread(target=self._work, args=(method,), daemon=True).start()

    def result(self, name: str) -> Path | None:
        """A finished file, RESULT or PAGE."""
        path = self._folder / name
        return path if self._state.phase == "done" and path.is_file() else None

    @contextmanager
    def _idle(self) -> Iterator[None]:
        """The files, for one request at a time. UserError while a fusion reads them."""
        with self._files:
            if self._state.phase == "working":
                raise UserError("A fusion is at work: wait for it.")
            yield

    def _work(self, method: str) -> None:
        try:
            pan, ms = self._pair()
            for name in (RESULT, PAGE):
                (self._folder / name).unlink(missing_ok=True)
            step = {"progress": lambda done, total: self._say(done=done, total=total, said="fusing")}
            report = fuse(pan, ms, self._folder / RESULT, method, **step)  # type: ignore[arg-type]
            self._say(said="measuring and drawing")
            _draw(pan, ms, report, self._folder / PAGE)
            size = f"{report.grid.shape[1]} x {report.grid.shape[0]} pixels, {len(report.bands)} bands"
            drawn = "" if (self._folder / PAGE).is_file() else ", without a page"
            self._say(phase="done", said=f"{size}, by {report.method} in {report.seconds:.1f} s{drawn}")
        except UserError as problem:
            self._say(phase="failed", said=str(problem).replace(f"{self._folder}/", ""))
        except Exception as problem:  # a page that waits has to learn of it
            self._say(phase="failed", said=f"{type(problem).__name__}: {problem}")

    def _say(self, **changes: Any) -> None:
        with self._news:
            self._state = replace(self._state, number=self._state.number + 1, **changes)
            self._news.notify_all()

    def _pair(self) -> tuple[str, str]:
        """The PAN and the MS: as uploaded, or the one pair in the zip."""
        archive = self._folder / INPUTS["zip"]
        if not archive.exists():
            pan, ms = (self._folder / INPUTS[kind] for kind in ("pan", "ms"))
            for what, path in (("PAN", pan), ("MS", ms)):
                if not path.exists():
                    raise UserError(f"There is no {what} yet: drop its file on the page.")
            return str(pan), str(ms)
        inside = self._folder / "unpacked"
        shutil.rmtree(inside, ignore_errors=True)
        inside.mkdir()
        unpack(archive, inside, self.limit)
        if not any(inside.iterdir()):
            raise UserError("The zip holds no files: put a PAN and an MS into it.")
        try:
            jobs = read_manifest(inside).jobs
        except UserError as error:
            raise UserError("The zip holds no pair: put one file that ends in pan and one in ms into it.") from error
        if len(jobs) != 1:
            raise UserError(f"The zip holds {len(jobs)} pairs: put one file that ends in pan and one in ms into it.")
        if not jobs[0].ms:
            raise UserError("The zip holds a product: use anypan fuse, or put its PAN and one file of its MS into it.")
        return jobs[0].pan, jobs[0].ms[0]


def unpack(archive: Path, folder: Path, limit: int) -> None:
    """The files of a zip into a folder, each under its last name. UserError for a broken one, or one that is too large.

    Nothing is believed of what the zip says of sizes and places: bytes are counted, folders are dropped.
    """
    left = limit
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            if len(members) > MOST_MEMBERS:
                raise UserError(f"The zip holds {len(members):,} files: put a PAN and an MS into it.")
            for member in members:
                name = Path(member.filename.replace("\\", "/")).name
                if name.startswith(".") or not name or "__MACOSX" in member.filename:  # a Mac's notes on each file
                    continue
                if (folder / name).exists():
                    raise UserError(f"The zip holds two files called {name}: put one PAN and one MS into it.")
                with packed.open(member) as source, (folder / name).open("wb") as file:
                    while piece := source.read(PIECE):
                        left -= len(piece)
                        if left < 0:
                            raise UserError(f"The zip unpacks to more than {limit:,} bytes: use anypan fuse.")
                        file.write(piece)
    except BROKEN as problem:
        raise UserError(f"The zip cannot be unpacked ({problem}): make it anew.") from problem


def _draw(pan: str, ms: str, report: Any, page: Path) -> None:
    """The page to look at; a fusion that cannot be judged is a fusion all the same."""
    from anypan.judging import gallery

    with suppress(Exception):  # whatever keeps it from being drawn, a full disk among them
        gallery.page(pan, [ms], report, page)

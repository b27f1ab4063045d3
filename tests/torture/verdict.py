"""One command in a process of its own, and whether it did right: a good result, or one sentence and no trace."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import multiprocessing
import os
import re
import resource
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

LIMIT = 60.0  # seconds of processor time that a case may take
ROOM = 2**30  # bytes of address space that a case may take on top of what the process has
NEW_USER, NEW_NET = 0x10000000, 0x40000000  # of unshare(2): a namespace without any network
SENTENCE = re.compile(r"^error: [^\n]+\.\n$")


@dataclass(frozen=True)
class Told:
    """How a command ended: its exit code, or -signal; what it said on stderr."""

    code: int
    said: str

    @property
    def refused(self) -> bool:
        """It ended with one sentence on what to mend."""
        return self.code in (1, 2) and bool(SENTENCE.match(_quiet(self.said)))


def _quiet(said: str) -> str:
    """What was said, without the lines of progress."""
    return "".join(line for line in said.splitlines(keepends=True) if not re.match(r"\w+ \d+ % \(", line))


def command(arguments: Sequence[str | bytes]) -> Told:
    """Run anypan with these arguments in this process."""
    from anypan.cli import cli

    found = CliRunner().invoke(cli, [os.fsdecode(each) for each in arguments])
    unforeseen = found.exception if not isinstance(found.exception, SystemExit) else None
    return Told(99 if unforeseen else found.exit_code, f"{unforeseen!r}" if unforeseen else found.stderr)


def forked(work: Callable[[], str], room: int | None = ROOM, limit: float = LIMIT) -> str:
    """What ``work`` returns, from a child of this process without a network; "died of ..." if the child did."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        _child(work, writes, room, limit)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        text = _all(pipe, child, 10 * limit)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"died of {signal.Signals(os.WTERMSIG(status)).name}"
    return text.decode(errors="replace") or f"ended with {os.waitstatus_to_exitcode(status)} and no word"


def _all(pipe: io.BufferedReader, child: int, limit: float) -> bytes:
    end, text = time.monotonic() + limit, b""
    while time.monotonic() < end:
        if select.select([pipe], [], [], 1)[0]:
            part = os.read(pipe.fileno(), 2**16)
            if not part:
                return text
            text += part
    os.kill(child, signal.SIGKILL)
    return text


def _child(work: Callable[[], str], writes: int, room: int | None, limit: float) -> None:
    code = 1
    try:
        multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # it may have workers
        ctypes.CDLL(None).unshare(NEW_USER | NEW_NET)  # where the system does not let us, the network stays
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if room is not None:
            most = _address_space() + room
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            text = work()
        os.write(writes, text.encode(errors="replace")[:60_000] or b" ")
        code = 0
    except BaseException as error:
        os.write(writes, f"torture itself: {type(error).__name__}: {error}".encode(errors="replace")[:2000])
    finally:
        os._exit(code)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def traces(folder: Path, before: set[str]) -> list[str]:
    """The names of files in a folder that were not there before."""
    return sorted(name for name in _names(folder) if name not in before)


def _names(folder: Path) -> set[str]:
    return {os.path.relpath(os.path.join(place, name), folder) for place, _, files in os.walk(folder) for name in files}


def names(folder: Path) -> set[str]:
    """The files below a folder, by their paths from there."""
    return _names(folder)


def said(what: str, **more: object) -> str:
    """A verdict: "right", "refused" or "wrong: why", and what else is worth keeping."""
    return json.dumps({"verdict": what, **more})


def wrong(reason: str) -> str:
    """The verdict that something is wrong."""
    return said(f"wrong: {reason[:300]}")


def refused_or_wrong(told: Told, folder: Path, before: set[str]) -> str:
    """Of a command that did not end well: right only as one sentence without a trace."""
    if not told.refused:
        return wrong(f"exit {told.code}, said {told.said[-200:]!r}")
    left = traces(folder, before)
    return wrong(f"refused, but left {left[:4]}") if left else said("refused")

"""The command line of a run, its progress, its end and its cancelling. Nothing here needs QGIS."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PROGRESS = re.compile(r"fusing (\d+) % \(\d+ of \d+\)")
OURS = ("PYTHONHOME", "PYTHONPATH", "GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_LIB", "PROJ_DATA")
"""What QGIS sets for its own Python, GDAL and PROJ, and what would lead those of anypan astray."""
LOOK, PATIENCE = 0.2, 10.0  # seconds between looks whether to cancel, and for which an end is waited for


class Failed(Exception):
    """The command could not be run, or said why it did not do its work: one sentence."""


@dataclass(frozen=True)
class Wish:
    """``inputs``: PAN and MS files, or one product. ``orthorectify``: whether to, or with which elevation model."""

    inputs: tuple[str, ...]
    out: str
    method: str = ""
    bands: str = ""
    sensor: str = ""
    dtype: str = ""
    register: bool = True
    orthorectify: bool | str = False


def words(program: str, wish: Wish) -> list[str]:
    """The words of the call; names of files stand behind ``--``, so that none is taken for an option."""
    options = {"--method": wish.method, "--bands": wish.bands, "--sensor": wish.sensor, "--dtype": wish.dtype}
    named = [f"{name}={value.strip()}" for name, value in options.items() if value.strip()]
    if not wish.register:
        named.append("--no-register")
    if wish.orthorectify:
        model = f"={wish.orthorectify}" if isinstance(wish.orthorectify, str) else ""
        named.append(f"--orthorectify{model}")
    return [program, "fuse", "--overwrite", *named, "--", *wish.inputs, wish.out]


def percent(line: str) -> int | None:
    """How much is done by a line of the command's, None if it says nothing of it."""
    found = PROGRESS.match(line)
    return int(found[1]) if found else None


def run(
    call: Sequence[str],
    say: Callable[[str], None],
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> None:
    """Run the command to its end, or end it when ``cancelled``. Raises Failed with the last sentence that it said."""
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    hidden = {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}
    try:
        process = subprocess.Popen(call, env=clean, text=True, encoding="utf-8", errors="replace", **pipes, **hidden)
    except OSError as problem:
        raise Failed(f"{call[0]} cannot be run ({problem.strerror}): install anypan, or give its path.") from problem
    lines: list[str] = []
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    told = 0
    while process.poll() is None and not cancelled():
        time.sleep(LOOK)
        told = _tell(lines, told, say, progress)
    stopped = process.poll() is None
    if stopped:
        _end(process)
    reader.join(PATIENCE)
    _tell(lines, told, say, progress)
    if process.returncode and not stopped:
        raise Failed(next((line for line in reversed(lines) if line and percent(line) is None), "anypan failed."))


def _read(process: subprocess.Popen, lines: list[str]) -> None:
    assert process.stdout is not None
    with process.stdout as said:
        lines.extend(line.rstrip() for line in said)


def _tell(lines: list[str], told: int, say: Callable[[str], None], progress: Callable[[float], None]) -> int:
    """Pass on what has been said since; how many lines that makes in all."""
    new = lines[told:]
    for line in new:
        done = percent(line)
        if done is None:
            say(line)
        else:
            progress(float(done))
    return told + len(new)


def _end(process: subprocess.Popen) -> None:
    """Ask it to end, so that it removes what it has begun, and end it if it does not."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

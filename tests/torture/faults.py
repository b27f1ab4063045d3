"""What kills, a full disk and a second writer leave: the output before, the whole new one, or none; never a part."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import rasterio
from verdict import command, forked, names, said, wrong

JOBS: dict[str, tuple[str, ...]] = {
    "fuse": ("fuse", "{pan}", "{ms}", "{here}/out.tif", "-m", "GSA", "--tile", "64", "-q", "--overwrite"),
    "fuse with report and uncertainty": (
        *("fuse", "{pan}", "{ms}", "{here}/out.tif", "-m", "GSA", "--tile", "64", "-q", "--overwrite"),
        *("--report", "{here}/page.html", "--uncertainty", "{here}/widths.tif"),
    ),
    "benchmark": ("benchmark", "{scene}", "-m", "EXP", "-m", "GSA", "-o", "{here}/rows.jsonl", "--resume", "-q"),
    "pretrain": ("pretrain", "{here}/run.toml", "-q"),
    "adapt": (
        "adapt",
        "{pan}",
        "{ms}",
        "-o",
        "{here}/w.safetensors",
        "--weights",
        "{w}",
        "--steps",
        "3",
        "-q",
        "--overwrite",
    ),
}
RECIPE = """out = "run"
architecture = "PNN"
[model]
bands = 4
first = 4
second = 4
[[sources]]
kind = "landscapes"
count = 2
size = 256
[train]
steps = 4
scenes = 1
patches = 1
log_every = 1
validate_every = 2
validation_batches = 1
[simulation]
ratios = {4 = 1.0}
bands = {4 = 1.0}
reductions = {1 = 1.0}
"""
KEPT = ("run.toml",)
SAME = (".tif", ".safetensors")  # files whose bytes do not depend on when they were made


def kill(job: str, moment: float, folder: Path) -> str:
    """Kill -9 after a share of the time that the job takes; what is there is whole, and the next run puts all right."""
    (folder / "run.toml").write_text(RECIPE)
    begun = time.monotonic()
    whole = forked(lambda: _done(job, folder), room=None, limit=300)
    spent = time.monotonic() - begun
    if whole != "0":
        return wrong(f"the job itself: {whole}")
    reference = _state(folder)
    for name in names(folder) - set(KEPT):
        (folder / name).unlink()
    killed = os.fork()
    if not killed:
        _run(job, folder)
        os._exit(0)
    time.sleep(spent * moment)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    broken = _broken(folder)
    if broken:
        return wrong(f"killed at {moment:.2f}: {broken}")
    again = forked(lambda: _done(job, folder), room=None, limit=300)
    if again != "0":
        return wrong(f"killed at {moment:.2f}, the next run: {again}")
    state = _state(folder)
    differ = set(state) ^ set(reference)
    differ |= {name for name in state if name.endswith(SAME) and state[name] != reference.get(name)}
    if differ:
        return wrong(f"killed at {moment:.2f}: {sorted(differ)} differ after the next run")
    return said("right")


def full(job: str, size: int, folder: Path) -> str:
    """No file may grow beyond ``size`` bytes, as on a full disk: done whole, or one sentence and nothing."""
    (folder / "run.toml").write_text(RECIPE)
    before = names(folder)

    def work() -> str:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        told = command(_arguments(job, folder))
        return "0" if told.code == 0 else f"{'refused' if told.refused else 'wrong'} {told.code} {told.said[-300:]}"

    ended, broken = forked(work, room=None, limit=300), _broken(folder)
    left = [name for name in names(folder) - before if os.path.basename(name).startswith(".") or "/." in f"/{name}"]
    if broken or left or not ended.startswith(("0", "refused")):
        return wrong(f"{size} bytes: {ended!r} {broken} {left}")
    return said("right" if ended == "0" else "refused")


def two(job: str, folder: Path) -> str:
    """Two at once on one output, both begun at the same moment: what is there is one's, and the other says so."""
    (folder / "run.toml").write_text(RECIPE)
    start = time.monotonic() + 0.5
    children = []
    for number in range(2):
        child = os.fork()
        if not child:
            time.sleep(max(0.0, start - time.monotonic()))
            told = command([word for word in _arguments(job, folder) if word != "--overwrite"])
            (folder / f"told{number}").write_text(f"{told.code} {told.refused} {told.said[-200:]}")
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    ends = [(folder / f"told{n}").read_text() for n in range(2)]
    good = sum(end.startswith("0 ") for end in ends)
    broken = _broken(folder)
    if broken or not all(end.startswith("0 ") or " True " in end for end in ends) or good < 1:
        return wrong(f"{ends} {broken}")
    if good == 2 and job.startswith("fuse"):
        return wrong("both say that they wrote it")
    return said("right")


def _arguments(job: str, folder: Path) -> Sequence[str]:
    root = folder.parent / "pair"
    files = {"pan": root / "pan.tif", "ms": root / "ms.tif", "w": root / "w.safetensors"}
    return [word.format(here=folder, scene=root / "scene", **files) for word in JOBS[job]]


def _run(job: str, folder: Path) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    command(_arguments(job, folder))


def _done(job: str, folder: Path) -> str:
    told = command(_arguments(job, folder))
    return "0" if told.code == 0 else f"{told.code} {told.said[-300:]}"


def _state(folder: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in names(folder)
        if not name.startswith("told")
    }


def _broken(folder: Path) -> str:
    """What is there under its final name and is not whole."""
    for name in names(folder):
        if "/." in f"/{name}":
            continue  # a draft
        path = folder / name
        try:
            if name.endswith(".tif"):
                with rasterio.open(path) as file:
                    file.read()
            elif name.endswith(".html") and not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
                return f"half of {name}"
            elif name.endswith(".safetensors"):
                from safetensors import safe_open

                with safe_open(path, framework="pt") as file:
                    list(file.keys())
        except Exception as error:
            return f"{name}: {error}"
    return ""

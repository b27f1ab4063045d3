"""Torture: hostile and odd inputs, random geometries, mutated files, kills, full disks; a table of what went wrong.

    python tests/torture/run.py                  all, going on where it was stopped; writes results/trust/torture.jsonl
    python tests/torture/run.py --slice 150      so many seconds of it, evenly over the kinds; writes nothing
    python tests/torture/run.py --only tiff --number 17     one case again, with what it says

Each case has its number and its seed, and runs in a child of a warm process, without a network, with 1 GiB of address
space on top of what the process has and 60 s of processor time, but for the kinds of faults. Right: the command ends
well and its result is what it must be; or it ends with one sentence, exit code 1 or 2, and leaves nothing.
Anything else, exit code 70 among it, is wrong, and the script ends with 1.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faults
import geometries
import mutated
import odd
from verdict import forked

ROOT = Path(__file__).resolve().parents[2]
STATE, RESULTS = ROOT / "work" / "torture.jsonl", ROOT / "results" / "trust" / "torture.jsonl"
SEED = 20261128
MOMENTS, SIZES, TWICE = 20, (0, 1000, 4000, 10_000, 20_000, 40_000, 60_000, 80_000, 120_000, 200_000), 10


@dataclass(frozen=True)
class Kind:
    """A kind of torture: what it is, how many cases, and the verdict on one; ``fork``: a case is a child's work."""

    what: str
    count: int
    case: Callable[[int, Path], str]
    fork: bool = True


def _rng(kind: str, number: int) -> random.Random:
    return random.Random(f"{SEED}/{kind}/{number}")


def _base() -> bytes:
    return (ROOT / "work" / "torture" / "pair" / "w.safetensors").read_bytes()


def _odd(number: int, folder: Path) -> str:
    shutil.copytree(ROOT / "work" / "torture" / "pair", folder, dirs_exist_ok=True)
    (folder / "w.safetensors").unlink()
    os.chdir(folder)  # for names that are taken for files of the folder one is in
    return odd.odd(*odd.CASES[number], folder)


KINDS: dict[str, Kind] = {
    "odd": Kind("odd places, names and values in every slot of every command", len(odd.CASES), _odd),
    "geometry": Kind(
        "random geometries, against a plane", 2000, lambda n, folder: geometries.geometry(_rng("geometry", n), folder)
    ),
    "tiff": Kind("TIFFs with bytes replaced", 5000, lambda n, folder: mutated.tiff(_rng("tiff", n), folder)),
    "weights": Kind(
        "weight files with bytes, sizes and words replaced",
        300,
        lambda n, folder: mutated.weights(_rng("weights", n), folder, _base()),
    ),
    "rows": Kind("files of rows, likewise", 300, lambda n, folder: mutated.rows(_rng("rows", n), folder)),
    "toml": Kind("recipes, likewise", 300, lambda n, folder: mutated.toml(_rng("toml", n), folder)),
    "full": Kind(
        "a disk that is full at ten sizes, for each of five commands",
        len(SIZES) * len(faults.JOBS),
        lambda n, folder: faults.full(list(faults.JOBS)[n % len(faults.JOBS)], SIZES[n // len(faults.JOBS)], folder),
        fork=False,
    ),
    "kill": Kind(
        "kill -9 at twenty moments of each of five commands",
        MOMENTS * len(faults.JOBS),
        lambda n, folder: faults.kill(
            list(faults.JOBS)[n % len(faults.JOBS)], (n // len(faults.JOBS) + 0.5) / MOMENTS, folder
        ),
        fork=False,
    ),
    "two": Kind(
        "two writers of one output, begun at once",
        TWICE * len(faults.JOBS),
        lambda n, folder: faults.two(list(faults.JOBS)[n % len(faults.JOBS)], folder),
        fork=False,
    ),
}


def one(kind: str, number: int) -> dict[str, object]:
    """The row of one case, run in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=ROOT / "work" / "torture") as place:
        folder, of = Path(place), KINDS[kind]
        begun = time.monotonic()
        text = forked(lambda: of.case(number, folder)) if of.fork else of.case(number, folder)
    try:
        found = json.loads(text)
    except ValueError:
        found = {"verdict": f"wrong: {text[:300]}"}
    return {"kind": kind, "number": number, **found, "seconds": round(time.monotonic() - begun, 2)}


def every(limit: float | None, done: set[tuple[str, int]], only: str | None) -> Iterator[tuple[str, int]]:
    """Cases that are not done, evenly over the kinds, in an order that the seed decides."""
    share = {
        (kind, n): _rng(f"order {kind}", n).random()
        for kind, of in KINDS.items()
        for n in range(of.count)
        if (kind, n) not in done and only in (None, kind)
    }
    end = time.monotonic() + (limit or 10**9)
    for case in sorted(share, key=lambda case: share[case] * _weight(KINDS[case[0]])):
        if time.monotonic() > end:
            return
        yield case


def _weight(of: Kind) -> float:
    """All kinds come as often, but for faults, which take seconds each."""
    return of.count * (1 if of.fork else 60)


def prepare() -> None:
    """A pair, a scene and small weights that many cases share; modules are loaded before there are children."""
    sys.path.insert(0, str(ROOT / "tests"))
    import torch
    from networks import SMALL, network_of
    from pairs import landscape, write_pair

    import anypan.api
    import anypan.judging
    import anypan.train
    from anypan.cli import cli
    from anypan.models import ARCHITECTURES
    from anypan.weights import save

    assert cli and anypan.api and anypan.judging and anypan.train
    torch.set_num_threads(1)
    pair = ROOT / "work" / "torture" / "pair"
    shutil.rmtree(pair.parent, ignore_errors=True)
    (pair / "scene").mkdir(parents=True)
    pan, ms = (image.astype("u2") for image in landscape(160, 160))
    for folder in (pair, pair / "scene"):
        write_pair(folder, pan, ms)
    config = ARCHITECTURES["anypan-s"].config(**SMALL["anypan-s"])
    save(pair / "w.safetensors", network_of("anypan-s").state_dict(), "anypan-s", config)


def summary(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """A row for each kind, and one for each case that is wrong."""
    out: list[dict[str, object]] = []
    for kind, of in KINDS.items():
        found = [row for row in rows if row["kind"] == kind]
        ends = [str(row["verdict"]) for row in found]
        bad = [end for end in ends if end.startswith("wrong")]
        row = {"kind": kind, "what": of.what, "of": of.count, "tried": len(found), "right": ends.count("right")}
        out.append(row | {"refused": ends.count("refused"), "wrong": len(bad), "seed": SEED})
    return out


def main() -> int:
    """What the file's own docstring says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slice", type=float, metavar="SECONDS")
    parser.add_argument("--seconds", type=float, help="stop after so many, to go on another time")
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--number", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    prepare()
    if given.number is not None:
        print(json.dumps(one(given.only, given.number), indent=1))
        return 0
    rows = [] if given.slice or not STATE.exists() else [json.loads(line) for line in STATE.read_text().splitlines()]
    done = {(str(row["kind"]), int(row["number"])) for row in rows}  # type: ignore[call-overload]
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool, STATE.open("a") as state:
        for row in _windowed(pool, every(given.slice or given.seconds, done, given.only), given.jobs):
            rows.append(row)
            if not given.slice:
                state.write(json.dumps(row) + "\n")
                state.flush()
            if str(row["verdict"]).startswith("wrong"):
                print(json.dumps(row), flush=True)
    table = summary(rows)
    for line in table:
        print(
            f"{line['kind']:10} tried {line['tried']:5} right {line['right']:5} refused {line['refused']:5}"
            f" wrong {line['wrong']:3}"
        )
    if not given.slice:
        RESULTS.write_text("".join(json.dumps(row) + "\n" for row in table))
    return int(any(line["wrong"] for line in table))


def _windowed(pool: Any, cases: Iterator[tuple[str, int]], jobs: int) -> Iterator[dict[str, object]]:
    """Results as they come, with few cases waiting, so that a limit of time holds."""
    waiting = []
    for case in cases:
        waiting.append(pool.apply_async(one, case))
        if len(waiting) > 2 * jobs:
            yield waiting.pop(0).get()
    for each in waiting:
        yield each.get()


if __name__ == "__main__":
    sys.exit(main())

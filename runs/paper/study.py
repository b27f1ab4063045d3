"""The study of the paper, cell by cell: train, judge on real scenes, append the rows. Stop and start it as you like.

python runs/paper/study.py runs/paper/study.toml --budget smoke|cpu|gpu|open [--cells PATTERN] [--list] [--minutes M]

It says first what it will take, from the rows that it has of this device, else from guesses, and says which. A cell
whose rows are in the file is not repeated; a training that was stopped goes on. Any single cell: --cells NAME, a name
of --list; patterns are those of file names, as 'A/*' or '*/seed1'. Weights and images are kept in --work. docs/paper.md
shows the result: python runs/paper/page.py
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from fnmatch import fnmatch
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from cells import BUDGETS, Cell, Study, cells, cost, read, recipe
from judging import about, judged, rows_of, scenes_of
from training import OutOfTime, train

import anypan
from anypan import __version__
from anypan.judging.readers.entry import Entry
from anypan.methods.neural import neural
from anypan.runtime.claim import Claim, drafted
from anypan.runtime.errors import UserError
from anypan.train import Diverged

Row = dict[str, Any]
HOUR = 3600


def main() -> None:
    """Run, or list, the cells that have no rows yet."""
    wanted = _arguments()
    study = read(wanted.study, wanted.budget)
    device = wanted.device or study.device
    torch.set_flush_denormal(True)  # scans decay into numbers with which a processor takes five times as long
    if wanted.threads:
        torch.set_num_threads(wanted.threads)
    chosen = [cell for cell in cells(study) if any(fnmatch(cell.name, pattern) for pattern in wanted.cells)]
    if not chosen:
        raise UserError(f"No cell is called like {' or '.join(wanted.cells)}: see them with --list.")
    out = Path(wanted.out or f"results/study/{study.budget}.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    with nullcontext() if wanted.list else Claim(out):
        rows = whole(out)
        if not wanted.list:
            keep(rows := made_so(rows, study), out)
        left = [cell for cell in chosen if not is_done(cell, study, rows)]
        for line in estimate(chosen, left, study, pace(rows, device), wanted.list):
            print(line, flush=True)
        if not wanted.list and left:
            work = Path(wanted.work or Path("work") / "study" / study.budget)
            run_all(left, study, work, out, device, wanted.minutes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a TOML file as study.toml")
    parser.add_argument("--budget", choices=BUDGETS, default="cpu")
    parser.add_argument("--out", help="rows are appended here (results/study/BUDGET.jsonl)")
    parser.add_argument("--cells", nargs="+", default=["*"], metavar="PATTERN", help="only cells called so")
    parser.add_argument("--list", action="store_true", help="print the cells and what they will take, run nothing")
    parser.add_argument("--minutes", type=float, help="end this sitting after so long; the same command goes on")
    parser.add_argument("--device", help="instead of the budget's")
    parser.add_argument("--threads", type=int, default=0, help="on a CPU; 0 leaves it to torch")
    parser.add_argument("--work", help="folder for weights and images (work/study/BUDGET)")
    return parser.parse_args()


def run_all(left: Sequence[Cell], study: Study, work: Path, out: Path, device: str, minutes: float | None) -> None:
    """Every cell that is left, until the time is up."""
    until = time.monotonic() + 60 * minutes if minutes else float("inf")
    work.mkdir(parents=True, exist_ok=True)
    scenes = scenes_of(study, work)
    able = [cell for cell in left if can_run(cell, study, scenes)]
    if machine(device) != next((row["about"] for row in reversed(whole(out)) if "about" in row), None):
        append([{"about": machine(device)}], out)
    for number, cell in enumerate(able, 1):
        try:
            rows = run(cell, study, scenes, work, device, until)
        except OutOfTime:
            print(f"time is up in {cell.name}: the same command goes on", flush=True)
            return
        append(rows, out)
        print(f"{number} of {len(able)}  {said(cell, rows)}", flush=True)
        if time.monotonic() > until:
            print("time is up: the same command goes on", flush=True)
            return


def run(cell: Cell, study: Study, scenes: dict[str, Entry], work: Path, device: str, until: float) -> list[Row]:
    """The rows of a cell, one with ``error`` if its training diverged. Raises OutOfTime."""
    try:
        path, spent = train(cell, study, scenes, work, device, until)
        kept = path.with_suffix(".rows")
        rows = rows_of(cell, neural(path), spent, study, judged(cell, study, scenes), device, kept, until)
    except Diverged as error:
        rows = [about(cell, study) | {"rows": 1, "error": str(error)}]
    rows[0]["device"] = device
    return rows


def machine(device: str) -> Row:
    """What the rows that follow were made on and with, once for all of them."""
    card = torch.cuda.get_device_name() if device.startswith("cuda") else ""
    versions = {"anypan": __version__, "torch": torch.__version__, "numpy": np.__version__}
    versions["python"] = platform.python_version()
    where = {"device": device, "card": card, "machine": platform.machine(), "threads": torch.get_num_threads()}
    return where | {"versions": versions, "code": code()}


def code() -> str:
    """Eight characters that change with whatever simulates, trains or computes: rows of one version have the same."""
    package, parts = Path(anypan.__file__).parent, ("models", "optics", "simulate", "train")
    files = sorted(file for part in parts for file in (package / part).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def can_run(cell: Cell, study: Study, scenes: dict[str, Entry]) -> bool:
    """False where there is no scene of the sensor that is learnt from, or of the one left out."""
    if cell.arm == "C":
        return study.one_shot["scenes"][cell.adapted] in scenes
    if cell.arm == "A":
        return any(name in scenes for name in study.real[cell.source])
    return cell.arm != "A*" or any(scene.sensor == cell.source for scene in scenes.values())


def said(cell: Cell, rows: list[Row]) -> str:
    """A line about a finished cell."""
    first, quality = rows[0], [row["Q2n"] for row in rows if "Q2n" in row]
    mean = f", Q2n {sum(quality) / len(quality):.4f}" if quality else f", {first.get('error', 'no reference')}"
    seconds = first.get("train_seconds", 0) + first.get("judge_seconds", 0)
    return f"{cell.name}: {first.get('steps', 0)} steps, {seconds:.0f} s, {len(rows)} rows{mean}"


def append(rows: Iterable[Row], out: Path) -> None:
    """Rows of a whole cell at the end of a file, on the disk when this returns."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8") as file:
        file.write("".join(map(_line, rows)))
        file.flush()
        os.fsync(file.fileno())


def whole(out: Path) -> list[Row]:
    """The rows of the cells of which ``out`` has all, without what an interruption left of others."""
    lines = out.read_text(encoding="utf-8").splitlines() if out.is_file() else []
    rows = [row for row in map(_parsed, lines) if row]
    counts = Counter(row.get("cell") for row in rows)
    sizes = {row["cell"]: row["rows"] for row in rows if "rows" in row}
    return [row for row in rows if "about" in row or counts[row["cell"]] == sizes.get(row["cell"])]


def made_so(rows: Sequence[Row], study: Study) -> list[Row]:
    """Rows without those of cells that the study has by another recipe by now, which it says."""
    now = {cell.name: recipe(cell, study) for cell in cells(study)}
    kept = [row for row in rows if "about" in row or row.get("recipe") == now.get(row["cell"], row.get("recipe"))]
    if len(kept) < len(rows):
        print(f"{len(rows) - len(kept)} rows are of another recipe: their cells are run anew", flush=True)
    return kept


def keep(rows: Sequence[Row], out: Path) -> None:
    """Nothing but these rows in ``out``."""
    if out.is_file() and len(rows) < len(out.read_text(encoding="utf-8").splitlines()):
        with drafted(out.with_suffix(".part")) as draft:
            draft.write_text("".join(map(_line, rows)), encoding="utf-8")
        os.replace(out.with_suffix(".part"), out)


def is_done(cell: Cell, study: Study, rows: Iterable[Row]) -> bool:
    """Whether a cell has rows that were made as the study says now."""
    return any(row.get("cell") == cell.name and row.get("recipe") == recipe(cell, study) for row in rows)


def _line(row: Row) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"


def _parsed(line: str) -> Row | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def pace(rows: Iterable[Row], device: str) -> dict[str, float]:
    """Network -> seconds a step, of trainings on this device that have rows."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row.get("steps") and row.get("device") == device:
            found.setdefault(row["network"], []).append(row["train_seconds"] / row["steps"])
    return {network: median(each) for network, each in found.items()}


def estimate(
    chosen: Sequence[Cell], left: Sequence[Cell], study: Study, measured: dict[str, float], every: bool
) -> list[str]:
    """What the cells that are left will take, network by network, and where that is known from."""
    missing, lines = {cell.name for cell in left}, []
    if every:
        for cell in chosen:
            seconds = f"{cost(cell, study, measured):8.0f} s" if cell.name in missing else "done"
            lines.append(f"{cell.name:56s} {seconds}")
    for network in study.networks:
        own = [cell for cell in left if cell.network == network]
        if own:
            known = "measured on such a device" if network in measured else "guessed"
            hours = sum(cost(cell, study, measured) for cell in own) / HOUR
            lines.append(f"{network:12s} {len(own):4d} cells left, {hours:7.2f} hours ({known})")
    hours = sum(cost(cell, study, measured) for cell in left) / HOUR
    lines.append(f"{len(left)} of {len(chosen)} cells left: about {hours:.2f} hours at budget {study.budget}")
    return lines


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")

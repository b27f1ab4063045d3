"""The study of the paper, cell by cell: train, judge on real scenes, append the rows. Stop and start it as you like.

python runs/paper/study.py runs/paper/study.toml --out results/paper.jsonl [--cells PATTERN ...] [--list]

A cell whose rows are in the file is not repeated. Cells are run in the order that --list prints; patterns are those of
file names, as 'A/*' or '*/seed1'. Weights and decoded images are kept in --work. docs/paper.md shows the result:
python runs/paper/page.py
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from cells import Cell, Study, cells, cost, read
from judging import about, judged, rows_of, scenes_of
from training import train

from anypan.judging.readers.entry import Entry
from anypan.methods import METHODS
from anypan.methods.base import Method
from anypan.methods.neural import neural
from anypan.runtime.errors import UserError
from anypan.train import Diverged

Row = dict[str, Any]


def main() -> None:
    """Run, or list, the cells that have no rows yet."""
    wanted = _arguments()
    study = read(wanted.study)
    study = dataclasses.replace(study, budget=wanted.budget or study.budget)
    if wanted.threads:
        torch.set_num_threads(wanted.threads)
    chosen = [cell for cell in cells(study) if any(fnmatch(cell.name, pattern) for pattern in wanted.cells)]
    if not chosen:
        raise UserError(f"No cell is called like {' or '.join(wanted.cells)}: see them with --list.")
    done = whole(Path(wanted.out))
    left = [cell for cell in chosen if cell.name not in done]
    if wanted.list:
        return show(chosen, done, study, wanted.device)
    work = Path(wanted.work or Path("work") / "paper" / Path(wanted.study).stem)
    work.mkdir(parents=True, exist_ok=True)
    scenes = scenes_of(study, work)
    left = [cell for cell in left if can_run(cell, study, scenes)]
    for number, cell in enumerate(left, 1):
        rows = run(cell, study, scenes, work, wanted.device)
        append(rows, Path(wanted.out))
        print(f"{number} of {len(left)}  {said(cell, rows)}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a TOML file as study.toml")
    parser.add_argument("--out", default="results/paper.jsonl", help="rows are appended here (%(default)s)")
    parser.add_argument("--cells", nargs="+", default=["*"], metavar="PATTERN", help="only cells called so")
    parser.add_argument("--list", action="store_true", help="print the cells and what they will take, run nothing")
    parser.add_argument("--budget", type=float, help="instead of the file's")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="on a CPU; 0 leaves it to torch")
    parser.add_argument("--work", help="folder for weights and images (work/paper/STUDY)")
    return parser.parse_args()


def run(cell: Cell, study: Study, scenes: dict[str, Entry], work: Path, device: str) -> list[Row]:
    """The rows of a cell, one with ``error`` if its training diverged.

    ``wall_seconds``: by the clock, from start to end of the cell.
    """
    begun = time.monotonic()
    try:
        method, spent = _method_of(cell, study, scenes, work, device)
        rows = rows_of(cell, method, spent, study, list(judged(cell, study, scenes)), device)
    except Diverged as error:
        rows = [about(cell, study, {}, 1) | {"error": str(error)}]
    spent = {"wall_seconds": round(time.monotonic() - begun, 1), "threads": torch.get_num_threads()}
    return [row | spent for row in rows]


def _method_of(cell: Cell, study: Study, scenes: dict[str, Entry], work: Path, device: str) -> tuple[Method, Row]:
    """The method that a cell judges, and what its training took."""
    if not cell.trains:
        return METHODS[cell.network], {}
    path, spent = train(cell, study, scenes, work, device)
    return neural(path), spent


def can_run(cell: Cell, study: Study, scenes: dict[str, Entry]) -> bool:
    """False where rendered scenes stand in and none is of the sensor that is adapted to."""
    return not cell.adapted or study.one_shot["scenes"][cell.adapted] in scenes


def said(cell: Cell, rows: list[Row]) -> str:
    """A line about a finished cell."""
    quality = [row["Q2n"] for row in rows if row.get("Q2n") is not None]
    first = rows[0]
    mean = f", Q2n {sum(quality) / len(quality):.4f}" if quality else f", {first.get('error', 'no reference')}"
    return f"{cell.name}: {first.get('steps', 0)} steps, {first['wall_seconds']} s, {len(rows)} rows{mean}"


def append(rows: list[Row], out: Path) -> None:
    """Rows of a whole cell at the end of a file, on the disk when this returns."""
    with out.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
        file.flush()
        os.fsync(file.fileno())


def whole(out: Path) -> set[str]:
    """The names of the cells of which ``out`` has all rows; what an interruption left of others is taken out."""
    if not out.is_file():
        return set()
    lines = out.read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(_parsed, lines) if row]
    counts = Counter(row["cell"] for row in rows)
    kept = [row for row in rows if counts[row["cell"]] == row["rows"]]
    if len(kept) < len(lines):
        part = out.with_suffix(".part")
        part.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        os.replace(part, out)
    return {row["cell"] for row in kept}


def _parsed(line: str) -> Row | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def show(chosen: list[Cell], done: set[str], study: Study, device: str) -> None:
    """Cells, what each is expected to take, and the sum of those that are left."""
    left = 0.0
    for cell in chosen:
        seconds = cost(cell, study, device)
        left += 0 if cell.name in done else seconds
        print(f"{cell.name:48s} {'done' if cell.name in done else f'{seconds:6.1f} s'}")
    missing = sum(cell.name not in done for cell in chosen)
    print(f"{len(chosen)} cells, {missing} left: about {left / 60:.0f} minutes at budget {study.budget:g} on {device}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(f"error: {error}") from None

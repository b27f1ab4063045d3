"""Weights of the literature's networks from images with open licences: the files in weights/, the tables of their card.

python runs/paper/literature.py --publish WORK    take what `study.py --budget open` made in its --work
python runs/paper/literature.py [--check]         rewrite the tables of docs/weights/literature.md, or check them
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cells import Cell, Study, cells, read
from outcomes import EXP, Results, Row, current, read_rows
from tables import average, group_rows, markdown
from training import weights_of

from anypan.report import read as read_benchmark
from anypan.report.documents import filled, main
from anypan.report.rows import latest
from anypan.weights import SUFFIX, save, stored

ROOT = Path(__file__).resolve().parents[2]
BUDGET, CARD = "open", "docs/weights/literature.md"
LICENCE = "Apache-2.0"
SMALL = "-small"  # of a network of other than the published sizes


def name_of(cell: Cell, study: Study) -> str:
    """What a network's weights are called."""
    return cell.network.lower() + SMALL * (cell.network in study.sizes)


def publish(study: Study, work: Path, folder: Path) -> None:
    """Write the weights that a sitting made into ``folder``, with their licence."""
    folder.mkdir(exist_ok=True)
    for cell in cells(study):
        made = stored(weights_of(cell, study, work, study.device))
        facts = {"licence": LICENCE, "trained": f"study.py --budget {BUDGET} --cells {cell.name}"}
        save(folder / f"{name_of(cell, study)}{SUFFIX}", made.tensors, made.architecture, made.config, **facts)


def results_of(root: Path) -> Results:
    """The rows of these networks, and of the methods that stand beside them."""
    study = read(root / "runs" / "paper" / "study.toml", BUDGET)
    rows = read_rows([root / "results" / "study" / f"{BUDGET}.jsonl"])
    benchmark = latest(read_benchmark([root / "results" / "benchmark.jsonl"]))
    return Results(current(rows, study, cells(study)), benchmark, study)


def files(results: Results, folder: Path) -> str:
    """A line for each file: its size, what it was trained for, how far its loss had levelled, its sha256."""
    lines = []
    for cell in cells(results.study):
        name, spent = name_of(cell, results.study), results.trainings[cell.name]
        sizes = (f"{spent[key]:,}" for key in ("parameters", "images", "steps"))
        minutes, left = spent["train_seconds"] / 60, f"{100 * spent['remaining']:.1f} %"
        path = folder / f"{name}{SUFFIX}"
        lines.append(
            [f"`weights/{path.name}`", cell.network, *sizes, f"{minutes:.0f}", left, f"`{stored(path).sha256}`"]
        )
    head = ["file", "network", "parameters", "tiles", "steps", "minutes of a thread", "left to twice the steps"]
    return markdown([*head, "sha256"], lines)


def judged(results: Results, metric: str) -> str:
    """Sensor by sensor at reduced resolution: EXP, these networks, and the best formula of each scene."""
    own = {name_of(cell, results.study): results.cells[cell.name] for cell in cells(results.study)}
    lines = []
    for label, exp, best in group_rows(results, EXP):
        scenes = {row["scene"] for row in exp}
        columns = [exp, *([row for row in rows if _counts(row, scenes)] for rows in own.values()), best]
        lines.append([label, str(len(exp)), *(f"{average(each, metric):.4f}" for each in columns)])
    return markdown(["sensor", "scenes", EXP, *own, "best formula of each scene"], lines)


def _counts(row: Row, scenes: set[str]) -> bool:
    return row["protocol"] == "rr" and row["scene"] in scenes


def wanted(root: Path) -> Iterator[tuple[Path, str]]:
    """The card, and what it should hold."""
    results, page = results_of(root), root / CARD
    made: dict[str, Callable[[], str]] = {"files": lambda: files(results, root / "weights")}
    made |= {metric: lambda metric=metric: judged(results, metric) for metric in ("Q2n", "ERGAS")}
    yield page, filled(page.read_text(encoding="utf-8"), "literature", lambda name: made[name]())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--publish"]:
        publish(read(ROOT / "runs" / "paper" / "study.toml", BUDGET), Path(sys.argv[2]), ROOT / "weights")
        sys.exit()
    sys.exit(main(__doc__, lambda: wanted(ROOT), "runs/paper/literature.py"))

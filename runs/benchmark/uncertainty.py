"""How many pixels' truths lie within the half-widths of --uncertainty, on real scenes at reduced resolution.

python runs/benchmark/uncertainty.py SCENES ... [--method NAME ...] [--side 2048] [--out ROWS.jsonl]
python runs/benchmark/uncertainty.py [--check]    rewrite the table of docs/uncertainty.md from the rows, or check it

The scene that is judged is reduced once and its MS is the truth. What is calibrated on is that scene reduced once more:
the truth has no part in it. ``within 1``, ``2`` and ``3``: the share of pixels and bands whose error is at most so many
half-widths. ``holds``: what half-widths would have to be multiplied by to hold the share that they state; 1 is meant.
``worst over best``: the mean error of the fifth with the largest half-widths over that of the fifth with the smallest,
band by band; 1 would say nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from rows import APART

from anypan.fusing import fuse_with_halfwidths
from anypan.judging import find_scenes, prepare
from anypan.methods import METHODS
from anypan.methods.resolve import resolve
from anypan.methods.uncertainty import GROWTH, SHARE, halfwidths
from anypan.report import records
from anypan.report.documents import filled, renew
from anypan.report.rows import mean
from anypan.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
ROWS, PAGE = ROOT / "results" / "uncertainty" / "scenes.jsonl", ROOT / "docs" / "uncertainty.md"
TIMES = (1, 2, 3)
COLUMNS = (*(f"within {times}" for times in TIMES), "holds", "worst over best")
PARTS = 5

Row = dict[str, Any]


def main() -> int:
    """Judge and add rows, or make the table; exit status 1 if --check finds it out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*", help="folders of scenes; without any the table is made")
    parser.add_argument("--method", nargs="+", default=["anypan-s", "MTF-GLP-FS"], choices=METHODS, metavar="NAME")
    parser.add_argument("--side", type=int, default=2048, help="PAN pixels of a scene's middle (%(default)s)")
    parser.add_argument("--out", type=Path, default=ROWS)
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    if not wanted.scenes:
        return renew(pages(), wanted.check, "python runs/benchmark/uncertainty.py")
    for entry in (entry for folder in wanted.scenes for entry in find_scenes(folder)):
        for row in judged(dataclasses.replace(entry, side=wanted.side), wanted.method):
            with wanted.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    return 0


def judged(entry: Any, methods: Sequence[str]) -> Iterator[Row]:
    """A row for each method; one with ``error`` if the scene is too small."""
    case = prepare(entry, "rr")
    for name in methods:
        row: Row = {"method": name, "protocol": "rr"}
        row |= {key: case.facts[key] for key in ("scene", "sensor", "ratio", "bands")}
        row |= {"weights_sha256": sha} if (sha := resolve(name).weights_sha256) else {}
        try:
            widths = halfwidths(METHODS[name], case.scene)
            yield row | _figures(*fuse_with_halfwidths(case.scene, METHODS[name](case.scene), widths), case)
        except UserError as problem:
            yield row | {"error": str(problem)}


def _figures(fused: torch.Tensor, widths: torch.Tensor, case: Any) -> Row:
    mask = case.against.mask if case.against.mask is not None else torch.ones(fused.shape[1:], dtype=torch.bool)
    error, widths = (fused - case.against.image).abs()[:, mask], widths[:, mask]
    shares = [float((error <= times * widths).double().mean()) for times in TIMES]
    over = (error / widths).flatten()
    holds = float(over.kthvalue(math.ceil(SHARE * len(over))).values)
    order = widths.argsort(1)
    parts = error.gather(1, order).chunk(PARTS, 1)
    contrast = float((parts[-1].mean(1) / parts[0].mean(1)).mean())
    values = dict(zip(COLUMNS, [*shares, holds, contrast], strict=True))
    return {key: round(value, 4) for key, value in values.items()}


def pages() -> Iterator[tuple[Path, str]]:
    """docs/uncertainty.md, and what it should hold."""
    rows = records([ROWS], ("scene", "method"), "benchmark")
    text = filled(PAGE.read_text(encoding="utf-8"), "uncertainty", lambda method: table(rows, method))
    yield PAGE, filled(text, "growth", lambda _: growth(rows))


def growth(rows: Sequence[Row]) -> str:
    """By what errors grew over half-widths from one reduction to the next, and how much one sensor decides of that."""
    sensors: dict[str, list[float]] = {}
    for row in rows:
        if "error" not in row and row["scene"] not in APART:
            sensors.setdefault(row["sensor"], []).append(math.log(GROWTH * row["holds"]))
    logs = {sensor: fmean(values) for sensor, values in sensors.items()}
    without = [math.exp(fmean(value for name, value in logs.items() if name != left)) for left in logs]
    every = f"{math.exp(fmean(logs.values())):.2f} (geometric mean of {len(logs)} sensors, both methods; "
    told = f"{every}{min(without):.2f} to {max(without):.2f} if one sensor is left out)"
    return f"From scenes reduced twice to scenes reduced once, errors grew over half-widths by {told}.\n"


def table(rows: Sequence[Row], method: str) -> str:
    """A line a sensor (means over its scenes), their mean, and a line of the scenes that stand apart."""
    every = [row for row in rows if row["method"] == method and "error" not in row]
    apart = [row for row in every if row["scene"] in APART]
    mine = [row for row in every if row["scene"] not in APART]
    lines = [f"| sensor | scenes | {' | '.join(COLUMNS)} |", "|---" * (2 + len(COLUMNS)) + "|"]
    for sensor in sorted({row["sensor"] for row in mine}):
        own = [row for row in mine if row["sensor"] == sensor]
        lines.append(_line(sensor, len(own), [fmean(row[name] for row in own) for name in COLUMNS]))
    means = [found.value for name in COLUMNS if (found := mean(mine, name))]
    lines.append(_line("mean over sensors", len(mine), means))
    if apart:
        degraded = [fmean(row[name] for row in apart) for name in COLUMNS]
        lines.append(_line("GF2, degraded by others", len(apart), degraded))
    return "\n".join(lines) + "\n"


def _line(name: str, count: int, values: Sequence[float]) -> str:
    *shares, holds, contrast = values
    cells = [*(f"{100 * value:.0f} %" for value in shares), f"{holds:.2f}", f"{contrast:.1f}"]
    return f"| {name} | {count} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())

"""How far metrics without a truth put methods in the order of their error: the tables of docs/concepts/hqnr.md.

python runs/benchmark/ranks.py [--check]

For each scene Spearman's rank correlation, over published formulas, of how good a metric at full resolution calls them
with how small their error (ERGAS) is at reduced resolution. 1: the same order; 0: unrelated; -1: the reverse.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from scipy.stats import spearmanr

from anypan.methods import FORMULAS
from anypan.metrics import described
from anypan.report import documents, read
from anypan.report.rows import Row, by, latest, loss, real
from anypan.runtime.columns import HIGH, LOW

ROOT = Path(__file__).resolve().parents[2]
ROWS, PAGE = ROOT / "results" / "benchmark.jsonl", ROOT / "docs" / "concepts" / "hqnr.md"
METRICS = ("HQNR", "QNR", "R-ERGAS", LOW, HIGH, "D_rho")


def correlations(rows: Sequence[Row], metric: str) -> list[float]:
    """One for each scene, of the formulas in it that are judged at both resolutions."""
    best, found = described()[metric][0], []
    for of_scene in by(rows, "scene").values():
        error = {row.method: row["ERGAS"] for row in of_scene if row.protocol == "rr"}
        apart = {row.method: loss(row[metric], best) for row in of_scene if row.protocol == "fr"}
        names = [name for name in error if name in apart]
        if names:
            found.append(float(spearmanr([apart[name] for name in names], [error[name] for name in names]).statistic))
    return found


def table(rows: Sequence[Row]) -> str:
    """A line for each metric: mean over the scenes, and their range."""
    found = {name: correlations(rows, name) for name in METRICS}
    lines = [f"| full resolution | mean of {len(found['HQNR'])} scenes | least | most |", "|---|---:|---:|---:|"]
    for name, values in found.items():
        lines.append(f"| {name} | {fmean(values):.2f} | {min(values):.2f} | {max(values):.2f} |")
    return "\n".join(lines) + "\n"


def pages() -> Iterator[tuple[Path, str]]:
    """The page, and what it should hold."""
    published = {name for name, formula in FORMULAS.items() if formula.published}
    rows = [row for row in latest(read([ROWS])) if row.method in published]
    text = PAGE.read_text(encoding="utf-8")
    yield PAGE, documents.filled(text, "ranks", lambda ratio: table(real(rows, int(ratio))))


if __name__ == "__main__":
    sys.exit(documents.main(__doc__, pages, "runs/benchmark/ranks.py"))

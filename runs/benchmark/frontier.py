"""The frontier between reduced and full resolution, a point for each experiment with the default network.

python runs/benchmark/frontier.py --add LABEL rows.jsonl [...] [--method anypan-s]   measure a point, append it, redraw
python runs/benchmark/frontier.py [--check]                                          redraw; or fail if out of date

Points are lines of results/frontier/anypan-s.jsonl with the columns of the target table (table.py), which also says
what they are measured on; the plots are docs/images/frontier-RATIO.svg. The points up to j were copied from
docs/development/log.md, since the rows of those benchmarks were not kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from table import summarise

from anypan.report import Row, read, records
from anypan.report.documents import renew
from anypan.report.plots import scatter, standalone
from anypan.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
POINTS = ROOT / "results" / "frontier" / "anypan-s.jsonl"
IMAGES = ROOT / "docs" / "images"
ACROSS, UP = "D_rho / MTF-GLP-HPM-R", "ERGAS / oracle"


def main() -> int:
    """Exit status 1 if --check finds a plot out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--add", metavar="LABEL")
    parser.add_argument("--method", default="anypan-s")
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    if bool(wanted.add) != bool(wanted.rows):
        parser.error("a LABEL and rows go together")
    if wanted.add:
        with POINTS.open("a", encoding="utf-8") as file:
            file.writelines(
                json.dumps(point) + "\n" for point in measured(read(wanted.rows), wanted.method, wanted.add)
            )
    return renew(plots(), wanted.check, "python runs/benchmark/frontier.py")


def measured(rows: list[Row], method: str, label: str) -> Iterator[dict]:
    """A point for each ratio: both protocols' columns in one. UserError if the method has no rows of both."""
    entries = [entry for entry in summarise(rows) if entry["method"] == method]
    ratios = {entry["ratio"] for entry in entries if entry["protocol"] == "fr"}
    if not ratios:
        raise UserError(f"The rows say nothing of {method} at full resolution: judge it with --protocol both.")
    for ratio in sorted(ratios, reverse=True):
        both = {key: value for entry in entries if entry["ratio"] == ratio for key, value in entry.items()}
        figures = {key: round(value, 4) for key, value in both.items() if isinstance(value, float)}
        yield {"label": label, "ratio": ratio, **figures}


def plots() -> Iterator[tuple[Path, str]]:
    """Where each plot lies, and the plot: the last point of a ratio stands out."""
    points = records([POINTS], ("label", "ratio"), "benchmark")
    for ratio in sorted({point["ratio"] for point in points}):
        shown = {point["label"]: (point[ACROSS], point[UP]) for point in points if point["ratio"] == ratio}
        yield IMAGES / f"frontier-{ratio}.svg", standalone(scatter(shown, (ACROSS, UP), [list(shown)[-1]], far=False))


if __name__ == "__main__":
    raise SystemExit(main())

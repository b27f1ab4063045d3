"""Rewrite the tables and plots of docs/paper.md and its appendix from the study's rows.

python runs/paper/page.py            rewrite what lies between <!-- paper:NAME --> and <!-- /paper -->, and the plots
python runs/paper/page.py --check    change nothing; exit 1 and name the files that are out of date

A NAME that begins with "long-" shows results/paper-long.jsonl, cells of the same study at ten times its budget.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cells import read as read_study
from figures import PLOTS
from tables import TABLES, Results, Row

from anypan.report import records
from anypan.report.documents import filled, main
from anypan.report.plots import standalone

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("paper.md", "paper-appendix.md")
WIDE, LONG = "plot-", "long-"


def block(name: str, results: Results) -> str:
    """What stands between the marks of a name; KeyError for one that neither TABLES nor PLOTS has."""
    if not name.startswith(WIDE):
        return TABLES[name](results)
    kind = name.removeprefix(WIDE)
    return f"![{kind}](images/paper-{kind}.svg)\n" if PLOTS[kind](results) else "*No rows yet: run the study.*\n"


def wanted(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file that depends on the study's rows, and what it should hold."""
    study = read_study(root / "runs" / "paper" / "study.toml")
    results, longer = (Results(_rows(root / "results" / f"{name}.jsonl"), study) for name in ("paper", "paper-long"))
    shown = lambda name: block(name.removeprefix(LONG), longer if name.startswith(LONG) else results)  # noqa: E731
    for page in (root / "docs" / name for name in PAGES):
        yield page, filled(page.read_text(encoding="utf-8"), "paper", shown)
    for kind, plot in PLOTS.items():
        if drawn := plot(results):
            yield root / "docs" / "images" / f"paper-{kind}.svg", standalone(drawn)


def _rows(path: Path) -> Sequence[Row]:
    return records([path], ("cell",), "study") if path.is_file() else []


if __name__ == "__main__":
    sys.exit(main(__doc__, lambda: wanted(ROOT), "runs/paper/page.py"))

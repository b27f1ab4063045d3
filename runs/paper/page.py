"""Rewrite the tables and plots of docs/paper.md and its appendix from the rows of the study and of the benchmark.

python runs/paper/page.py            rewrite what lies between <!-- paper:NAME --> and <!-- /paper -->, and the plots
python runs/paper/page.py --check    change nothing; exit 1 and name the files that are out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cells import read as read_study
from outcomes import Results, read_rows
from tables import TABLES, plots_of

from anypan.report import read
from anypan.report.documents import filled, main
from anypan.report.plots import standalone
from anypan.report.rows import latest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("paper.md", "paper-appendix.md")
WIDE = "plot-"


def results_of(root: Path) -> Results:
    """All rows there are: the gpu budget's cells are the same as the cpu budget's, and count where both were run."""
    study = read_study(root / "runs" / "paper" / "study.toml", "cpu")
    folder = root / "results" / "study"
    rows = read_rows(path for path in (folder / "cpu.jsonl", folder / "gpu.jsonl") if path.is_file())
    return Results(rows, latest(read([root / "results" / "benchmark.jsonl"])), study)


def block(name: str, results: Results) -> str:
    """What stands between the marks of a name; KeyError for one that neither TABLES nor the plots have."""
    if not name.startswith(WIDE):
        return TABLES[name](results)
    kind = name.removeprefix(WIDE)
    drawn = plots_of(results.study)[kind](results)
    return f"![{kind}](images/paper-{kind}.svg)\n" if drawn else "*No rows yet: run the study.*\n"


def wanted(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file that depends on the study's rows, and what it should hold."""
    results = results_of(root)
    for page in (root / "docs" / name for name in PAGES):
        yield page, filled(page.read_text(encoding="utf-8"), "paper", lambda name: block(name, results))
    for kind, plot in plots_of(results.study).items():
        if drawn := plot(results):
            yield root / "docs" / "images" / f"paper-{kind}.svg", standalone(drawn)


if __name__ == "__main__":
    sys.exit(main(__doc__, lambda: wanted(ROOT), "runs/paper/page.py"))

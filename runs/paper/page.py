"""Rewrite the tables and plots of docs/paper.md and its appendix from the rows of the study and of the benchmark.

python runs/paper/page.py            rewrite what lies between <!-- paper:NAME --> and <!-- /paper -->, and the plots
python runs/paper/page.py --check    change nothing; exit 1 and name the files that are out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cells import Study, cells
from cells import read as read_study
from outcomes import Results, current, read_rows
from tables import TABLES, plots_of

from anypan.report import read
from anypan.report.documents import filled, main
from anypan.report.plots import standalone
from anypan.report.rows import latest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("paper.md", "paper-appendix.md")
WIDE = "plot-"


def results_of(root: Path) -> Results:
    """All rows that answer something: those of the one budget at which more cells were run.

    Cells have the same names at budget gpu, but other sizes and precision: arms of two budgets are never compared.
    """
    studies = [read_study(root / "runs" / "paper" / "study.toml", name) for name in ("cpu", "gpu")]
    found = [current(read_rows(_there(root, study)), study, cells(study)) for study in studies]
    rows, study = max(zip(found, studies, strict=True), key=lambda pair: sum("rows" in row for row in pair[0]))
    return Results(rows, latest(read([root / "results" / "benchmark.jsonl"])), study)


def _there(root: Path, study: Study) -> list[Path]:
    path = root / "results" / "study" / f"{study.budget}.jsonl"
    return [path] if path.is_file() else []


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

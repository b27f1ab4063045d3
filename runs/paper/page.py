"""Rewrite the tables and plots of docs/paper.md and its appendix from the rows of the study and of the benchmark.

python runs/paper/page.py            rewrite what lies between <!-- paper:NAME --> and <!-- /paper -->, and the plots
python runs/paper/page.py --check    change nothing; exit 1 and name the files that are out of date
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from cells import cells
from cells import read as read_study
from outcomes import Results, Row, current, read_rows
from tables import TABLES, plots_of

from anypan.report import read
from anypan.report.documents import filled, main
from anypan.report.plots import standalone
from anypan.report.rows import latest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("paper.md", "paper-appendix.md")
WIDE = "plot-"


def results_of(root: Path) -> Results:
    """All rows that answer something: of each network those of the one budget at which more of its cells were run.

    Cells have the same names at budget gpu, but other sizes and precision: arms of two budgets are never compared.
    """
    studies = {name: read_study(root / "runs" / "paper" / "study.toml", name) for name in ("cpu", "gpu")}
    rows = []
    for name, study in studies.items():
        path = root / "results" / "study" / f"{name}.jsonl"
        rows += current(read_rows([path] if path.is_file() else []), study, cells(study))
    benchmark = latest(read([root / "results" / "benchmark.jsonl"]))
    return Results(of_one_budget(rows, studies["cpu"].networks), benchmark, studies["cpu"])


def of_one_budget(rows: list[Row], networks: Iterable[str]) -> list[Row]:
    """The rows of each network from the budget with more of its cells; of two with as many, that which comes first."""
    found = []
    for network in networks:
        own = [row for row in rows if row["network"] == network]
        cells_of = Counter(row["budget"] for row in own if "rows" in row)
        most = max(cells_of, key=lambda name: cells_of[name], default="")
        found += [row for row in own if row["budget"] == most]
    return found


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

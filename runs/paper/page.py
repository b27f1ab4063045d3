"""Rewrite the tables and plots of docs/paper.md from the study's rows.

python runs/paper/page.py            rewrite what lies between <!-- paper:NAME --> and <!-- /paper -->, and the plots
python runs/paper/page.py --check    change nothing; exit 1 and name the files that are out of date
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cells import read
from figures import PLOTS
from tables import TABLES, Results, Row

from anypan.report.plots import standalone

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(<!-- paper:(\S+) -->\n).*?(<!-- /paper -->)", re.DOTALL)
WIDE = "plot-"


def rewritten(text: str, results: Results) -> str:
    """A document with every block renewed; KeyError for a name that neither TABLES nor PLOTS has."""
    return BLOCK.sub(lambda found: f"{found[1]}{_block(found[2], results)}{found[3]}", text)


def _block(name: str, results: Results) -> str:
    if not name.startswith(WIDE):
        return TABLES[name](results)
    kind = name.removeprefix(WIDE)
    return f"![{kind}](images/paper-{kind}.svg)\n" if PLOTS[kind](results) else "*No rows yet: run the study.*\n"


def renewed(root: Path, rows: Iterable[Row]) -> Iterator[tuple[Path, str]]:
    """Every file that depends on the rows, and what it should hold."""
    results = Results(rows, read(ROOT / "runs" / "paper" / "study.toml"))
    page = root / "docs" / "paper.md"
    yield page, rewritten(page.read_text(encoding="utf-8"), results)
    for kind, plot in PLOTS.items():
        if drawn := plot(results):
            yield root / "docs" / "images" / f"paper-{kind}.svg", standalone(drawn)


def rows_of(root: Path) -> list[Row]:
    """The study's rows; none if it has not been run."""
    path = root / "results" / "paper.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def main() -> int:
    """Rewrite or check the files of this checkout; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if a file is out of date")
    check = parser.parse_args().check
    old = [(path, text) for path, text in renewed(ROOT, rows_of(ROOT))
           if not path.is_file() or path.read_text(encoding="utf-8") != text]  # fmt: skip
    for path, text in old:
        print(f"{path.relative_to(ROOT)}: {'out of date, run python runs/paper/page.py' if check else 'rewritten'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main())

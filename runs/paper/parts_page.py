"""Rewrite the table of docs/networks.md that says what each part of anypan-s is good for, from results/parts.jsonl.

python runs/paper/parts_page.py            rewrite what lies between <!-- parts:table --> and <!-- /parts -->
python runs/paper/parts_page.py --check    change nothing; exit 1 if it is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from anypan.report import read
from anypan.report.documents import filled, main
from anypan.report.rows import mean

Row = Mapping[str, Any]
ROOT = Path(__file__).resolve().parents[2]
WHOLE = "whole"
SHARES = ("ERGAS", "SAM", "D_rho", "R-ERGAS")  # shown over those of the whole
HEAD = ("without", "seeds", "Q2n", "ERGAS", "SAM", "detail transfer (low)", "D_rho", "R-ERGAS")


def table(rows: Sequence[Row]) -> str:
    """A line a part in the order of the rows: means over sensors, then over seeds; the whole network comes first."""
    found: dict[str, dict[int, list[Row]]] = {}
    for row in rows:
        found.setdefault(row["part"], {}).setdefault(row["seed"], []).append(row)
    whole = {name: _value(found[WHOLE], name) for name in HEAD[2:]}
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", _line("nothing", found.pop(WHOLE), {})]
    lines += [_line(part, seeds, whole) for part, seeds in found.items()]
    return "\n".join(lines) + "\n"


def _line(part: str, seeds: dict[int, list[Row]], whole: Mapping[str, float]) -> str:
    cells = [part, str(len(seeds))]
    for name in HEAD[2:]:
        value = _value(seeds, name)
        if not whole:
            spread = [_value({seed: rows}, name) for seed, rows in seeds.items()]
            cells.append(f"{value:.4f} ± {(max(spread) - min(spread)) / 2:.4f}")
        elif name in SHARES:
            cells.append(f"x {value / whole[name]:.3f}")
        else:
            cells.append(f"{value - whole[name]:+.4f}")
    return f"| {' | '.join(cells)} |"


def _value(seeds: Mapping[int, Sequence[Row]], name: str) -> float:
    """Mean over seeds of the mean over sensors of the means over scenes."""
    means = [mean(rows, name) for rows in seeds.values()]
    return fmean(each.value for each in means if each is not None)


def wanted(root: Path) -> Iterator[tuple[Path, str]]:
    """The page, and what it should hold."""
    page, rows = root / "docs" / "networks.md", root / "results" / "parts.jsonl"
    made = table(read([rows], ("part", "seed"), "study"))
    yield page, filled(page.read_text(encoding="utf-8"), "parts", lambda _: made)


if __name__ == "__main__":
    sys.exit(main(__doc__, lambda: wanted(ROOT), "runs/paper/parts_page.py"))

"""The table of docs/trust.md, from results/trust/torture.jsonl: ``python tests/torture/page.py``, or --check."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from anypan.report.documents import filled, main
from anypan.report.rows import Record, records

ROOT = Path(__file__).resolve().parents[2]
PAGE, ROWS = ROOT / "docs" / "trust.md", ROOT / "results" / "trust" / "torture.jsonl"
MEMORY = ROOT / "results" / "trust" / "memory.jsonl"
COUNTS = ("of", "tried", "right", "refused", "wrong")


def pages() -> Iterator[tuple[Path, str]]:
    """docs/trust.md, and what it should hold."""
    rows = records([ROWS], ("kind", "what", "of"), "make torture")
    sizes = records([MEMORY], ("cols", "rows", "bands", "method"), "speed/memory.py")
    made = {"kinds": table(rows), "memory": memory(sizes)}
    yield PAGE, filled(PAGE.read_text(encoding="utf-8"), "torture", made.__getitem__)


def table(rows: list[Record]) -> str:
    """A line for each kind, and their sum."""
    lines = [
        "| what is tried | cases | tried | right result | refused rightly | wrong |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [_line(row["what"], [row[name] for name in COUNTS]) for row in rows]
    return "\n".join([*lines, _line("**all**", [sum(row[name] for row in rows) for name in COUNTS])]) + "\n"


def memory(rows: list[Record]) -> str:
    """A line for each size: what is planned beside the peak, and the share of it."""
    lines = [
        "| PAN | bands | stored in | with the page | method | planned, MiB | peak, MiB | planned / peak |",
        "|---:|---:|---|---|---|---:|---:|---:|",
    ]
    return "\n".join([*lines, *(_peak(row) for row in rows)]) + "\n"


def _peak(row: Record) -> str:
    kept, page = "rows" if row["striped"] else "tiles", "yes" if row["report"] else "no"
    share = f"{row['planned_mib'] / row['peak_mib']:.2f}"
    cells = (f"{row['cols']:,} x {row['rows']:,}", row["bands"], kept, page, row["method"])
    return f"| {' | '.join(map(str, cells))} | {row['planned_mib']:,} | {row['peak_mib']:,} | {share} |"


def _line(what: str, counts: list[int]) -> str:
    return f"| {what} | {' | '.join(f'{count:,}' for count in counts)} |"


if __name__ == "__main__":
    sys.exit(main(__doc__, pages, "tests/torture/page.py"))

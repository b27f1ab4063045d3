"""All scenes, both protocols, every method: the rows behind the published tables.

python runs/benchmark/rows.py ../shared/data/scenes OUT.jsonl [--mode toolbox] [--protocol rr] [--method NAME ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from anypan.judging import MODES, PROTOCOLS, contenders, find_scenes, run, write_rows
from anypan.methods import METHODS
from anypan.report.rows import Record, Row
from anypan.runtime.columns import HEADLINES

APART = ("gf2-02", "gf2-08", "gf2-09", "gf2-10", "gf2-11", "gf2-12")
"""Scenes whose publishers reduced PAN and MS without a low-pass: the truth is then far softer than the PAN. The
simulator's regime of decimated pairs was fitted to two of them, so that their rows stand apart in every table."""


def marked(rows: Iterable[Row]) -> Iterator[Record]:
    """Rows with ``apart`` on those of ``APART``."""
    for row in rows:
        yield {**row, **({"apart": True} if row.scene in APART else {})}


def say(row: Record) -> None:
    """A line on the row just written."""
    told = row.get("error") or " ".join(f"{name} {row[name]:.4f}" for name in HEADLINES["rr"] if row.get(name))
    print(row["scene"], row["protocol"], row["method"], told or f"D_rho {row['D_rho']:.4f}", flush=True)


def main() -> None:
    """Append the rows to the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes")
    parser.add_argument("out")
    parser.add_argument("--mode", choices=tuple(MODES), default="physical")
    parser.add_argument("--protocol", choices=PROTOCOLS, action="append", help="both, if not given")
    parser.add_argument("--method", action="append")
    wanted = parser.parse_args()
    methods = contenders(wanted.method or METHODS)
    found = run(find_scenes(wanted.scenes), methods, wanted.protocol or PROTOCOLS, wanted.mode)
    write_rows(marked(found), wanted.out, say)


if __name__ == "__main__":
    main()

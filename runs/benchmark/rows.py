"""All scenes, both protocols, every method: the rows behind the published tables.

python runs/benchmark/rows.py ../shared/data/scenes OUT.jsonl [--mode toolbox] [--protocol rr] [--method NAME ...]
"""

from __future__ import annotations

import argparse
from typing import Any

from anypan.judging import MODES, PROTOCOLS, contenders, find_scenes, run, write_rows
from anypan.methods import METHODS


def say(row: dict[str, Any]) -> None:
    """A line on the row just written."""
    told = row.get("error") or " ".join(f"{name} {row[name]:.4f}" for name in ("Q2n", "ERGAS", "SAM") if row.get(name))
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
    write_rows(run(find_scenes(wanted.scenes), methods, wanted.protocol or PROTOCOLS, wanted.mode), wanted.out, say)


if __name__ == "__main__":
    main()

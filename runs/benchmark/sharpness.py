"""How far --sharpness moves the default network: its rows at 0, .25, .75 and 1, for the plot of docs/concepts.

python runs/benchmark/sharpness.py ../shared/data/scenes ../shared/data/scenes-2 [--method anypan-s] [--out ROWS]

Writes results/sharpness/scenes.jsonl, or ROWS, anew. Those at .5, as the network decides, are in the benchmark's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rows import marked, say

from anypan.judging import find_scenes, run, write_rows
from anypan.judging.contenders import PackageMethod
from anypan.methods.resolve import resolve

ROWS = Path(__file__).resolve().parents[2] / "results" / "sharpness" / "scenes.jsonl"
SETTINGS = (0.0, 0.25, 0.75, 1.0)


def main() -> None:
    """Judge the scenes of the folders at each setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="+")
    parser.add_argument("--method", default="anypan-s")
    parser.add_argument("--out", type=Path, default=ROWS)
    wanted = parser.parse_args()
    network = resolve(wanted.method)
    methods = {f"{network.name}, sharpness {s:g}": PackageMethod(network.sharpened(s)) for s in SETTINGS}
    wanted.out.unlink(missing_ok=True)
    for folder in wanted.scenes:
        write_rows(marked(run(find_scenes(folder), methods)), wanted.out, say)


if __name__ == "__main__":
    main()

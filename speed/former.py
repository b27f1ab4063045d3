"""``anypan fuse`` beside that of another checkout and gdal_pansharpen.py, in turns, on the same scene.

    git worktree add --detach OTHER COMMIT
    python speed/former.py OTHER [--side 4096] [--threads N] [--turns 2] [--out ROWS.jsonl]

Prints a JSON line: the least seconds of each, start of the program included, and of anypan what it is of the others.
Each writes what it writes by itself: anypan a cloud-optimised GeoTIFF with overviews, GDAL's script a tiled GeoTIFF
with DEFLATE and predictor 2. With one thread the seconds are those of the processor, else those of the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from memory import make_scene
from roofline import GDAL, PLAIN, Bench, machine

ROOT = Path(__file__).resolve().parents[1]


def fuse(checkout: Path, files: list[str]) -> list[str]:
    """The command line of a checkout's own ``anypan fuse``."""
    words = [sys.executable, "-m", "anypan", "fuse", *files, "--overwrite", "--quiet", "--device", "cpu"]
    return ["env", f"PYTHONPATH={checkout / 'src'}", *words]


def main() -> None:
    """Make the scene, take turns, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a file of rows to append to")
    given = parser.parse_args()
    bench, seconds = Bench([given.side], given.threads, None), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder:
        make_scene(Path(folder), given.side, compress="deflate", predictor="2")
        files = [f"{folder}/{name}.tif" for name in ("pan", "ms", "out")]
        options = [word for pair in (*PLAIN[1:], "TILED=YES", f"NUM_THREADS={given.threads}") for word in ("-co", pair)]
        gdal = [GDAL, *files[:2], f"{folder}/gdal.tif", "-q", "-threads", str(given.threads), *options]
        programs = {"former": fuse(given.other.resolve(), files), "now": fuse(ROOT, files), GDAL: gdal}
        for _ in range(given.turns):
            for name, command in programs.items():
                seconds[name] = min(bench.program(command), seconds.get(name, float("inf")))
    commit = subprocess.run(["git", "-C", given.other, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    row = {"figure": "former", "side": given.side, "commit": commit.stdout.strip(), "former": seconds["former"]}
    row |= {"now": seconds["now"], GDAL: seconds[GDAL]}
    row = {key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}
    row |= {"machine": machine(given.threads), "threads": given.threads}
    print(json.dumps(row))
    if given.out:
        with given.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()

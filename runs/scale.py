"""Many small scenes on a Dask cluster of this machine, some of them broken: what the scheduler costs, and what is lost.

python runs/scale.py [--scenes 1000] [--workers 2] [--broken 50] [--side 512]

Prints one line of JSON: wall time, the seconds that fusing took in all, the share of the workers' time that went
elsewhere, and how many scenes were done, failed and lost.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from affine import Affine
from distributed import LocalCluster

from anypan.batch import Settings, read_manifest, run
from anypan.geometry.grid import Grid
from anypan.raster import write_array

RATIO = 4


def make(folder: Path, scenes: int, broken: int, side: int) -> Path:
    """A CSV of so many scenes, all of one pair but for those that name a file which is none."""
    rng = np.random.default_rng(1)
    ground = rng.normal(500, 60, (4, side // 8, side // 8)).repeat(8, 1).repeat(8, 2)
    pan = (ground.mean(0, keepdims=True) + rng.normal(0, 20, (1, side, side))).astype("uint16")
    ms = ground.reshape(4, side // RATIO, RATIO, side // RATIO, RATIO).mean((2, 4)).astype("uint16")
    place = Affine(1, 0, 500_000, 0, -1, 4_000_000)
    write_array(folder / "pan.tif", pan, Grid(pan.shape[1:], place, "EPSG:32633"), ["pan"])
    coarse = Grid(ms.shape[1:], place * Affine.scale(RATIO), "EPSG:32633")
    write_array(folder / "ms.tif", ms, coarse, ["blue", "green", "red", "nir"])
    (folder / "broken.tif").write_bytes(b"no image")
    wrong = {n * scenes // broken for n in range(broken)}
    rows = [f"s{n},pan.tif,{'broken' if n in wrong else 'ms'}.tif" for n in range(scenes)]
    (folder / "scenes.csv").write_text("\n".join(["name,pan,ms", *rows]) + "\n")
    return folder / "scenes.csv"


def measure(scenes: int, workers: int, broken: int, method: str, side: int) -> dict[str, object]:
    """The line that is printed."""
    with tempfile.TemporaryDirectory() as kept:
        manifest = read_manifest(make(Path(kept), scenes, broken, side))
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
        with cluster:
            settings = Settings(method=method, scheduler=cluster.scheduler_address)
            (Path(kept) / "few").mkdir()
            warm = read_manifest(make(Path(kept) / "few", workers, 0, side))
            run(warm, Path(kept) / "warm", settings)  # the workers import what they need
            start = time.perf_counter()
            summary = run(manifest, Path(kept) / "out", settings)
            wall = time.perf_counter() - start
    done = [row for row in summary.rows.values() if row["state"] == "done"]
    busy = sum(row["seconds"] for row in done)
    found = {"scenes": scenes, "workers": workers, "method": method, "side": side, "wall": round(wall, 1)}
    found |= {"fusing": round(busy, 1), "elsewhere": round(1 - busy / (wall * workers), 4)}
    return found | {"done": len(done), "failed": len(summary.failed), "lost": scenes - len(summary.rows)}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--broken", type=int, default=50)
    parser.add_argument("--side", type=int, default=512, help="PAN pixels along a side of a scene")
    parser.add_argument("--method", default="MTF-GLP-FS")
    print(json.dumps(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()

"""Peak resident memory of fuse() on large scenes: it must not grow with the scene.

    python speed/memory.py [--sizes 4096 8192] [--method MTF-GLP-FS] [--folder DIR]

Beside it stands what plan() foretells, which has to be the peak within 20 % or more.

Makes a PAN of each size with 4 bands of uint16 at ratio 4, fuses it in a process of its own and prints one JSON line a
size. ``--sizes 20000`` is the scene that has to stay below 3 GiB; it needs 8 GB of disk. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

RATIO, BANDS, STRIP = 4, 4, 512
_RUN = """
import json, re, sys, torch
from pathlib import Path
torch.set_num_threads(1)
from anypan.api import fuse, plan
folder, method = sys.argv[1:]
# of this process alone, unlike getrusage, which starts from the peak of the process that forked
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
told = {"imported_mib": peak()}
planned = plan(f"{folder}/pan.tif", f"{folder}/ms.tif", method=method)
told |= {"planned_mib": planned.memory // 2**20, "tiles": planned.tiles}
report = fuse(f"{folder}/pan.tif", f"{folder}/ms.tif", f"{folder}/out.tif", method, creation={"NUM_THREADS": "1"})
told |= {"peak_mib": peak(), "seconds": round(report.seconds, 1), "output_mib": round(report.size / 2**20)}
print(json.dumps(told | {"shift": report.shift}))
"""


def make_scene(folder: Path, size: int, bands: int = BANDS, **creation: str) -> None:
    """Smooth fields with texture, the same in PAN and MS, written strip by strip; ``creation``: GDAL's options."""
    size -= size % RATIO
    transform = Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)
    profile = {"driver": "GTiff", "dtype": "uint16", "crs": "EPSG:32633", "tiled": True, "BIGTIFF": "IF_SAFER"}
    profile |= creation
    pan_profile = profile | {"count": 1, "height": size, "width": size, "transform": transform}
    ms_transform = transform * Affine.scale(RATIO)
    ms_profile = profile | {"height": size // RATIO, "width": size // RATIO, "transform": ms_transform, "count": bands}
    rng = np.random.default_rng(0)
    with (
        rasterio.open(folder / "pan.tif", "w", **pan_profile) as pan_file,
        rasterio.open(folder / "ms.tif", "w", **ms_profile) as ms_file,
    ):
        for row in range(0, size, STRIP):
            rows = min(STRIP, size - row)
            pan = _texture(rng, row, rows, size)
            coarse = pan.reshape(rows // RATIO, RATIO, size // RATIO, RATIO).mean((1, 3))
            ms = np.stack([(coarse * (0.4 + 0.2 * band)).astype("u2") for band in range(bands)])
            pan_file.write(pan.astype("u2"), 1, window=Window(0, row, size, rows))
            ms_file.write(ms, window=Window(0, row // RATIO, size // RATIO, rows // RATIO))


def _texture(rng: np.random.Generator, row: int, rows: int, size: int) -> np.ndarray:
    waves = np.sin(np.arange(row, row + rows) / 37)[:, None] * np.cos(np.arange(size) / 53)[None, :]
    cells = rng.normal(0, 90, (rows // RATIO, size // RATIO)).repeat(RATIO, 0).repeat(RATIO, 1)
    return (900 + 300 * waves + cells + rng.normal(0, 20, (rows, size))).clip(1, 4095)


def measure(size: int, method: str, folder: str | None) -> dict[str, object]:
    """Make the scene, fuse it in a fresh process, and give what that process tells."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        make_scene(Path(name), size)
        run = [sys.executable, "-c", _RUN, name, method]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env=os.environ)
    return {"size": size, "method": method, **json.loads(done.stdout)}


def main() -> None:
    """Print a JSON line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4096, 8192])
    parser.add_argument("--method", default="MTF-GLP-FS")
    parser.add_argument("--folder", help="where to put the scenes; needs room for them")
    parser.add_argument("--out", help="a file of rows to append to")
    args = parser.parse_args()
    for size in args.sizes:
        line = json.dumps(measure(size, args.method, args.folder))
        print(line, flush=True)
        if args.out:
            with open(args.out, "a", encoding="utf-8") as rows:
                rows.write(line + "\n")


if __name__ == "__main__":
    main()

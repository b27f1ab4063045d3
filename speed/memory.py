"""Peak resident memory of ``anypan fuse`` on large scenes beside what it plans: it must not grow with the scene.

    python speed/memory.py [--sizes 4096 100000x600] [--bands 4] [--striped] [--report] [--method EXP] [--out ROWS]

What is planned has to be the peak within 20 % or more. Makes a PAN of each size, ``side`` or ``columns x rows``, and an
MS of uint16 at ratio 4, fuses them by the command line in a process of its own and prints one JSON line a size.
``--striped`` stores them in rows, not tiles; ``--report`` writes the page, too. ``--sizes 20000`` is the scene that has
to stay below 3 GiB; it needs 8 GB of disk. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

RATIO, BANDS, STRIP = 4, 4, 512
Row = dict[str, Any]
_RUN = """
import contextlib, io, json, re, sys, torch
from pathlib import Path
torch.set_num_threads(1)
from anypan.cli import cli
folder, method, *page = sys.argv[1:]
# of this process alone, unlike getrusage, which starts from the peak of the process that forked
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

def told(*options):
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        files = [f"{folder}/{name}.tif" for name in ("pan", "ms", "out")]
        cli.main(["fuse", *files, "-m", method, "--json", *options])
    return json.loads(said.getvalue())

planned = told("--dry-run", *page)
found = {"planned_mib": planned["memory"] // 2**20, "tiles": planned["tiles"], "opened_mib": peak()}
done = told("-co", "NUM_THREADS=1", *page)
print(json.dumps(found | {"peak_mib": peak(), "seconds": round(done["seconds"], 1)}))
"""


def make_scene(folder: Path, size: int, bands: int = BANDS, rows: int | None = None, **creation: Any) -> None:
    """Smooth fields with texture, the same in PAN and MS, written strip by strip; ``creation``: GDAL's options.

    ``size`` PAN pixels along a row, and along a column unless ``rows`` says otherwise.
    """
    size, height = (side - side % RATIO for side in (size, rows or size))
    transform = Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)
    profile = {"driver": "GTiff", "dtype": "uint16", "crs": "EPSG:32633", "tiled": True, "BIGTIFF": "IF_SAFER"}
    profile |= creation
    pan_profile = profile | {"count": 1, "height": height, "width": size, "transform": transform}
    ms_transform = transform * Affine.scale(RATIO)
    ms_shape = {"height": height // RATIO, "width": size // RATIO}
    ms_profile = profile | ms_shape | {"transform": ms_transform, "count": bands}
    rng = np.random.default_rng(0)
    with (
        rasterio.open(folder / "pan.tif", "w", **pan_profile) as pan_file,
        rasterio.open(folder / "ms.tif", "w", **ms_profile) as ms_file,
    ):
        for row in range(0, height, STRIP):
            some = min(STRIP, height - row)
            pan = _texture(rng, row, some, size)
            coarse = pan.reshape(some // RATIO, RATIO, size // RATIO, RATIO).mean((1, 3))
            ms = np.stack([(coarse * (0.4 + 0.2 * band)).astype("u2") for band in range(bands)])
            pan_file.write(pan.astype("u2"), 1, window=Window(0, row, size, some))
            ms_file.write(ms, window=Window(0, row // RATIO, size // RATIO, some // RATIO))


def _texture(rng: np.random.Generator, row: int, rows: int, size: int) -> np.ndarray:
    waves = np.sin(np.arange(row, row + rows) / 37)[:, None] * np.cos(np.arange(size) / 53)[None, :]
    cells = rng.normal(0, 90, (rows // RATIO, size // RATIO)).repeat(RATIO, 0).repeat(RATIO, 1)
    return (900 + 300 * waves + cells + rng.normal(0, 20, (rows, size))).clip(1, 4095)


def measure(cols: int, rows: int, bands: int, striped: bool, report: bool, method: str, folder: str | None) -> Row:
    """Make the scene, fuse it in a fresh process, and give what that process tells."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        make_scene(Path(name), cols, bands, rows, tiled=not striped)
        page = ["--report", f"{name}/page.html"] if report else []
        run = [sys.executable, "-c", _RUN, name, method, *page]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env=os.environ)
    known = {"cols": cols, "rows": rows, "bands": bands, "striped": striped, "report": report, "method": method}
    return known | json.loads(done.stdout)


def main() -> None:
    """Print a JSON line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["4096", "8192"])
    parser.add_argument("--bands", type=int, default=BANDS)
    parser.add_argument("--striped", action="store_true", help="rows of pixels instead of tiles")
    parser.add_argument("--report", action="store_true", help="with the page of --report")
    parser.add_argument("--method", default="MTF-GLP-FS")
    parser.add_argument("--folder", help="where to put the scenes; needs room for them")
    parser.add_argument("--out", help="a file of rows to append to")
    args = parser.parse_args()
    for size in args.sizes:
        cols, _, rows = size.partition("x")
        shape = int(cols), int(rows or cols)
        line = json.dumps(measure(*shape, args.bands, args.striped, args.report, args.method, args.folder))
        print(line, flush=True)
        if args.out:
            with open(args.out, "a", encoding="utf-8") as out:
                out.write(line + "\n")


if __name__ == "__main__":
    main()

"""Whether tiles and threads change the values that come out, in floating point, before they are rounded for a file.

    python speed/identical.py SCENE [--method NAME] [--tiles 200 512 1024]

SCENE is a folder with pan.tif and ms.tif. Prints for each tile and number of threads how many values differ from those
of one thread and tiles of 2048 PAN pixels, and by how much at most.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import torch

from anypan.fusing import fuse_scene
from anypan.judging import prepare
from anypan.methods import METHODS

WHOLE = 2048


def main() -> None:
    """Print a JSON line a tile and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--method", default="anypan-s", choices=METHODS, metavar="NAME")
    parser.add_argument("--tiles", type=int, nargs="+", default=[200, 512, 1024])
    given = parser.parse_args()
    scene = prepare(given.scene, "fr").scene
    fuser, first = METHODS[given.method](scene), None
    for tile, threads in itertools.product((WHOLE, *given.tiles), (1, 2)):
        torch.set_num_threads(threads)
        fused = fuse_scene(scene, fuser, tile)
        first = fused if first is None else first
        apart = (fused - first).abs()
        said = {"tile": tile, "threads": threads, "values": apart.numel(), "differ": int(apart.count_nonzero())}
        print(json.dumps(said | {"most": float(apart.max())}), flush=True)


if __name__ == "__main__":
    main()

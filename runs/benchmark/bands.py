"""Band by band: the error of methods on reduced scenes over the band's standard deviation, where means would hide it.

python runs/benchmark/bands.py ../shared/data/scenes ../shared/data/scenes-2 [--method NAME ...] [--scene landsat8-01]
"""

from __future__ import annotations

import argparse

from anypan.fusing import fuse_scene
from anypan.judging import find_scenes, prepare
from anypan.methods import METHODS
from anypan.methods.neural import neural

METHOD = ("EXP", "MTF-GLP-HPM-R", "MTF-GLP-FS + consistency", "anypan-s")


def main() -> None:
    """Print a line for each scene and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--method", nargs="+", default=METHOD, help="names, or weight files")
    parser.add_argument("--scene", nargs="+", help="these alone")
    wanted = parser.parse_args()
    for entry in (entry for folder in wanted.folders for entry in find_scenes(folder)):
        if wanted.scene and entry.name not in wanted.scene:
            continue
        case = prepare(entry, "rr")
        assert case.reference is not None and case.mask is not None
        valid = case.mask
        spread = case.reference[:, valid].std(1)
        print(entry.name, " ".join(case.scene.bands))
        for name in wanted.method:
            fuser = (METHODS.get(name) or neural(name))(case.scene)
            error = (fuse_scene(case.scene, fuser) - case.reference)[:, valid].square().mean(1).sqrt()
            print(f"  {name:26}", " ".join(f"{one:.3f}" for one in error / spread), flush=True)


if __name__ == "__main__":
    main()

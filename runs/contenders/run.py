"""Fuse one pair with a method that optimises for each image, by its authors' program, as contenders.toml describes it.

anypan benchmark SCENES -o rows.jsonl --timeout 3600 -m anypan-s -m 'Z-PNN=cmd:python runs/contenders/run.py Z-PNN
    --code /path/to/Z-PNN --pan {pan} --ms {ms} --out {out} --ratio {ratio} --sensor {sensor}'

The program gets the pixels that every method gets, in the file that it reads, and runs with its own settings; what it
writes becomes the image that is judged, with its time and memory. Nothing of it is here: its folder is --code, the
interpreter that has what it needs is --python. Needs scipy and h5py.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from scipy.io import loadmat, savemat

from anypan.optics.sampling import Physical

Image = NDArray[np.float32]
TABLE = Path(__file__).with_name("contenders.toml")


def main() -> None:
    """Exit status 1, and a sentence, if the program fails or writes no image of the PAN's size."""
    known = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=known)
    for name in ("code", "pan", "ms", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--ratio", type=int, default=4)
    parser.add_argument("--sensor", default="")
    parser.add_argument("--python", default=sys.executable)
    wanted = parser.parse_args()
    contender = known[wanted.name]
    if wanted.ratio != contender["ratio"]:
        sys.exit(f"{wanted.name} knows ratio {contender['ratio']} only, not {wanted.ratio}: leave this scene out.")
    if not wanted.code.is_dir():
        sys.exit(f"{wanted.code} is no folder: clone {contender['code']} there (licence: {contender['licence']}).")
    with rasterio.open(wanted.pan) as pan, rasterio.open(wanted.ms) as ms, TemporaryDirectory() as work:
        words = {"code": str(wanted.code.resolve()), "work": work, "python": wanted.python, "sensor": wanted.sensor}
        fused = fuse(contender, words, pan.read(1), ms.read(), wanted.ratio)
        profile = pan.profile | {"count": len(fused), "dtype": "float32"}
    with rasterio.open(wanted.out, "w", **profile) as out:
        out.write(fused)


def fuse(contender: dict[str, Any], words: dict[str, str], pan: Image, ms: Image, ratio: int) -> Image:
    """(B, H, W) of PAN (H, W) and MS (B, h, w): what the program makes of them, in their units."""
    words["input"] = contender["input"].format(**words)
    Path(words["work"], "out").mkdir()
    LAYOUTS[contender["layout"]](Path(words["input"]), pan, ms, ratio)
    done = subprocess.run([part.format(**words) for part in contender["command"]], cwd=words["code"], check=False)
    if done.returncode:
        sys.exit(f"the program ended with status {done.returncode}: what it says stands above.")
    found = sorted(glob(contender["output"].format(**words)))
    image = loadmat(found[-1])[contender["key"]] if found else np.empty(0)
    image = np.moveaxis(image.reshape(image.shape[-3:]), -1, 0) if image.ndim >= 3 else image
    if image.shape != (len(ms), *pan.shape):
        sys.exit(
            f"the program wrote an image of {image.shape}, not of {(len(ms), *pan.shape)}: see what it says above."
        )
    return (image * contender.get("full_scale", 1)).astype(np.float32)


def write_mat(path: Path, pan: Image, ms: Image, ratio: int) -> None:
    """I_MS_LR (h, w, B) and I_PAN (H, W)."""
    savemat(path, {"I_MS_LR": np.moveaxis(ms, 0, -1), "I_PAN": pan})


def write_h5(path: Path, pan: Image, ms: Image, ratio: int) -> None:
    """ms, pan and the MS on the PAN's grid, each with a first dimension of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lms = Physical(ratio).expand(torch.from_numpy(ms)[None]).numpy()
    with h5py.File(path, "w") as file:
        for name, image in (("ms", ms[None]), ("lms", lms), ("pan", pan[None, None])):
            file.create_dataset(name, data=image)


LAYOUTS = {"mat": write_mat, "h5": write_h5}


if __name__ == "__main__":
    main()

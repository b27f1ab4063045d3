"""A copy of a scene whose PAN is moved to where the reference toolbox supposes it, half a PAN pixel from the MS.

python runs/contenders/moved.py ../shared/data/scenes/qb-01 OUT

Toolbox mode takes a pair as it lies. Where it does not lie as the toolbox has it, every method is judged on a pair that
does not fit, and those that learn from each image can make up for that. The copy tells the two apart.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from anypan import open_pair

SUPPOSED = 0.5  # PAN pixels along both axes
AROUND = 64  # pixels that the PAN is mirrored by on every side


def moved(image: NDArray, shift: tuple[float, float]) -> NDArray:
    """(H, W) displaced by (rows, columns), by the shift theorem; the PAN's own pixel type and range."""
    padded = np.pad(image.astype(np.float64), AROUND, mode="reflect")
    rows, cols = (np.fft.fftfreq(n) for n in padded.shape)
    phase = np.exp(-2j * np.pi * (rows[:, None] * shift[0] + cols * shift[1]))
    found = np.fft.ifft2(np.fft.fft2(padded) * phase).real[AROUND:-AROUND, AROUND:-AROUND]
    return np.clip(np.rint(found), image.min(), image.max()).astype(image.dtype)


def main(scene: Path, out: Path) -> None:
    """Copy the scene's folder, its PAN moved by what is missing."""
    sensor = json.loads((scene / "scene.json").read_text(encoding="utf-8"))["sensor"]
    with open_pair(scene / "pan.tif", scene / "ms.tif", sensor=sensor) as pair:
        missing = (SUPPOSED - pair.shift[0], SUPPOSED - pair.shift[1])
    shutil.copytree(scene, out, dirs_exist_ok=True)
    with rasterio.open(scene / "pan.tif") as file:
        pan, profile = file.read(1), file.profile
    with rasterio.open(out / "pan.tif", "w", **profile) as file:
        file.write(moved(pan, missing), 1)
    print(f"moved by {missing[0]:.2f} rows and {missing[1]:.2f} columns")


if __name__ == "__main__":
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    main(Path(sys.argv[1]), Path(sys.argv[2]))

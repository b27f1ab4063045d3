"""The picture of the README: what a satellite sees of the demonstration scene, what comes out, what was added.

python runs/picture.py [--method anypan-s] [--out docs/images/demo.webp]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import anypan
from anypan.judging.gallery import rgb
from anypan.report.pictures import GAMMA, limits, signed_limits, stretch
from anypan.simulate.demo import make

SIDE, GAP, TITLE = 400, 8, 30
CORNER = (200, 560)  # of the part that is shown: houses, trees, a car park and a field's edge
Floats = NDArray[np.float64]


def read(path: Path) -> tuple[Floats, tuple[str, ...]]:
    """Pixels (bands, H, W) and band names of a file."""
    with rasterio.open(path) as file:
        return file.read().astype(float), tuple(name or "" for name in file.descriptions)


def cut(image: Floats) -> Floats:
    """The part of (bands, H, W) that is shown."""
    row, col = CORNER
    return image[:, row : row + SIDE, col : col + SIDE]


def panels(folder: Path, method: str) -> dict[str, NDArray[np.uint8]]:
    """(SIDE, SIDE, 3) pictures by title, the colour ones with one stretch."""
    paths = make(folder)
    for name in (method, "EXP"):
        anypan.fuse(paths["pan"], paths["ms"], folder / f"{name}.tif", method=name, overwrite=True)
    pan, (ms, names) = read(paths["pan"])[0], read(paths["ms"])
    fused, exp = read(folder / f"{method}.tif")[0], read(folder / "EXP.tif")[0]
    bands, ratio = list(rgb(names)), pan.shape[-1] // ms.shape[-1]
    blocks = ms[bands].repeat(ratio, 1).repeat(ratio, 2)
    shared = limits(exp[bands])
    added = cut(fused[bands] - exp[bands]).mean(0, keepdims=True).repeat(3, 0)
    return {
        "PAN": stretch(cut(pan).repeat(3, 0), limits(cut(pan)).repeat(3, 0), GAMMA),
        "MS": stretch(cut(blocks), shared, GAMMA),
        f"fused by {method}": stretch(cut(fused[bands]), shared, GAMMA),
        "added to the interpolated MS": stretch(added, signed_limits(added)),
    }


def sheet(shown: dict[str, NDArray[np.uint8]]) -> Image.Image:
    """The panels side by side with their titles."""
    page = Image.new("RGB", (len(shown) * (SIDE + GAP) - GAP, SIDE + TITLE), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for number, (title, image) in enumerate(shown.items()):
        left = number * (SIDE + GAP)
        pen.text((left, 4), title, fill="#222222", font=font)
        page.paste(Image.fromarray(image), (left, TITLE))
    return page


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="anypan-s")
    parser.add_argument("--out", type=Path, default=Path("docs/images/demo.webp"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = sheet(panels(Path(folder), options.method))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    page.save(options.out, quality=88, method=6)
    print(options.out, f"{options.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()

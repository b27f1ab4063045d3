"""The picture of the README: the demonstration scene as PAN, as MS, by the best formula of the field, and by us.

python runs/picture.py [--method anypan-s] [--out docs/images/demo.webp]

"Best" is the published formula with the least error (ERGAS) against the scene's truth; titles say the error. The sensor
is named for both. All colour panels share one stretch; a pixel of the picture is a pixel of the image.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import anypan
from anypan.judging.colours import colours_of
from anypan.methods import FORMULAS
from anypan.metrics import METRICS, Reference
from anypan.report.pictures import GAMMA, limits, stretch
from anypan.simulate.demo import SENSOR, make

HEIGHT, WIDTH, GAP, TITLE = 270, 404, 8, 26
CORNER = (240, 560)  # of the part that is shown: houses, trees, a car park and a field's edge
Floats = NDArray[np.float32]


def read(path: Path) -> tuple[Floats, tuple[str, ...]]:
    """Pixels (bands, H, W) and band names of a file."""
    with rasterio.open(path) as file:
        return file.read().astype(np.float32), tuple(name or "" for name in file.descriptions)


def fused(pan: Floats, ms: Floats, truth: Floats, methods: Iterable[str]) -> tuple[str, float, Floats]:
    """The method with the least ERGAS against the truth, that error, and its image."""
    reference, found = Reference(torch.from_numpy(truth), pan.shape[-1] // ms.shape[-1], float(truth.max())), []
    for name in methods:
        image = np.asarray(anypan.fuse(pan[0], ms, method=name, sensor=SENSOR))
        found.append((name, METRICS["ERGAS"](torch.from_numpy(image), reference), image))
    return min(found, key=lambda one: one[1])


def panels(folder: Path, method: str) -> dict[str, NDArray[np.uint8]]:
    """(HEIGHT, WIDTH, 3) pictures by title, the colour ones with one stretch."""
    paths = make(folder)
    pan, (ms, names), truth = read(paths["pan"])[0], read(paths["ms"]), read(paths["reference"])[0]
    formulas = [name for name, formula in FORMULAS.items() if formula.published]
    formula, far, classical = fused(pan, ms, truth, formulas)
    _, near, own = fused(pan, ms, truth, [method])
    bands, ratio = list(colours_of(names).bands), pan.shape[-1] // ms.shape[-1]
    shared = limits(ms[bands])

    def shown(image: Floats, bounds: NDArray[np.float64]) -> NDArray[np.uint8]:
        row, col = CORNER
        return stretch(image[:, row : row + HEIGHT, col : col + WIDTH], bounds, GAMMA)

    return {
        "PAN: sharp, grey": shown(pan.repeat(3, 0), limits(pan).repeat(3, 0)),
        f"MS: coloured, {ratio} times coarser": shown(ms[bands].repeat(ratio, 1).repeat(ratio, 2), shared),
        f"best formula here, {formula}: error {far:.2f}": shown(classical[bands], shared),
        f"anypan ({method}): error {near:.2f}": shown(own[bands], shared),
    }


def sheet(shown: dict[str, NDArray[np.uint8]]) -> Image.Image:
    """The panels in two rows with their titles."""
    page = Image.new("RGB", (2 * WIDTH + GAP, 2 * (HEIGHT + TITLE)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for number, (title, image) in enumerate(shown.items()):
        left, top = number % 2 * (WIDTH + GAP), number // 2 * (HEIGHT + TITLE)
        pen.text((left, top + 3), title, fill="#222222", font=font)
        page.paste(Image.fromarray(image), (left, top + TITLE))
    return page


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="anypan-s")
    parser.add_argument("--out", type=Path, default=Path("docs/images/demo.webp"))
    options = parser.parse_args()
    warnings.simplefilter("ignore", anypan.Note)
    with tempfile.TemporaryDirectory() as folder:
        page = sheet(panels(Path(folder), options.method))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    page.save(options.out, quality=90, method=6)
    print(options.out, f"{options.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()

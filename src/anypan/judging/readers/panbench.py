"""PanBench (Wang et al., Remote Sensing 2024): ten sensors, GeoTIFF patches, the MS in two files.

``<SENSOR>/RGB_256``, ``<SENSOR>/NIR_256`` and ``<SENSOR>/PAN_1024`` hold files of the same names: bands R, G, B and
NIR. The authors' split is a random one with seed 42 over the sorted RGB files of the whole set: 4,718, 590 and 590.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch

from anypan import raster
from anypan.judging.readers.entry import About, Entry, Images, Layout
from anypan.optics.sensors import SENSORS, find
from anypan.runtime.errors import UserError

RGB, NIR, PAN = "RGB_256", "NIR_256", "PAN_1024"
BANDS = ("red", "green", "blue", "nir")
OWN_NAMES = {"IN": "IKONOS", "LC7": "Landsat7", "LC8": "Landsat8"}
SHARES, SEED = {"train": 4718, "valid": 590, "test": 590}, 42
Pair = tuple[Path, str]  # a sensor's folder and a file name


def _find(root: Path, split: str) -> Iterator[Entry]:
    folders = [root] if (root / RGB).is_dir() else sorted(each.parent for each in root.rglob(RGB))
    pairs = [(folder, name) for folder in folders for name in _names(folder)]
    kept = set(range(len(pairs))) if split == "all" else _share(root, len(pairs), split)
    for index, (folder, name) in enumerate(pairs):
        if index in kept:
            sensor = _sensor(folder.name)
            stem = f"{LAYOUT.name}/{folder.name.lower()}/{Path(name).stem}"
            yield Entry(stem, LAYOUT.name, sensor, partial(_read, folder, name, sensor), split)


def _names(folder: Path) -> list[str]:
    return sorted({path.name for part in (RGB, NIR, PAN) for path in (folder / part).glob("*.tif")})


def _share(root: Path, count: int, split: str) -> set[int]:
    if count != sum(SHARES.values()):
        said = f"{count:,} of the {sum(SHARES.values()):,} pairs that the authors' split is drawn from"
        raise UserError(f"{root} holds {said}: complete the set, or take panbench/all.")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(SEED)).tolist()
    end = dict(zip(SHARES, accumulate(SHARES.values()), strict=True))[split]
    return set(order[end - SHARES[split] : end])


def _sensor(folder: str) -> str:
    try:
        return find(OWN_NAMES.get(folder, folder)).name
    except UserError:
        return folder


def _read(folder: Path, name: str, sensor: str) -> Images:
    opened = raster.open_raster([folder / PAN / name])
    eight_bits = raster.format_of(opened).dtype == "uint8"
    opened.close()
    known = SENSORS[sensor].full_scale if sensor in SENSORS else None
    about = About(sensor, BANDS, 255 if eight_bits else known, "unknown")
    return Images(folder / PAN / name, [folder / RGB / name, folder / NIR / name], None, about)


LAYOUT = Layout(
    "panbench",
    "PanBench",
    _find,
    ("test", "valid", "train", "all"),
    f"SENSOR/{RGB}, SENSOR/{NIR} and SENSOR/{PAN} with .tif files of the same names",
    "https://github.com/XavierJiezou/Pansharpening",
    "code Apache-2.0; images: none stated",
)

"""NBU_PansharpRSData (Meng et al., IEEE GRSM 2020): six sensors, a folder for each, real pairs without truth.

``<sensor>/MS_256/<n>.mat`` (``imgMS`` or ``I_MS``, H x W x C) and ``<sensor>/PAN_1024/<n>.mat`` (``imgPAN``, ``I_PAN``
or ``block``), uint16. The set itself names no split. UniPAN's lists (70, 10 and 20 %) are read from its published file
``sequence.py`` where that lies in the set's folder: they index the sorted file names of each sensor.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from anypan.judging.readers import mat
from anypan.judging.readers.entry import About, Entry, Images, Layout
from anypan.judging.readers.files import number
from anypan.optics.sensors import SENSORS, find
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import literal_of, text_of

MS_FOLDER, PAN_FOLDER, LISTS = "MS_256", "PAN_1024", "sequence.py"
MS, PAN = ("imgMS", "I_MS"), ("imgPAN", "I_PAN", "block")
SHORT = {"IKONOS": "ik", "QB": "qb", "GF1": "gf1", "WV4": "wv4", "WV2": "wv2", "WV3": "wv3"}  # in UniPAN's lists
TRAIN, VALID = 0.7, 0.1
MOST_LISTS = 2**20  # bytes


def _find(root: Path, split: str) -> Iterator[Entry]:
    lists = _lists(root) if split != "all" else {}
    for folder in _folders(root):
        sensor = _sensor(folder.name)
        stems = sorted({path.name for part in (MS_FOLDER, PAN_FOLDER) for path in (folder / part).glob("*.mat")})
        kept = stems if split == "all" else _share(stems, lists, SHORT.get(sensor, ""), split, folder)
        for file in stems:
            if file in kept:
                name = f"{LAYOUT.name}/{sensor.lower()}/{number(file.removesuffix('.mat'))}"
                yield Entry(name, LAYOUT.name, sensor, partial(_read, folder, file, sensor), split)


def _folders(root: Path) -> list[Path]:
    """``root`` if it is one sensor's, else those below that name a sensor: others group the same pairs by theme."""
    if (root / MS_FOLDER).is_dir():
        return [root]
    return sorted(each.parent for each in root.rglob(MS_FOLDER) if _sensor(each.parent.name) in SENSORS)


def _sensor(folder: str) -> str:
    """``5_WorldView-2`` or ``5 WorldView-2`` is WV2; of a folder that names no sensor, its own name."""
    try:
        return find(re.sub(r"^\d+[_ ]", "", folder)).name
    except UserError:
        return folder


def _read(folder: Path, file: str, sensor: str) -> Images:
    pan, ms = mat.one(folder / PAN_FOLDER / file, PAN), mat.one(folder / MS_FOLDER / file, MS)
    if len(pan) != 1:
        raise UserError(f"{folder / PAN_FOLDER / file} has {len(pan)} bands, but a PAN has one: fetch the set again.")
    scale = SENSORS[sensor].full_scale if sensor in SENSORS else None
    return Images(pan[0], ms, None, About(sensor, (), scale, "centred"))


def _lists(root: Path) -> dict[str, list[int]]:
    """UniPAN's lists by sensor, read as a literal: the file is not executed."""
    path = next(iter(sorted(root.rglob(LISTS))), root / LISTS)
    what = f"put UniPAN's UniPAN/dataset/{LISTS} there, or take nbu/all"
    found = literal_of(text_of(path, what, MOST_LISTS), str(path), what)
    if not all(isinstance(each, list) and all(isinstance(n, int) for n in each) for each in found.values()):
        raise UserError(f"{path} holds no lists of numbers: {what}.")
    return {str(key): each for key, each in found.items()}


def _share(stems: list[str], lists: dict[str, list[int]], key: str, split: str, folder: Path) -> Collection[str]:
    """The files of one split; the lists number the sorted file names of the whole sensor."""
    order = lists.get(key, [])
    if sorted(order) != list(range(len(stems))):
        said = f"{len(stems)} pairs, but UniPAN's list for it {len(order)}"
        raise UserError(f"{folder} holds {said}: complete the set, or take nbu/all.")
    first = int(len(stems) * TRAIN)
    second = first + int(len(stems) * VALID)
    part = {"train": slice(first), "valid": slice(first, second), "test": slice(second, None)}[split]
    return {stems[index] for index in order[part]}


LAYOUT = Layout(
    "nbu",
    "NBU_PansharpRSData",
    _find,
    ("all", "test", "valid", "train"),
    f"SENSOR/{MS_FOLDER}/N.mat and SENSOR/{PAN_FOLDER}/N.mat",
    "https://github.com/starboot/NBU_PansharpRSData",
    "academic use only, with citation",
)

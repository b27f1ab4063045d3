"""PSBench (Wang et al., 2026): ``<group>/<bands>/{test,train,meta}.json``, a line of JSON for each place.

A line names four images: ``pan`` and ``ms`` (reduced), ``ms_label`` (their truth, and the MS at full resolution) and
``pan_label`` (the PAN at full resolution). So each line is a reduced scene with its truth and a full one without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from anypan.judging.readers.entry import About, Entry, Images, Layout, failing
from anypan.judging.readers.files import sensor_in
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import json_of, lines_of

SCALES = {"landsat7": 255, "cresda": 4095, "maxar": 10000, "landsat8": 65535, "landsat9": 65535, "others": 255}
SENSOR_OF = {"landsat7": "Landsat7", "landsat8": "Landsat8", "landsat9": "Landsat9"}
KEYS = ("pan", "ms", "pan_label", "ms_label")
Listed = dict[str, str]


def _find(root: Path, split: str) -> Iterator[Entry]:
    files = [root] if root.is_file() else sorted(root.rglob(f"{split}.json"))
    for path in files:
        group = path.parent.parent.name
        if group not in SCALES:
            continue
        stem = f"{LAYOUT.name}/{group}/{path.parent.name}/{split}"
        for number, line in lines_of(path, "fetch the file again"):
            yield from _scenes(root, path, line, f"{stem}/{number:06d}", split)


def _scenes(root: Path, path: Path, line: str, stem: str, split: str) -> Iterator[Entry]:
    group = path.parent.parent.name
    try:
        entry = _entry(path, line)
        sensor = _sensor(group, entry)
        reduced, full = (partial(_read, root, path, entry, sensor, part) for part in (True, False))
    except UserError as problem:
        sensor, reduced, full = group, failing(problem), failing(problem)
    yield Entry(f"{stem}/reduced", LAYOUT.name, sensor, reduced, split, ("rr",))
    yield Entry(f"{stem}/full", LAYOUT.name, sensor, full, split, ("fr",))


def _entry(path: Path, line: str) -> Listed:
    entry = json_of(line, f"A line of {path}", "fetch the file again")
    if not all(isinstance(entry.get(key), str) for key in KEYS):
        raise UserError(f"{path} has a line that does not name {', '.join(KEYS)}: fetch the file again.")
    return {key: entry[key] for key in KEYS}


def _sensor(group: str, entry: Listed) -> str:
    """The group's if it has one alone, else what a part of the image's path names, else the group."""
    named = SENSOR_OF.get(group) or sensor_in(entry["ms"].replace("\\", "/"))
    return group if named == "unknown" else named


def _read(root: Path, path: Path, entry: Listed, sensor: str, reduced: bool) -> Images:
    keys = ("pan", "ms", "ms_label") if reduced else ("pan_label", "ms_label")
    pan, ms, *truth = (_below(root, path, entry[key]) for key in keys)
    about = About(sensor, (), SCALES[path.parent.parent.name], "unknown" if reduced else "centred")
    return Images(pan, ms, truth[0] if truth else None, about)


def _below(root: Path, path: Path, name: str) -> Path:
    """The image that a line names, where the set lies now: by the longest end of its path that is below the set."""
    parts = [part for part in re.split(r"[\\/]+", name) if part not in ("", ".")]
    places = [path.parent.joinpath(*parts)]
    if root.is_dir():
        places += [root.joinpath(*parts[start:]) for start in range(max(1, len(parts) - 1))]
    found = next((place for place in places if place.is_file()), None)
    if found is None or ".." in parts:
        raise UserError(f"{path} names {name}, which is not below {root}: complete the set.")
    return found


LAYOUT = Layout(
    "psbench",
    "PSBench",
    _find,
    ("test", "train", "meta"),
    "GROUP/BANDS/test.json, where GROUP is landsat7, cresda, maxar, landsat8, landsat9 or others",
    "https://huggingface.co/datasets/BaiXuYa/PSBench",
    "code MIT; images: none stated",
)

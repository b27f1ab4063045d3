"""Folders with ``pan.tif``, ``ms.tif``, perhaps ``gt.tif`` and ``scene.json``: where no layout is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from anypan.judging.readers.entry import About, Entry, Images, Layout
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import json_of, text_of

MOST_ABOUT = 2**20  # bytes of scene.json


def entry(folder: Path) -> Entry:
    """The scene in a folder; its name is the folder's."""
    return Entry(folder.name, LAYOUT.name, _sensor(folder), partial(_read, folder))


def _find(root: Path, split: str) -> Iterator[Entry]:
    """The scene folders in ``root`` by name, or ``root`` itself if it is one."""
    folders = [root] if _is_scene(root) else sorted(each for each in root.iterdir() if _is_scene(each))
    return map(entry, folders)


def _is_scene(folder: Path) -> bool:
    return folder.is_dir() and any((folder / name).exists() for name in ("scene.json", "pan.tif", "ms.tif"))


def _read(folder: Path) -> Images:
    stated = _description(folder)
    names = stated.get("band_order")
    bits = re.match(r"\d{1,2}(?!\d)", str(stated.get("bit_depth", "")))
    about = About(
        sensor=str(stated.get("sensor", "unknown")),
        bands=tuple(map(str, names)) if isinstance(names, list) else (),
        full_scale=2.0 ** int(bits[0]) - 1 if bits else None,
        extra={"quality": stated.get("quality")},
    )
    truth = folder / "gt.tif"
    return Images(folder / "pan.tif", folder / "ms.tif", truth if truth.exists() else None, about)


def _sensor(folder: Path) -> str:
    try:
        return str(_description(folder).get("sensor", "unknown"))
    except UserError:
        return "unknown"


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "scene.json"
    what = "mend it or take it away, a scene needs none"
    return json_of(text_of(path, what, MOST_ABOUT), str(path), what) if path.exists() else {}


LAYOUT = Layout(
    "folder",
    "Folders of scenes",
    _find,
    ("all",),
    "pan.tif, ms.tif and, if known, gt.tif and scene.json, a folder for each scene",
)

"""Readers: each published layout of pansharpening sets as a list of scenes that are opened one by one.

A layout is one file here and one entry in ``LAYOUTS``.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from anypan.benchmark.readers import folders, nbu, pairs, panbench, pancollection, psbench, toolbox
from anypan.benchmark.readers.entry import PROTOCOLS, About, Entry, Images, Layout, Phase, Protocol
from anypan.errors import UserError

__all__ = ["LAYOUTS", "PROTOCOLS", "About", "Entry", "Images", "Layout", "Phase", "Protocol", "as_entry", "find_scenes"]

_READERS = (folders, pancollection, nbu, panbench, toolbox, psbench, pairs)
LAYOUTS: dict[str, Layout] = {each.LAYOUT.name: each.LAYOUT for each in _READERS}
_SPEC = re.compile(r"([A-Za-z][\w-]+)(?:/([\w-]+))?:(.+)", re.DOTALL)


def find_scenes(spec: str | Path) -> list[Entry]:
    """The scenes of ``FOLDER``, ``LAYOUT:PATH`` or ``LAYOUT/SPLIT:PATH``, unread. UserError if there are none."""
    layout, split, path = _parse(spec)
    if not path.exists():
        raise UserError(f"{path} does not exist: name the folder that holds the set.")
    if layout is folders.LAYOUT and not path.is_dir():
        raise UserError(f"{path} is not a folder: give a folder of scenes, or LAYOUT:{path} of {', '.join(LAYOUTS)}.")
    found = list(layout.find(path, split))
    if not found:
        raise UserError(f"{path} holds no scenes of {layout.title}, split {split!r}: it should have {layout.holds}.")
    twice = next((name for name, times in Counter(each.name for each in found).items() if times > 1), None)
    if twice:
        raise UserError(f"{path} holds {twice} more than once: name the folder with one copy of the set.")
    return found


def as_entry(scene: Entry | Path) -> Entry:
    """The scene itself, or that in a folder."""
    return folders.entry(scene) if isinstance(scene, Path) else scene


def _parse(spec: str | Path) -> tuple[Layout, str, Path]:
    named = _SPEC.fullmatch(str(spec))
    if named is None or Path(spec).exists():
        return folders.LAYOUT, folders.LAYOUT.splits[0], Path(spec)
    layout = LAYOUTS.get(named[1].lower())
    if layout is None:
        raise UserError(f"{spec} names no known layout: choose from {', '.join(LAYOUTS)}, or give a folder of scenes.")
    split = named[2] or layout.splits[0]
    if split not in layout.splits:
        raise UserError(f"{layout.title} has no split {split!r}: choose from {', '.join(layout.splits)}.")
    return layout, split, Path(named[3]).expanduser()

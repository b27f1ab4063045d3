"""Readers: each published layout of pansharpening sets as a list of scenes that are opened one by one.

A layout is one file here and one entry in ``LAYOUTS``.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from anypan.judging.readers import folders, nbu, pairs, panbench, pancollection, psbench, toolbox
from anypan.judging.readers.entry import PROTOCOLS, About, Entry, Images, Layout, Phase, Protocol
from anypan.runtime.errors import UserError

__all__ = ["LAYOUTS", "PROTOCOLS", "About", "Entry", "Images", "Layout", "Phase", "Protocol", "as_entry", "find_scenes"]

_READERS = (folders, pancollection, nbu, panbench, toolbox, psbench, pairs)
LAYOUTS: dict[str, Layout] = {each.LAYOUT.name: each.LAYOUT for each in _READERS}
_SPEC = re.compile(r"([A-Za-z][\w-]+)(?:/([\w-]+))?:(.+)", re.DOTALL)


def find_scenes(*specs: str | Path) -> list[Entry]:
    """The scenes of each ``FOLDER``, ``LAYOUT:PATH`` or ``LAYOUT/SPLIT:PATH``, unread.

    UserError where one has none, and where two scenes have one name: rows could not be told apart.
    """
    found = [scene for spec in specs for scene in _found(spec)]
    twice = next((name for name, times in Counter(each.name for each in found).items() if times > 1), None)
    if twice:
        where = " and ".join(dict.fromkeys(str(spec) for spec in specs))
        raise UserError(f"{where}: there is more than one {twice!r}, so name one copy, or rename a scene's folder.")
    return found


def _found(spec: str | Path) -> list[Entry]:
    layout, split, path = _parse(spec)
    if not path.exists():
        raise UserError(f"{path} does not exist: name the folder that holds the set.")
    if layout is folders.LAYOUT and not path.is_dir():
        raise UserError(f"{path} is not a folder: give a folder of scenes, or LAYOUT:{path} of {', '.join(LAYOUTS)}.")
    found = list(layout.find(path, split))
    if not found and layout is folders.LAYOUT:
        others = ", ".join(name for name in LAYOUTS if name != layout.name)
        raise UserError(f"{path} holds no scenes: it should have {layout.holds}; sets are LAYOUT:{path} of {others}.")
    if not found:
        raise UserError(f"{path} holds no scenes of {layout.title}, split {split!r}: it should have {layout.holds}.")
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

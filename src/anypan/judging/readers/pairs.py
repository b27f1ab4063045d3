"""Plain GeoTIFF pairs, told apart by a word in their paths: ``pan``, ``ms`` and, if known, ``gt``.

``rome_pan.tif`` and ``rome_ms.tif`` are a pair, ``rome/PAN.tif`` and ``rome/MS.tif``, ``PAN_1024/7.tif`` and
``MS_256/7.tif``, too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from anypan.judging.readers.entry import About, Entry, Images, Layout
from anypan.judging.readers.files import below, sensor_in
from anypan.runtime.errors import UserError

WORDS = {"pan": "pan", "ms": "ms", "lrms": "ms", "mul": "ms", "xs": "ms", "gt": "gt", "truth": "gt", "reference": "gt"}
_WORD = re.compile(rf"(?<![a-z0-9])({'|'.join(WORDS)})(_\d+(?=/))?(?![a-z0-9])", re.IGNORECASE)


def _find(root: Path, split: str) -> Iterator[Entry]:
    found: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in below(root, (".tif", ".tiff")):
        inside = path.relative_to(root).as_posix() if path != root else path.name
        words = list(_WORD.finditer(inside.removesuffix(path.suffix)))
        if words:
            name, word = inside.removesuffix(path.suffix), words[-1]
            found[_joined(name[: word.start()], name[word.end() :])][WORDS[word[1].lower()]].append(path)
    for name, files in sorted(found.items()):
        stem = f"{LAYOUT.name}/{name}" if name else f"{LAYOUT.name}/{root.name}"
        sensor = sensor_in(f"{root.name}/{name}")
        yield Entry(stem, LAYOUT.name, sensor, partial(_read, stem, dict(files), sensor), split)


def _joined(before: str, after: str) -> str:
    """What is left of a path without its word: ``rome_`` and nothing is ``rome``, nothing and ``/7`` is ``7``."""
    return "/".join(part for part in (before.strip("/_-. "), after.strip("/_-. ")) if part)


def _read(name: str, files: dict[str, list[Path]], sensor: str) -> Images:
    several = next((paths for paths in files.values() if len(paths) > 1), None)
    if several:
        raise UserError(f"{several[0]} and {several[1]} could both belong to {name}: name pairs apart.")
    missing = next((word for word in ("pan", "ms") if word not in files), None)
    if missing:
        only = next(iter(files.values()))[0]
        raise UserError(f"{only} has no partner with {missing!r} in place of its word: name both alike.")
    truth = files["gt"][0] if "gt" in files else None
    return Images(files["pan"][0], files["ms"][0], truth, About(sensor))


LAYOUT = Layout(
    "pairs",
    "plain GeoTIFF pairs",
    _find,
    ("all",),
    "GeoTIFFs with pan, ms and, if known, gt as a word of their paths, as rome_pan.tif and rome_ms.tif",
)

"""Manifests: a CSV file, a folder of pairs or a STAC catalogue becomes jobs; what is wrong with a line is a fault."""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from anypan.batch.jobs import Fault, Job
from anypan.products import holds_product
from anypan.runtime.errors import UserError, printable
from anypan.runtime.foreign import number_or_name, text_of

COLUMNS = ("name", "pan", "ms", "sensor", "bands", "reference_bands", "nodata", "pan_nodata", "datetime")
MOST = 1_000_000  # scenes of a manifest
LEDGER = "batch.jsonl"  # in a folder of outputs
LONGEST = 200  # bytes of a name: what lies beside the output has longer ones
_PLAIN = re.compile(r"[^\s./\\][^/\\\x00-\x1f\x7f]*")
_RASTER = re.compile(r"\.(tiff?|jp2|img|ntf)$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(zip|tar|tar\.gz|tgz)$", re.IGNORECASE)
_PAIR = re.compile(r"(?:(.+)[_.-])?(pan|ms|mul)", re.IGNORECASE)


@dataclass(frozen=True)
class Manifest:
    """The scenes of a manifest, each of another name, and what in it is none."""

    jobs: tuple[Job, ...]
    faults: tuple[Fault, ...]
    passed: tuple[str, ...] = ()  # folders with images of which none is a scene that is known


def read_manifest(path: str | os.PathLike[str], allow_remote: bool = False) -> Manifest:
    """The scenes of a CSV file, of a folder of pairs, or of a STAC catalogue, collection or item (.json).

    UserError if it is none of these, or has no scene at all.
    """
    place = Path(path)
    if not place.exists():
        raise UserError(f"The manifest {path} does not exist: give a CSV file, a folder of pairs or a STAC catalogue.")
    found: Iterable[Job | Fault | str]
    if place.is_dir():
        found = _of_folder(place)
    elif _ARCHIVE.search(place.name):
        if not holds_product(place):
            raise UserError(f"{path} holds no product that is known: unpack it, and give the folder of its scenes.")
        found = [Job(_ARCHIVE.sub("", place.name), str(place.absolute()), (), {}, place.name, None)]
    elif place.suffix.lower() in (".json", ".geojson"):
        from anypan.batch.catalogue import of_catalogue

        found = of_catalogue(place, allow_remote)
    else:
        found = _of_csv(place)
    manifest = _distinct(found)
    if not manifest.jobs and not manifest.faults:
        raise UserError(f"{path} holds no scene: see 'anypan batch --help' for what it should have.")
    return manifest


def _distinct(found: Iterable[Job | Fault | str]) -> Manifest:
    """Jobs with plain names, each of which is used once; a text is the name of a folder that was passed over."""
    jobs: dict[str, Job] = {}
    faults: list[Fault] = []
    passed: list[str] = []
    for each in found:
        if len(jobs) + len(faults) >= MOST:
            raise UserError(f"The manifest has more than {MOST:,} scenes: split it.")
        if isinstance(each, str):
            passed.append(printable(each))
        elif isinstance(each, Fault):
            faults.append(Fault(printable(each.name), printable(each.reason)))
        elif not _is_plain(each.name):
            shown = f"{each.name!r:.{LONGEST}}"
            faults.append(Fault(shown, printable(f"{each.where}: {shown} is no name of a file: give a plain one.")))
        elif each.name in jobs:
            first = jobs[each.name].where
            reason = f"{each.where} has the output {each.name!r} of {first}: give it a name of its own."
            faults.append(Fault(f"{each.name} ({each.where})", reason))
        else:
            jobs[each.name] = each
    return Manifest(tuple(jobs.values()), tuple(faults), tuple(passed))


def _is_plain(name: object) -> bool:
    """True for a name that a file can have: of a catalogue it may be anything."""
    if not isinstance(name, str) or not _PLAIN.fullmatch(name):
        return False
    return name == printable(name) and len(name.encode()) <= LONGEST


def _of_csv(path: Path) -> Iterator[Job | Fault]:
    text = text_of(path, "save it as comma-separated UTF-8")
    try:
        lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        lines.fieldnames = [name.strip().lower() for name in lines.fieldnames or ()]
        if len(lines.fieldnames) == 1 and ";" in lines.fieldnames[0]:
            raise UserError(f"{path} is separated by semicolons: save it as comma-separated UTF-8.")
        _check_columns(path, lines.fieldnames)
        for row in lines:
            yield _job(path, lines.line_num, row)
    except csv.Error as problem:
        raise UserError(f"{path} cannot be read as CSV ({problem}): save it as comma-separated UTF-8.") from problem


def _check_columns(path: Path, names: Iterable[str] | None) -> None:
    given = list(names or ())
    for name in given:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, 1, cutoff=0)[0]
            raise UserError(f"{path} has an unknown column {name!r}: use {near!r}, or one of {', '.join(COLUMNS)}.")
    twice = [name for name in given if given.count(name) > 1]
    if twice:
        raise UserError(f"{path} has the column {twice[0]!r} more than once: leave one.")
    missing = [name for name in ("pan", "ms") if name not in given]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}: its first line names at least pan and ms.")


def _job(path: Path, line: int, row: dict[str, str | None]) -> Job | Fault:
    where = f"{path.name}, line {line}"
    cells = {key: value.strip() for key, value in row.items() if isinstance(value, str) and value.strip()}
    name = cells.get("name") or Path(cells.get("pan", "")).stem or where
    if None in row:
        return Fault(name, f"{where} has more fields than there are columns: quote what holds a comma.")
    files = [part.strip() for part in cells.get("ms", "").split(";") if part.strip()]
    if "pan" not in cells or not (files or holds_product(_beside(path, cells["pan"]))):
        return Fault(name, f"{where} names no {'ms' if 'pan' in cells else 'pan'}: fill the field in.")
    try:
        options = _options(cells)
    except ValueError as problem:
        return Fault(name, f"{where}: {problem}.")
    pan, *ms = (_beside(path, each) for each in (cells["pan"], *files))
    return Job(name, pan, tuple(ms), options, where, cells.get("datetime"))


def _options(cells: dict[str, str]) -> dict[str, object]:
    options: dict[str, object] = {"sensor": cells["sensor"]} if "sensor" in cells else {}
    for key in ("bands", "reference_bands"):
        if key in cells:
            options[key] = [number_or_name(name.strip()) for name in re.split("[;,]", cells[key]) if name.strip()]
    for key in ("nodata", "pan_nodata"):
        if key in cells:
            try:
                options[key] = float(cells[key])
            except ValueError:
                raise ValueError(f"{key} is {cells[key]!r}, which is no number: give one") from None
    return options


def _beside(manifest: Path, path: str) -> str:
    """A relative path starts at the manifest's folder; URLs and GDAL's own paths stay as they are."""
    return path if "://" in path or path.startswith("/") else os.path.abspath(manifest.parent / path)


def _of_folder(folder: Path) -> Iterator[Job | Fault | str]:
    """Products; and pairs by name: pan and ms in a folder or its folders, or NAME_pan and NAME_ms side by side.

    Of folders with images that are neither the name.
    """
    folder = folder.absolute()
    yield from _pairs_of(folder)
    for place in sorted(each for each in folder.iterdir() if each.name[0] != "."):
        pairs = list(_pairs_of(place)) if place.is_dir() else []
        if not pairs and (place.is_dir() or _ARCHIVE.search(place.name)) and holds_product(place):
            pairs = [Job(_ARCHIVE.sub("", place.name), str(place), (), {}, place.name, None)]
        if not pairs and place.is_dir() and not (place / LEDGER).exists() and _has_images(place):
            yield place.name
        yield from pairs


def _has_images(folder: Path) -> bool:
    return any(_RASTER.search(file.name) for file in folder.iterdir())


def _pairs_of(folder: Path) -> Iterator[Job | Fault]:
    found: dict[str, dict[str, list[str]]] = {}
    for file in sorted(each for each in folder.iterdir() if each.name[0] != "." and _RASTER.search(each.name)):
        known = _PAIR.fullmatch(file.stem)
        if known:
            kind = "pan" if known[2].lower() == "pan" else "ms"
            found.setdefault(known[1] or folder.name, {}).setdefault(kind, []).append(str(file))
    for name, files in found.items():
        if set(files) != {"pan", "ms"} or len(files["pan"]) + len(files["ms"]) > 2:
            said = " and ".join(Path(file).name for kind in files.values() for file in kind)
            yield Fault(name, f"{folder} has {said}: a scene is one file that ends in pan and one that ends in ms.")
        else:
            yield Job(name, files["pan"][0], (files["ms"][0],), {}, str(folder))

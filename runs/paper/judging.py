"""Judges what a cell trained on whole real scenes, at reduced and at full resolution, in physical and toolbox mode."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from batches import learnt
from cells import Cell, Study, in_full, recipe
from rendered import render_scenes
from training import OutOfTime, clock_of

from anypan.judging import Case, find_scenes, judge_case, prepare
from anypan.judging.readers.entry import Entry, Protocol
from anypan.methods.base import Method
from anypan.runtime.columns import HIGH, LOW
from anypan.runtime.errors import UserError

Row = dict[str, Any]
WAYS: tuple[tuple[Protocol, str], ...] = (("rr", "physical"), ("rr", "toolbox"), ("fr", "physical"))
FACTS = ("scene", "sensor", "protocol", "mode", "ratio", "bands", "seconds", "error")
METRICS = ("Q2n", "ERGAS", "SAM", "D_rho", "R-ERGAS", "HQNR", LOW, HIGH)
DIGITS = 5


def scenes_of(study: Study, work: Path) -> dict[str, Entry]:
    """Scenes, unread, by their names; rendered ones if the study names none."""
    folders = [study.folder / folder for folder in study.scenes] or [render_scenes(work / "rendered")]
    return {scene.name: scene for folder in folders for scene in find_scenes(folder)}


def judged(cell: Cell, study: Study, scenes: dict[str, Entry]) -> Iterator[Case]:
    """The cases that a cell is judged on: never of the sensor, or with the scene, that it was trained on.

    A cell that learnt from one sensor is judged on those of its ratio and number of bands; one that learnt from all but
    one, on that one.
    """
    seen = learnt(cell, study, scenes)
    alike = {_kind(scenes[name], study.side) for name in seen} if cell.arm == "A" else None
    for name in study.judged or scenes:
        if name not in scenes or name in seen:
            continue
        sensor = scenes[name].sensor
        left = {"A": sensor != cell.source, "A*": sensor == cell.source, "C": sensor == cell.adapted}
        if left.get(cell.arm, True) and (alike is None or _kind(scenes[name], study.side) in alike):
            yield from _cases(scenes[name], study.side, WAYS if in_full(cell, study) else WAYS[:1])


def _cases(entry: Entry, side: int, ways: Iterable[tuple[Protocol, str]]) -> Iterator[Case]:
    """What came already degraded is no real pair at full resolution; small scenes are not judged in toolbox mode."""
    for protocol, mode in ways:
        try:
            case = case_of(entry, protocol, mode, side)
        except UserError:
            if mode == "toolbox":
                continue
            raise
        if protocol == "rr" or not case.facts["degraded"]:
            yield case


def case_of(entry: Entry, protocol: Protocol, mode: str, side: int) -> Case:
    """A scene, or its middle of at most side x side PAN pixels; reduced ones, which are small, are all kept."""
    return (_reduced if protocol == "rr" else _whole)(entry, protocol, mode, side)


def _prepared(entry: Entry, protocol: Protocol, mode: str, side: int) -> Case:
    return prepare(dataclasses.replace(entry, side=side), protocol, mode)


_reduced, _whole = lru_cache(maxsize=None)(_prepared), lru_cache(maxsize=2)(_prepared)


@lru_cache(maxsize=256)
def _kind(entry: Entry, side: int) -> tuple[int, int]:
    """Ratio and number of bands."""
    facts = case_of(entry, "rr", "physical", side).facts
    return facts["ratio"], facts["bands"]


def about(cell: Cell, study: Study) -> Row:
    """What all rows of a cell say of it."""
    said = {"cell": cell.name, "network": cell.network, "seed": cell.seed, "budget": study.budget}
    return said | {"recipe": recipe(cell, study)}


def rows_of(
    cell: Cell, method: Method, spent: Row, study: Study, cases: Iterable[Case], device: str, path: Path,
    until: float = float("inf"),
) -> list[Row]:  # fmt: skip
    """One short row for each case, and before them one that says what the training was.

    ``path``: where rows are kept that an interruption would lose. Raises OutOfTime at ``until``, but not before a first
    case: the next call goes on.
    """
    common, kept, new = about(cell, study), _kept(path), False
    clock = clock_of(device)
    with path.open("a", encoding="utf-8") as file:
        for case in cases:
            if _way(case.facts) in kept:
                continue
            if new and time.monotonic() > until:
                raise OutOfTime
            begun, new = clock(), True
            row = judge_case(case, cell.name, method, device)
            found = {key: row[key] for key in FACTS if row.get(key) is not None}
            found |= {key: _short(row[key]) for key in METRICS if row.get(key) is not None}
            kept[_way(case.facts)] = found | {"took": round(clock() - begun, 3)}
            file.write(json.dumps(kept[_way(case.facts)]) + "\n")
            file.flush()
    path.unlink()
    took = sum(row.pop("took") for row in kept.values())
    head = common | spent | {"judge_seconds": round(took, 1), "rows": len(kept) + 1}
    return [head, *(common | row for row in kept.values())]


def _way(facts: Row) -> tuple[str, ...]:
    return tuple(str(facts[key]) for key in ("scene", "protocol", "mode"))


def _kept(path: Path) -> dict[tuple[str, ...], Row]:
    """The rows that an interrupted judgement has left, without a last one that is not whole."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        path.write_text("".join(whole), encoding="utf-8")
    return {_way(row): row for row in map(json.loads, whole)}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")

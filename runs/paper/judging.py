"""Judges what a cell trained on whole real scenes, at reduced and at full resolution, in physical and toolbox mode."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from batches import learnt
from cells import Cell, Study
from rendered import render_scenes

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
            yield from _cases(scenes[name], study.side)


def _cases(entry: Entry, side: int) -> Iterator[Case]:
    """What came already degraded is no real pair at full resolution; small scenes are not judged in toolbox mode."""
    for protocol, mode in WAYS:
        try:
            case = case_of(entry, protocol, mode, side)
        except UserError:
            if mode == "toolbox":
                continue
            raise
        if protocol == "rr" or not case.facts["degraded"]:
            yield case


@lru_cache(maxsize=16)
def case_of(entry: Entry, protocol: Protocol, mode: str, side: int) -> Case:
    """A scene, or its middle of at most side x side PAN pixels; the last few are kept."""
    return prepare(dataclasses.replace(entry, side=side), protocol, mode)


@lru_cache(maxsize=256)
def _kind(entry: Entry, side: int) -> tuple[int, int]:
    """Ratio and number of bands."""
    facts = case_of(entry, "fr", "physical", side).facts
    return facts["ratio"], facts["bands"]


def about(cell: Cell, study: Study, spent: Row) -> Row:
    """What all rows of a cell say of it."""
    said = {"cell": cell.name, "network": cell.network, "seed": cell.seed, "budget": study.budget}
    return said | {key: spent[key] for key in ("levelled",) if key in spent}


def rows_of(cell: Cell, method: Method, spent: Row, study: Study, cases: list[Case], device: str) -> list[Row]:
    """One short row for each case, and before them one that says what the training was."""
    common = about(cell, study, spent)
    rows = []
    for case in cases:
        row = judge_case(case, cell.name, method, device)
        facts = {key: row[key] for key in FACTS if row.get(key) is not None}
        rows.append(common | facts | {key: _short(row[key]) for key in METRICS if row.get(key) is not None})
    return [common | spent | {"rows": len(cases) + 1}, *rows]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")

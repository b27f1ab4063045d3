"""Judges what a cell trained: parts of real scenes, at reduced and at full resolution."""

from __future__ import annotations

import dataclasses
import math
import platform
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cells import Cell, Study
from rendered import render_scenes
from torch import Tensor

from anypan import __version__
from anypan.judging import Case, find_scenes, prepare
from anypan.judging.readers.entry import Entry, Protocol
from anypan.methods.base import Method
from anypan.metrics import judge

Row = dict[str, Any]
FACTS = ("scene", "sensor", "protocol", "mode", "ratio", "bands", "size")
LEFT_OUT = ("D_lambda (paper)", "D_s (paper)")
DIGITS = 5
VERSIONS = {
    "anypan": __version__,
    "torch": torch.__version__,
    "numpy": np.__version__,
    "python": platform.python_version(),
}


def scenes_of(study: Study, work: Path) -> dict[str, Entry]:
    """Scenes, unread, by their names; rendered ones where there are no others and something may stand in."""
    folder = study.folder / study.scenes
    if study.stand_in and not folder.is_dir():
        folder = render_scenes(work / "rendered")
    return {scene.name: scene for scene in find_scenes(folder)}


def judged(cell: Cell, study: Study, scenes: dict[str, Entry]) -> Iterator[Case]:
    """The cases that a cell is judged on: never of the sensor, or with the scene, that it was trained on."""
    for name in (name for name in study.judged if name in scenes):
        sensor = scenes[name].sensor
        if cell.stage == "A" and sensor == cell.source:
            continue
        if cell.adapted and (sensor != cell.adapted or name == study.one_shot["scenes"][sensor]):
            continue
        yield part_of(scenes[name], "rr", study.side)
        full = part_of(scenes[name], "fr", study.side)
        if not full.facts["degraded"]:
            yield full


@lru_cache(maxsize=64)
def part_of(entry: Entry, protocol: Protocol, side: int) -> Case:
    """A scene's middle, at most side x side PAN pixels; kept, since every cell is judged on it."""
    return prepare(dataclasses.replace(entry, side=side), protocol)


def about(cell: Cell, study: Study, spent: Row, rows: int) -> Row:
    """What all rows of a cell say of it; ``rows`` is their number, by which a cell that was cut off is known."""
    said = {"cell": cell.name, "stage": cell.stage, "family": cell.family, "network": cell.network}
    said |= {"source": cell.source, "seed": cell.seed, "adapted": cell.adapted, "tuning": cell.tuning}
    return said | {"change": cell.change, "budget": study.budget, **spent, "rows": rows}


def rows_of(cell: Cell, method: Method, spent: Row, study: Study, cases: list[Case], device: str) -> list[Row]:
    """One row for each case. ``seconds``: to fit and to fuse."""
    common = about(cell, study, spent, len(cases))
    rows = []
    for case in cases:
        begun = time.perf_counter()
        fused = _fused(case, method, device)
        seconds = round(time.perf_counter() - begun, 3)
        values = judge(fused, case.against, case.metrics)
        facts = {"method": cell.name} | {key: case.facts[key] for key in FACTS} | {"seconds": seconds, "device": device}
        kept = {key: _short(value) for key, value in values.items() if key not in LEFT_OUT}
        rows.append(common | facts | kept | {"versions": VERSIONS})
    return rows


@torch.inference_mode()
def _fused(case: Case, method: Method, device: str) -> Tensor:
    """The part as one tile without a halo: what lies beyond it costs nothing, and training patches are seen so too."""
    fuser, patch = method(case.scene).to(device), case.scene.whole()
    return fuser(patch.pan.to(fuser.device), patch.lrms.to(fuser.device)).cpu()


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None

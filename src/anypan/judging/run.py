"""Scenes x protocols x methods, through the same fit and fuse as fuse() uses: one row each."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anypan import __version__
from anypan.judging.cases import Case, prepare
from anypan.judging.contenders import Contender, Images, as_contender
from anypan.judging.modes import MODES
from anypan.judging.readers import PROTOCOLS, Entry, Protocol, as_entry
from anypan.judging.side_by_side import side_by_side
from anypan.methods import Method
from anypan.metrics import judge
from anypan.metrics.unipan import unipan
from anypan.report.rows import Record, Row
from anypan.runtime.errors import UserError

Facts = dict[str, Any]


@dataclass(frozen=True)
class Unit:
    """What is judged in one go: the methods on one scene under one protocol.

    ``earlier``: of the methods that a previous run has judged, the hash of what they were given.
    """

    scene: Entry
    protocol: Protocol
    mode: str
    device: str
    methods: Mapping[str, Contender]
    earlier: Mapping[str, str | None]

    def rows(self) -> Iterator[Row]:
        """A row for each method that has none yet, or one that was given other images."""
        try:
            case = prepare(self.scene, self.protocol, self.mode)
            given = inputs_sha256(case)
        except Exception as problem:  # whatever is wrong with a scene, the other scenes are to be judged
            known = {**self.scene.head, "protocol": self.protocol, "mode": self.mode}
            for name in (each for each in self.methods if each not in self.earlier):
                facts = self.methods[name].facts | {"device": self.device} | _versions()
                yield Row.of(known | {"method": name, "error": _reason(problem)} | facts)
            return
        for name, method in self.methods.items():
            if self.earlier.get(name) != given:
                yield judge_case(case, name, method, self.device)


def run(
    scenes: Sequence[Entry | Path],
    methods: Mapping[str, Contender | Method],
    protocols: Sequence[Protocol] = PROTOCOLS,
    mode: str = "physical",
    device: str = "cpu",
    jobs: int = 1,
    done: Iterable[Record] = (),
) -> Iterator[Row]:
    """One row for each scene, protocol and method; what cannot be judged is a row with ``error``.

    A scene is judged under those of the protocols that its set publishes it for.
    In this order with one job; more work on scenes side by side, each in a process of its own, and rows come as they
    are made: then every method is one of contenders(). ``done``: rows that need not be made again.
    """
    contenders = {name: as_contender(method) for name, method in methods.items()}
    finished = {_key(row): row for row in done}
    heads = {name: contender.facts | {"device": device} | _versions() for name, contender in contenders.items()}
    units = []
    for scene in map(as_entry, scenes):
        for protocol in scene.offers(protocols):
            head = {"scene": scene.name, "protocol": protocol, "mode": mode}
            keys = {name: _key(head | {"method": name} | facts) for name, facts in heads.items()}
            rows = {name: finished[key] for name, key in keys.items() if key in finished}
            earlier = {name: row.get("inputs_sha256") for name, row in rows.items() if _stands(row, contenders[name])}
            if len(earlier) < len(contenders):
                units.append(Unit(scene, protocol, mode, device, contenders, earlier))
    yield from (row for unit in units for row in unit.rows()) if jobs == 1 else side_by_side(units, jobs)


def _key(row: Record) -> str:
    """Rows with one key have one result, as long as they were given the same images."""
    names = ("scene", "protocol", "mode", "method", "device", "seed", "weights_sha256")
    others = ("images", "command", "timeout", "files_sha256", "recipe_sha256")
    known = {name: row.get(name) for name in (*names, *others)}
    return json.dumps([known, row.get("versions", {}).get("anypan")], sort_keys=True)


def _stands(row: Record, contender: Contender) -> bool:
    """False where an image that was fused elsewhere is another by now, or there at last."""
    if not isinstance(contender, Images) or "inputs_sha256" not in row:
        return True
    return contender.image(dict(row)).get("image_sha256") == row.get("image_sha256")


def judge_case(case: Case, name: str, method: Contender | Method, device: str = "cpu") -> Row:
    """The row of one method on one case. Metrics that are not finite are None."""
    contender = as_contender(method)
    row = {**_head(case.facts), "method": name}
    tail = case.facts | {"inputs_sha256": inputs_sha256(case)} | _versions() | {"device": device}
    try:
        tail |= contender.facts | (contender.image(case.facts) if isinstance(contender, Images) else {})
        outcome = contender.fuse(case, device)
        values = _values(case, outcome.fused)
    except Exception as problem:  # whatever is wrong with a method, the other methods are to be judged
        return Row.of(row | {"error": _reason(problem)} | tail)
    row |= {"seconds": _rounded(outcome.seconds, 4), "peak_mib": _rounded(outcome.peak_mib, 1)}
    row |= {key: value if math.isfinite(value) else None for key, value in values.items()}
    return Row.of(row | tail | outcome.facts)


def _values(case: Case, fused: Tensor) -> dict[str, float]:
    """The metrics of the case's mode by name."""
    variant = MODES[case.mode].variant
    if variant == "unipan":
        return unipan(fused, case.scene, case.peak)
    values = judge(case.inner(fused), case.against, case.metrics)
    if variant == "paper" and case.protocol == "fr":
        values |= {name: values[f"{name} (paper)"] for name in ("D_lambda", "D_s")}
        values |= {"QNR": (1 - values["D_lambda"]) * (1 - values["D_s"])}
        values |= {"HQNR": (1 - values["D_lambda_K"]) * (1 - values["D_s"])}
    return values


def inputs_sha256(case: Case) -> str:
    """The SHA-256 of what methods and metrics are given: PAN, MS, mask, the reference if there is one, gains."""
    patch, found = case.scene.whole(), hashlib.sha256()
    for image in (patch.pan, patch.lrms, patch.mask, case.reference, case.mask):
        if image is not None:
            found.update(repr(tuple(image.shape)).encode() + image.contiguous().numpy().tobytes())
    sampling, scene = case.scene.sampling, case.scene
    # In these words, so that rows that exist stand: --resume compares them.
    grids = f"Sampling(ratio={sampling.ratio}, phase={sampling.phase}, convention={sampling.name!r})"
    found.update(f"({grids}, {scene.gnyq!r}, {scene.gnyq_pan!r}, {case.peak!r})".encode())
    return found.hexdigest()


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _head(facts: Facts) -> Facts:
    return {key: facts[key] for key in ("scene", "sensor", "protocol", "mode")}


def _reason(problem: Exception) -> str:
    return str(problem) if isinstance(problem, UserError) else f"{type(problem).__name__}: {problem}"


def _versions() -> Facts:
    found = {"anypan": __version__} | _libraries()
    return {"versions": found, "machine": platform.machine(), "threads": torch.get_num_threads()}


@lru_cache
def _libraries() -> dict[str, str]:
    found = {name: version(name) for name in ("numpy", "rasterio")}
    return {"torch": torch.__version__, **found, "python": platform.python_version()}

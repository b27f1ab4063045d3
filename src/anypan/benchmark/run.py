"""Scenes x protocols x methods, one row after the other, through the same fit and fuse as fuse() uses."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anypan import __version__
from anypan.benchmark.cases import Case, prepare
from anypan.benchmark.cost import measured
from anypan.benchmark.readers import PROTOCOLS, Entry, Protocol, as_entry
from anypan.errors import UserError
from anypan.fuse import fuse_scene
from anypan.methods import METHODS, Method
from anypan.methods.neural import neural
from anypan.metrics import judge
from anypan.mtf import Convention
from anypan.scene import Scene
from anypan.weights import available

Row = dict[str, Any]


def named_methods(names: Iterable[str]) -> dict[str, Method]:
    """The methods called ``names``; a name that ends in .safetensors is a weight file. UserError if one is unknown."""
    found = {}
    for name in names:
        if name not in METHODS and not name.endswith(".safetensors"):
            raise UserError(f"No method is called {name!r}: choose from {', '.join(METHODS)}, or a .safetensors file.")
        found[name] = METHODS[name] if name in METHODS else neural(name)
    return found


def run(
    scenes: Sequence[Entry | Path],
    methods: Mapping[str, Method],
    protocols: Sequence[Protocol] = PROTOCOLS,
    mode: Convention = "physical",
    device: str = "cpu",
) -> Iterator[Row]:
    """One row for each scene, protocol and method, in this order; what cannot be judged is a row with ``error``.

    A scene is judged under those of the protocols that its set publishes it for.
    """
    for scene in map(as_entry, scenes):
        for protocol in scene.offers(protocols):
            try:
                case = prepare(scene, protocol, mode)
            except Exception as problem:  # whatever is wrong with a scene, the other scenes are to be judged
                known = {**scene.head, "protocol": protocol, "mode": mode}
                yield from (known | {"method": name, "error": _said(problem)} | _versions() for name in methods)
                continue
            for name, method in methods.items():
                yield judge_case(case, name, method, device)


def judge_case(case: Case, name: str, method: Method, device: str = "cpu") -> Row:
    """The row of one method on one case. Metrics that are not finite are None."""
    row = {**_head(case.facts), "method": name}
    try:
        fused, seconds, peak = measured(lambda: _fuse(case.scene, method, device))
        values = judge(case.inner(fused), case.against, case.metrics)
    except Exception as problem:  # whatever is wrong with a method, the other methods are to be judged
        return row | {"error": _said(problem)} | case.facts | _versions()
    row |= {"seconds": round(seconds, 4), "peak_mib": round(peak, 1)}
    row |= {key: value if math.isfinite(value) else None for key, value in values.items()}
    return row | case.facts | _weights(name) | {"device": device} | _versions()


def write_rows(rows: Iterable[Row], out: str | Path, say: Callable[[Row], None] | None = None) -> int:
    """Append each row to ``out`` as a line of JSON as soon as it is known; ``say`` sees it too. Returns their count."""
    count = 0
    try:
        with Path(out).open("a", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
                file.flush()
                count += 1
                if say:
                    say(row)
    except OSError as problem:
        raise UserError(f"{out} cannot be written ({problem.strerror}): name another file.") from problem
    return count


def _fuse(scene: Scene, method: Method, device: str) -> Tensor:
    fuser = method(scene)
    if scene.sampling.convention == "physical":
        return fuse_scene(scene, fuser, device=device)
    patch = scene.whole()  # the toolbox interpolates circularly: no tiles
    with torch.inference_mode():
        return fuser(patch.pan, patch.lrms)


def _head(facts: Row) -> Row:
    return {key: facts[key] for key in ("scene", "sensor", "protocol", "mode")}


def _said(problem: Exception) -> str:
    return str(problem) if isinstance(problem, UserError) else f"{type(problem).__name__}: {problem}"


def _weights(name: str) -> Row:
    if name.endswith(".safetensors"):
        return {"weights_sha256": hashlib.sha256(Path(name).read_bytes()).hexdigest()}
    pinned = {card.name: card.sha256 for card in available()}
    return {"weights_sha256": pinned[name]} if name in pinned else {}


def _versions() -> Row:
    found = {"anypan": __version__, "torch": torch.__version__, "numpy": np.__version__}
    return {"versions": {**found, "python": platform.python_version()}}

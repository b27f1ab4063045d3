"""Runs the protocol: weights are trained when they are first needed, and kept; every row goes into one file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from anypan import __version__
from anypan.judging import Case, opened, prepare, run
from anypan.judging.contenders import Outcome, PackageMethod
from anypan.judging.protocol import Generalisation, read_protocol
from anypan.judging.readers import Entry
from anypan.judging.run import inputs_sha256
from anypan.judging.unseen import Cell, TestSensor, cells, sensors_of
from anypan.methods.resolve import resolve
from anypan.metrics import described
from anypan.report.exports import file_name
from anypan.report.generalisation import write_card
from anypan.report.rows import Row, latest
from anypan.runtime.digest import sha256
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import text_of
from anypan.train import Config, Optimisation, build
from anypan.train.adapt import teach
from anypan.weights import save, stored

ROWS, WEIGHTS, CARD = "rows.jsonl", "weights", "card.md"

Facts = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Start:
    """Weights to begin with: their name or file, and what identifies them in rows."""

    weights: str
    facts: Facts
    random: bool = False


class Judged:
    """A cell as a contender of the benchmark; ``weights`` gives the method's name or weight file, and more facts."""

    def __init__(self, cell: Cell, facts: Facts, weights: Callable[[], tuple[str, Facts]]) -> None:
        self.cell, self.facts, self._weights = cell, facts, weights
        self._failed = ""

    def fuse(self, case: Case, device: str) -> Outcome:
        """Train if need be, then fit and fuse. UserError for a training that failed, which is not tried again."""
        if self._failed:
            raise UserError(self._failed)
        try:
            name, facts = self._weights()
        except UserError as error:
            self._failed = str(error)
            raise
        return replace(PackageMethod(resolve(name), self.facts["seed"]).fuse(case, device), facts=facts)


def generalise(path: str | Path, folder: str | Path, device: str = "cpu", say: Say = print) -> Path:
    """Run the protocol of a TOML file, going on where an earlier run stopped; returns the card.

    ``folder`` gets rows.jsonl, the weights that were trained, card.md and its plots. Raises UserError for what is
    wrong with the file or its scenes; what goes wrong with one training or one scene is a row with ``error``.
    """
    protocol = read_protocol(path)
    sensors = sensors_of(protocol)
    out = _created(Path(folder))
    with opened(out / ROWS) as ledger:
        contenders = _contenders(protocol, sensors, out / WEIGHTS, device, say)
        rows = [Row.of(row) for row in ledger.rows]
        for sensor in sensors.values():
            judged = {one.cell.name: one for one in contenders if one.cell.judges(sensor)}
            scenes = [replace(scene, side=protocol.side) for scene in sensor.judged]
            before = len(rows)
            for row in run(scenes, judged, protocol.protocols, protocol.mode, device, done=list(rows)):
                ledger.append(row)
                rows.append(row)
            say(f"{sensor.name}: {len(rows) - before} rows made")
    text = text_of(path, "give the path of a TOML file")
    return write_card(_current(rows, protocol, sensors, contenders), text, out / CARD, described())


def _created(folder: Path) -> Path:
    try:
        (folder / WEIGHTS).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"{folder} cannot be written ({problem.strerror}): name another folder.") from problem
    return folder


def _current(
    rows: list[Row], protocol: Generalisation, sensors: Mapping[str, TestSensor], contenders: list[Judged]
) -> list[Row]:
    """The rows that belong to the protocol as it is now: the file may hold others, of an earlier form of it."""
    recipes = {one.facts["recipe_sha256"] for one in contenders}
    scenes = {scene.name for sensor in sensors.values() for scene in sensor.judged}
    return [
        row
        for row in latest(row for row in rows if row.get("recipe_sha256") in recipes)
        if row.scene in scenes and row.protocol in protocol.protocols and row.mode == protocol.mode
    ]


def _contenders(
    protocol: Generalisation, sensors: Mapping[str, TestSensor], folder: Path, device: str, say: Say
) -> list[Judged]:
    starts = _starts(protocol, folder)
    randoms = {name: start.random for name, start in starts.items()}
    found = []
    for cell in cells(protocol, randoms, sensors):
        facts = _facts(cell, starts.get(cell.start), protocol.o, device)
        if not cell.learnt:
            name = starts[cell.start].weights if cell.start in starts else cell.start
            found.append(Judged(cell, facts, _just(name)))
        else:
            path = folder / f"{file_name(cell.name)}-{facts['recipe_sha256'][:12]}.safetensors"
            found.append(Judged(cell, facts, _learning(cell, starts[cell.start], path, protocol.o, (device, say))))
    return found


def _starts(protocol: Generalisation, folder: Path) -> dict[str, Start]:
    """The weights to begin with, by the names that rows give them. Random ones are written to ``folder``."""
    found: dict[str, Start] = {}
    for name in protocol.starts:
        base = stored(name)
        label = base.label
        if label in found:
            raise UserError(f"There are two weights called {label}: name each once, and files differently.")
        found[label] = Start(name, {"start_sha256": base.sha256, "architecture": base.architecture})
    for name, sizes in protocol.random.items():
        spec = json.dumps([name, sizes, protocol.seed, __version__], sort_keys=True)
        path = folder / f"{file_name(name)}-random-{hashlib.sha256(spec.encode()).hexdigest()[:12]}.safetensors"
        if not path.is_file():
            train = Optimisation(steps=1, seed=protocol.seed)
            network, settings = build(Config(out="", architecture=name, model=sizes, train=train))
            save(path, network.state_dict(), name, settings, seed=protocol.seed, untrained=True)
        found[f"{name} (random)"] = Start(str(path), {"architecture": name, "sizes": sizes}, random=True)
    return found


def _facts(cell: Cell, start: Start | None, o: Optimisation, device: str) -> Facts:
    """What all rows of a cell say of it; ``recipe_sha256`` changes with whatever decides its result."""
    about: Facts = {"cell": cell.name, "kind": cell.kind, "start": cell.start, "seed": o.seed}
    about |= start.facts if start else {}
    if cell.learnt:
        sensor = "left_out" if cell.kind == "leave-one-out" else "train_sensor"
        about |= {"tuning": cell.tuning, sensor: cell.sensor, "steps": o.steps}
        about |= {"train_scenes": {scene.name: _inputs(scene) for scene in cell.learnt}}
    decides = [about, dataclasses.asdict(o) if cell.learnt else None, __version__, device]
    return about | {"recipe_sha256": hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()}


@lru_cache(maxsize=64)
def _learnt(scene: Entry) -> Case:
    """A scene to learn from: all of it, registered, as ``anypan adapt`` sees it."""
    return prepare(scene, "fr")


def _inputs(scene: Entry) -> str:
    return inputs_sha256(_learnt(scene))


def _just(name: str) -> Callable[[], tuple[str, Facts]]:
    """A method as it is; of a weight file, not of weights in the package, rows say which."""
    weights = resolve(name).weights
    return lambda: (name, {"trained_sha256": sha256(Path(name))} if weights and Path(weights).suffix else {})


def _learning(
    cell: Cell, start: Start, path: Path, o: Optimisation, where: tuple[str, Say]
) -> Callable[[], tuple[str, Facts]]:
    """What gives a cell's weight file, trained if it is not there."""
    device, say = where

    def weights() -> tuple[str, Facts]:
        if not path.is_file():
            say(f"training {cell.name} on {len(cell.learnt)} scene{'s' * (len(cell.learnt) > 1)}")
            scenes = [_learnt(scene).scene for scene in cell.learnt]
            teach(stored(start.weights), scenes, o, cell.tuning, device).write(path)
        made = stored(path)
        losses = {key: float(made.header[key]) for key in ("loss_before", "loss_after")}
        return str(path), {"trained_sha256": made.sha256, **losses}

    return weights

"""What is judged, and how, as read from a TOML file."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anypan.judging import MODES, PROTOCOLS
from anypan.judging.readers import Protocol
from anypan.methods import METHODS
from anypan.models import ARCHITECTURES
from anypan.runtime.errors import UserError
from anypan.train import Optimisation
from anypan.train.adapt import ONE_SHOT, STEPS
from anypan.train.config import built, check, from_folder_of, table, weights_from
from anypan.train.tunings import TUNINGS

KINDS = ("zero-shot", "one-shot", "leave-one-out")
OWN_KEYS = ("steps", "minutes", "seed", "freeze")  # of Optimisation; the protocol sets them elsewhere, or not at all


@dataclass(frozen=True)
class Generalisation:
    """The protocol; an unknown key is an error.

    ``scenes``: folders or LAYOUT:PATH. ``sensors``: those that take part, all if none is named. ``starts``: names of
    weights that ship, or weight files; ``random``: architectures with random weights, each with its sizes.
    ``adapt_on``: sensor -> the scene that is learnt from; its first if it is not named. ``per_sensor``: scenes of each
    other sensor that leave-one-out learns from; 0 is all. ``judged``: scenes of a sensor that are judged at most,
    evenly spread, ``side``: PAN pixels of their middle; 0 is all.
    """

    scenes: tuple[str, ...]
    starts: tuple[str, ...] = ()
    random: dict[str, dict[str, Any]] = field(default_factory=dict)
    classical: tuple[str, ...] = ()
    kinds: tuple[str, ...] = KINDS
    tunings: tuple[str, ...] = ("full",)
    sensors: tuple[str, ...] = ()
    adapt_on: dict[str, str] = field(default_factory=dict)
    per_sensor: int = 1
    judged: int = 0
    side: int = 0
    protocols: tuple[Protocol, ...] = PROTOCOLS
    mode: str = "physical"
    steps: int = STEPS
    seed: int = 1
    optimisation: Optimisation = ONE_SHOT

    @property
    def o(self) -> Optimisation:
        """How every training goes about it."""
        return replace(self.optimisation, steps=self.steps, seed=self.seed)


def read_protocol(path: str | Path) -> Generalisation:
    """Read a TOML file; relative paths count from its folder. Raises UserError: one sentence on what to correct."""
    file = Path(path)
    values = table(file)
    known = {one.name for one in dataclasses.fields(Generalisation)}
    lists = {"scenes", "starts", "classical", "kinds", "tunings", "sensors", "protocols"}
    tables = {"random", "adapt_on", "optimisation"}
    for key in values.keys() & known:
        wanted = list if key in lists else dict if key in tables else str if key == "mode" else int
        if type(values[key]) is not wanted:
            raise UserError(f"{file}: {key} = {values[key]!r} is no {wanted.__name__}: correct that line.")
    values["optimisation"] = _optimisation(values.get("optimisation", {}), file)
    values["scenes"] = [_place(file, spec) for spec in values.get("scenes", [])]
    values["starts"] = [weights_from(file, name) for name in values.get("starts", [])]
    return _checked(built(Generalisation, values, file), file)


def _place(file: Path, spec: str) -> str:
    """A path or LAYOUT:PATH whose path counts from the file's folder."""
    layout, mark, path = spec.rpartition(":")
    return layout + mark + from_folder_of(file, str(Path(path).expanduser()))


def _optimisation(values: dict[str, Any], file: Path) -> Optimisation:
    own = next((key for key in OWN_KEYS if key in values), None)
    if own:
        raise UserError(f"{file} has {own} in [optimisation]: take it out; steps and seed stand above all tables.")
    return built(Optimisation, dataclasses.asdict(ONE_SHOT) | values, file)


def _checked(protocol: Generalisation, file: Path) -> Generalisation:
    _among(file, "kinds", protocol.kinds, KINDS)
    _among(file, "tunings", protocol.tunings, TUNINGS)
    _among(file, "classical", protocol.classical, METHODS)
    _among(file, "random", protocol.random, ARCHITECTURES)
    _among(file, "mode", [protocol.mode], MODES)
    _among(file, "protocols", protocol.protocols, MODES[protocol.mode].protocols)
    for key in ("per_sensor", "judged", "side", "seed"):
        if getattr(protocol, key) < 0:
            raise UserError(f"{file}: {key} = {getattr(protocol, key)} is negative: give 0 or more.")
    if not protocol.starts and not protocol.random:
        raise UserError(f"{file} names no weights: give starts = [...] or a table [random].")
    if not protocol.kinds or not protocol.protocols or not protocol.tunings:
        raise UserError(f"{file} has an empty list of kinds, protocols or tunings: name at least one, or leave it out.")
    check(protocol.o)
    return protocol


def _among(file: Path, key: str, named: Collection[str], known: Collection[str]) -> None:
    wrong = next((name for name in named if name not in known), None)
    if wrong is not None:
        raise UserError(f"{file}: {key} knows no {wrong!r}: choose among {', '.join(known)}.")
    if len(set(named)) < len(named):
        raise UserError(f"{file}: {key} names something twice: name it once.")

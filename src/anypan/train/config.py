"""What a pretraining run is, as read from a TOML file."""

from __future__ import annotations

import dataclasses
import difflib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from anypan.dataset import BUFFER, SOURCES, Source
from anypan.dataset.source import pattern
from anypan.runtime.bounds import MOST_SEED, Bounds
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import MOST_TOML, number_or_name, text_of, toml_of
from anypan.simulate.effects import EFFECTS
from anypan.simulate.recipe import Simulation
from anypan.weights import is_named

COUNT = Bounds(1, 10**6)
LIMITS: dict[str, Bounds] = {
    "steps": Bounds(0, 10**9),
    "minutes": Bounds(0, 10**6),
    "warmup": Bounds(0, 10**6),
    "decay": Bounds(0, 1, above=True),
    "rate": Bounds(0, 1, above=True),
    "weight_decay": Bounds(0, 1),
    "clip": Bounds(0, above=True),
    "ema": Bounds(0, 1),
    "texture": Bounds(0, 1000),
    "consistency": Bounds(0, 1000),
    "contrast_floor": Bounds(0, 100, above=True),
    "scenes": Bounds(1, 1024),
    "patches": Bounds(1, 1024),
    "seed": Bounds(0, MOST_SEED),
    "log_every": COUNT,
    "validate_every": COUNT,
    "validation_batches": Bounds(1, 10**4),
    "threads": Bounds(0, 1024),
}
"""What the numbers of an Optimisation may be."""

PRECISIONS = ("auto", "float32", "bfloat16")
OPTIMISERS = ("AdamW", "Muon")
KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Optimisation:
    """How a run is optimised: on ``scenes`` x ``patches`` patches a step, weights averaged with ``ema``.

    With several processes each takes as many.

    It ends after ``steps`` or ``minutes``, whichever comes first; 0 is no limit, and one of the two must be set.
    """

    steps: int = 0
    minutes: float = 0.0
    warmup: int = 100  # steps
    decay: float = 0.35  # share of the run, at its end, over which the rate falls to zero
    optimiser: str = "AdamW"  # or Muon, with rates of about .01
    rate: float = 1.5e-3
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.998
    scenes: int = 4
    patches: int = 4
    seed: int = 1
    texture: float = 0.7  # weight of the PAN's texture in the loss, as far as the reference has it
    consistency: float = 0.15  # weight of being no farther from the MS than plain regression is
    contrast_floor: float = 0.1  # of the scene's standard deviation: errors count relative to local contrast and this
    freeze: tuple[str, ...] = ()  # regular expressions of parameters' names that stay as they are
    precision: str = "auto"  # of the network: bfloat16 on a GPU, float32 elsewhere
    compile: bool = False
    log_every: int = 20
    validate_every: int = 200
    validation_batches: int = 12
    threads: int = 0  # 0 leaves it to torch


@dataclass(frozen=True)
class Config:
    """A pretraining run; an unknown key is an error."""

    out: str
    architecture: str
    model: dict[str, Any]
    sources: tuple[Source, ...] = ()
    buffer: int = BUFFER
    train: Optimisation = field(default_factory=Optimisation)
    simulation: Simulation = field(default_factory=Simulation)
    start: str = ""  # weight file to start from

    def __post_init__(self) -> None:
        Bounds(1, 10**9).check("buffer", self.buffer)


def read_config(path: str | Path) -> Config:
    """Read a TOML file; keys of tables whose names are numbers become numbers (ratios, bands). Raises UserError."""
    file = Path(path)
    values = table(file)
    sources = values.get("sources", [])
    if not isinstance(sources, list) or not all(isinstance(one, dict) for one in sources):
        raise UserError(f"The sources of {file} are no list of tables: write [[sources]] above each.")
    values["sources"] = tuple(_source(one, file) for one in sources)
    if isinstance(values.get("start"), str) and values["start"]:
        values["start"] = weights_from(file, values["start"])
    values["train"] = built(Optimisation, values.get("train", {}), file)
    values["simulation"] = simulation_of(values.get("simulation", {}), values.pop("effect", {}), file)
    return built(Config, {"model": {}, **values}, file)


def simulation_of(general: Any, effects: Any, file: Path) -> Simulation:
    """What the tables [simulation] and [effect] of a file describe. UserError for what is wrong there."""
    if not isinstance(effects, dict):
        raise UserError(f"{file} gives effect as {effects!r}, which is no table: write [effect.haze] and so on.")
    for name in effects:
        if name not in EFFECTS:
            near = difflib.get_close_matches(name, EFFECTS, 1, cutoff=0)[0]
            raise UserError(f"{file} sets the unknown effect '{name}': use '{near}', or one of {', '.join(EFFECTS)}.")
    given = tuple(built(EFFECTS[name], settings, file) for name, settings in effects.items())
    return replace(built(Simulation, general, file), effects=given)


def table(file: Path) -> dict[str, Any]:
    """What a TOML file says. UserError if it is missing or no TOML."""
    text = text_of(file, "give the path of a TOML file", MOST_TOML)
    return toml_of(text, f"The configuration {file}", "correct that line")


def check(o: Optimisation) -> Optimisation:
    """The same; UserError for values that no run can have."""
    for kind, given, known in (("precision", o.precision, PRECISIONS), ("optimiser", o.optimiser, OPTIMISERS)):
        if given not in known:
            raise UserError(f"There is no {kind} '{given}': choose {', '.join(known)}.")
    for expression in o.freeze:
        pattern(expression, "freeze in [train]")
    for name, bounds in LIMITS.items():
        bounds.check(f"{name} in [train]", getattr(o, name))
    if not (o.steps or o.minutes):
        raise UserError("The run has no end: set steps or minutes in [train].")
    return o


def _source(values: dict[str, Any], file: Path) -> Source:
    values = dict(values)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in SOURCES:
        raise UserError(f"{file} has a source of kind '{kind}': choose {', '.join(SOURCES)}.")
    if isinstance(values.get("path"), str) and "://" not in values["path"]:
        values["path"] = from_folder_of(file, values["path"])
    return built(SOURCES[kind], values, file)


def weights_from(file: Path, name: str) -> str:
    """Weights that a configuration names: of the package, of the Hub, or a path that counts from its own folder."""
    return name if is_named(name) else from_folder_of(file, name)


def from_folder_of(file: Path, path: str) -> str:
    """Relative paths in a configuration count from its own folder."""
    return str((file.parent / path).resolve())


def built(kind: Any, values: Any, file: Path) -> Any:
    """A dataclass of a table of a TOML file; UserError for a key that it does not know, or that is missing, and for a
    value of another type than the field's."""
    if not isinstance(values, dict):
        raise UserError(f"{file} gives {kind.__name__} as {values!r}, which is no table: write its keys below [...].")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            raise UserError(f"{file} has the unknown key '{key}': {kind.__name__} knows {', '.join(sorted(fields))}.")
    for name, one in fields.items():
        needed = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if needed and name not in values:
            raise UserError(f"{file} lacks the key '{name}' of {kind.__name__}: add it.")
    hints = get_type_hints(kind)
    given = {key: _numbered(value) for key, value in values.items()}
    for key, value in given.items():
        if not _fits(value, hints[key]):
            raise UserError(f"{key} = {values[key]!r} in {file} does not fit: give {_described(hints[key])}.")
    return kind(**given)


def _numbered(value: Any) -> Any:
    if isinstance(value, dict) and value and all(isinstance(number_or_name(str(key)), int) for key in value):
        return {int(key): number for key, number in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    """True if a value is of a field's type. A pair of numbers is a range, a table of numbers weighs its keys."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind is tuple:
        wanted = inner[:1] * len(value) if isinstance(value, tuple) and Ellipsis in inner else inner
        fits = isinstance(value, tuple) and len(value) == len(wanted) and all(map(_fits, value, wanted))
        return fits and (hint != tuple[float, float] or value[0] <= value[1])
    if kind is dict:
        fits = isinstance(value, dict) and all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
        return fits and (inner[1] is not float or (min(value.values(), default=0) >= 0 and sum(value.values()) > 0))
    if kind is Literal:
        return value in inner
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return hint is Any or (isinstance(value, hint) and (hint is bool or not isinstance(value, bool)))


def _described(hint: Any) -> str:
    """What a field takes, in words."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind is tuple:
        return f"a list, each {_described(inner[0])}" if Ellipsis in inner else "[low, high]"
    if kind is dict and inner[1] is float:
        return f"a table of weights, as {{ {4 if inner[0] is int else 'name'} = 1.0 }}"
    return KINDS.get(hint, "a table")

"""What the study consists of: one cell for each training and its judgement, in the order in which they are to run."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anypan.methods import CLASSICAL
from anypan.models import ARCHITECTURES
from anypan.runtime.errors import UserError
from anypan.simulate.effects import EFFECTS

BOTH = "both"  # the sources natural and remote-sensing together
SOURCES = ("natural", "remote-sensing", BOTH, "landscapes")
TUNINGS = ("full", "freeze")
LIGHT = "light-blur"
RELEASED = "anypan-s"  # the weights in the package, for comparison
IRRELEVANT = ("folder", "judging", "slow", "seeds", "repeated", "judged", "side")  # to the weights of a cell


@dataclass(frozen=True)
class Study:
    """The TOML file. ``folder``: where its relative paths count from. An unknown or missing key is an error.

    A training lasts ``budget`` x ``seconds[device]``: of processor time a thread on a CPU, by the clock on a GPU. With
    ``steps`` above 0 it ends after so many steps instead. ``judging``: seconds to judge a cell, for the estimate;
    ``slow``: what multiplies them for some networks.
    """

    folder: Path
    budget: float
    seconds: dict[str, float]
    judging: dict[str, float]
    slow: dict[str, float]
    seeds: int
    repeated: tuple[str, ...]
    scenes: str
    judged: tuple[str, ...]
    side: int
    tiles: int
    patch: int
    optimisation: dict[str, Any]
    networks: dict[str, tuple[str, ...]]
    sizes: dict[str, dict[str, dict[str, Any]]]
    no_pretraining: dict[str, tuple[str, ...]]
    one_shot: dict[str, Any]
    ablation: dict[str, Any]
    effect: dict[str, Any]
    sources: dict[str, list[dict[str, Any]]]
    steps: int = 0
    stand_in: bool = False  # render scenes and images where the files named are not there

    @property
    def names(self) -> tuple[str, ...]:
        """The networks, family by family: of the literature first, ours second."""
        return tuple(name for family in self.networks.values() for name in family)


@dataclass(frozen=True)
class Cell:
    """One training and its judgement. ``stage``: classical, released, untrained, A, B, C, ablation, scaling or time.

    ``network``: of ARCHITECTURES, or the classical method. ``source``: a real sensor (A), else of SOURCES;
    ``adapted`` and ``tuning``: the sensor and the way of a one-shot cell, which starts from B's weights for both.
    ``change``: how an ablation, scaling or time cell differs from its plain B cell.
    """

    stage: str
    network: str
    source: str = ""
    seed: int = 1
    adapted: str = ""
    tuning: str = ""
    change: str = ""
    off: tuple[str, ...] = field(default=(), repr=False)
    images: int = 0
    time: float = 1.0

    @property
    def name(self) -> str:
        """Unique, as ``B/anypan-t/natural/seed1`` or ``ablation/no-noise``."""
        if self.change:
            return f"{self.stage}/{self.change}".replace(" ", "-").lower()
        if self.stage in ("classical", "released"):
            return f"{self.stage}/{self.network}".lower()
        source = self.adapted or self.source
        parts = (self.stage, self.network.lower(), source.lower(), self.tuning, f"seed{self.seed}")
        return "/".join(part for part in parts if part)

    @property
    def trains(self) -> bool:
        """True if weights are made for it."""
        return self.stage not in ("classical", "released")

    @property
    def family(self) -> str:
        """cnn, transformer, mamba or classical."""
        return "classical" if self.stage == "classical" else ARCHITECTURES[self.network].family

    @property
    def start(self) -> Cell | None:
        """The cell whose weights a one-shot cell adapts."""
        return Cell("B", self.network, BOTH, self.seed) if self.stage == "C" else None


def read(path: str | Path) -> Study:
    """Raises UserError for a file that is missing or has other keys than Study."""
    file = Path(path)
    if not file.is_file():
        raise UserError(f"The study {file} does not exist: give the path of a TOML file.")
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    try:
        study = Study(folder=file.parent, **values)
    except TypeError as error:
        raise UserError(f"{file} is no study ({error}): correct its keys.") from error
    unknown = [name for name in study.names if name not in ARCHITECTURES]
    if unknown:
        raise UserError(f"{file} names the network '{unknown[0]}': choose among {', '.join(ARCHITECTURES)}.")
    return study


def cells(study: Study) -> list[Cell]:
    """All cells. One seed of all networks comes first, then what varies one of them, then the other seeds."""
    plain = Cell("B", study.ablation["network"], study.ablation["source"])
    fixed = [Cell("classical", name) for name in CLASSICAL] + [Cell("released", RELEASED)]
    first = _claims(study, study.names, 1)
    rest = [cell for seed in range(2, study.seeds + 1) for cell in _claims(study, study.repeated, seed)]
    return [*fixed, *first, *_ablation(plain), *_scaling(plain, study), *rest]


def _claims(study: Study, names: tuple[str, ...], seed: int) -> Iterator[Cell]:
    """The cells that answer the paper's claims, of the networks ``names``."""
    yield from (Cell("untrained", name, seed=seed) for name in names)
    yield from (Cell("B", name, BOTH, seed) for name in names)
    yield from (Cell("A", name, sensor, seed) for sensor in study.no_pretraining for name in names)
    for adapted in study.one_shot["scenes"]:
        for tuning in TUNINGS:
            yield from (Cell("C", name, BOTH, seed, adapted, tuning) for name in names)
    yield from (Cell("B", name, source, seed) for source in SOURCES if source != BOTH for name in names)


def _ablation(plain: Cell) -> Iterator[Cell]:
    yield replace(plain, stage="ablation", change=LIGHT)
    for effect in EFFECTS:
        yield replace(plain, stage="ablation", change=f"no {effect}", off=(effect,))


def _scaling(plain: Cell, study: Study) -> Iterator[Cell]:
    for images in study.ablation["images"]:
        yield replace(plain, stage="scaling", change=f"images {images}", images=images)
    for time in study.ablation["times"]:
        yield replace(plain, stage="time", change=f"x{time:g}", time=float(time))


def seconds_of(cell: Cell, study: Study, device: str) -> float:
    """What a cell's training may take: one-shot cells take a share of a pretraining."""
    if cell.stage in ("classical", "released", "untrained"):
        return 0.0
    share = study.one_shot["share"] if cell.adapted else 1.0
    return study.budget * study.seconds[device.split(":")[0]] * share * cell.time


def cost(cell: Cell, study: Study, device: str) -> float:
    """Seconds that a cell is expected to take, training and judgement; a one-shot cell is judged on one sensor."""
    judging = study.judging[device.split(":")[0]] * (study.slow.get(cell.network, 1.0) if cell.trains else 1.0)
    return seconds_of(cell, study, device) + judging * (0.2 if cell.adapted else 1.0)


def digest(cell: Cell, study: Study, device: str) -> str:
    """Eight characters that change with whatever decides a cell's weights."""
    kept = {key: value for key, value in dataclasses.asdict(study).items() if key not in IRRELEVANT}
    return hashlib.sha256(repr((cell, kept, device)).encode()).hexdigest()[:8]

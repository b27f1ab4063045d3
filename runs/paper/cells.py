"""What the study consists of: one cell for each training and its judgement, in the order in which they are to run."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anypan.models import ARCHITECTURES
from anypan.runtime.errors import UserError
from anypan.simulate.effects import EFFECTS
from anypan.train.tunings import TUNINGS

BOTH = "both"  # the sources natural and remote-sensing together
SOURCES = ("natural", "remote-sensing", BOTH)
BUDGETS = ("smoke", "cpu", "gpu")
EVERYTHING = "everything on"
STARTS = ("B", "P", "U")  # what one-shot cells begin with
IRRELEVANT = (
    "folder",
    "budget",
    "pace",
    "judging",
    "seeds",
    "seeded",
    "judged",
    "apart",
    "side",
    "whole",
    "others",
    "arms",
)


@dataclass(frozen=True)
class Study:
    """The TOML file with one of its budgets. ``folder``: where its relative paths count from.

    ``steps``: of every training but one-shot and ablation, which have a share of them. ``pace``: device -> network ->
    seconds a step, for the estimate where no row says better; ``judging``: seconds to judge a cell. ``whole``: the
    networks of which all cells are run, those of the arms ``seeded`` with ``seeds`` seeds; ``others``: those of which
    ``arms`` are run with one. ``apart``: scenes that stand on a line of their own.
    Without ``scenes`` the package renders some.
    """

    folder: Path
    budget: str
    steps: int
    device: str
    pace: dict[str, dict[str, float]]
    judging: float
    seeds: int
    seeded: tuple[str, ...]
    whole: tuple[str, ...]
    others: tuple[str, ...]
    arms: tuple[str, ...]
    scenes: tuple[str, ...]
    judged: tuple[str, ...]
    apart: tuple[str, ...]
    side: int
    tiles: int
    patch: int
    optimisation: dict[str, Any]
    sizes: dict[str, dict[str, Any]]
    real: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...]
    one_shot: dict[str, Any]
    scaling: dict[str, Any]
    ablation: dict[str, Any]
    effect: dict[str, Any]
    paper_like: dict[str, Any]
    sources: dict[str, list[dict[str, Any]]]

    @property
    def networks(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.whole, *self.others)


@dataclass(frozen=True)
class Cell:
    """One training and its judgement. ``arm``: U, A, A*, B, P, C, images, steps or ablation.

    ``source``: a real sensor (A), the sensor left out (A*), else of SOURCES. ``start``, ``adapted`` and ``tuning``: of
    a one-shot cell. ``change``: how an images, steps or ablation cell differs from its plain B cell.
    """

    arm: str
    network: str
    source: str = ""
    seed: int = 1
    start: str = ""
    adapted: str = ""
    tuning: str = ""
    change: str = ""
    off: tuple[str, ...] = field(default=(), repr=False)
    images: int = 0
    times: int = 1

    @property
    def name(self) -> str:
        """Unique, as ``B/anypan-t/natural/seed1`` or ``C/pannet/from-b/qb/lora/seed2``."""
        arm = "others" if self.arm == "A*" else self.arm
        source = {"A*": f"without-{self.source}", "C": f"from-{self.start}", "U": ""}.get(self.arm, self.source)
        parts = (source, self.adapted, self.tuning, self.change.replace(" ", "-"), f"seed{self.seed}")
        return "/".join([arm, *(part.lower() for part in (self.network, *parts) if part)])

    @property
    def base(self) -> Cell | None:
        """The cell whose weights a one-shot cell adapts."""
        source = "" if self.start == "U" else BOTH
        return Cell(self.start, self.network, source, self.seed) if self.arm == "C" else None


def read(path: str | Path, budget: str = "cpu") -> Study:
    """Raises UserError for a file that is missing or has other keys than Study, and for an unknown budget."""
    file = Path(path)
    if not file.is_file():
        raise UserError(f"The study {file} does not exist: give the path of a TOML file.")
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    budgets = values.pop("budget", {})
    if budget not in budgets:
        raise UserError(f"{file} has no budget '{budget}': choose {', '.join(budgets)}.")
    try:
        study = Study(folder=file.parent, budget=budget, **(values | budgets[budget]))
    except TypeError as error:
        raise UserError(f"{file} is no study ({error}): correct its keys.") from error
    unknown = [name for name in study.networks if name not in ARCHITECTURES]
    if unknown:
        raise UserError(f"{file} names the network '{unknown[0]}': choose among {', '.join(ARCHITECTURES)}.")
    return study


def cells(study: Study) -> list[Cell]:
    """All cells: one seed first, what answers the first claims before the rest; what a cell starts from before it."""
    found: list[Cell] = []
    for arm in ("U", "B", "A", "A*", "P", "C", "steps", "images", "ablation"):
        for network in study.networks:
            if network in study.whole or arm in study.arms:
                found += ARMS[arm](Cell(arm, network), study)
    first = [cell for cell in found if possible(cell)]
    more = [replace(cell, seed=seed) for seed in range(2, study.seeds + 1)
            for cell in first if cell.network in study.whole and seed <= _seeds(cell, study)]  # fmt: skip
    return first + more


def possible(cell: Cell) -> bool:
    """False for the untrained arm of networks without physics, whose place EXP takes, and what would begin with it."""
    return ARCHITECTURES[cell.network].any_bands or (cell.arm != "U" and cell.start != "U")


def _seeds(cell: Cell, study: Study) -> int:
    return study.ablation["seeds"] if cell.arm == "ablation" else study.seeds if cell.arm in study.seeded else 1


def _one_shot(cell: Cell, study: Study) -> Iterator[Cell]:
    """From random weights in full only: they hold nothing worth keeping."""
    for start in STARTS:
        for adapted in study.one_shot["scenes"]:
            for tuning in TUNINGS if start != "U" else ("full",):
                yield replace(cell, source=BOTH, start=start, adapted=adapted, tuning=tuning)


def _ablation(cell: Cell, study: Study) -> Iterator[Cell]:
    """Each effect left out, beside a cell of the same length with all of them."""
    yield replace(cell, source=BOTH, change=EVERYTHING)
    for effect in study.ablation["effects"] or EFFECTS:
        yield replace(cell, source=BOTH, change=f"no {effect}", off=(effect,))


ARMS: dict[str, Any] = {
    "U": lambda cell, study: [cell],
    "A": lambda cell, study: [replace(cell, source=sensor) for sensor in study.real],
    "A*": lambda cell, study: [replace(cell, source=sensor) for sensor in study.left_out],
    "B": lambda cell, study: [replace(cell, source=source) for source in (BOTH, "natural", "remote-sensing")],
    "P": lambda cell, study: [replace(cell, source=BOTH)],
    "C": _one_shot,
    "images": lambda cell, study: [
        replace(cell, source=BOTH, change=str(n), images=n) for n in study.scaling["images"]
    ],
    "steps": lambda cell, study: [
        replace(cell, source=BOTH, change=f"x{n}", times=n) for n in study.scaling["times"]
    ],
    "ablation": _ablation,
}  # fmt: skip


def steps_of(cell: Cell, study: Study) -> int:
    """How many steps a cell's training takes."""
    if cell.arm == "U":
        return 0
    share = {"C": study.one_shot["share"], "ablation": study.ablation["share"]}.get(cell.arm, 1)
    return max(1, round(study.steps * cell.times * share))


def cost(cell: Cell, study: Study, measured: dict[str, float]) -> float:
    """Seconds that a cell is expected to take: its steps at the network's pace, and its judgement.

    ``measured``: network -> seconds a step, of rows made on this device; the study's own guess for the others.
    """
    pace = measured.get(cell.network, study.pace[study.device].get(cell.network, 1.0))
    return steps_of(cell, study) * pace + study.judging * (0.2 if cell.adapted or cell.arm == "A*" else 1.0)


def digest(cell: Cell, study: Study, device: str) -> str:
    """Eight characters that change with whatever decides a cell's weights."""
    kept = {key: value for key, value in dataclasses.asdict(study).items() if key not in IRRELEVANT}
    return hashlib.sha256(repr((cell, cell.off, kept, device)).encode()).hexdigest()[:8]

"""What the study consists of: one cell for each training and its judgement, in the order in which they are to run."""

from __future__ import annotations

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
SOURCES = (BOTH, "natural", "remote-sensing")
BUDGETS = ("smoke", "cpu", "gpu", "open")
EVERYTHING = "everything on"
REDUCED = 0.15  # share of a judgement's time that is spent at reduced resolution in physical mode
STARTS = ("B", "P", "U")  # what one-shot cells begin with
ORDER = ("U", "B", "P", "A", "A*", "C", "images", "steps", "ablation")
FIRST = ("U", "B", "P", "A", "A*")  # what the first claims compare


@dataclass(frozen=True)
class Study:
    """The TOML file with one of its budgets. ``folder``: where its relative paths count from.

    ``steps``: of every training but one-shot and ablation, which have a share of them; ``longer``: network -> how many
    times as many, of those that learn longer or are slow. ``pace``: device -> network ->
    seconds a step, for the estimate where no row says better; ``judging``: seconds to judge a cell. ``whole``: the
    networks of which all cells are run, those of the arms ``seeded`` with ``seeds`` seeds; ``others``: those of which
    ``arms`` are run with one, B from the ``kinds`` of images. ``apart``: scenes that stand on a line of their own.
    ``full``: whether any cell is judged at full resolution and in toolbox mode. Without ``scenes`` the package renders
    some.
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
    kinds: tuple[str, ...]
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
    longer: dict[str, float] = field(default_factory=dict)
    full: bool = True

    @property
    def networks(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.whole, *self.others)


@dataclass(frozen=True)
class Cell:
    """One training and its judgement. ``arm``: U, A, A*, B, P, C, images, steps or ablation.

    ``source``: a real sensor (A), the sensor left out (A*), else of SOURCES. ``start``, ``adapted`` and ``tuning``: of
    a one-shot cell. ``change``: how an images or steps cell differs from its plain B cell, and what an ablation cell,
    which begins with that one, leaves out from there on.
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
        """The cell whose weights a one-shot or an ablation cell begins with."""
        if self.arm not in ("C", "ablation"):
            return None
        start = self.start or "B"
        return Cell(start, self.network, "" if start == "U" else BOTH, self.seed)


def read(path: str | Path, budget: str = "cpu") -> Study:
    """A study at a budget; what that does not say is as in the budget that it is ``like``, if it names one.

    Raises UserError for a file that is missing or has other keys than Study, and for an unknown budget.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"The study {file} does not exist: give the path of a TOML file.")
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    budgets = values.pop("budget", {})
    if budget not in budgets:
        raise UserError(f"{file} has no budget '{budget}': choose {', '.join(budgets)}.")
    own = dict(budgets[budget])
    values |= budgets[own.pop("like")] if "like" in own else {}
    try:
        study = Study(folder=file.parent, budget=budget, **(values | own))
    except TypeError as error:
        raise UserError(f"{file} is no study ({error}): correct its keys.") from error
    unknown = [name for name in study.networks if name not in ARCHITECTURES]
    if unknown:
        raise UserError(f"{file} names the network '{unknown[0]}': choose among {', '.join(ARCHITECTURES)}.")
    return study


def cells(study: Study) -> list[Cell]:
    """All cells, what answers the first claims before the rest, and what a cell starts from before it.

    First the arms in FIRST of the networks that are run whole, one seed after the other; then kinds of images,
    one-shot, numbers of images and steps; then the other networks; single effects last.
    """
    found: list[Cell] = []
    for arm in ORDER:
        for network in study.networks:
            if network in study.whole or arm in study.arms:
                found += ARMS[arm](Cell(arm, network), study)
    first = [cell for cell in found if possible(cell)]
    more = [replace(cell, seed=seed) for seed in range(2, study.seeds + 1)
            for cell in first if cell.network in study.whole and seed <= _seeds(cell, study)]  # fmt: skip
    return sorted(first + more, key=lambda cell: _turn(cell, study))


def _turn(cell: Cell, study: Study) -> tuple[int, int, int]:
    """When a cell is run: its stage, then its seed, then its arm; cells that agree in these keep their order."""
    kinds = cell.arm == "B" and cell.source != BOTH
    stages = (cell.arm == "ablation", cell.network not in study.whole, cell.arm not in FIRST, kinds)
    stage = stages.index(True) if any(stages) else len(stages)
    return -stage, cell.seed, ORDER.index(cell.arm)


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
    """Each effect left out of what B goes on to learn from, beside a cell of the same length with all of them.

    From random weights so short a training would not level, and say nothing.
    """
    yield replace(cell, source=BOTH, change=EVERYTHING)
    for effect in study.ablation["effects"] or EFFECTS:
        yield replace(cell, source=BOTH, change=f"no {effect}", off=(effect,))


ARMS: dict[str, Any] = {
    "U": lambda cell, study: [cell],
    "A": lambda cell, study: [replace(cell, source=sensor) for sensor in study.real],
    "A*": lambda cell, study: [replace(cell, source=sensor) for sensor in study.left_out],
    "B": lambda cell, study: [
        replace(cell, source=source) for source in (SOURCES if cell.network in study.whole else study.kinds)
    ],
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
    return max(1, round(study.steps * study.longer.get(cell.network, 1) * cell.times * share))


def cost(cell: Cell, study: Study, measured: dict[str, float]) -> float:
    """Seconds that a cell is expected to take: its steps at the network's pace, and its judgement.

    ``measured``: network -> seconds a step, of rows made on this device; the study's own guess for the others.
    """
    pace = measured.get(cell.network, study.pace[study.device].get(cell.network, 1.0))
    fewer = 0.2 if cell.adapted or cell.arm == "A*" else 1.0
    return steps_of(cell, study) * pace + study.judging * fewer * (1.0 if in_full(cell, study) else REDUCED)


def in_full(cell: Cell, study: Study) -> bool:
    """Whether a cell is judged at full resolution and in toolbox mode, too, which decide no claim."""
    return study.full and cell.arm in FIRST and cell.seed == 1


def digest(cell: Cell, study: Study, device: str) -> str:
    """Eight characters that change with whatever decides a cell's weights, and with nothing else."""
    places = study.scenes if cell.arm in ("A", "A*", "C") else ()
    return _hashed([_decides(cell, study), places, () if cell.arm in ("A", "A*", "U") else study.sources, device])


def recipe(cell: Cell, study: Study) -> str:
    """The same of its rows: what it learns and is judged on, but not where that lies, nor on which device."""
    return _hashed([_decides(cell, study), study.judged, study.side])


def _hashed(what: Any) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:8]


def _decides(cell: Cell, study: Study) -> list[Any]:
    """All of the study that a cell's weights come from, but for places."""
    if cell.arm == "U":
        return [cell, study.sizes.get(cell.network)]
    found = [cell, cell.off, steps_of(cell, study), study.sizes.get(cell.network), study.optimisation, study.patch]
    begun = [_decides(cell.base, study)] if cell.base else []
    if cell.arm == "C":
        return [*found, [study.one_shot["rate"], study.one_shot["scenes"][cell.adapted]], *begun]
    if cell.arm in ("A", "A*"):
        return [*found, study.real[cell.source] if cell.arm == "A" else study.apart]
    images = [[sorted((key, value) for key, value in table.items() if key != "path") for table in study.sources[name]]
              for name in ((cell.source,) if cell.source != BOTH else SOURCES[1:])]  # fmt: skip
    return [*found, study.paper_like if cell.arm == "P" else study.effect, study.tiles, images, *begun]

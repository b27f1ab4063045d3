"""The claims of the study: what each compares, and its answer in words and numbers, from the rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from cells import BOTH, EVERYTHING, SOURCES, Cell, Study, cells
from luck import noise_of
from outcomes import EXP, FORMULA, Results, Row
from paired import UNDECIDED, Estimate, compared, verdict

from anypan.models import ARCHITECTURES
from anypan.train.tunings import TUNINGS

METRICS = ("ERGAS", "Q2n", "SAM", "D_rho", "R-ERGAS")
RIVALS = ("MTF-GLP-FS", "MTF-GLP-FS + consistency")
CALLED = {"freeze": "freeze-tuning", "lora": "LoRA", "bitfit": "BitFit", "adapter": "adapters"}
DEVELOPMENT = "on development scenes"
Arm = Callable[[str], list[Cell]]
Selected = Callable[[Callable[[Cell], bool]], Arm]


@dataclass(frozen=True)
class Claim:
    """ "``after`` is better than ``before``", for each of its networks. ``says``: the claim in words.

    ``kind``: ratio and number of bands of the scenes that decide, if not all do.
    """

    name: str
    says: str
    before: Arm
    after: Arm
    networks: tuple[str, ...]
    kind: tuple[int, int] | None = None

    def rows(self, arm: Sequence[Cell], results: Results) -> list[Row]:
        """Those of an arm that decide."""
        found = results.arm(arm)
        return [row for row in found if self.kind is None or (round(row["ratio"]), row["bands"]) == self.kind]


@dataclass(frozen=True)
class Answer:
    """``who``: the network as ``called``, ``said``: of paired.verdict; ``why``: what is missing, or what speaks against
    it."""

    claim: Claim
    network: str
    who: str
    said: str
    why: str
    found: dict[str, Estimate]
    partial: bool = False

    @property
    def sentence(self) -> str:
        """A plain sentence."""
        head = f"{self.claim.says}, {self.who}: **{self.said}**"
        because = (
            f", because {self.why}" if self.why and self.said == UNDECIDED else f": {self.why}" if self.why else ""
        )
        return f"{head}{because}.{' So far' * self.partial}{figures(self.found)}"


def figures(found: dict[str, Estimate]) -> str:
    """ERGAS and Q2n with their intervals, what they rest on, the size of the effect; empty without them."""
    if "ERGAS" not in found or "Q2n" not in found:
        return ""
    error, quality = found["ERGAS"], found["Q2n"]
    size = "" if error.effect is None else f", effect size {error.effect:+.2f}"
    return (
        f" ERGAS {interval(error)}, Q2n {interval(quality)} {DEVELOPMENT} "
        f"({error.scenes} scenes of {error.sensors} sensors, {trainings(error)}{size})."
    )


def trainings(one: Estimate) -> str:
    """How many trainings an interval covers."""
    return f"{one.seeds} seeds" if one.seeds > 1 else "one training"


def interval(one: Estimate) -> str:
    """A mean change with its interval, errors in per cent."""
    if one.metric in ("ERGAS", "SAM", "R-ERGAS"):
        return f"{one.mean:+.1f} % [{one.low:+.1f}, {one.high:+.1f}]"
    return f"{one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"


def answer(claim: Claim, network: str, results: Results) -> Answer:
    """A claim holds only where every cell of both arms was run and has converged."""
    before, after = claim.before(network), claim.after(network)
    trouble = results.trouble([*before, *after])
    noise = {name: noise_of(before, after, results, name) for name in METRICS}
    found = compared(claim.rows(before, results), claim.rows(after, results), METRICS, noise)
    who = called(network, results.study)
    if trouble:
        if not all(map(results.begun, (before, after))):
            trouble = "not run"
        return Answer(claim, network, who, UNDECIDED, trouble, found, partial="ERGAS" in found and "Q2n" in found)
    return Answer(claim, network, who, *verdict(found), found)


def compared_with(cell: Cell, plain: Cell, results: Results) -> Estimate | None:
    """The change of ERGAS from a plain cell to another; None where one was not run, or has not converged."""
    if results.trouble([cell, plain]):
        return None
    noise = {"ERGAS": noise_of([plain], [cell], results, "ERGAS")}
    return compared(results.arm([plain]), results.arm([cell]), ["ERGAS"], noise).get("ERGAS")


def called(network: str, study: Study) -> str:
    """A network's name, "small" where it has not its published size, or that in which it ships."""
    return f"{network} small" if study.sizes.get(network) else network


def shipped(results: Results, name: str, against: str, apart: bool = False) -> dict[str, Estimate]:
    """What ships, or its physics, against a formula or the physics, on all scenes but those apart, or on these."""
    return compared(results.method(against, apart), results.method(name, apart), METRICS)


def claims(study: Study) -> Iterator[Claim]:
    """Every claim of the study, for the networks of which its cells are run."""
    every = cells(study)

    def arm(wanted: Callable[[Cell], bool]) -> Arm:
        return lambda network: [cell for cell in every if cell.network == network and wanted(cell)]

    def pretrained(source: str) -> Arm:
        return arm(lambda cell: cell.arm == "B" and cell.source == source)

    both = pretrained(BOTH)

    def untrained(network: str) -> list[Cell]:
        return arm(lambda cell: cell.arm == "U")(network) or [Cell(FORMULA, network, EXP)]

    physics, rest = parted(study)
    yield Claim("untrained", "Pretraining on simulated pairs is better than none", untrained, both, physics)
    yield Claim("exp", "Networks without physics, pretrained on simulated pairs, beat EXP", untrained, both, rest)
    for name in RIVALS:
        rival = lambda network, name=name: [Cell(FORMULA, network, name)]  # noqa: E731
        yield Claim(f"than-{name}", f"Networks pretrained on simulated pairs beat {name}", rival, both, study.networks)
    yield from _real(study, arm, untrained, both)
    kinds = study.networks if set(study.kinds) == set(SOURCES) else study.whole
    pairs = (("natural", "remote-sensing"), ("natural", BOTH), ("remote-sensing", BOTH))
    for one, two in pairs:
        says = f"Simulating from {two} images is better than from {one} ones"
        says = says.replace("both images", "both kinds of images")
        yield Claim(f"{one}-{two}", says, pretrained(one), pretrained(two), kinds)
    yield from _paper_like(study, arm, untrained, both)
    yield from _adapted(study, arm, both)
    yield from _scaled(study, arm, both)


def parted(study: Study) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The networks with physics, whose untrained arm says something, and those without."""
    physics = tuple(name for name in study.networks if ARCHITECTURES[name].any_bands)
    return physics, tuple(name for name in study.networks if name not in physics)


def _real(study: Study, arm: Selected, none: Arm, both: Arm) -> Iterator[Claim]:
    one, others = (arm(lambda cell, name=name: cell.arm == name) for name in ("A", "A*"))
    own = tuple(name for name in having(study, "A") if name in parted(study)[0])
    yield Claim("none-A", "Real pairs of one sensor are better than none", none, one, own)
    says = "Pretraining on simulated pairs is better than real pairs of"
    yield Claim("real-A", f"{says} one sensor", one, both, having(study, "A"))
    yield Claim("real-A*", f"{says} all other sensors", others, both, having(study, "A*"))


def _paper_like(study: Study, arm: Selected, none: Arm, both: Arm) -> Iterator[Claim]:
    paper, has = arm(lambda cell: cell.arm == "P"), having(study, "P")
    known = next(iter(study.paper_like["ratios"])), next(iter(study.paper_like["bands"]))
    kind = int(known[0]), int(known[1])
    says = "Our simulation is better than the paper-like one"
    where = f"at ratio {kind[0]} with {kind[1]} bands, all that the latter has"
    yield Claim("simulation", f"{says}, {where}", paper, both, has, kind)
    yield Claim("simulation-all", f"{says}, on all scenes", paper, both, has)
    own = tuple(name for name in has if name in parted(study)[0])
    yield Claim("none-P", f"The paper-like simulation is better than none, {where}", none, paper, own, kind)


def having(study: Study, arm: str) -> tuple[str, ...]:
    """The networks of which an arm is run."""
    return study.networks if arm in study.arms else study.whole


def _adapted(study: Study, arm: Selected, both: Arm) -> Iterator[Claim]:
    has = having(study, "C")

    def tuned(start: str, tuning: str) -> Arm:
        return arm(lambda cell: (cell.arm, cell.start, cell.tuning, cell.seed) == ("C", start, tuning, 1))

    starts = {"B": both, "P": arm(lambda cell: cell.arm == "P")}
    starts |= {"U": arm(lambda cell: cell.arm == "U")}
    for start, before in starts.items():
        first = lambda network, of=before: [cell for cell in of(network) if cell.seed == 1]  # noqa: E731
        networks = tuple(name for name in has if start != "U" or name in parted(study)[0])
        yield Claim(f"one-shot-{start}", f"One-shot adaptation of {start} is better than none", first,
                    tuned(start, "full"), networks)  # fmt: skip
    yield Claim("one-shot-B-U", "One-shot adaptation of B is better than of U", tuned("U", "full"), tuned("B", "full"),
                tuple(name for name in has if name in parted(study)[0]))  # fmt: skip
    for tuning in (name for name in TUNINGS if name != "full"):
        says = f"Full-tuning of B is better than {CALLED[tuning]}, at one rate"
        yield Claim(f"tuning-{tuning}", says, tuned("B", tuning), tuned("B", "full"), has)


def _scaled(study: Study, arm: Selected, both: Arm) -> Iterator[Claim]:
    first = lambda network: [cell for cell in both(network) if cell.seed == 1]  # noqa: E731
    for count in study.scaling["images"]:
        few = arm(lambda cell, count=count: cell.images == count)
        yield Claim(f"images-{count}", f"All tiles are better than {count:,}", few, first, study.whole)
    for times in study.scaling["times"]:
        long = arm(lambda cell, times=times: cell.times == times)
        yield Claim(f"steps-{times}", f"{times} times the steps are better", first, long, study.whole)
    every = [cell for cell in cells(replace(study, seeds=1)) if cell.arm == "ablation"]
    plain = arm(lambda cell: cell.arm == "ablation" and cell.change == EVERYTHING)
    for change in dict.fromkeys(cell.change for cell in every if cell.change != EVERYTHING):
        without = arm(lambda cell, change=change: cell.arm == "ablation" and cell.change == change)
        says = f"To go on with {change.removeprefix('no ')} is better than to go on without"
        yield Claim(change.replace(" ", "-"), says, without, plain, study.whole)


def sensors(rows: Sequence[Row]) -> list[str]:
    """The sensors of rows, in order of appearance."""
    return list(dict.fromkeys(str(row["sensor"]) for row in rows))

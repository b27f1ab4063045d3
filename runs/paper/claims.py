"""The claims of the study: what each compares, and its answer in words and numbers, from the rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from cells import BOTH, EVERYTHING, SOURCES, Cell, Study, cells
from outcomes import Results, Row
from paired import SUPPORTED, UNDECIDED, Estimate, compared, verdict

from anypan.models import ARCHITECTURES
from anypan.train.tunings import TUNINGS

METRICS = ("ERGAS", "Q2n", "SAM", "D_rho", "R-ERGAS")
DEVELOPMENT = "on development scenes"
Arm = Callable[[str], list[Cell]]


@dataclass(frozen=True)
class Claim:
    """ "``after`` is better than ``before``", for each of its networks. ``says``: the claim in words."""

    name: str
    says: str
    before: Arm
    after: Arm
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """``said``: of paired.verdict; ``why``: what is missing, or what speaks against it."""

    claim: Claim
    network: str
    said: str
    why: str
    found: dict[str, Estimate]
    partial: bool = False

    @property
    def sentence(self) -> str:
        """A plain sentence."""
        head = f"{self.claim.says}, {self.network}: **{self.said}**"
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
    found = compared(results.arm(before), results.arm(after), METRICS)
    if trouble:
        if not all(map(results.begun, (before, after))):
            trouble = "not run"
        return Answer(claim, network, UNDECIDED, trouble, found, partial="ERGAS" in found and "Q2n" in found)
    return Answer(claim, network, *verdict(found), found)


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
        return arm(lambda cell: cell.arm == "U")(network) or [Cell("U", network)]  # EXP stands there

    yield Claim("untrained", "Pretraining on simulated pairs is better than none", untrained, both, study.networks)
    for name, sensors in (("A", "one sensor"), ("A*", "all other sensors")):
        has = having(study, name)
        real = arm(lambda cell, name=name: cell.arm == name)
        yield Claim(
            f"real-{name}", f"Pretraining on simulated pairs is better than real pairs of {sensors}", real, both, has
        )
    kinds = study.networks if set(study.kinds) == set(SOURCES) else study.whole
    pairs = (("natural", "remote-sensing"), ("natural", BOTH), ("remote-sensing", BOTH))
    for one, two in pairs:
        says = f"Simulating from {two} images is better than from {one} ones"
        says = says.replace("both images", "both kinds of images")
        yield Claim(f"{one}-{two}", says, pretrained(one), pretrained(two), kinds)
    paper = arm(lambda cell: cell.arm == "P")
    yield Claim("simulation", "The MTF simulation is better than the paper-like one", paper, both, having(study, "P"))
    yield from _adapted(study, arm, both)
    yield from _scaled(study, arm, both)


def having(study: Study, arm: str) -> tuple[str, ...]:
    """The networks of which an arm is run."""
    return study.networks if arm in study.arms else study.whole


def _adapted(study: Study, arm: Callable[[Callable[[Cell], bool]], Arm], both: Arm) -> Iterator[Claim]:
    has = having(study, "C")

    def tuned(start: str, tuning: str) -> Arm:
        return arm(lambda cell: (cell.arm, cell.start, cell.tuning, cell.seed) == ("C", start, tuning, 1))

    starts = {"B": both, "P": arm(lambda cell: cell.arm == "P")}
    starts |= {"U": arm(lambda cell: cell.arm == "U")}
    for start, before in starts.items():
        first = lambda network, of=before: [cell for cell in of(network) if cell.seed == 1]  # noqa: E731
        networks = tuple(name for name in has if start != "U" or ARCHITECTURES[name].any_bands)
        yield Claim(f"one-shot-{start}", f"One-shot adaptation of {start} is better than none", first,
                    tuned(start, "full"), networks)  # fmt: skip
    for tuning in (name for name in TUNINGS if name != "full"):
        says = f"Full-tuning of B is better than {tuning}"
        yield Claim(f"tuning-{tuning}", says, tuned("B", tuning), tuned("B", "full"), has)


def _scaled(study: Study, arm: Callable[[Callable[[Cell], bool]], Arm], both: Arm) -> Iterator[Claim]:
    first = lambda network: [cell for cell in both(network) if cell.seed == 1]  # noqa: E731
    for count in study.scaling["images"]:
        few = arm(lambda cell, count=count: cell.images == count)
        yield Claim(f"images-{count}", f"All images are better than {count:,}", few, first, study.whole)
    for times in study.scaling["times"]:
        long = arm(lambda cell, times=times: cell.times == times)
        yield Claim(f"steps-{times}", f"{times} times the steps are better", first, long, study.whole)
    every = [cell for cell in cells(replace(study, seeds=1)) if cell.arm == "ablation"]
    plain = arm(lambda cell: cell.arm == "ablation" and cell.change == EVERYTHING)
    for change in dict.fromkeys(cell.change for cell in every if cell.change != EVERYTHING):
        without = arm(lambda cell, change=change: cell.arm == "ablation" and cell.change == change)
        yield Claim(change.replace(" ", "-"), f"To simulate with {change.removeprefix('no ')} is better than without",
                    without, plain, study.whole)  # fmt: skip


def counted(answers: Sequence[Answer]) -> dict[str, int]:
    """How many answers there are of each kind."""
    kinds = (SUPPORTED, "contradicted", UNDECIDED)
    return {kind: sum(one.said == kind for one in answers) for kind in kinds}


def sensors(rows: Sequence[Row]) -> list[str]:
    """The sensors of rows, in order of appearance."""
    return list(dict.fromkeys(str(row["sensor"]) for row in rows))

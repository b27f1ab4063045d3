"""Tables of docs/paper.md and its appendix, and their plots. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import log2, log10

from cells import Cell, Study, cells
from claims import Answer, Claim, answer, claims, figures, interval, sensors, shipped
from convergence import LEVEL, levelled
from outcomes import Results, Row
from paired import UNDECIDED, Estimate, verdict

from anypan.methods import CLASSICAL
from anypan.metrics import METRICS as KNOWN
from anypan.report import plots
from anypan.report.rows import Metrics, mean, oracle

OURS, PHYSICS, CONSISTENT = "anypan-s", "anypan-s untrained", "MTF-GLP-FS + consistency"
FORMULAS = (*CLASSICAL, CONSISTENT)
GROUPED = ("Q2n", "ERGAS", "SAM")
GUIDE: Metrics = {name: (KNOWN[name].best, "", "") for name in GROUPED}


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; a sentence if it has no lines."""
    body = list(lines)
    if not body:
        return "*No rows yet: run the study.*\n"
    rule = ["---", *("---:" for _ in head[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *body])


def first(results: Results) -> str:
    """What ships, and its untrained physics, against EXP, every formula, and each other."""
    lines = []
    for name in (*FORMULAS, PHYSICS):
        lines.append([name, *_pair(shipped(results, OURS, name)), *_pair(shipped(results, PHYSICS, name))])
    head = ["against", *(f"{metric}, {who}" for who in (OURS, "untrained") for metric in ("ERGAS", "Q2n"))]
    return markdown(head, lines) + _apart(results)


def _pair(found: dict[str, Estimate]) -> list[str]:
    return [interval(found[name]) if name in found and found[name].mean else "" for name in ("ERGAS", "Q2n")]


def _apart(results: Results) -> str:
    found = {against: shipped(results, OURS, against, apart=True) for against in (PHYSICS, CONSISTENT, "EXP")}
    said = (f"{interval(each['ERGAS'])} of ERGAS against {name}" for name, each in found.items() if "ERGAS" in each)
    return f"\nThe {len(results.study.apart)} scenes apart: {', '.join(said)}.\n"


def groups(results: Results) -> str:
    """What ships against the per-scene best formula, sensor by sensor, at reduced resolution."""
    lines = []
    for name, rows, bar in group_rows(results):
        own, best = ([average(each, metric) for metric in GROUPED] for each in (rows, bar))
        lines.append([name, str(len(rows)), *(f"{a:.4f} / {b:.4f}" for a, b in zip(own, best, strict=True))])
    return markdown(["sensor", "scenes", *(f"{name}, {OURS} / best formula of each scene" for name in GROUPED)], lines)


def group_rows(results: Results, name: str = OURS) -> list[tuple[str, list[Row], list[Row]]]:
    """(sensor, rows of a method, the best that formulas reach on the same scenes), the scenes apart as a sensor."""
    found = []
    for apart in (False, True):
        own = [row for row in results.method(name, apart) if row["protocol"] == "rr"]
        bars = {row["scene"]: row for row in oracle(_formulas(results, apart), GUIDE, FORMULAS)}
        for sensor in sensors(own):
            rows = [row for row in own if row["sensor"] == sensor and row["scene"] in bars]
            label = f"{sensor}, apart" if apart else sensor
            found.append((label, rows, [bars[row["scene"]] for row in rows]))
    return found


def _formulas(results: Results, apart: bool) -> list[Row]:
    return [row for name in FORMULAS for row in results.method(name, apart)]


def average(rows: Sequence[Row], metric: str) -> float:
    return sum(row[metric] for row in rows) / len(rows)


def losing(results: Results, name: str) -> list[str]:
    """The sensors on which a network's mean is not better than that of the best formulas, and in which metric."""
    return [
        f"{sensor}, {metric}: {average(rows, metric):.4f} against {average(bar, metric):.4f}"
        for sensor, rows, bar in group_rows(results, name)
        for metric in GROUPED
        if (average(rows, metric) - average(bar, metric)) * (1 if GUIDE[metric][0] > 0 else -1) <= 0
    ]


def _answered(results: Results, effects: bool) -> list[tuple[Claim, list[Answer]]]:
    """Claim -> an answer for each network; those on single effects, or all others."""
    chosen = [claim for claim in claims(results.study) if claim.name.startswith("no-") == effects]
    return [(claim, [answer(claim, network, results) for network in claim.networks]) for claim in chosen]


def answers(results: Results) -> str:
    """A line for each claim but those on single effects: for which networks it holds, and for which not."""
    lines = []
    for claim, found in _answered(results, effects=False):
        kinds: dict[str, list[str]] = {}
        for one in found:
            error = one.found.get("ERGAS")
            figure = f" (ERGAS {interval(error)})" if error and one.said != UNDECIDED else ""
            figure = f" (so far ERGAS {interval(error)})" if error and one.partial else figure
            because = f", because {one.why}" if one.said == UNDECIDED else ""
            kinds.setdefault(f"**{one.said}**{because}", []).append(f"{one.network}{figure}")
        said = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())
        lines.append(f"- {claim.says}. {said}.\n")
    return "".join(lines)


def sentences(results: Results) -> str:
    """A sentence for each claim and network whose cells were run, with all that it rests on."""
    every = _answered(results, effects=False) + _answered(results, effects=True)
    lines = [f"- {one.sentence}\n" for _, found in every for one in found if one.found]
    return "".join(lines) or "*No rows yet: run the study.*\n"


def effects(results: Results) -> str:
    """How single effects of the simulator were answered: their names, by the answer."""
    kinds: dict[str, list[str]] = {}
    for claim, found in _answered(results, effects=True):
        for one in found:
            because = f", because {one.why}" if one.said == UNDECIDED else ""
            name = claim.name.removeprefix("no-").replace("-", " ")
            kinds.setdefault(f"{one.network}, **{one.said}**{because}", []).append(name)
    return "".join(f"- {kind}: {', '.join(names)}.\n" for kind, names in kinds.items())


def shipped_answer(results: Results) -> str:
    """The one claim that needs no run of the study: what training added to the network that ships."""
    found = shipped(results, OURS, PHYSICS)
    said, why = verdict(found)
    claim = f"Training on simulated pairs makes {OURS} better than its untrained physics"
    return f"{claim}: **{said}**{f', because {why}' if why else ''}.{figures(found)}\n"


def spent(results: Results) -> str:
    """What was run, network by network."""
    lines = []
    for network in results.study.networks:
        every = [cell for cell in cells(results.study) if cell.network == network]
        rows = [row for cell in every if (row := results.trainings.get(cell.name))]
        trained = [row for row in rows if row.get("steps")]
        level = f"{sum(levelled(row.get('remaining')) for row in trained)} of {len(trained)}"
        size = f"{trained[0]['parameters']:,}" if trained else "-"
        hours = sum(row.get(part, 0) for row in rows for part in ("train_seconds", "judge_seconds")) / 3600
        lines.append([network, size, f"{len(rows)} of {len(every)}", level, f"{hours:.1f}"])
    return markdown(["network", "parameters", "cells run", "converged, of those trained", "hours"], lines)


def _said(training: Row) -> str:
    """Whether a cell has converged, which an untrained one need not."""
    return "-" if not training.get("steps") else "yes" if levelled(training.get("remaining")) else "no"


def trained(results: Results) -> str:
    """Every training: how far its validation loss still fell, and what it reaches."""
    lines = []
    for name, row in results.trainings.items():
        rows = results.apart(results.cells.get(name, []), False)
        reached = [each.value if (each := mean(rows, metric)) else None for metric in ("Q2n", "ERGAS", "SAM", "D_rho")]
        share = row.get("remaining")
        lines.append([name, str(row.get("steps", 0)), "-" if share is None else f"{100 * share:.1f} %",
                      _said(row), str(row.get("device", "")),
                      *("-" if value is None else f"{value:.4f}" for value in reached)])  # fmt: skip
    head = ["cell", "steps", f"left to twice the steps (at most {100 * LEVEL:g} %)", "converged", "on"]
    return markdown([*head, "Q2n ↑", "ERGAS ↓", "SAM ↓", "D_rho ↓"], lines)


TABLES: dict[str, Callable[[Results], str]] = {
    "first": first, "shipped": shipped_answer, "groups": groups, "answers": answers, "effects": effects,
    "sentences": sentences, "spent": spent, "trained": trained,
}  # fmt: skip


def _plane(results: Results) -> str:
    """Reduced against full resolution: formulas, what ships, its physics, and what was pretrained on both sources."""
    chosen = {name: results.method(name) for name in (*FORMULAS, OURS, PHYSICS)}
    for network in results.study.networks:
        chosen[f"{network}, pretrained"] = results.converged(Cell("B", network, "both"))
    points = {}
    for label, rows in chosen.items():
        found = [mean(rows, metric) for metric in ("ERGAS", "D_rho")]
        if all(found):
            points[label] = tuple(each.value for each in found if each)
    return plots.scatter(points, ("ERGAS, reduced resolution", "D_rho, full resolution"), [OURS]) if points else ""


def _curve(arm: str, place: Callable[[Row], float], axis: str) -> Callable[[Results], str]:
    def plot(results: Results) -> str:
        lines = {}
        for network in results.study.whole:
            plain = Cell("B", network, "both")
            found = [cell for cell in cells(results.study) if (cell.arm, cell.network) == (arm, network)]
            reached = {
                cell.name: (place(results.trainings[cell.name]), each.value)
                for cell in (*found, plain)
                if (rows := results.converged(cell)) and (each := mean(rows, "ERGAS"))
            }
            if plain.name in reached:
                lines[network] = sorted((at, value / reached[plain.name][1]) for at, value in reached.values())
        lines = {network: points for network, points in lines.items() if len(points) > 1}
        return plots.curves(lines, (axis, "ERGAS over B's, all sensors"), named=True) if lines else ""

    return plot


def plots_of(study: Study) -> dict[str, Callable[[Results], str]]:
    """Name -> plot; empty where rows are missing."""
    return {
        "plane": _plane,
        "images": _curve("images", lambda row: log10(row["images"]), "images to simulate from, log10"),
        "steps": _curve("steps", lambda row: log2(row["steps"] / study.steps), "steps, doublings"),
    }

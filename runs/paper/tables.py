"""Tables of docs/paper.md and its appendix, and their plots. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import log10

from cells import BOTH, Cell, Study, cells
from claims import Answer, Claim, answer, called, claims, compared_with, figures, interval, sensors, shipped
from convergence import LEVEL, levelled
from forest import Found, forest
from outcomes import FORMULA, Results, Row
from paired import CONTRADICTED, SUPPORTED, UNDECIDED, Estimate, verdict

from anypan.methods import CLASSICAL
from anypan.metrics import METRICS as KNOWN
from anypan.report import plots
from anypan.report.rows import Mean, Metrics, mean, oracle

OURS, PHYSICS, CONSISTENT = "anypan-s", "anypan-s untrained", "MTF-GLP-FS + consistency"
FORMULAS = (*CLASSICAL, CONSISTENT)
GROUPED = ("Q2n", "ERGAS", "SAM")
WIDEST = 60.0  # % of ERGAS that the plot of all answers shows
NEAR = 0.01  # of the bound of a levelled loss
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
            because = f", because {one.why}" if one.said == UNDECIDED else ""
            kinds.setdefault(f"**{one.said}**{because}", []).append(f"{one.who}{_figure(one)}")
        said = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())
        lines.append(f"- {claim.says}. {said}.\n")
    return "".join(lines)


def _figure(one: Answer) -> str:
    """ERGAS and Q2n of a decided answer; ERGAS of what was run of another."""
    if one.said != UNDECIDED:
        return f" (ERGAS {interval(one.found['ERGAS'])}, Q2n {interval(one.found['Q2n'])})"
    return f" (so far ERGAS {interval(one.found['ERGAS'])})" if one.partial else ""


def hanging(results: Results) -> str:
    """The decided answers that hang on a training which has levelled by less than a point."""
    found: dict[str, list[str]] = {}
    for claim, every in _answered(results, effects=False):
        for one in every:
            arms = [*claim.before(one.network), *claim.after(one.network)] if one.said != UNDECIDED else []
            needed = {cell.name for arm in arms for cell in (arm, arm.base) if cell}
            for name in sorted(needed & results.trainings.keys()):
                share = results.trainings[name].get("remaining")
                if share is not None and LEVEL - NEAR < share <= LEVEL:
                    found.setdefault(f"`{name}` ({100 * share:.2f} %)", []).append(f"{claim.says}, {one.who}")
    lines = [f"- {cell}: {'; '.join(dict.fromkeys(says))}.\n" for cell, says in found.items()]
    return "".join(lines) or "- None.\n"


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
            kinds.setdefault(f"{one.who}, **{one.said}**{because}", []).append(name)
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
        lines.append([called(network, results.study), size, f"{len(rows)} of {len(every)}", level, f"{hours:.1f}"])
    return markdown(["network", "parameters", "cells run", "converged, of those trained", "hours"], lines)


def _said(training: Row) -> str:
    """Whether a cell has converged, which an untrained one need not."""
    return "-" if not training.get("steps") else "yes" if levelled(training.get("remaining")) else "no"


def trained(results: Results) -> str:
    """Every training: when its validation loss was least, how far it still fell, and what it reaches."""
    lines = []
    for name, row in results.trainings.items():
        rows = results.apart(results.cells.get(name, []), False)
        reached = [each.value if (each := mean(rows, metric)) else None for metric in ("Q2n", "ERGAS", "SAM", "D_rho")]
        share, curve = row.get("remaining"), row.get("curve") or [(0, 0.0)]
        best = min(curve, key=lambda point: point[1])[0]
        scenes = len({each["scene"] for each in rows})
        lines.append([name, *(f"{row.get(key, 0):,}" for key in ("steps", "images")), f"{best:,}" if best else "-",
                      "-" if share is None else f"{100 * share:.1f} %", _said(row), str(row.get("device", "")),
                      str(scenes), *("-" if value is None else f"{value:.4f}" for value in reached)])  # fmt: skip
    head = ["cell", "steps", "tiles or scenes", "least loss at", f"left to twice the steps (at most {100 * LEVEL:g} %)"]
    return markdown([*head, "converged", "on", "scenes", "Q2n ↑", "ERGAS ↓", "SAM ↓", "D_rho ↓"], lines)


def arms(results: Results) -> str:
    """Formulas, what ships, and every arm that is judged on all scenes, in one table: means over sensors."""
    named = [(name, [Cell(FORMULA, OURS, name)]) for name in (*FORMULAS, OURS)]
    every = [cell for cell in cells(results.study) if cell.arm in ("U", "B", "P")]
    for cell in every:
        if cell.seed == 1 and cell.name in results.trainings:
            seeds = [other for other in every if replace(other, seed=1) == cell and other.name in results.trainings]
            source = f" {cell.source}" if cell.arm == "B" else ""
            named.append((f"{cell.arm}{source}, {called(cell.network, results.study)}", seeds))
    lines = []
    for name, arm in named:
        places = (results.arm(arm), results.toolbox.arm(arm), results.arm(arm), results.arm(arm, apart=True))
        wanted = (GROUPED, ("Q2n", "ERGAS"), ("D_rho", "R-ERGAS"), ("Q2n", "ERGAS"))
        lines.append(
            [name, *(_shown(mean(rows, metric)) for rows, own in zip(places, wanted, strict=True) for metric in own)]
        )
    head = ["", *GROUPED, "Q2n, toolbox", "ERGAS, toolbox", "D_rho", "R-ERGAS", "Q2n, apart", "ERGAS, apart"]
    return markdown(head, lines)


def _shown(value: Mean | None) -> str:
    return "-" if value is None else f"{value.value:.4f}"


TABLES: dict[str, Callable[[Results], str]] = {
    "first": first, "shipped": shipped_answer, "groups": groups, "answers": answers, "effects": effects,
    "hanging": hanging, "sentences": sentences, "spent": spent, "arms": arms, "trained": trained,
}  # fmt: skip


def _plane(results: Results) -> str:
    """Reduced against full resolution: formulas, what ships, its physics, and what was pretrained on both sources."""
    chosen = {name: results.method(name) for name in (*FORMULAS, OURS, PHYSICS)}
    for network in results.study.networks:
        chosen[f"{called(network, results.study)}, pretrained"] = results.converged(Cell("B", network, BOTH))
    points = {}
    for label, rows in chosen.items():
        found = [mean(rows, metric) for metric in ("ERGAS", "D_rho")]
        if all(found):
            points[label] = tuple(each.value for each in found if each)
    return plots.scatter(points, ("ERGAS, reduced resolution", "D_rho, full resolution"), [OURS]) if points else ""


def _images(results: Results) -> str:
    """The change of ERGAS from all tiles to fewer, with its interval."""
    lines, whiskers = {}, {}
    for network in results.study.whole:
        plain, points = Cell("B", network, BOTH), {}
        for cell in cells(results.study):
            if (cell.arm, cell.network) == ("images", network) and (found := compared_with(cell, plain, results)):
                points[log10(results.trainings[cell.name]["images"])] = (found.mean, found.low, found.high)
        if points:
            points[log10(results.trainings[plain.name]["images"])] = (0.0, 0.0, 0.0)
            name = called(network, results.study)
            lines[name] = [(at, change[0]) for at, change in sorted(points.items())]
            whiskers[name] = [change[1:] for _, change in sorted(points.items())]
    axes = ("tiles to simulate from", "ERGAS against all tiles, %")
    said = lambda at: f"{10**at:,.0f}"  # noqa: E731
    return plots.curves(lines, axes, named=True, whiskers=whiskers, said=said) if lines else ""


def _losses(results: Results) -> str:
    """The validation loss of what was pretrained on both kinds of images, over its least, network by network."""
    lines = {}
    for network in results.study.networks:
        row = results.trainings.get(Cell("B", network, BOTH).name, {})
        if curve := row.get("curve"):
            least = min(value for _, value in curve)
            lines[called(network, results.study)] = [(step, value / least) for step, value in curve]
    return plots.curves(lines, ("steps", "validation loss over its least"), 1.0, named=True) if lines else ""


def _answers(results: Results) -> str:
    """The change of ERGAS that each claim is about, with its interval and its answer."""
    kinds = {SUPPORTED: "better", CONTRADICTED: "worse", UNDECIDED: "open"}
    groups = {}
    for claim, found in _answered(results, effects=False):
        rows = [Found(one.who, each.mean, each.low, each.high, kinds[one.said])
                for one in found if (each := one.found.get("ERGAS"))]  # fmt: skip
        if rows:
            groups[claim.says] = rows
    return forest(groups, "change of ERGAS, %: teal supported, orange contradicted, hollow undecided", WIDEST)


def plots_of(study: Study) -> dict[str, Callable[[Results], str]]:
    """Name -> plot; empty where rows are missing."""
    return {"plane": _plane, "answers": _answers, "images": _images, "losses": _losses}

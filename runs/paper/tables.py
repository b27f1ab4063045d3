"""Tables and plots of docs/paper.md from the study's rows. Nothing is measured here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import log2, log10
from statistics import fmean, median, stdev
from typing import Any

from cells import SOURCES, Cell, Study, cells

from anypan.adapt import TUNINGS
from anypan.methods import CLASSICAL
from anypan.report import plots
from anypan.report.rows import mean

Row = Mapping[str, Any]
COLUMNS = {"Q2n": "↑", "ERGAS": "↓", "SAM": "↓", "detail transfer (low)": "→1", "D_rho": "↓", "R-ERGAS": "↓"}
DIGITS = {"Q2n": 4, "detail transfer (low)": 3, "D_rho": 3}
TOLERANCE = 0.01  # by which D_rho and the distance of detail transfer from 1 may grow and still be called kept
NOTHING = "*No rows yet: run the study.*\n"
SHORT = ("EXP", "GSA", "BDSD-PC", "MTF-GLP-FS", "MTF-GLP-HPM-R")
STYLE = (
    "svg{background:#fff;font-family:sans-serif}text{font-size:12px;fill:#1d2327}.tick,.axis{fill:#59636b}"
    ".grid{stroke:#e2e4e1;fill:none}.ideal{stroke:#0b6b74;stroke-dasharray:5 4;fill:none}circle.classical{fill:#8b959d}"
    "circle.own{fill:#0b6b74}circle.far{fill:#fff;stroke:#8b959d}text.own{fill:#0b6b74}"
    ".curve{fill:none;stroke:#0b6b74;stroke-width:1.8}.curves circle{fill:#0b6b74}"
)


class Results:
    """The rows by cell, as the tables ask for them."""

    def __init__(self, rows: Iterable[Row], study: Study) -> None:
        self.study = study
        self.rows: dict[str, list[Row]] = {}
        for row in rows:
            self.rows.setdefault(row["cell"], []).append(row)

    def seeds(self, cell: Cell, wanted: Callable[[Row], bool] = lambda row: True) -> list[list[Row]]:
        """The rows of a cell that are wanted, one list for each seed that was run."""
        found = []
        for seed in range(1, self.study.seeds + 1):
            name = Cell(cell.stage, cell.network, cell.source, seed, cell.adapted, cell.tuning, cell.change).name
            kept = [row for row in self.rows.get(name, []) if wanted(row)]
            if kept and (seed == 1 or not cell.change):
                found.append(kept)
        return found

    def values(self, cell: Cell, name: str, wanted: Callable[[Row], bool] = lambda row: True) -> list[float]:
        """The metric of a cell for each seed: mean over sensors of the means over scenes."""
        means = (mean(rows, name) for rows in self.seeds(cell, wanted))
        return [each.value for each in means if each is not None]

    @property
    def networks(self) -> tuple[str, ...]:
        return self.study.names

    @property
    def real(self) -> str:
        """The sensor of the cells without pretraining."""
        return next(iter(self.study.no_pretraining))


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    body = list(lines)
    if not body:
        return NOTHING
    rule = ["---", *("---:" for _ in head[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *body])


def _said(name: str, values: Sequence[float]) -> str:
    """The mean, and with several seeds their standard deviation."""
    if not values:
        return "-"
    digits = DIGITS.get(name, 3)
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{spread}"


def _table(results: Results, chosen: Mapping[str, Cell], wanted: Callable[[Row], bool]) -> str:
    lines = []
    for label, cell in chosen.items():
        cells_said = [_said(name, results.values(cell, name, wanted)) for name in COLUMNS]
        if any(said != "-" for said in cells_said):
            lines.append([label, *cells_said])
    return _markdown(["", *(f"{name} {arrow}" for name, arrow in COLUMNS.items())], lines)


def _classical(names: Sequence[str]) -> dict[str, Cell]:
    return {name: Cell("classical", name) for name in names}


def _trainings(results: Results, stages: Sequence[str]) -> dict[str, Cell]:
    """Label -> cell for every network; ``stages``: untrained, A or names of sources."""
    chosen = {}
    for network in results.networks:
        for stage in stages:
            if stage == "untrained":
                chosen[f"{network}, untrained"] = Cell(stage, network)
            elif stage == "A":
                chosen[f"{network}, {results.real} only"] = Cell("A", network, results.real)
            else:
                chosen[f"{network}, {stage}"] = Cell("B", network, stage)
    return chosen


def cross_sensor(results: Results) -> str:
    """A beside B, on the sensors that A was not trained on; the classical methods too."""
    chosen = _classical(SHORT) | _trainings(results, ("untrained", "A", "both"))
    return _table(results, chosen, lambda row: row["sensor"] != results.real)


def zero_shot(results: Results) -> str:
    """B by source, all sensors, beside all classical methods and the weights that ship."""
    chosen = _classical(CLASSICAL) | {"anypan-s as released": Cell("released", "anypan-s")}
    return _table(results, chosen | _trainings(results, SOURCES), lambda row: True)


def one_shot(results: Results) -> str:
    """C: means over the sensors that were adapted to, on the scenes that were not, beside zero-shot and classical."""
    places = _one_shot_scenes(results)
    lines = [_one_shot_line(results, name, Cell("classical", name), places) for name in SHORT]
    for network in results.networks:
        lines.append(_one_shot_line(results, f"{network}, zero-shot", Cell("B", network, "both"), places))
        for tuning in TUNINGS:
            said = [_said(name, _adapted_values(results, network, tuning, name)) for name in COLUMNS]
            lines.append([f"{network}, one-shot, {tuning}", *said])
    shown = [line for line in lines if any(said != "-" for said in line[1:])]
    return _markdown(["", *(f"{name} {arrow}" for name, arrow in COLUMNS.items())], shown)


def _one_shot_line(results: Results, label: str, cell: Cell, places: set[str]) -> list[str]:
    return [label, *(_said(name, results.values(cell, name, lambda row: row["scene"] in places)) for name in COLUMNS)]


def _one_shot_scenes(results: Results) -> set[str]:
    """The scenes that one-shot cells are judged on."""
    return {row["scene"] for rows in results.rows.values() for row in rows if row["stage"] == "C"}


def _adapted_values(results: Results, network: str, tuning: str, name: str) -> list[float]:
    """For each seed the mean over the sensors adapted to."""
    found: dict[int, list[Row]] = {}
    for sensor in results.study.one_shot["scenes"]:
        for rows in results.seeds(Cell("C", network, "both", 1, sensor, tuning)):
            found.setdefault(rows[0]["seed"], []).extend(rows)
    return [each.value for rows in found.values() if (each := mean(rows, name)) is not None]


def _sensors(name: str) -> Callable[[Results], str]:
    def table(results: Results) -> str:
        sensors = sorted({row["sensor"] for rows in results.rows.values() for row in rows if row.get(name) is not None})
        chosen = _classical(SHORT) | {"anypan-s as released": Cell("released", "anypan-s")}
        chosen |= _trainings(results, ("A", *SOURCES))
        lines = []
        for label, cell in chosen.items():
            said = [_said(name, results.values(cell, name, lambda row, s=sensor: row["sensor"] == s))
                    for sensor in sensors]  # fmt: skip
            if any(each != "-" for each in said):
                lines.append([label, *said])
        for network in results.networks:
            for tuning in TUNINGS:
                cells_of = [Cell("C", network, "both", 1, sensor, tuning) for sensor in sensors]
                said = [_said(name, results.values(cell, name)) for cell in cells_of]
                if any(each != "-" for each in said):
                    lines.append([f"{network}, one-shot, {tuning}", *said])
        return _markdown([f"{name} {COLUMNS[name]}", *sensors], lines)

    return table


def ablation(results: Results) -> str:
    """What each effect's absence changes; the plain cell's spread over its seeds says what is noise."""
    plain = _plain(results)
    before = {name: results.values(plain, name)[:1] for name in COLUMNS}
    lines = [["everything on", *(_said(name, before[name]) for name in COLUMNS)]]
    seeds = [_said(name, results.values(plain, name)) for name in COLUMNS]
    if len(results.seeds(plain)) > 1:
        lines.append(["everything on, all seeds", *seeds])
    for cell in (cell for cell in cells(results.study) if cell.stage == "ablation"):
        found = {name: results.values(cell, name)[:1] for name in COLUMNS}
        if all(before.values()) and any(found.values()):
            lines.append([cell.change, *(_change(name, before[name], found[name]) for name in COLUMNS)])
    return _markdown(["", *(f"{name} {arrow}" for name, arrow in COLUMNS.items())], lines if len(lines) > 1 else [])


def _plain(results: Results) -> Cell:
    return Cell("B", results.study.ablation["network"], results.study.ablation["source"])


def _change(name: str, before: Sequence[float], after: Sequence[float]) -> str:
    return f"{after[0] - before[0]:+.{DIGITS.get(name, 3)}f}" if before and after else "-"


def scaling(results: Results) -> str:
    """Numbers of images, and lengths of training."""
    chosen = {f"{cell.change}": cell for cell in cells(results.study) if cell.stage in ("scaling", "time")}
    return _table(results, {**chosen, "all images, x1": _plain(results)}, lambda row: True)


def claim(before: Callable[[str], Any], after: Callable[[str], Any]) -> Callable[[Results], str]:
    """A comparison of two ways, network by network, each a function from a network to (cells, wanted)."""

    def table(results: Results) -> str:
        lines = []
        for network in results.networks:
            pairs = {name: (_paired(results, before(network), name), _paired(results, after(network), name))
                     for name in COLUMNS}  # fmt: skip
            if all(one and two for one, two in pairs.values()):
                means = {name: (fmean(one), fmean(two)) for name, (one, two) in pairs.items()}
                said = [f"{_said(name, [one])} → {_said(name, [two])}" for name, (one, two) in means.items()]
                lines.append([network, *said, verdict(means)])
        return _markdown(["", *(f"{name} {arrow}" for name, arrow in COLUMNS.items()), "verdict"], lines)

    return table


def _paired(results: Results, asked: Any, name: str) -> list[float]:
    kind, cell = asked
    cell = replace(cell, source=results.real) if cell.stage == "A" else cell
    if kind == "adapted":
        return _adapted_values(results, cell.network, cell.tuning, name)
    if kind == "others":
        return results.values(cell, name, lambda row: row["sensor"] != results.real)
    if kind == "places":
        places = _one_shot_scenes(results)
        return results.values(cell, name, lambda row: row["scene"] in places)
    return results.values(cell, name)


def verdict(means: Mapping[str, tuple[float, float]]) -> str:
    """Better only if Q2n and ERGAS gain and detail transfer and D_rho are kept: one without the other does not win."""
    reduced = means["Q2n"][1] > means["Q2n"][0] and means["ERGAS"][1] < means["ERGAS"][0]
    lost = means["Q2n"][1] < means["Q2n"][0] and means["ERGAS"][1] > means["ERGAS"][0]
    detail = [abs(1 - value) for value in means["detail transfer (low)"]]
    kept = detail[1] - detail[0] <= TOLERANCE and means["D_rho"][1] - means["D_rho"][0] <= TOLERANCE
    if reduced:
        return "better" if kept else "better at reduced resolution only"
    return "worse" if lost else "undecided"


CLAIMS = {
    "pretraining": claim(lambda n: ("others", Cell("A", n)), lambda n: ("others", Cell("B", n, "both"))),
    "images": claim(lambda n: ("all", Cell("B", n, "natural")), lambda n: ("all", Cell("B", n, "remote-sensing"))),
    "both-images": claim(lambda n: ("all", Cell("B", n, "remote-sensing")), lambda n: ("all", Cell("B", n, "both"))),
    "landscapes": claim(lambda n: ("all", Cell("B", n, "both")), lambda n: ("all", Cell("B", n, "landscapes"))),
    "adaptation": claim(lambda n: ("places", Cell("B", n, "both")), lambda n: ("adapted", Cell("C", n, tuning="full"))),
    "tuning": claim(
        lambda n: ("adapted", Cell("C", n, tuning="freeze")), lambda n: ("adapted", Cell("C", n, tuning="full"))
    ),
}  # fmt: skip


def spent(results: Results) -> str:
    """What the rows cost, network by network."""
    lines = []
    for network in results.networks:
        rows = [of[0] for of in results.rows.values() if of[0]["network"] == network and "steps" in of[0]]
        plain = [row for row in rows if row["stage"] == "B"]
        if plain:
            seconds, steps = (median(row[key] for row in plain) for key in ("train_seconds", "steps"))
            lines.append([network, plain[0]["family"], f"{plain[0]['parameters']:,}", f"{steps:.0f}", f"{seconds:.0f}",
                          str(len(rows))])  # fmt: skip
    if not lines:
        return NOTHING
    every = [rows[0] for rows in results.rows.values()]
    minutes = sum(row["wall_seconds"] for row in every) / 60
    planned = len(cells(results.study))
    budgets = ", ".join(sorted({f"{row['budget']:g}" for row in every}))
    where = ", ".join(sorted({f"{row['device']} ({row['threads']} threads)" for row in every}))
    said = (
        f"\n{len(every)} of {planned} cells, budget {budgets}, on {where}, {minutes:.0f} minutes by the clock in all.\n"
    )
    head = ["network", "family", "parameters", "steps of a pretraining", "seconds of a pretraining", "cells"]
    return _markdown(head, lines) + said


TABLES: dict[str, Callable[[Results], str]] = {
    "spent": spent,
    "cross-sensor": cross_sensor,
    "zero-shot": zero_shot,
    "one-shot": one_shot,
    "ablation": ablation,
    "scaling": scaling,
    **{f"claim-{name}": table for name, table in CLAIMS.items()},
    **{f"sensors-{re.sub(r'[ ()]+', '-', name).strip('-')}": _sensors(name) for name in COLUMNS},
}


def _plane(results: Results) -> str:
    """Reduced against full resolution, sensors that A was not trained on."""
    chosen = _classical(SHORT) | _trainings(results, ("A", "both"))
    points = {}
    for label, cell in chosen.items():
        pair = [results.values(cell, name, lambda row: row["sensor"] != results.real) for name in ("ERGAS", "D_rho")]
        if all(pair):
            points[label] = (fmean(pair[0]), fmean(pair[1]))
    own = [label for label in points if label.endswith("both")]
    return plots.scatter(points, ("ERGAS, reduced resolution", "D_rho, full resolution"), own) if points else ""


def _curve(stage: str, place: Callable[[Cell], float], axis: str, last: Callable[[list[Row]], float]) -> Any:
    def plot(results: Results) -> str:
        found = [(place(cell), results.values(cell, "ERGAS")) for cell in cells(results.study) if cell.stage == stage]
        plain = results.seeds(_plain(results))
        found += [(last(plain[0]), results.values(_plain(results), "ERGAS")[:1])] if plain else []
        points = sorted((at, values[0]) for at, values in found if values)
        return plots.curves({"ERGAS": points}, (axis, "ERGAS, all sensors")) if len(points) > 2 else ""

    return plot


PLOTS: dict[str, Callable[[Results], str]] = {
    "plane": _plane,
    "images": _curve("scaling", lambda cell: log10(cell.images), "images to simulate from, log10",
                     lambda rows: log10(rows[0]["images"])),
    "time": _curve("time", lambda cell: log2(cell.time), "training time, doublings", lambda rows: 0.0),
}  # fmt: skip


def standalone(svg: str) -> str:
    """A plot of the report, which is part of a page there, as a file of its own."""
    quoted = re.sub(
        r"<[^/!][^>]*>", lambda tag: re.sub(r"([\w-]+)=([^\s'\"<>]+?)(?=[\s>]|/>)", r"\1='\2'", tag[0]), svg
    )
    opened = quoted.replace("<svg ", "<svg xmlns='http://www.w3.org/2000/svg' ", 1)
    return opened.replace(">", f"><style>{STYLE}</style>", 1) + "\n"

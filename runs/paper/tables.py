"""Tables of docs/paper.md from the study's rows. Nothing is measured here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median, stdev
from typing import Any

from cells import SOURCES, TUNINGS, Cell, Study, cells

from anypan.methods import CLASSICAL
from anypan.report.rows import mean
from anypan.runtime.columns import LOW

Row = Mapping[str, Any]
COLUMNS = {"Q2n": "↑", "ERGAS": "↓", "SAM": "↓", LOW: "→1", "D_rho": "↓", "R-ERGAS": "↓"}
DIGITS = {"Q2n": 4, LOW: 3, "D_rho": 3, "steps": 0}
TOLERANCE = 0.01  # by which D_rho and the distance of detail transfer from 1 may grow and still be called kept
SAME = {"Q2n": 0.002, "ERGAS": 0.01}  # smaller changes, of ERGAS relative, are none
NOTHING = "*No rows yet: run the study.*\n"
SHORT = ("EXP", "GSA", "BDSD-PC", "MTF-GLP-FS", "MTF-GLP-HPM-R")


Wanted = Callable[[Row], bool]


def everything(row: Row) -> bool:
    """Wants any row."""
    return True


class Results:
    """The rows by cell, as the tables ask for them."""

    def __init__(self, rows: Iterable[Row], study: Study) -> None:
        self.study = study
        self.rows: dict[str, list[Row]] = {}
        self.failed: dict[str, str] = {}
        for row in rows:
            if "error" in row:
                self.failed[row["cell"]] = row["error"]
            else:
                self.rows.setdefault(row["cell"], []).append(row)

    def seeds(self, cell: Cell, wanted: Wanted = everything) -> dict[int, list[Row]]:
        """The rows of a cell that are wanted, by the seeds that were run; 1 for what has no seed."""
        found: dict[int, list[Row]] = {}
        for seed in range(1, self.study.seeds + 1):
            name = replace(cell, seed=seed).name
            kept = [row for row in self.rows.get(name, []) if wanted(row)]
            if kept and (seed == 1 or name.endswith(f"seed{seed}")):
                found[seed] = kept
        return found

    def by_seed(self, cell: Cell, name: str, wanted: Wanted = everything) -> dict[int, float]:
        """The metric of a cell for each seed: mean over sensors of the means over scenes."""
        means = {seed: mean(rows, name) for seed, rows in self.seeds(cell, wanted).items()}
        return {seed: each.value for seed, each in means.items() if each is not None}

    def values(self, cell: Cell, name: str, wanted: Wanted = everything) -> list[float]:
        """The metric of a cell, one for each seed."""
        return list(self.by_seed(cell, name, wanted).values())

    def steps(self, cell: Cell) -> list[float]:
        """How many steps the training of a cell took, one number for each seed."""
        return [float(rows[0]["steps"]) for rows in self.seeds(cell).values() if "steps" in rows[0]]

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


def _cell_text(name: str, values: Sequence[float]) -> str:
    """The mean, and with several seeds their standard deviation."""
    if not values:
        return "-"
    digits = DIGITS.get(name, 3)
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{spread}"


def _table(results: Results, chosen: Mapping[str, Cell], wanted: Callable[[Row], bool], steps: bool = False) -> str:
    lines = []
    for label, cell in chosen.items():
        cells_said = [_cell_text(name, results.values(cell, name, wanted)) for name in COLUMNS]
        if any(said != "-" for said in cells_said):
            lines.append([label, *cells_said, *(_steps(results, cell) if steps else [])])
    return _markdown(["", *(f"{name} {arrow}" for name, arrow in COLUMNS.items()), *["steps"] * steps], lines)


def classical(names: Sequence[str]) -> dict[str, Cell]:
    """Name -> cell of classical methods."""
    return {name: Cell("classical", name) for name in names}


def trainings(results: Results, stages: Sequence[str]) -> dict[str, Cell]:
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
    chosen = classical(SHORT) | trainings(results, ("untrained", "A", "both"))
    return _table(results, chosen, lambda row: row["sensor"] != results.real)


def zero_shot(results: Results) -> str:
    """B by source, all sensors, beside all classical methods and the weights that ship."""
    chosen = classical(CLASSICAL) | {"anypan-s as released": Cell("released", "anypan-s")}
    return _table(results, chosen | trainings(results, SOURCES), everything)


def one_shot(results: Results) -> str:
    """C: means over the sensors that were adapted to, on the scenes that were not, beside zero-shot and classical."""
    places = {scene for network in results.networks for scene in _one_shot_scenes(results, network)}
    lines = [_one_shot_line(results, name, Cell("classical", name), places) for name in SHORT]
    for network in results.networks:
        lines.append(_one_shot_line(results, f"{network}, zero-shot", Cell("B", network, "both"), places))
        for tuning in TUNINGS:
            values = (_adapted(results, network, tuning, name).values() for name in COLUMNS)
            said = [_cell_text(name, list(found)) for name, found in zip(COLUMNS, values, strict=True)]
            lines.append([f"{network}, one-shot, {tuning}", *said])
    shown = [line for line in lines if any(said != "-" for said in line[1:])]
    return _markdown(["", *(f"{name} {arrow}" for name, arrow in COLUMNS.items())], shown)


def _one_shot_line(results: Results, label: str, cell: Cell, places: set[str]) -> list[str]:
    values = (results.values(cell, name, lambda row: row["scene"] in places) for name in COLUMNS)
    return [label, *map(_cell_text, COLUMNS, values)]


def _one_shot_scenes(results: Results, network: str) -> set[str]:
    """The scenes that a network was judged on after every tuning that there is of it."""
    seen: dict[str, set[str]] = {}
    for rows in results.rows.values():
        if rows[0]["stage"] == "C" and rows[0]["network"] == network:
            seen.setdefault(rows[0]["tuning"], set()).update(row["scene"] for row in rows)
    return set.intersection(*seen.values()) if seen else set()


def _adapted(results: Results, network: str, tuning: str, name: str) -> dict[int, float]:
    """For each seed that was adapted to every sensor, as the first was, the mean over these sensors."""
    places = _one_shot_scenes(results, network)
    found: dict[int, dict[str, list[Row]]] = {}
    for sensor in results.study.one_shot["scenes"]:
        cell = Cell("C", network, "both", 1, sensor, tuning)
        for seed, rows in results.seeds(cell, lambda row: row["scene"] in places).items():
            found.setdefault(seed, {})[sensor] = rows
    whole = {seed: sensors for seed, sensors in found.items() if sensors.keys() == found.get(1, sensors).keys()}
    means = {seed: mean([row for rows in sensors.values() for row in rows], name) for seed, sensors in whole.items()}
    return {seed: each.value for seed, each in means.items() if each is not None}


def _sensors(name: str) -> Callable[[Results], str]:
    def table(results: Results) -> str:
        sensors = sorted({row["sensor"] for rows in results.rows.values() for row in rows if row.get(name) is not None})
        chosen = classical(SHORT) | {"anypan-s as released": Cell("released", "anypan-s")}
        chosen |= trainings(results, ("A", *SOURCES))
        lines = []
        for label, cell in chosen.items():
            said = [_cell_text(name, results.values(cell, name, lambda row, s=sensor: row["sensor"] == s))
                    for sensor in sensors]  # fmt: skip
            if any(each != "-" for each in said):
                lines.append([label, *said])
        for network in results.networks:
            for tuning in TUNINGS:
                cells_of = [Cell("C", network, "both", 1, sensor, tuning) for sensor in sensors]
                said = [_cell_text(name, results.values(cell, name)) for cell in cells_of]
                if any(each != "-" for each in said):
                    lines.append([f"{network}, one-shot, {tuning}", *said])
        return _markdown([f"{name} {COLUMNS[name]}", *sensors], lines)

    return table


def ablation(results: Results) -> str:
    """What each effect's absence changes; the plain cell's spread over its seeds says what is noise."""
    plain = plain_cell(results)
    before = {name: results.values(plain, name)[:1] for name in COLUMNS}
    lines = [["everything on", *(_cell_text(name, before[name]) for name in COLUMNS), *_steps(results, plain, 1)]]
    seeds = [_cell_text(name, results.values(plain, name)) for name in COLUMNS]
    if len(results.seeds(plain)) > 1:
        lines.append(["everything on, all seeds", *seeds, *_steps(results, plain)])
    for cell in (cell for cell in cells(results.study) if cell.stage == "ablation"):
        found = {name: results.values(cell, name)[:1] for name in COLUMNS}
        if all(before.values()) and any(found.values()):
            changes = (_change(name, before[name], found[name]) for name in COLUMNS)
            lines.append([cell.change, *changes, *_steps(results, cell)])
    head = ["", *(f"{name} {arrow}" for name, arrow in COLUMNS.items()), "steps"]
    return _markdown(head, lines if len(lines) > 1 else [])


def _steps(results: Results, cell: Cell, most: int | None = None) -> list[str]:
    """A column: equal time is not an equal number of steps."""
    return [_cell_text("steps", results.steps(cell)[:most])]


def plain_cell(results: Results) -> Cell:
    """What ablation and scaling cells differ from."""
    return Cell("B", results.study.ablation["network"], results.study.ablation["source"])


def _change(name: str, before: Sequence[float], after: Sequence[float]) -> str:
    return f"{after[0] - before[0]:+.{DIGITS.get(name, 3)}f}" if before and after else "-"


def scaling(results: Results) -> str:
    """Numbers of images, and lengths of training."""
    chosen = {f"{cell.change}": cell for cell in cells(results.study) if cell.stage in ("scaling", "time")}
    return _table(results, {**chosen, "all images, x1": plain_cell(results)}, everything, steps=True)


def claim(before: Callable[[str], Any], after: Callable[[str], Any]) -> Callable[[Results], str]:
    """A comparison of two ways, over the seeds that both have; each is a function from a network to (kind, cell)."""

    def table(results: Results) -> str:
        lines = []
        for network in results.networks:
            means = {
                name: both for name in COLUMNS if (both := _paired(results, before(network), after(network), name))
            }
            if len(means) == len(COLUMNS):
                said = [f"{_cell_text(name, [one])} → {_cell_text(name, [two])}" for name, (one, two) in means.items()]
                lines.append([network, *said, verdict(means)])
        return _markdown(["", *(f"{name} {arrow}" for name, arrow in COLUMNS.items()), "verdict"], lines)

    return table


def _paired(results: Results, before: Any, after: Any, name: str) -> tuple[float, float] | None:
    one, two = _asked(results, *before, name), _asked(results, *after, name)
    seeds = one.keys() & two.keys()
    return (fmean(one[seed] for seed in seeds), fmean(two[seed] for seed in seeds)) if seeds else None


def _asked(results: Results, kind: str, cell: Cell, name: str) -> dict[int, float]:
    cell = replace(cell, source=results.real) if cell.stage == "A" else cell
    if kind == "adapted":
        return _adapted(results, cell.network, cell.tuning, name)
    places = _one_shot_scenes(results, cell.network)
    wanted = {
        "all": everything,
        "others": lambda row: row["sensor"] != results.real,
        "places": lambda row: row["scene"] in places,
    }
    return results.by_seed(cell, name, wanted[kind])


def verdict(means: Mapping[str, tuple[float, float]]) -> str:
    """Better only if Q2n and ERGAS gain and detail transfer and D_rho are kept: one without the other does not win."""
    quality, error = means["Q2n"][1] - means["Q2n"][0], means["ERGAS"][1] / means["ERGAS"][0] - 1
    detail = [abs(1 - value) for value in means[LOW]]
    kept = detail[1] - detail[0] <= TOLERANCE and means["D_rho"][1] - means["D_rho"][0] <= TOLERANCE
    if abs(quality) < SAME["Q2n"] and abs(error) < SAME["ERGAS"]:
        return "no difference" if kept else "loses at full resolution"
    if quality > 0 and error < 0:
        return "better" if kept else "better at reduced resolution only"
    return "worse" if quality < 0 and error > 0 else "undecided"


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
    said += "".join(f"\n{cell} has no result: {error}\n" for cell, error in results.failed.items())
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

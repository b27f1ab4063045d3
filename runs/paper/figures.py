"""Plots of docs/paper.md from the study's rows."""

from __future__ import annotations

from collections.abc import Callable
from math import log2, log10
from statistics import fmean

from cells import Cell, cells
from tables import SHORT, Results, Row, classical, plain_cell, trainings

from anypan.report import plots


def _plane(results: Results) -> str:
    """Reduced against full resolution, sensors that A was not trained on."""
    chosen = classical(SHORT) | trainings(results, ("A", "both"))
    points = {}
    for label, cell in chosen.items():
        pair = [results.values(cell, name, lambda row: row["sensor"] != results.real) for name in ("ERGAS", "D_rho")]
        if all(pair):
            points[label] = (fmean(pair[0]), fmean(pair[1]))
    own = [label for label in points if label.endswith("both")]
    return plots.scatter(points, ("ERGAS, reduced resolution", "D_rho, full resolution"), own) if points else ""


def _curve(
    stage: str, place: Callable[[Cell], float], axis: str, last: Callable[[list[Row]], float]
) -> Callable[[Results], str]:
    def plot(results: Results) -> str:
        found = [(place(cell), results.values(cell, "ERGAS")) for cell in cells(results.study) if cell.stage == stage]
        plain = results.seeds(plain_cell(results))
        found += [(last(plain[1]), results.values(plain_cell(results), "ERGAS")[:1])] if 1 in plain else []
        points = sorted((at, values[0]) for at, values in found if values)
        return plots.curves({"ERGAS": points}, (axis, "ERGAS, all sensors")) if len(points) > 2 else ""

    return plot


PLOTS: dict[str, Callable[[Results], str]] = {
    "plane": _plane,
    "images": _curve("scaling", lambda cell: log10(cell.images), "images to simulate from, log10",
                     lambda rows: log10(rows[0]["images"])),
    "time": _curve("time", lambda cell: log2(cell.time), "training time, doublings", lambda rows: 0.0),
}  # fmt: skip

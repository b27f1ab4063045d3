"""The study's rows and those of the benchmark, by what a claim asks for. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from cells import Cell, Study, recipe
from convergence import levelled

from anypan.report import records

Row = Mapping[str, Any]
EXP, FORMULA = "EXP", "formula"


def usable(row: Row, mode: str) -> bool:
    """True for a row of that mode that has a result; at full resolution not of scenes that came degraded."""
    real = row.get("protocol") == "rr" or not row.get("degraded")
    return bool(row.get("scene")) and row.get("mode") == mode and real and not row.get("error")


class Results:
    """Rows by cell, with what each training was; formulas, what ships and its physics by their names."""

    def __init__(self, rows: Sequence[Row], benchmark: Sequence[Row], study: Study, mode: str = "physical") -> None:
        self.study, self._given = study, (rows, benchmark)
        self.trainings: dict[str, Row] = {}
        self.cells: dict[str, list[Row]] = {}
        self.methods: dict[str, list[Row]] = {}
        self.failed: set[str] = set()  # cells with a scene on which the network failed
        for row in rows:
            if "rows" in row:
                self.trainings[row["cell"]] = row
            elif row.get("error"):
                self.failed.add(row["cell"])
            elif usable(row, mode):
                self.cells.setdefault(row["cell"], []).append(row)
        for row in benchmark:
            if usable(row, mode):
                self.methods.setdefault(row["method"], []).append(row)

    def apart(self, rows: Iterable[Row], apart: bool) -> list[Row]:
        """Rows of the scenes that stand on a line of their own, or of all others."""
        return [row for row in rows if (row["scene"] in self.study.apart) == apart]

    def method(self, name: str, apart: bool = False) -> list[Row]:
        """The rows of a formula, of what ships, or of its physics ("anypan-s untrained")."""
        return self.apart(self.methods.get(name, ()), apart)

    def arm(self, wanted: Sequence[Cell], apart: bool = False) -> list[Row]:
        """The rows of all cells of an arm; those of a formula in the place of a cell that names one."""
        found = []
        for cell in wanted:
            found += self.methods.get(cell.source, []) if cell.arm == FORMULA else self.cells.get(cell.name, [])
        return self.apart(found, apart)

    @cached_property
    def toolbox(self) -> Results:
        """The same rows as judged by the rules of the reference toolbox."""
        return Results(*self._given, self.study, "toolbox")

    def converged(self, cell: Cell) -> list[Row]:
        """The rows of a trained cell, none if it answers no claim."""
        return [] if self.trouble([cell]) else self.arm([cell])

    def begun(self, arm: Sequence[Cell]) -> bool:
        """Whether any cell of an arm was run, or none has to be."""
        return any(cell.arm == FORMULA or cell.name in self.trainings for cell in arm)

    def trouble(self, wanted: Sequence[Cell]) -> str:
        """Why cells answer nothing: they, or what they began with, were not run, failed, or have not levelled.

        What an ablation began with need not have levelled: all that it is compared with began there, too.
        """
        needed = {cell.name: cell for one in wanted for cell in (one, one.base) if cell and cell.arm != FORMULA}
        shared = {one.base.name for one in wanted if one.base and one.arm == "ablation"}
        run = {name: row for name in needed if (row := self.trainings.get(name))}
        if not run:
            return "not run"
        wrong = [name for name, row in run.items() if "error" in row]
        long = [name for name, cell in needed.items() if cell.arm != "U" and name not in shared]
        rough = [name for name in long if name in run and not levelled(run[name].get("remaining"))]
        kinds = {"not run": len(needed) - len(run), "diverged": len(wrong)}
        kinds["failed on a scene"] = len(self.failed & needed.keys())
        kinds["not converged"] = len(set(rough) - set(wrong))
        said = [(count, kind) for kind, count in kinds.items() if count]
        of = (f" of {len(needed)} cells", *[""] * len(said))
        return " and ".join(f"{count}{some} {kind}" for (count, kind), some in zip(said, of, strict=False))


def current(rows: Iterable[Row], study: Study, every: Iterable[Cell]) -> list[Row]:
    """The rows of cells of the study as it is now; those of other recipes answer nothing."""
    now = {cell.name: recipe(cell, study) for cell in every}
    return [row for row in rows if row.get("recipe") == now.get(row["cell"])]


def read_rows(paths: Iterable[Path]) -> list[Row]:
    """Rows of the study's files; each row has what its file says of versions and machine."""
    found: list[Row] = []
    for path in paths:
        about: Row = {}
        for row in records([path], (), "study"):
            if "about" in row:
                about = row["about"]
            else:
                found.append({**row, "made": about})
    return found

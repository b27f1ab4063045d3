"""The study's rows and those of the benchmark, by what a claim asks for. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cells import Cell, Study

from anypan.models import ARCHITECTURES
from anypan.report import records

Row = Mapping[str, Any]
EXP = "EXP"


def usable(row: Row, mode: str = "physical") -> bool:
    """True for a row of that mode that has a result; at full resolution not of scenes that came degraded."""
    real = row.get("protocol") == "rr" or not row.get("degraded")
    return bool(row.get("scene")) and row.get("mode") == mode and real and not row.get("error")


class Results:
    """Rows by cell, with what each training was; formulas, what ships and its physics by their names."""

    def __init__(self, rows: Iterable[Row], benchmark: Iterable[Row], study: Study) -> None:
        self.study = study
        self.trainings: dict[str, Row] = {}
        self.cells: dict[str, list[Row]] = {}
        self.methods: dict[str, list[Row]] = {}
        for row in rows:
            if "rows" in row:
                self.trainings[row["cell"]] = row
            elif usable(row):
                self.cells.setdefault(row["cell"], []).append(row)
        for row in benchmark:
            if usable(row):
                self.methods.setdefault(row["method"], []).append(row)

    def apart(self, rows: Iterable[Row], apart: bool) -> list[Row]:
        """Rows of the scenes that stand on a line of their own, or of all others."""
        return [row for row in rows if (row["scene"] in self.study.apart) == apart]

    def method(self, name: str, apart: bool = False) -> list[Row]:
        """The rows of a formula, of what ships, or of its physics ("anypan-s untrained")."""
        return self.apart(self.methods.get(name, ()), apart)

    def arm(self, wanted: Sequence[Cell]) -> list[Row]:
        """The rows of all cells of an arm; EXP's in the place of a network that has no physics before its training."""
        found = []
        for cell in wanted:
            physics = ARCHITECTURES[cell.network].any_bands
            found += self.method(EXP) if cell.arm == "U" and not physics else self.cells.get(cell.name, [])
        return self.apart(found, False)

    def trouble(self, wanted: Sequence[Cell]) -> str:
        """Why an arm answers nothing: cells that were not run, that failed, or that have not levelled; else empty."""
        trained = [cell for cell in wanted if cell.arm != "U"]
        missing = sum(cell.name not in self.trainings for cell in trained)
        wrong = sum("error" in self.trainings.get(cell.name, {}) for cell in trained)
        rough = sum(not row.get("levelled") for cell in trained if (row := self.trainings.get(cell.name)))
        if missing:
            return f"{missing} of {len(trained)} cells have not been run" if missing < len(trained) else "not run"
        if wrong:
            return f"{wrong} of {len(trained)} cells diverged"
        return f"{rough} of {len(trained)} cells are not converged" if rough else ""


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

"""Tables that others have published, and the question of whether rows of ours may stand beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from anypan.report.rows import Row, by
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import toml_of

FIXED = ("layout", "split", "sensor", "protocol", "mode", "ratio", "block", "cut")


@dataclass(frozen=True)
class Published:
    """A table as printed: which set it is of, by which rules, and its means by method and metric.

    ``rules``: what rows must have to stand beside it; a table without rules can stand beside nothing, and ``why``
    says so. ``images`` is the number of images that its means are over.
    """

    name: str
    title: str
    source: str
    images: int
    rules: Mapping[str, object]
    values: Mapping[str, Mapping[str, float]]
    why: str = ""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the table gives."""
        return tuple(dict.fromkeys(name for of in self.values.values() for name in of))


@cache
def published() -> dict[str, Published]:
    """The published tables that ship with the package, by name."""
    tables = toml_of(
        (files("anypan.report") / "published.toml").read_text(encoding="utf-8"), "The tables", "install anew"
    )
    return {name: _table(name, **entry) for name, entry in tables.items()}


def _table(
    name: str, title: str, source: str, images: int, columns: Sequence[str], rows: Mapping[str, Sequence[float]], **rest
) -> Published:
    values = {method: _by_column(columns, row, f"{name}, {method}") for method, row in rows.items()}
    return Published(name, title, source, images, rest.get("rules", {}), values, rest.get("why", ""))


def _by_column(columns: Sequence[str], row: Sequence[float], place: str) -> dict[str, float]:
    if len(columns) != len(row):
        raise ValueError(f"{place}: {len(row)} values for {len(columns)} columns")
    return {column: float(value) for column, value in zip(columns, row, strict=True) if value == value}


def comparable(name: str, rows: Sequence[Row]) -> Published:
    """The table called ``name``, if these rows may stand beside it: UserError that says why not otherwise."""
    tables = published()
    if name not in tables:
        raise UserError(f"There is no published table {name!r}: choose from {', '.join(tables)}.")
    table = tables[name]
    if not table.rules:
        raise UserError(f"{table.title} cannot stand beside other numbers: {table.why}")
    for key in FIXED:
        found = {row.get(key) for row in rows}
        if key in table.rules and found != {table.rules[key]}:
            said = ", ".join(sorted(map(str, found)))
            raise UserError(f"These rows cannot stand beside {table.title}: {key} is {said}, not {table.rules[key]}.")
    for method, own in by(rows, "method").items():
        count = len({row.scene for row in own})
        if count != table.images:
            raise UserError(
                f"These rows cannot stand beside {table.title}: {method} has {count} scenes of {table.images}."
            )
    return table

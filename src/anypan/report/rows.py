"""Benchmark rows: read, group and average them. Nothing is measured here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, TypeVar

from anypan.runtime.errors import UserError
from anypan.runtime.foreign import json_of, lines_of

Record = Mapping[str, Any]  # a line of a file of rows, whoever wrote it
Metrics = Mapping[str, tuple[float, str, str]]
"""Name as printed in papers -> (best value, "higher" | "lower" | "nearest", one sentence in plain words)."""

COST: Metrics = {
    "seconds": (0.0, "lower", "Time to fuse the scene, in seconds."),
    "peak_mib": (0.0, "lower", "Largest resident memory while fusing, in MiB."),
}
IDENTITY = ("scene", "sensor", "protocol", "mode", "method", "ratio", "error")
KINDS: tuple[tuple[tuple[str, ...], Any, str], ...] = (
    (("scene", "sensor", "protocol", "mode", "method", "error", "layout", "split"), str | None, "text"),
    (("ratio", "step", "seconds", "loss", "validation", "rate"), int | float | None, "number"),
    (("broken", "profile"), list | dict | None, "list"),
)  # keys of rows, what they may hold, and what that is called
ORACLE = "Oracle"
R = TypeVar("R", bound=Record)
PROTOCOLS = {"rr": "Reduced resolution", "fr": "Full resolution"}


@dataclass(frozen=True)
class Row(Mapping[str, Any]):
    """What one method reaches on one scene under one protocol, or why it reaches nothing (``error``, else empty).

    ``columns``: the whole row by name, in the order of its line: what the fields say, metrics, costs, what they rest
    on, and columns that this version does not know. A row is a mapping of them; ``ratio`` 0 is not known.
    """

    scene: str
    protocol: str
    method: str
    sensor: str
    mode: str
    ratio: int
    error: str
    degraded: bool
    columns: Record = field(repr=False)

    @classmethod
    def of(cls, columns: Record) -> Row:
        """The row of a line's columns, of which scene, protocol and method must be there."""
        ratio = round(number(columns, "ratio") or 0)
        sensor, mode, error = (str(columns.get(name) or "") for name in ("sensor", "mode", "error"))
        about = (columns["scene"], columns["protocol"], columns["method"])
        return cls(*about, sensor, mode, ratio, error, bool(columns.get("degraded")), columns)

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, order=True)
class Group:
    """Rows that may be averaged: one protocol, one mode, one nominal ratio.

    At full resolution, scenes that came already degraded stand apart: their PAN and MS are no real pair.
    """

    protocol: str
    mode: str
    ratio: int
    degraded: bool = False

    @property
    def title(self) -> str:
        """What a heading calls the group."""
        mode = f", {self.mode} mode" if self.mode else ""
        apart = ", scenes that came degraded" if self.degraded else ""
        return f"{PROTOCOLS.get(self.protocol, self.protocol)}, ratio {self.ratio}{mode}{apart}"


@dataclass(frozen=True)
class Mean:
    """A mean over sensors (first over a sensor's scenes): its spread, how many scenes it rests on, and their best."""

    value: float
    spread: float | None
    scenes: int


def read(paths: Iterable[str | Path]) -> list[Row]:
    """The rows of JSON-lines files that `anypan benchmark` wrote, in order.

    UserError for a file that cannot be read, or a line that is no JSON object or lacks scene, method or protocol.
    """
    return [Row.of(record) for record in records(paths, ("scene", "method", "protocol"), "benchmark")]


def records(paths: Iterable[str | Path], needed: Sequence[str], writer: str) -> list[Record]:
    """The lines of JSON-lines files, in order, as the verb `writer` writes them.

    UserError for a file that cannot be read, or a line that is no JSON object or lacks one of the keys `needed`.
    """
    rows: list[Record] = []
    what = f"give a file that `anypan {writer}` wrote"
    for path in map(Path, paths):
        rows += [parsed(line, f"{path}, line {number}", needed, what) for number, line in lines_of(path, what)]
    return rows


def parsed(line: str | bytes, where: str, needed: Sequence[str], what: str) -> dict[str, Any]:
    """The row that a line is; ``what`` says what to give instead.

    UserError where it is no JSON object, lacks a key of `needed`, or holds another kind of value than the key's.
    """
    row = json_of(line, where, f"remove or repair that line, or {what}")
    for key in needed:
        if not row.get(key):
            raise UserError(f"{where} has no {key!r}: {what}.")
    for keys, kinds, called in KINDS:
        for key in keys:
            if not isinstance(row.get(key), kinds):
                raise UserError(f"{where} has {str(row[key])[:40]!r} as its {key!r}, which is no {called}: {what}.")
    if row.get("protocol", "rr") not in PROTOCOLS:
        known = " or ".join(PROTOCOLS)
        raise UserError(f"{where} has {str(row['protocol'])[:40]!r} as its 'protocol', which is not {known}: {what}.")
    return row


def latest(rows: Iterable[Row]) -> list[Row]:
    """One row for each scene, protocol, mode and method: the last one, so that a repeated run replaces the first."""
    kept = {(row.scene, row.protocol, row.mode, row.method): row for row in rows}
    return list(kept.values())


def number(row: Record, name: str) -> float | None:
    """The finite value of a column, or None."""
    value = row.get(name)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]


def groups(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    """Judged rows by protocol, mode and ratio: reduced resolution first, large ratios first."""
    found: dict[Group, list[Row]] = {}
    for row in rows:
        if not row.error:
            group = Group(row.protocol, row.mode, row.ratio, row.protocol == "fr" and row.degraded)
            found.setdefault(group, []).append(row)
    order = sorted(found, key=lambda group: (group.protocol != "rr", group.degraded, group.mode, -group.ratio))
    return {group: found[group] for group in order}


def real(rows: Iterable[Row], ratio: int, mode: str = "physical", protocol: str = "") -> list[Row]:
    """Judged rows of a ratio and mode, of a protocol or both, of real pairs: none that came degraded or stand apart."""
    return [
        row
        for group, found in groups(rows).items()
        if (group.ratio, group.mode, group.degraded) == (ratio, mode, False) and protocol in ("", group.protocol)
        for row in found
        if not row.get("apart")
    ]


def by(rows: Iterable[R], key: str) -> dict[str, list[R]]:
    """Rows by the value of one column, in order of appearance."""
    found: dict[str, list[R]] = {}
    for row in rows:
        found.setdefault(str(row.get(key) or "unknown"), []).append(row)
    return found


def columns(rows: Sequence[Record], metrics: Metrics) -> tuple[str, ...]:
    """The metrics that at least one row has, in the order of `metrics`, then the costs."""
    names = [*metrics, *(name for name in COST if name not in metrics)]
    return tuple(name for name in names if any(number(row, name) is not None for row in rows))


def mean(rows: Sequence[Record], name: str) -> Mean | None:
    """Mean over sensors of the means over scenes; the spread is over sensors, of a single sensor over its scenes."""
    pairs = [(str(row.get("sensor")), number(row, name)) for row in rows]
    sensors: dict[str, list[float]] = {}
    for sensor, value in pairs:
        if value is not None:
            sensors.setdefault(sensor, []).append(value)
    if not sensors:
        return None
    parts = [fmean(values) for values in sensors.values()] if len(sensors) > 1 else next(iter(sensors.values()))
    spread = stdev(parts) if len(parts) > 1 else None
    return Mean(fmean(parts), spread, sum(map(len, sensors.values())))


def loss(value: float, best: float) -> float:
    """Distance from the best value; less is better, whatever the metric's direction."""
    return abs(value - best) if math.isfinite(best) else -math.copysign(1, best) * value


def oracle(rows: Sequence[Row], metrics: Metrics, classical: Sequence[str]) -> list[Row]:
    """One row a scene judged against a truth: for every metric the best value that any classical method reaches."""
    chosen = []
    usable = [row for row in rows if row.method in classical and row.protocol == "rr"]
    for scene, of_scene in by(usable, "scene").items():
        row: dict[str, Any] = {"scene": scene, "sensor": of_scene[0].sensor, "protocol": "rr", "method": ORACLE}
        for name, (best, _, _) in metrics.items():
            values = [value for one in of_scene if (value := number(one, name)) is not None]
            if values:
                row[name] = min(values, key=lambda value: loss(value, best))
        chosen.append(Row.of(row))
    return chosen


def wins(rows: Sequence[Row], oracles: Sequence[Row], metrics: Metrics, names: Sequence[str]) -> tuple[int, int]:
    """(scenes on which the rows of one method are better than the oracle in all of `names`, scenes compared)."""
    bar = {row.scene: row for row in oracles}
    won = compared = 0
    for row in rows:
        pairs = [(number(row, name), number(bar.get(row.scene, {}), name), metrics[name][0]) for name in names]
        if pairs and all(value is not None and other is not None for value, other, _ in pairs):
            compared += 1
            won += all(loss(value, best) < loss(other, best) for value, other, best in pairs)  # type: ignore[arg-type]
    return won, compared

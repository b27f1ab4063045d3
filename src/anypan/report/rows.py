"""Benchmark rows: read, group and average them. Nothing is measured here."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from anypan.runtime.errors import UserError

Row = Mapping[str, Any]
Metrics = Mapping[str, tuple[float, str, str]]
"""Name as printed in papers -> (best value, "higher" | "lower" | "nearest", one sentence in plain words)."""

COST: Metrics = {
    "seconds": (0.0, "lower", "Time to fuse the scene, in seconds."),
    "peak_mib": (0.0, "lower", "Largest resident memory while fusing, in MiB."),
}
IDENTITY = ("scene", "sensor", "protocol", "mode", "method", "ratio", "error")
ORACLE = "Oracle"
PROTOCOLS = {"rr": "Reduced resolution", "fr": "Full resolution"}


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


def read(
    paths: Iterable[str | Path], needed: Sequence[str] = ("scene", "method", "protocol"), writer: str = "benchmark"
) -> list[Row]:
    """Rows of JSON-lines files, in order, as the verb `writer` writes them.

    UserError for a file that cannot be read, or a line that is no JSON object or lacks one of the keys `needed`.
    """
    rows: list[Row] = []
    for path in map(Path, paths):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or "it is no text"
            raise UserError(f"{path} cannot be read ({reason}): give a file that `anypan {writer}` wrote.") from problem
        rows += [
            _parse(f"{path}, line {number}", line, needed, writer)
            for number, line in enumerate(lines, 1)
            if line.strip()
        ]
    return rows


def _parse(where: str, line: str, needed: Sequence[str], writer: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as problem:
        raise UserError(f"{where} is not JSON ({problem.msg}): remove or repair that line.") from problem
    missing = [key for key in needed if not isinstance(row, dict) or not row.get(key)]
    if missing:
        raise UserError(f"{where} has no {missing[0]!r}: give a file that `anypan {writer}` wrote.")
    return row


def latest(rows: Iterable[Row]) -> list[Row]:
    """One row for each scene, protocol, mode and method: the last one, so that a repeated run replaces the first."""
    kept = {(row["scene"], row["protocol"], row.get("mode") or "", row["method"]): row for row in rows}
    return list(kept.values())


def failed(row: Row) -> bool:
    """True for a row that says why there is no result."""
    return bool(row.get("error"))


def number(row: Row, name: str) -> float | None:
    """The finite value of a column, or None."""
    value = row.get(name)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]


def groups(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    """Judged rows by protocol, mode and ratio: reduced resolution first, large ratios first."""
    found: dict[Group, list[Row]] = {}
    for row in rows:
        if not failed(row):
            apart = row["protocol"] == "fr" and bool(row.get("degraded"))
            group = Group(row["protocol"], row.get("mode") or "", round(number(row, "ratio") or 0), apart)
            found.setdefault(group, []).append(row)
    order = sorted(found, key=lambda group: (group.protocol != "rr", group.degraded, group.mode, -group.ratio))
    return {group: found[group] for group in order}


def by(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    """Rows by the value of one column, in order of appearance."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row.get(key) or "unknown"), []).append(row)
    return found


def columns(rows: Sequence[Row], metrics: Metrics) -> tuple[str, ...]:
    """The metrics that at least one row has, in the order of `metrics`, then the costs."""
    names = [*metrics, *(name for name in COST if name not in metrics)]
    return tuple(name for name in names if any(number(row, name) is not None for row in rows))


def mean(rows: Sequence[Row], name: str) -> Mean | None:
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
    usable = [row for row in rows if row["method"] in classical and row.get("protocol") == "rr"]
    for scene, of_scene in by(usable, "scene").items():
        row = {"scene": scene, "sensor": of_scene[0].get("sensor"), "method": ORACLE}
        for name, (best, _, _) in metrics.items():
            values = [value for one in of_scene if (value := number(one, name)) is not None]
            if values:
                row[name] = min(values, key=lambda value: loss(value, best))
        chosen.append(row)
    return chosen


def wins(rows: Sequence[Row], oracles: Sequence[Row], metrics: Metrics, names: Sequence[str]) -> tuple[int, int]:
    """(scenes on which the rows of one method are better than the oracle in all of `names`, scenes compared)."""
    bar = {row["scene"]: row for row in oracles}
    won = compared = 0
    for row in rows:
        pairs = [(number(row, name), number(bar.get(row["scene"], {}), name), metrics[name][0]) for name in names]
        if pairs and all(value is not None and other is not None for value, other, _ in pairs):
            compared += 1
            won += all(loss(value, best) < loss(other, best) for value, other, best in pairs)  # type: ignore[arg-type]
    return won, compared

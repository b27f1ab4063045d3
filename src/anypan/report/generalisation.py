"""The card of a generalisation protocol: what was run, who does how well on whose sensor, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from anypan.report.page import reporting
from anypan.report.plots import heat, standalone
from anypan.report.rows import Mean, Metrics, Row, by, loss, mean
from anypan.report.tables import ARROWS
from anypan.runtime.claim import drafted
from anypan.runtime.columns import HIGH, LOW

COLUMNS = {"rr": ("Q2n", "ERGAS", "SAM"), "fr": ("D_rho", LOW, HIGH)}
NAMES = tuple(name for names in COLUMNS.values() for name in names)
DRAWN = ("ERGAS", "D_rho")
NONE, PARTIAL = "-", "†"
CLASSICAL, AS_IS, ONE, WITHOUT = "classical", "zero-shot", "one-shot", "leave-one-out"
Values = Sequence[float | None]


@dataclass(frozen=True)
class Line:
    """A line of the matrices: rows of one kind, start, tuning and, of one-shot, sensor learnt from."""

    kind: str
    start: str
    tuning: str
    sensor: str
    rows: tuple[Row, ...]

    @property
    def label(self) -> str:
        """What a table calls the line."""
        names = {CLASSICAL: self.start, AS_IS: "as it is", ONE: f"learnt from {self.sensor}"}
        said = names.get(self.kind, "learnt from all but the judged")
        return f"{said}, {self.tuning}" if self.tuning else said


class Results:
    """The rows as the card asks for them: line by line, sensor by sensor."""

    def __init__(self, rows: Iterable[Row], metrics: Metrics) -> None:
        every = list(rows)
        self.metrics, self.failures = metrics, [row for row in every if row.error]
        self.rows = [row for row in every if not row.error]
        self.sensors = list(by(self.rows, "sensor"))
        self.judged = [row for row in self.rows if row["protocol"] == "rr" or not row.get("degraded")]
        self._means: dict[tuple[int, str, str], Mean | None] = {}

    @cached_property
    def lines(self) -> list[Line]:
        """Classical methods first, then start by start."""
        found: dict[tuple[str, ...], list[Row]] = {}
        for row in self.rows:
            sensor = row["train_sensor"] if row["kind"] == ONE else ""
            found.setdefault((row["kind"], row["start"], row.get("tuning", ""), sensor), []).append(row)
        starts = list(by(self.rows, "start"))
        kinds, tunings = (CLASSICAL, AS_IS, ONE, WITHOUT), list(dict.fromkeys(key[2] for key in found))

        def place(key: tuple[str, ...]) -> tuple[int, ...]:
            kind = kinds.index(key[0])
            return min(kind, 1), starts.index(key[1]), tunings.index(key[2]) if kind > 1 else -1, kind

        order = sorted(found, key=place)
        judged = {id(row) for row in self.judged}
        return [Line(*key, tuple(row for row in found[key] if id(row) in judged)) for key in order]  # type: ignore[arg-type]

    @property
    def starts(self) -> list[str]:
        """The names of the weights that were begun with."""
        return list(dict.fromkeys(line.start for line in self.lines if line.kind != CLASSICAL))

    def of(self, start: str, *kinds: str) -> list[Line]:
        """The lines of a start, of some kinds only if any is named."""
        return [line for line in self.lines if line.start == start and (not kinds or line.kind in kinds)]

    @property
    def classical(self) -> list[Line]:
        """The lines of classical methods."""
        return [line for line in self.lines if line.kind == CLASSICAL]

    def mean(self, line: Line, sensor: str, name: str) -> Mean | None:
        """Over the scenes of a sensor."""
        key = (id(line), sensor, name)
        if key not in self._means:
            self._means[key] = mean([row for row in line.rows if row["sensor"] == sensor], name)
        return self._means[key]

    def value(self, line: Line, sensor: str, name: str) -> float | None:
        """The mean of a line on a sensor; None where there is none."""
        found = self.mean(line, sensor, name)
        return None if found is None else found.value

    def goal(self, name: str) -> str:
        """The metric's name and which way is better."""
        best, direction, _ = self.metrics[name]
        return f"{name} {ARROWS[direction]}" + (f"{best:g}" if direction == "nearest" else "")


def write_card(rows: Iterable[Row], protocol: str, path: Path, metrics: Metrics) -> Path:
    """Write the card of rows and its plots beside it; ``protocol``: the text of the TOML file. Raises UserError."""
    for place, text in card(rows, protocol, path, metrics).items():
        with reporting(place), drafted(place) as draft:
            draft.write_text(text, encoding="utf-8")
    return path


def card(rows: Iterable[Row], protocol: str, path: Path, metrics: Metrics, images: str = "") -> dict[Path, str]:
    """What is to be written where: the card to ``path``, the plots to ``images`` + metric.svg beside it."""
    results = Results(rows, metrics)
    plots = {name: plot for name in DRAWN if (plot := _plot(results, name))}
    places = {name: f"{images}change-{name.lower().replace('_', '-')}.svg" for name in plots}
    parts = [_head(results), _summary(results), _figures(places), _matrices(results), _left_out(results)]
    parts += [_gaps(results), _limits(results), _basis(results), f"## The protocol\n```toml\n{protocol.strip()}\n```\n"]
    made = {path: "\n".join(part for part in parts if part)}
    return made | {path.parent / places[name]: plot for name, plot in plots.items()}


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in head[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *lines])


def _head(results: Results) -> str:
    scenes = {sensor: len(by(rows, "scene")) for sensor, rows in by(results.rows, "sensor").items()}
    listed = ", ".join(f"{sensor} {count}" for sensor, count in scenes.items())
    return (
        f"# Generalisation across sensors\n{', '.join(results.starts)} on {len(scenes)} sensors; judged: {listed}.\n"
        "Zero-shot: as it is. One-shot: after learning from one scene of one sensor. Leave-one-out: after learning\n"
        "from scenes of all sensors but the one it is judged on. No weights are judged on a scene they learnt from,\n"
        "and all are judged on the same scenes. `anypan generalise` makes this card from its rows.\n"
    )


def _summary(results: Results) -> str:
    parts = ["## In short"]
    for start in results.starts:
        one = results.of(start, ONE)
        places = {name: _comparable(results, one, name) for name in NAMES}
        lines = [_means(places, _plain(results, line), line.label) for line in results.classical]
        lines += [_means(places, _plain(results, line), line.label) for line in results.of(start, AS_IS)]
        for tuning in dict.fromkeys(line.tuning for line in results.of(start, ONE, WITHOUT)):
            own = [line for line in one if line.tuning == tuning]
            if own:
                pairs = {"the judged sensor": _diagonal(results, own), "another sensor": _others(results, own)}
                lines += [_means(places, f, f"learnt from {said}, {tuning}") for said, f in pairs.items()]
            left = [line for line in results.of(start, WITHOUT) if line.tuning == tuning]
            lines += [_means(places, _plain(results, line), line.label) for line in left]
        parts += [_table([start, *map(results.goal, NAMES)], lines), _said_places(places)]
    return "\n".join(parts)


Value = Callable[[str, str], float | None]  # (sensor judged, metric)


def _plain(results: Results, line: Line) -> Value:
    return lambda sensor, name: results.value(line, sensor, name)


def _diagonal(results: Results, lines: Sequence[Line]) -> Value:
    own = {line.sensor: line for line in lines}
    return lambda sensor, name: results.value(own[sensor], sensor, name) if sensor in own else None


def _others(results: Results, lines: Sequence[Line]) -> Value:
    def value(sensor: str, name: str) -> float | None:
        found = [results.value(line, sensor, name) for line in lines if line.sensor != sensor]
        known = [each for each in found if each is not None]
        return fmean(known) if known else None

    return value


def _comparable(results: Results, one: Sequence[Line], name: str) -> list[str]:
    """The sensors whose diagonal cell is known for every tuning: only they can compare it with the rest."""
    known = [s for s in results.sensors if any(results.value(line, s, name) is not None for line in results.lines)]
    tunings = dict.fromkeys(line.tuning for line in one)
    own = {t: _diagonal(results, [line for line in one if line.tuning == t]) for t in tunings}
    return [sensor for sensor in known if all(value(sensor, name) is not None for value in own.values())]


def _means(places: Mapping[str, Sequence[str]], value: Value, label: str) -> list[str]:
    """A line of means over the sensors of each metric; none where one of them is missing."""
    said = []
    for name in NAMES:
        found = [value(sensor, name) for sensor in places[name]]
        known = [each for each in found if each is not None]
        said.append(_figure(name, fmean(known)) if known and len(known) == len(found) else NONE)
    return [label, *said]


def _said_places(places: Mapping[str, Sequence[str]]) -> str:
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name, sensors in places.items():
        grouped.setdefault(tuple(sensors), []).append(name)
    said = "; ".join(f"{', '.join(names)}: {', '.join(sensors) or 'none'}" for sensors, names in grouped.items())
    return f"Means over the sensors that can be judged after learning from a scene of theirs. {said}.\n"


def _figure(name: str, value: float) -> str:
    return f"{value:.4f}" if name == "Q2n" else f"{value:.3f}"


def _figures(places: Mapping[str, str]) -> str:
    return "".join(f"![{name} against the weights as they are]({place})\n" for name, place in places.items())


def _plot(results: Results, name: str) -> str:
    """The change of the distance from the best value against zero-shot, in per cent; empty if there is no zero-shot."""
    best, lines = results.metrics[name][0], {}
    for start in results.starts:
        base = results.of(start, AS_IS)
        for line in results.of(start, ONE, WITHOUT) if base else []:
            pairs = [(results.value(base[0], s, name), results.value(line, s, name)) for s in results.sensors]
            lines[f"{start}, {line.label}"] = [_change(before, after, best) for before, after in pairs]
    title = f"{name}: change against zero-shot in per cent, by the sensor judged"
    return standalone(heat(lines, results.sensors, title)) if lines and results.sensors else ""


def _change(before: float | None, after: float | None, best: float) -> float | None:
    if before is None or after is None or not loss(before, best):
        return None
    return 100 * (loss(after, best) / loss(before, best) - 1)


def _matrices(results: Results) -> str:
    parts = [
        "## Who is judged on what",
        f"Columns: the sensor judged. **Bold**: learnt from that sensor. {NONE}: below.",
    ]
    for start in results.starts:
        for name in NAMES:
            lines = [*results.classical, *results.of(start)]
            body = [[line.label, *(_cell(results, line, s, name) for s in results.sensors)] for line in lines]
            if any(cell != NONE for line in body for cell in line[1:]):
                parts.append(f"### {start}: {name}\n" + _table([results.goal(name), *results.sensors], body))
    return "\n".join(parts)


def _cell(results: Results, line: Line, sensor: str, name: str) -> str:
    found = results.mean(line, sensor, name)
    if found is None:
        return NONE
    most = max(each.scenes for other in results.lines if (each := results.mean(other, sensor, name)))
    said = _figure(name, found.value) + (PARTIAL if found.scenes < most else "")
    return f"**{said}**" if line.sensor == sensor else said


def _left_out(results: Results) -> str:
    parts = []
    for start in results.starts:
        base = [*results.of(start, AS_IS), None][0]
        for line in results.of(start, WITHOUT):
            body = [[s, *(_from_to(results, base, line, s, name) for name in NAMES)] for s in results.sensors]
            parts.append(f"### {start}, {line.tuning}\n" + _table(["left out", *map(results.goal, NAMES)], body))
    said = "Judged on the sensor that was left out: as it is → after learning from the others.\n"
    return "\n".join(["## Leave one sensor out", said, *parts]) if parts else ""


def _from_to(results: Results, base: Line | None, line: Line, sensor: str, name: str) -> str:
    values = [results.value(each, sensor, name) for each in (base, line) if each is not None]
    return " → ".join(NONE if value is None else _figure(name, value) for value in values)


def _gaps(results: Results) -> str:
    """Why there is no figure: each reason once."""
    reasons = dict.fromkeys(reason for line in results.lines for reason in _reasons(results, line))
    errors: dict[tuple[str, str, str], list[str]] = {}
    for row in results.failures:
        errors.setdefault((row["scene"], row["protocol"], row["error"]), []).append(row["method"])
    failures = [f"{scene}, {protocol}: {error} ({'; '.join(who)})" for (scene, protocol, error), who in errors.items()]
    said = [f"- {reason}\n" for reason in (*reasons, *failures)]
    said += [f"- {PARTIAL}: a mean over fewer scenes than the column's others.\n"] if errors else []
    return f"## Where there is no figure\n{''.join(said)}" if said else ""


def _reasons(results: Results, line: Line) -> Iterable[str]:
    for sensor in results.sensors:
        own = [row for row in results.rows if row["sensor"] == sensor]
        full = [row for row in own if row["protocol"] == "fr"]
        if full and all(row.get("degraded") for row in full):
            yield f"{sensor} at full resolution: all its scenes came degraded, their PAN and MS are no real pair."
        mine = [row for row in line.rows if row["sensor"] == sensor]
        learnt = {name for row in line.rows for name in row.get("train_scenes", {})}
        if line.sensor == sensor and by(own, "scene").keys() <= learnt:
            yield f"{sensor} after learning from {sensor}: its only scene is the one learnt from."
        lost = [name for name in NAMES if any(row["protocol"] in _kinds(name) for row in mine)
                and results.mean(line, sensor, name) is None]  # fmt: skip
        if lost:
            yield f"{line.start}, {line.label}, on {sensor}: {', '.join(lost)} is no finite number."


def _kinds(name: str) -> tuple[str, ...]:
    return tuple(kind for kind, names in COLUMNS.items() if name in names)


def _limits(results: Results) -> str:
    sides = {max(row["size"]) for row in results.rows}
    ratios = sorted({round(row["ratio"]) for row in results.rows})
    said = [
        f"What is judged is at most {max(sides, default=0)} pixels along a side: figures of other parts differ.",
        "One seed and one scene to learn from for each sensor: another scene or seed gives other figures.",
        f"Modes differ in rules: these are of mode {', '.join(by(results.rows, 'mode'))}.",
        "Full and reduced resolution ask different questions; a gain at one that costs the other is none.",
    ]
    if len(ratios) > 1:
        said.append(f"Means mix sensors of the ratios {', '.join(map(str, ratios))}: read the columns as well.")
    return "## What is not comparable\n" + "".join(f"- {one}\n" for one in said)


def _basis(results: Results) -> str:
    one = [*results.rows, *results.failures][0]
    versions = ", ".join(f"{name} {version}" for name, version in one["versions"].items())
    devices = ", ".join(f"{device} ({machine})" for device, machine in dict.fromkeys(
        (row["device"], row["machine"]) for row in results.rows))  # fmt: skip
    parts = [f"## What it rests on\n{versions}; {devices}; {len(results.rows)} rows.\n", _weights(results)]
    body = {(row["scene"], row["sensor"]): {} for row in results.rows}
    for row in results.rows:
        body[row["scene"], row["sensor"]][row["protocol"]] = row["inputs_sha256"][:12]
    lines = [[*key, hashes.get("rr", NONE), hashes.get("fr", NONE)] for key, hashes in body.items()]
    return "\n".join([*parts, _table(["scene judged", "sensor", "SHA-256 of what was given, rr", "fr"], lines)])


def _weights(results: Results) -> str:
    lines, seen = [], {row["cell"]: row for row in results.rows if row["kind"] != CLASSICAL}
    for cell, row in seen.items():
        scenes = ", ".join(f"{name} ({sha[:12]})" for name, sha in row.get("train_scenes", {}).items())
        losses = f"{row['loss_before']:.4f} → {row['loss_after']:.4f}" if "loss_before" in row else NONE
        sha = row.get("trained_sha256") or row.get("start_sha256") or NONE
        lines.append([cell, scenes or NONE, str(row.get("steps", NONE)), losses, sha[:12]])
    head = ["weights", "learnt from (SHA-256 of PAN, MS and what is known of them)", "steps", "loss", "SHA-256"]
    return _table(head, lines)

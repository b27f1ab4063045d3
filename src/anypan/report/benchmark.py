"""The benchmark report: rows of many scenes and methods as tables, plots and pictures on one page."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from anypan.report import exports, page, plots, tables, viewer
from anypan.report.fusion import facts_table, glossary
from anypan.report.look import Look, looks
from anypan.report.pictures import Layers
from anypan.report.radar import radar
from anypan.report.rows import (
    IDENTITY,
    Group,
    Metrics,
    Record,
    Row,
    by,
    columns,
    groups,
    latest,
    loss,
    mean,
    read,
)
from anypan.report.tables import Table
from anypan.runtime.columns import HEADLINES, HIGH, LOW
from anypan.runtime.errors import UserError

TOTAL = 54_000_000
RICHEST = 6_000_000
FEWEST = 300_000
SPREADS = {"rr": HEADLINES["rr"], "fr": (LOW, "D_rho", "R-ERGAS", "HQNR")}
RADARS = {
    "rr": ("Q2n", "Q", "SCC", "SSIM", "PSNR", "RMSE", "ERGAS", "SAM"),
    "fr": ("HQNR", "D_lambda_K", "D_s", "D_rho", LOW, HIGH, "R-ERGAS",
           "R-SAM", "R-Q2n"),
}  # fmt: skip
NOTE = """All metrics at once: further out is better. The rim is the best method of the metric, the centre the worst, or
what is three times as far from the best as the middle method. Box plots: a dot is a scene, the box the middle half of
them, the bar the median."""
TRADE = ("ERGAS", LOW)
LEAD = """<p>Pansharpening gives the colours of a coarse multispectral image (MS) the detail of a sharp panchromatic one
(PAN). This page compares methods that do it, in two ways. <b>Reduced resolution</b>: the images are blurred and
thinned first, so that the original MS is the truth to be found. <b>Full resolution</b>: the images as they are, judged
without a truth by agreement with the PAN and the MS. A good method wins the first <em>and</em> keeps the second.</p>
<p>Means are taken over a sensor's scenes, then over sensors. The <b>oracle</b> takes, scene by scene and metric by
metric, the best value of any classical method: nobody has it in practice, and it is the bar.</p>"""
SPREAD_BUTTON = "<p class=tools><button class=spreads aria-pressed=false>Show standard deviations</button></p>"
Shown = Layers | Look | Sequence[Look]
Pictures = Mapping[str, Shown] | Callable[[str], Shown | None]


def write(
    rows: Iterable[Record | str | Path],
    out_dir: str | Path,
    metrics: Metrics,
    classical: Sequence[str] = (),
    focus: str = "anypan-s",
    pictures: Pictures | None = None,
    export: bool = False,
) -> Path:
    """Write `report.html` into `out_dir` and return its path.

    rows: result rows, or paths of JSON-lines files of them; of a repeated run the last row counts. metrics: see
    rows.Metrics. classical: names of the methods that make the oracle. focus: the method to follow. pictures: scene ->
    layers on the PAN grid (PAN, EXP, a classical result, ours, ...) or looks, or a function of the scene's name that
    may return None; a function is called once for each scene, so that one scene's pixels are in memory at a time.
    export: also write the tables of all scenes and of each sensor into `out_dir/tables`, as CSV and LaTeX.
    UserError if there are no rows or the page cannot be written.
    """
    parts = (read([one]) if isinstance(one, str | Path) else [Row.of(one)] for one in rows)
    known = latest(row for part in parts for row in part)
    if not known:
        raise UserError("there are no result rows to report: run `anypan benchmark` first.")
    report = _Report(known, metrics, tuple(classical), focus)
    made = page.save(Path(out_dir) / "report.html", "Pansharpening benchmark", LEAD, report.sections(pictures))
    if export:
        exports.save(report.captioned(), Path(out_dir) / "tables")
    return made


class _Report:
    """The sections of the page, each made when it is written."""

    def __init__(self, rows: list[Row], metrics: Metrics, classical: tuple[str, ...], focus: str) -> None:
        first = [name for names in HEADLINES.values() for name in names if name in metrics]
        self.metrics = {name: metrics[name] for name in dict.fromkeys([*first, *metrics])}
        self.rows, self.classical, self.focus = rows, classical, focus
        self.groups = groups(rows)
        self.scenes = by(rows, "scene")
        found = by((row for row in rows if not row.error), "method")
        self.own = [name for name in found if name not in classical]
        self.order = [*(name for name in classical if name in found), *self.own]

    def sections(self, pictures: Pictures | None) -> list[tuple[str, str, Iterable[str]]]:
        """The page's sections as HTML, in order."""
        return [
            ("summary", "In short", self.summary()),
            ("tables", "Tables", self.tables()),
            ("plots", "Plots", self.plots()),
            ("scenes", "Scenes", self.pictures(pictures)),
            ("errors", "Errors", self.errors()),
            ("settings", "Versions and settings", [facts_table(settings(self.rows, self.metrics))]),
        ]

    def summary(self) -> Iterator[str]:
        """What the method in focus reaches, beside the best of the classical ones."""
        sensors, failures = by(self.rows, "sensor"), sum(bool(row.error) for row in self.rows)
        counts = ((self.scenes, "scene"), (sensors, "sensor"), (self.order, "method"))
        said = ", ".join(_count(len(things), thing) for things, thing in counts)
        failed_runs = f"{_count(failures, 'run')} failed: see Errors." if failures else "No run failed."
        yield f"<p>{said}. {failed_runs}</p>"
        cards = "".join(self._card(group, rows) for group, rows in self.groups.items() if not group.degraded)
        if cards:
            yield f"<p>What <b>{escape(self.focus)}</b> reaches, and beside it the bar:</p>"
            yield f"<div class=cards>{cards}</div>"

    def _card(self, group: Group, rows: list[Row]) -> str:
        """The focus against the oracle (reduced resolution) or the best classical method (full resolution)."""
        mine = [row for row in rows if row.method == self.focus]
        names = [name for name in HEADLINES.get(group.protocol, ()) if name in self.metrics and mean(mine, name)]
        table = self._table(rows)
        lines = "".join(self._headline(name, table) for name in names)
        wins = table.wins.get(self.focus)
        tail = f"<p>Better than the oracle in {', '.join(HEADLINES['rr'])} at once: {wins} scenes.</p>" if wins else ""
        return f"<div class=card><h3>{escape(group.title)}</h3><dl>{lines}</dl>{tail}</div>" if lines else ""

    def _headline(self, name: str, table: Table) -> str:
        best, direction, _ = self.metrics[name]
        value, bar = table.body[self.focus][name].value, self._bar(name, table)
        goal = f"ideal {best:g}" if direction == "nearest" else f"{bar[0]} {table.text(name, bar[1])}" if bar else ""
        better = bar is not None and direction != "nearest" and loss(value, best) <= loss(bar[1], best)
        mark = " class=good" if better else ""
        return f"<dt>{escape(name)}</dt><dd{mark}>{table.text(name, value)}</dd><dd>{escape(goal)}</dd>"

    def _bar(self, name: str, table: Table) -> tuple[str, float] | None:
        """The oracle where there is one, else the best classical method, by name and value."""
        if name in table.oracle:
            return "oracle", table.oracle[name].value
        return self._rival(name, table)

    def _rival(self, name: str, table: Table) -> tuple[str, float] | None:
        """The best classical method in one column, and its value."""
        reached = {one: table.body[one][name].value for one in self.classical if name in table.body.get(one, {})}
        return min(reached.items(), key=lambda found: loss(found[1], self.metrics[name][0]), default=None)

    def tables(self) -> Iterator[str]:
        """Means by method, a table for each group."""
        if self.groups:
            yield f"<p class=note>The best of a column is underlined. Click a heading to sort.</p>{SPREAD_BUTTON}"
        for group, rows in self.groups.items():
            table = self._table(rows)
            yield tables.html(table, _caption(group, rows), self.focus) + glossary(table.columns, self.metrics)
            for sensor, of in by(rows, "sensor").items():
                built = tables.html(self._table(of), _caption(group, of, sensor), self.focus)
                scenes = _count(len(by(of, "scene")), "scene")
                yield f"<details><summary>{escape(sensor)} <small>{scenes}</small></summary>{built}</details>"

    def _table(self, rows: list[Row]) -> Table:
        return tables.build(rows, self.metrics, self.classical)

    def captioned(self) -> dict[str, Table]:
        """The tables of all scenes and of each sensor, by their captions."""
        found = {}
        for group, rows in self.groups.items():
            found[_caption(group, rows)] = self._table(rows)
            found |= {_caption(group, of, name): self._table(of) for name, of in by(rows, "sensor").items()}
        return found

    def plots(self) -> Iterator[str]:
        """Radars, boxes and the trade between errors and detail."""
        pairs = dict.fromkeys((group.ratio, group.mode) for group in self.groups)
        trades = "".join(self._trade(*pair) for pair in pairs)
        if trades:
            yield "<h3>Both at once</h3><p class=note>Left is nearer to the truth at reduced resolution; on the dashed "
            yield "line, weak texture of the PAN arrives whole at full resolution. Hollow dots lie outside.</p>"
            yield f"<div class=plots>{trades}</div>"
        for group, rows in self.groups.items():
            shown = [name for name in SPREADS.get(group.protocol, ()) if name in columns(rows, self.metrics)]
            drawn = self._radar(group, rows)
            drawn += "".join(plots.spread(rows, name, self.own, self.order) for name in shown)
            if drawn:
                yield f"<h3>{escape(group.title)}</h3><p class=note>{NOTE}</p><div class=plots>{drawn}</div>"

    def _radar(self, group: Group, rows: list[Row]) -> str:
        """The focus, the best classical method of the first headline, and EXP; the others are for the reader to add."""
        table = self._table(rows)
        names = [name for name in HEADLINES.get(group.protocol, ()) if name in table.columns]
        bar = self._rival(names[0], table) if names else None
        shown = tuple({self.focus: 0, bar[0] if bar else "EXP": 1, "EXP": 2})
        return radar(table, RADARS.get(group.protocol, ()), shown, "All metrics at once")

    def _trade(self, ratio: int, mode: str) -> str:
        halves = [self.groups.get(Group(protocol, mode, ratio), []) for protocol in ("rr", "fr")]
        found = {}
        for method in self.order:
            of_both = [[row for row in half if row.method == method] for half in halves]
            truth, texture = (mean(of, name) for of, name in zip(of_both, TRADE, strict=True))
            if truth and texture:
                found[method] = (truth.value, texture.value)
        if len(found) < 2:
            return ""
        axes = (f"{TRADE[0]} at reduced resolution (lower is better)", f"{TRADE[1]} at full resolution")
        drawn = plots.scatter(found, axes, self.own, ideal=1.0)
        return f"<figure class=plot><figcaption>Ratio {ratio}</figcaption>{drawn}</figure>"

    def pictures(self, pictures: Pictures | None) -> Iterator[str]:
        """The viewers of the scenes that are shown."""
        if pictures is None:
            return
        names = [name for name in self.scenes if callable(pictures) or name in pictures]
        budget = max(FEWEST, min(RICHEST, TOTAL // max(len(names), 1)))
        if names:
            yield "<p class=note>All colour layers of a scene have the same stretch. Crops are lossless and 1:1.</p>"
            yield "<nav class=scenes aria-label=Scenes></nav>"
        for name in names:
            shown = pictures(name) if callable(pictures) else pictures[name]
            if shown:
                yield f"<h3 id='scene-{escape(name, True)}'>{escape(name)}</h3>{self._of_scene(name)}"
                yield from self._looks(name, looks(shown), budget)

    def _looks(self, name: str, shown: Sequence[Look], budget: int) -> Iterator[str]:
        """The looks of a scene; what one leaves of its share of the budget goes to the next."""
        left = budget
        for rank, look in enumerate(shown):
            title = f"<h4>{escape(look.title)}</h4>" if look.title else ""
            view = viewer.render(look)
            pair, share = (viewer.STRETCH_LAYER, self.focus), left // (len(shown) - rank)
            made = "".join(viewer.scene(f"{name} {look.title}".strip(), view, pair, share))
            left = max(left - len(made), 0)
            yield title + made

    def _of_scene(self, name: str) -> str:
        made = ""
        for group, rows in groups(self.scenes[name]).items():
            made += tables.html(self._table(rows), f"{name}, {group.title}", self.focus)
        return f"<details><summary>Values of this scene</summary>{made}</details>" if made else ""

    def errors(self) -> Iterator[str]:
        """The rows that failed, with their reasons."""
        lines = "".join(
            f"<tr><th scope=row>{escape(row.scene)}</th><td>{escape(row.protocol)}</td>"
            f"<td>{escape(row.method)}</td><td>{escape(row.error)}</td></tr>"
            for row in self.rows
            if row.error
        )
        if lines:
            head = "<tr><th scope=col>Scene</th><td>Protocol</td><td>Method</td><td>What went wrong</td></tr>"
            yield f"<div class=scroll><table class=errors><thead>{head}</thead><tbody>{lines}</tbody></table></div>"


def settings(rows: Sequence[Row], metrics: Metrics, most: int = 8) -> dict[str, Any]:
    """Every column that is neither identity nor a result, with the values it takes; many values are only counted."""
    skipped = {*IDENTITY[:2], *IDENTITY[4:], *columns(rows, metrics)}
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, value in _flat(row):
            if name.split(".")[0] not in skipped and value is not None:
                found.setdefault(name, {})[f"{value:g}" if isinstance(value, float) else str(value)] = None
    return {name: list(of) if len(of) <= most else f"{len(of)} different values" for name, of in found.items()}


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _caption(group: Group, rows: Sequence[Row], sensor: str = "") -> str:
    if sensor:
        return f"{sensor}, {group.title}"
    counts = (_count(len(by(rows, key)), key) for key in ("sensor", "scene"))
    return f"{group.title}: mean over {', '.join(counts)}"


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"

"""Result tables from benchmark rows: HTML for the report, Markdown for the documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from statistics import median_low

from anypan.report.rows import COST, ORACLE, Mean, Metrics, Row, by, columns, loss, mean, oracle, wins
from anypan.runtime.columns import HEADLINES
from anypan.runtime.errors import UserError

ARROWS = {"higher": "↑", "lower": "↓", "nearest": "→"}
BEATS, SCENES = "Beats oracle", "Scenes"
OUTLIER = 10  # times the middle entry of a column
WORDS = {"higher": "higher is better", "lower": "lower is better", "nearest": "nearer is better"}


@dataclass(frozen=True)
class Table:
    """Methods x columns of means; `oracle` is the row below the line, `wins` says how often a method beats it."""

    columns: tuple[str, ...]
    body: dict[str, dict[str, Mean]]
    oracle: dict[str, Mean]
    wins: dict[str, str]
    metrics: Metrics

    @cached_property
    def scenes(self) -> dict[str, int]:
        """How many scenes the best covered method has in each column."""
        return {name: max((cells[name].scenes for cells in self.body.values() if name in cells), default=0)
                for name in self.columns}  # fmt: skip

    def partial(self, method: str, name: str) -> bool:
        """True if this mean rests on fewer scenes than the others of its column, so cannot be compared with them."""
        return self.body[method][name].scenes < self.scenes[name]

    def fewest(self, method: str) -> int:
        """How many scenes the worst covered column of a method rests on."""
        return min((cell.scenes for cell in self.body[method].values()), default=0)

    def goal(self, name: str) -> str:
        """Which way a column is better, as an arrow; where there is an ideal value, with it."""
        best, direction, _ = self.metrics[name]
        return ARROWS.get(direction, "") + (f"{best:g}" if direction == "nearest" else "")

    def best(self, name: str) -> set[str]:
        """The methods that share the best printed value. Missing scenes exclude a method; costs are not judged."""
        if name in COST:
            return set()
        full = {method: cells[name].value for method, cells in self.body.items()
                if name in cells and not self.partial(method, name)}  # fmt: skip
        if len(full) < 2:
            return set()
        top = min(full.values(), key=lambda value: loss(value, self.metrics[name][0]))
        return {method for method, value in full.items() if self.text(name, value) == self.text(name, top)}

    def text(self, name: str, value: float) -> str:
        """A value with the decimals of its column: about four figures for its largest entry but outliers."""
        found = [abs(cells[name].value) for cells in self.body.values() if name in cells] or [0.0]
        largest = max(each for each in found if each <= OUTLIER * median_low(found))
        largest = max(largest, 100 * (abs(value) >= 100))
        return f"{value:.{4 if largest < 2 else 3 if largest < 20 else 2 if largest < 100 else 0}f}"


def build(rows: Sequence[Row], metrics: Metrics, classical: Sequence[str] = ()) -> Table:
    """Means per method; where scenes have a truth, the classical oracle and on how many scenes a method beats it."""
    known = {**COST, **metrics}
    names = columns(rows, metrics)
    found = by(rows, "method")
    order = [*(name for name in classical if name in found), *(name for name in found if name not in classical)]
    body = {method: _means(found[method], names) for method in order}
    bars = oracle(rows, metrics, classical)
    judges = [name for name in HEADLINES["rr"] if name in metrics and name in names]
    counts = {method: wins(found[method], bars, metrics, judges) for method in order if method not in classical}
    said = {method: f"{won} of {of}" for method, (won, of) in counts.items() if of}
    return Table(names, body, _means(bars, names), said, known)


def _means(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Mean]:
    return {name: cell for name in names if (cell := mean(rows, name)) is not None}


def html(table: Table, caption: str, focus: str = "") -> str:
    """A sortable table; the best of every column is marked, `focus` is the row to follow with the eye."""
    head = "".join(_head(name, table) for name in table.columns)
    extra = f"<th scope=col><button>{BEATS}</button></th>" if table.wins else ""
    body = "".join(_line(method, table, focus) for method in table.body)
    foot = f"<tfoot>{_foot(table)}</tfoot>" if table.oracle else ""
    columns = f"<tr><th scope=col><button>Method</button></th>{head}{extra}</tr>"
    return (
        f"<div class=scroll tabindex=0 role=region aria-label='{escape(caption, True)}'><table class=sortable>"
        f"<caption><span>{escape(caption)}</span></caption><thead>{columns}</thead><tbody>{body}</tbody>{foot}</table></div>"
        f"{_note(table)}"
    )


def _head(name: str, table: Table) -> str:
    _, direction, text = table.metrics[name]
    hint = escape(f"{text} ({WORDS.get(direction, direction)})", True)
    first = "descending" if direction == "higher" else "ascending"
    button = f"<button title='{hint}'>{escape(name)} <i>{table.goal(name)}</i></button>"
    return f"<th scope=col data-first={first}>{button}</th>"


def _line(method: str, table: Table, focus: str) -> str:
    cells = "".join(_cell(method, name, table) for name in table.columns)
    if table.wins:
        said = table.wins.get(method, "")
        cells += f"<td data-key='{said.split(' ')[0]}'>{said or '&ndash;'}</td>"
    kind = " class=focus" if method == focus else ""
    return f"<tr{kind} data-scenes={table.fewest(method)}><th scope=row>{escape(method)}</th>{cells}</tr>"


def _cell(method: str, name: str, table: Table) -> str:
    cell = table.body[method].get(name)
    if cell is None:
        return "<td data-value=''>&ndash;</td>"
    said = table.text(name, cell.value) + ("†" if table.partial(method, name) else "")
    if method in table.best(name):
        said = f"<strong>{said}</strong>"
    spread = f"<small> ±{table.text(name, cell.spread)}</small>" if cell.spread is not None else ""
    return f"<td data-value='{cell.value!r}'>{said}{spread}</td>"


def _foot(table: Table) -> str:
    means = {name: (repr(cell.value), table.text(name, cell.value)) for name, cell in table.oracle.items()}
    pairs = (means.get(name, ("", "&ndash;")) for name in table.columns)
    cells = "".join(f"<td data-value='{value}'>{said}</td>" for value, said in pairs)
    return f"<tr><th scope=row>{ORACLE}</th>{cells}{'<td></td>' if table.wins else ''}</tr>"


def _note(table: Table) -> str:
    if not any(table.partial(method, name) for method, cells in table.body.items() for name in cells):
        return ""
    return "<p class=note>† Mean over fewer scenes than the other methods have; it does not compete. See Errors.</p>"


def markdown_table(rows: Sequence[Row], names: Sequence[str], metrics: Metrics, classical: Sequence[str] = ()) -> str:
    """A Markdown table of `names` for rows of one group, best per column in bold, the oracle last if `classical`.

    UserError if no row has any of the columns: a document must not show an empty table.
    """
    table = build(rows, {name: metrics[name] for name in names if name in metrics}, classical)
    shown = [name for name in names if name in table.columns]
    if not shown:
        raise UserError(f"no row has any of the columns {', '.join(names)}: run the benchmark before the documents.")
    head = [f"{name} {ARROWS.get(table.metrics[name][1], '')}" for name in shown]
    lines = [["Method", *head], ["---", *("---:" for _ in shown)]]
    lines += [[method, *(_mark(method, name, table) for name in shown)] for method in table.body]
    if table.oracle:
        bars = [table.text(name, table.oracle[name].value) if name in table.oracle else "-" for name in shown]
        lines.append([f"*{ORACLE}*", *(said if said == "-" else f"*{said}*" for said in bars)])
    if table.wins:
        for line, said in zip(lines, [BEATS, "---:", *table.body, ""], strict=False):
            line.append(table.wins.get(said, "-") if said in table.body else said)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _mark(method: str, name: str, table: Table) -> str:
    cell = table.body[method].get(name)
    if cell is None:
        return "-"
    said = table.text(name, cell.value) + ("†" if table.partial(method, name) else "")
    return f"**{said}**" if method in table.best(name) else said

"""compare: what the rows say, and how sure it is."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import Any

import click

from anypan.cli.console import print_table
from anypan.runtime.cells import plain
from anypan.runtime.columns import HEADLINES

_HEADLINES = HEADLINES | {"fr": (*HEADLINES["fr"], "HQNR")}
_HEAD = ("method", "scenes", "mean", "std", "rank", "gain", "low", "high", "p", "p (Holm)")
_BESIDE = "Lay this published table beside the rows, if set and rules are the same; 'list' names the tables."


@click.command(short_help="Compare methods with one, with a paired test.")
@click.argument("rows", metavar="ROWS.jsonl ...", nargs=-1)
@click.option("--against", metavar="METHOD", help="The method that the others are compared with.")
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Which metrics; repeatable.")
@click.option("--protocol", type=click.Choice(["rr", "fr"]), help="Rows of this protocol only.")
@click.option("--mode", metavar="NAME", help="Rows of this mode only.")
@click.option("--sensor", metavar="NAME", help="Rows of this sensor only.")
@click.option("--csv", "form", flag_value="csv", help="As comma-separated values, all figures.")
@click.option("--latex", "form", flag_value="latex", help="As LaTeX tables.")
@click.option("--beside", metavar="TABLE", help=_BESIDE)
def compare(
    rows: tuple[str, ...],
    against: str | None,
    metrics: tuple[str, ...],
    form: str | None,
    beside: str | None,
    **only: Any,
) -> None:
    """Mean, spread and rank of each method in ROWS, and by how much it is better than METHOD, scene by scene.

    gain: in the metric's unit, positive if better; low to high: its 95 % interval (Student); p: two-sided paired
    sign-flip test; p (Holm): corrected for the number of methods. Groups of other protocol, mode or ratio stand apart.

    \b
    Examples:
      anypan compare rows.jsonl --against MTF-GLP-FS
      anypan compare rows.jsonl --against anypan-s --metric ERGAS --protocol rr --latex
      anypan compare rows.jsonl --beside pancollection-wv3-rr --sensor WV3
      anypan compare --beside list
    """
    from anypan.report.rows import groups, latest, read

    if beside == "list":
        _list()
        return
    if not rows or bool(against) == bool(beside):
        raise click.UsageError("Name files of rows, and either --against METHOD or --beside TABLE")
    wanted = {name: value for name, value in only.items() if value}
    kept = [row for row in latest(read(rows)) if all(row.get(name) == value for name, value in wanted.items())]
    found = groups(kept)
    if not found:
        raise click.UsageError("No row of these is left to compare")
    if beside:
        _beside(beside, [row for of in found.values() for row in of])
    elif against:
        _tests(found, against, metrics, form)


def _tests(found: Any, against: str, names: Sequence[str], form: str | None) -> None:
    from anypan.metrics import described
    from anypan.report import compare as tested

    known = described()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"There is no metric {unknown[0]!r}: choose from {', '.join(known)}")
    had = [name for name in known if any(row.get(name) is not None for of in found.values() for row in of)]
    missing = [name for name in names if name not in had]
    if missing:
        raise click.UsageError(f"No row of these has {missing[0]}: choose from {', '.join(had)}")
    writer = csv.writer(sys.stdout)
    if form == "csv":
        writer.writerow(("group", "metric", *_HEAD, "pairs"))
    for group, of in found.items():
        chosen = names or _HEADLINES[group.protocol]
        lines = tested(of, chosen, known, against)
        for name in dict.fromkeys(line.metric for line in lines):
            table = [_cells(line) for line in lines if line.metric == name]
            title = f"{name}, {group.title}, against {against}"
            if form == "csv":
                pairs = [line.pairs for line in lines if line.metric == name]
                writer.writerows(plain((group.title, name, *row, n)) for row, n in zip(table, pairs, strict=True))
            else:
                _show(title, [[_text(value) for value in row] for row in table], form)


def _cells(line: Any) -> list[Any]:
    return [line.method, line.scenes, line.mean, line.std, line.rank, line.gain, line.low, line.high, line.p, line.holm]


def _show(title: str, table: list[list[str]], form: str | None) -> None:
    if form == "latex":
        click.echo(_latex(title, table))
        return
    click.echo(title)
    print_table(_HEAD, table)
    click.echo()


def _latex(title: str, table: list[list[str]]) -> str:
    from anypan.report.exports import escaped

    lines = [" & ".join(map(escaped, row)) + r" \\" for row in table]
    head = " & ".join(map(escaped, _HEAD)) + r" \\"
    columns = "l" + "r" * (len(_HEAD) - 1)
    body = "\n".join((head, r"\hline", *lines))
    return f"% {title}\n\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}\n"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _beside(name: str, rows: Sequence[Any]) -> None:
    from anypan.report import comparable
    from anypan.report.rows import by, mean

    table = comparable(name, rows)
    head = ("method", "from", *table.metrics)
    lines = [[method, "printed", *(of.get(m) for m in table.metrics)] for method, of in table.values.items()]
    for method, own in by(rows, "method").items():
        found = [mean(own, m) for m in table.metrics]
        lines.append([method, "rows", *(one.value if one else None for one in found)])
    click.echo(f"{table.title[0].upper()}{table.title[1:]}; printed: {table.source}")
    print_table(head, [[_text(value) for value in line] for line in lines])


def _list() -> None:
    from anypan.report import published

    rows = [(t.name, len(t.values), "yes" if t.rules else f"no: {t.why}", t.source) for t in published().values()]
    print_table(("table", "methods", "may stand beside rows", "source"), rows)

"""Result tables as CSV with every digit and as LaTeX with the digits shown; `export.js` makes both from the page."""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

from anypan.report.rows import ORACLE
from anypan.report.tables import BEATS, SCENES, Table
from anypan.runtime.cells import plain
from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError

_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "†": r"$^\dagger$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\to$", "±": r"$\pm$", "<": r"$<$", ">": r"$>$",
} | {one: "\\" + one for one in "&%$#_{}"}  # fmt: skip


def csv_text(table: Table) -> str:
    """One line a method: means with every digit, how many scenes they rest on at least, then the oracle's line.

    A mean that is missing is an empty cell.
    """
    beats = [BEATS] if table.wins else []
    lines = [["Method", *table.columns, *beats, SCENES]]
    for method, cells in table.body.items():
        values = [repr(cells[name].value) if name in cells else "" for name in table.columns]
        lines.append([method, *values, *([table.wins.get(method, "")] if beats else []), str(table.fewest(method))])
    if table.oracle:
        bars = [repr(table.oracle[name].value) if name in table.oracle else "" for name in table.columns]
        lines.append([ORACLE, *bars, *([""] if beats else []), ""])
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(map(plain, lines))
    return stream.getvalue()


def latex(table: Table, caption: str) -> str:
    """A table for a paper (it needs booktabs): the decimals shown on the page, the best of each column bold."""
    head = ["Method", *(f"{name} {table.goal(name)}" for name in table.columns), *([BEATS] if table.wins else [])]
    body = [[escaped(method), *(_cell(method, name, table) for name in table.columns)] for method in table.body]
    if table.wins:
        for line, method in zip(body, table.body, strict=True):
            line.append(table.wins.get(method, "--"))
    parts = [[[escaped(one) for one in head]], body]
    if table.oracle:
        bars = [table.text(name, table.oracle[name].value) if name in table.oracle else "--" for name in table.columns]
        parts.append([[ORACLE, *bars, *([""] if table.wins else [])]])
    ruled = "    \\midrule\n".join("".join(f"    {' & '.join(line)} \\\\\n" for line in part) for part in parts)
    return (
        "% needs \\usepackage{booktabs}\n\\begin{table}\n  \\centering\n"
        f"  \\caption{{{escaped(caption)}}}\n  \\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}\n"
        f"    \\toprule\n{ruled}    \\bottomrule\n  \\end{{tabular}}\n\\end{{table}}\n"
    )


def save(tables: Mapping[str, Table], folder: str | Path) -> list[Path]:
    """Write every table, by its caption, as .csv and .tex into `folder`; the paths. UserError if that is impossible."""
    made: list[Path] = []
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for caption, table in tables.items():
            stem = file_name(caption)
            stem += f"-{len(made) // 2}" if Path(folder) / f"{stem}.csv" in made else ""
            for suffix, text in ((".csv", csv_text(table)), (".tex", latex(table, caption))):
                made.append(Path(folder) / (stem + suffix))
                with drafted(made[-1]) as draft:
                    draft.write_text(text, encoding="utf-8")
    except OSError as problem:
        reason = problem.strerror or problem
        raise UserError(
            f"{folder} cannot be written ({reason}): choose a folder with space and permission."
        ) from problem
    return made


def file_name(caption: str) -> str:
    """A caption as a file's name: lower case, runs of anything but ASCII letters and digits as one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", caption.lower()).strip("-")[:120] or "table"


def _cell(method: str, name: str, table: Table) -> str:
    cell = table.body[method].get(name)
    if cell is None:
        return "--"
    said = escaped(table.text(name, cell.value) + ("†" if table.partial(method, name) else ""))
    return f"\\textbf{{{said}}}" if method in table.best(name) else said


def escaped(text: str) -> str:
    """As LaTeX prints it."""
    return "".join(_LATEX.get(one, one) for one in text)

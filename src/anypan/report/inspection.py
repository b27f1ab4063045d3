"""The page about a pair that is not fused yet: what was measured, what is doubtful, how the gains were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from anypan.report import page, plots
from anypan.report.fusion import facts_table

LEAD = "<p>What PAN and MS are and what is doubtful about them, before anything is fused.</p>"
AXES = ("gain at the MS Nyquist frequency", "share of the band's detail that the PAN explains (R2)")
Rows = Sequence[Mapping[str, object]]


def inspection_page(
    out_html: str | Path,
    facts: Mapping[str, object],
    bands: Rows,
    warnings: Sequence[str],
    curves: Mapping[str, Sequence[tuple[float, float]]],
) -> Path:
    """Write the page and return its path. ``bands``: a mapping of column to value each; ``curves``: R2 by gain."""
    listed = "".join(f"<li>{escape(one)}</li>" for one in warnings) or "<li>Nothing.</li>"
    parts = [
        ("warnings", "Warnings", [f"<ul>{listed}</ul>"]),
        ("pair", "The pair", [facts_table(facts)]),
        ("bands", "Band by band", [_table(bands)]),
        ("gains", "How the gains were found", [plots.legend(curves), plots.curves(curves, AXES)]),
    ]
    return page.save(Path(out_html), "Inspection", LEAD, parts, "one")


def _table(rows: Rows) -> str:
    head = "".join(f"<th scope=col>{escape(str(name))}</th>" for name in rows[0])
    body = ""
    for row in rows:
        name, *values = (escape(str(value)) for value in row.values())
        body += f"<tr><th scope=row>{name}</th>{''.join(f'<td>{value}</td>' for value in values)}</tr>"
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"

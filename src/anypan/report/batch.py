"""The page about a batch: how many scenes are done, which are not and why, and how long each took."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from anypan.report import page
from anypan.report.fusion import facts_table

LEAD = "<p>Each scene is one file beside this page; what could not be fused is listed first, with the reason.</p>"


def batch_page(out_html: str | Path, rows: Mapping[str, Mapping[str, Any]], facts: Mapping[str, object]) -> Path:
    """Write the page of a batch and return its path. rows: scene -> row of the ledger, done or failed."""
    failed = {name: row for name, row in rows.items() if "reason" in row}
    done = {name: row for name, row in rows.items() if "reason" not in row}
    parts = [
        ("facts", "What was done", [facts_table(facts)]),
        ("failed", f"Not fused: {len(failed)}", [_failed(failed)]),
        ("done", f"Fused: {len(done)}", [_done(done)]),
    ]
    return page.save(Path(out_html), "Batch report", LEAD, parts)


def _failed(rows: Mapping[str, Mapping[str, Any]]) -> str:
    return facts_table({name: row["reason"] for name, row in rows.items()})


def _done(rows: Mapping[str, Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    heads = ("scene", "size", "bands", "MiB", "seconds")
    lines = "".join(f"<tr>{_cells(*each)}</tr>" for each in rows.items())
    head = "".join(f"<th scope=col>{name}</th>" for name in heads) + "<th scope=col class=said>notes</th>"
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"


def _cells(name: str, row: Mapping[str, Any]) -> str:
    height, width = row["shape"]
    notes = "<br>".join(escape(note) for note in row["notes"])
    size = f"{width} &times; {height}"
    figures = size, len(row["bands"]), f"{row['bytes'] / 2**20:.1f}", f"{row['seconds']:.1f}"
    cells = "".join(f"<td>{figure}</td>" for figure in figures)
    return f"<th scope=row>{escape(name)}</th>{cells}<td class=said>{notes}</td>"

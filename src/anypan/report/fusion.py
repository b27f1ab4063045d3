"""The page about one fusion: what was done, what the result looks like, what the full-resolution metrics say."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from anypan.report import page, tables, viewer
from anypan.report.pictures import Layers
from anypan.report.rows import Metrics

BUDGET = 24_000_000
LEAD = (
    "<p>A satellite delivers a sharp grey image (PAN) and a coarse colour image (MS). Fusion gives the colours the detail "
    "of the grey one. Swipe to compare; all colour layers share one stretch, so what differs is the image.</p>"
)


def fusion_page(
    out_html: str | Path,
    layers: Layers,
    facts: Mapping[str, object],
    scores: Mapping[str, Mapping[str, float]],
    metrics: Metrics,
) -> Path:
    """Write the page of one scene and return its path.

    layers: name -> (H, W) or (3, H, W) on the PAN grid, or a function that reads it; PAN, EXP first, the result last but
    for references and differences (`Layer(pixels, "signed")`). facts: what to say about the run, a value or a list each.
    scores: method -> metric -> value. metrics: see rows.Metrics; a score without an entry there is not shown.
    The viewer opens with EXP against the first layer named in `facts["method"]`, else against the last.
    """
    view = viewer.render(layers)
    pair = (viewer.STRETCH_LAYER, str(facts.get("method", "")))
    parts = [
        ("look", "Look", [viewer.scene("Fusion", view, pair, BUDGET)]),
        ("facts", "What was done", [facts_table(facts)]),
        ("metrics", "What the metrics say", [_scores(scores, metrics, pair[1])]),
    ]
    return page.save(Path(out_html), "Fusion report", LEAD, parts)


def facts_table(facts: Mapping[str, object]) -> str:
    """Names and values in two columns; a list becomes one line each."""
    lines = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{_said(value)}</td></tr>" for name, value in facts.items())
    return f"<div class=scroll><table class=facts><tbody>{lines}</tbody></table></div>" if lines else ""


def _said(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "<br>".join(escape(str(one)) for one in value) or "–"
    return escape(str(value))


def _scores(scores: Mapping[str, Mapping[str, float]], metrics: Metrics, focus: str) -> str:
    rows = [{"scene": "this scene", "sensor": "", "method": method, **values} for method, values in scores.items()]
    table = tables.build(rows, metrics, judged=False)
    if not table.columns:
        return ""
    return tables.html(table, "Without a reference: the result against the PAN and the MS", focus) + glossary(table.columns, metrics)


def glossary(names: Sequence[str], metrics: Metrics) -> str:
    """What each metric says, in a folded list."""
    lines = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(metrics[name][2])} "
        f"{tables.WORDS.get(metrics[name][1], '').capitalize()}; best {metrics[name][0]:g}.</td></tr>"
        for name in names
        if name in metrics
    )
    return f"<details><summary>What the columns mean</summary><div class=scroll><table class=facts>{lines}</table></div></details>"

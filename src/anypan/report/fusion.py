"""The page about one fusion: what was done, what the result looks like, what the full-resolution metrics say."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from anypan.report import page, tables, viewer
from anypan.report.agreement import Agreement, agreement
from anypan.report.findings import Finding, listed
from anypan.report.look import Look
from anypan.report.pictures import Layers
from anypan.report.rows import Metrics, Row

BUDGET = 7_400_000  # bytes of pictures and spectra: the page stays below 8 MB
SMALL = 3_000_000  # the same, in a notebook
LEAD = "<p>Left the coarse MS, enlarged (EXP); right the fused image. Drag the line. Other layers: in the lists.</p>"
HELP = """<details class=help><summary>What am I looking at?</summary><p>A satellite delivers a sharp grey image (PAN)
and a coarse colour image (MS). Fusion gives the colours the detail of the grey one. EXP is the MS interpolated to the
PAN's pixels: all that is known without the PAN. All colour layers share one stretch, so what differs is the image, not
its display. Look for colours that leak across edges, for coloured fringes, and for texture that the PAN does not
have.</p></details>"""
Scores = Mapping[str, Mapping[str, float]]


def fusion_page(
    out_html: str | Path,
    layers: Layers | Look,
    facts: Mapping[str, object],
    scores: Mapping[str, Scores],
    metrics: Metrics,
    findings: Sequence[Finding] = (),
    bands: Sequence[Agreement] = (),
) -> Path:
    """Write the page of one scene and return its path.

    layers: name -> (H, W) or (3, H, W) on the PAN grid, or a function that reads it: PAN, EXP, a classical one, ours;
    then a reference or a difference (`Layer(pixels, "signed")`); or a look, with errors and spectra. facts: what to say
    about the run, a value or a list each; the viewer opens with EXP against the layer that `facts["method"]` names.
    scores: caption -> method -> metric -> value, a table each. metrics: see rows.Metrics; a score without an entry
    there is not shown. findings: what to say first. bands: the MS and the fused image at its scale, of each band.
    """
    view = viewer.render(layers)
    pair = (viewer.STRETCH_LAYER, str(facts.get("method", "")))
    seen, crops = viewer.scene("Fusion", view, pair, BUDGET)
    parts = [
        ("look", "Look", [seen, HELP]),
        ("findings", "What was measured", [listed(findings)]),
        ("closer", "Closer", [crops]),
        ("colours", "Colours, band by band", [agreement(bands, pair[1])]),
        ("metrics", "All metrics", [_scores(caption, of, metrics, pair[1]) for caption, of in scores.items()]),
        ("facts", "What was done", [facts_table(facts)]),
    ]
    return page.save(Path(out_html), "Fusion report", LEAD, parts, "one")


def swipe_page(layers: Layers | Look, focus: str) -> str:
    """A page with the viewer alone, as HTML: EXP against the layer ``focus``."""
    seen, _ = viewer.scene("Fusion", viewer.render(layers), (viewer.STRETCH_LAYER, focus), SMALL)
    return page.text("Fused image", "", [("look", "Look", [seen])], "one")


def facts_table(facts: Mapping[str, object]) -> str:
    """Names and values in two columns; a list becomes one line each."""
    return _pairs((name, _text(value)) for name, value in facts.items()) if facts else ""


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{said}</td></tr>" for name, said in pairs)
    return f"<div class=scroll><table class=facts><tbody>{lines}</tbody></table></div>"


def _text(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "<br>".join(escape(str(one)) for one in value) or "&ndash;"
    return escape(str(value))


def _scores(caption: str, scores: Scores, metrics: Metrics, focus: str) -> str:
    about = {"scene": "this scene", "protocol": ""}
    rows = [Row.of({**about, "method": method, **values}) for method, values in scores.items()]
    table = tables.build(rows, metrics)
    return tables.html(table, caption, focus) + glossary(table.columns, metrics) if table.columns else ""


def glossary(names: Sequence[str], metrics: Metrics) -> str:
    """What each metric says, in a folded list."""
    texts = [
        (name, f"{escape(metrics[name][2])} {tables.WORDS[metrics[name][1]].capitalize()}; best {metrics[name][0]:g}.")
        for name in names
        if name in metrics
    ]
    return f"<details><summary>What the columns mean</summary>{_pairs(texts)}</details>"

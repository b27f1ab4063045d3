"""Radar plots: all metrics of a group at once, one outline a method."""

import math
from html import escape

from anypan.report.plots import curve_class
from anypan.report.rows import COST, loss
from anypan.report.tables import Table

SIZE, RADIUS = (560, 390), 150.0
CENTRE = (280.0, 195.0)
FEWEST, MOST = 3, 9  # spokes
REACH = 3.0
Spoke = tuple[str, float, float]


def radar(table: Table, names: tuple[str, ...], shown: tuple[str, ...], caption: str) -> str:
    """A figure with an outline for every method that has all of `names`; those in `shown` are drawn at first.

    Fewer than three metrics that tell at least two methods apart give no figure.
    """
    spokes = [spoke for name in names if name in table.columns and (spoke := _spoke(table, name))][:MOST]
    outlines = {method: cells for method, cells in table.body.items() if all(name in cells for name, _, _ in spokes)}
    if len(spokes) < FEWEST or len(outlines) < 2:
        return ""
    drawn = choices = ""
    chosen = [one for one in shown if one in outlines] or list(outlines)[:3]
    order = [*chosen, *(one for one in outlines if one not in chosen)]
    for rank, method in enumerate(order):
        hidden, checked = ("", " checked") if method in chosen else (" hidden", "")
        drawn += f"<g class='{curve_class(rank)}' data-method='{escape(method, True)}'{hidden}>"
        drawn += _outline(method, table, spokes) + "</g>"
        choices += f"<label class='{curve_class(rank)}'><input type=checkbox{checked} value='{escape(method, True)}'> "
        choices += f"{escape(method)}</label>"
    svg = f"<svg class=radar viewBox='0 0 {SIZE[0]} {SIZE[1]}' role=img aria-label='{escape(caption, True)}'>"
    return (
        f"<figure class='plot radars'><figcaption>{escape(caption)}</figcaption>{svg}{_web(spokes)}{drawn}</svg>"
        f"<fieldset class=choices><legend>Methods</legend>{choices}</fieldset></figure>"
    )


def _spoke(table: Table, name: str) -> Spoke | None:
    """(name, least loss, loss at the centre) of a metric, None where it does not tell methods apart."""
    if name in COST:
        return None
    best = table.metrics[name][0]
    losses = sorted(loss(cells[name].value, best) for cells in table.body.values() if name in cells)
    middle = losses[len(losses) // 2]
    far = min(losses[-1], losses[0] + REACH * (middle - losses[0])) if middle > losses[0] else losses[-1]
    return (name, losses[0], far) if far > losses[0] else None


def _at(share: float, rank: int, count: int) -> tuple[float, float]:
    angle = 2 * math.pi * rank / count - math.pi / 2
    return CENTRE[0] + share * RADIUS * math.cos(angle), CENTRE[1] + share * RADIUS * math.sin(angle)


def _ring(shares: list[float]) -> str:
    points = (_at(share, rank, len(shares)) for rank, share in enumerate(shares))
    return "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in points) + "Z"


def _web(spokes: list[Spoke]) -> str:
    count = len(spokes)
    drawn = "".join(f"<path class=grid d='{_ring([share] * count)}'/>" for share in (0.25, 0.5, 0.75, 1))
    for rank, (name, _, _) in enumerate(spokes):
        end, (px, py) = _at(1, rank, count), _at(1.1, rank, count)
        drawn += f"<path class=grid d='M{CENTRE[0]:g} {CENTRE[1]:g}L{end[0]:.1f} {end[1]:.1f}'/>"
        anchor = "middle" if abs(px - CENTRE[0]) < 2 else "start" if px > CENTRE[0] else "end"
        drawn += f"<text x={px:.1f} y={py + 4:.1f} text-anchor={anchor}>{escape(name)}</text>"
    return drawn


def _outline(method: str, table: Table, spokes: list[Spoke]) -> str:
    shares, dots = [], ""
    for rank, (name, least, far) in enumerate(spokes):
        value = table.body[method][name].value
        shares.append(min(max((far - loss(value, table.metrics[name][0])) / (far - least), 0.0), 1.0))
        px, py = _at(shares[-1], rank, len(spokes))
        hint = escape(f"{method}, {name}: {table.text(name, value)}")
        dots += f"<circle cx={px:.1f} cy={py:.1f} r=3.5><title>{hint}</title></circle>"
    return f"<path class=outline d='{_ring(shares)}'/>{dots}"

"""A forest plot: the answers to many questions, each with its interval, in groups."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from anypan.report.plots import CHARACTER, RIGHT, TOP, WIDTH, along, svg, ticks

LINE = 17  # height of a row
DOTS = {"better": "own", "worse": "worse", "open": "far"}  # what a kind of answer looks like


class Found(NamedTuple):
    """A change with its interval; ``kind``: better, worse, or open."""

    name: str
    mean: float
    low: float
    high: float
    kind: str


def forest(groups: Mapping[str, Sequence[Found]], axis: str, bound: float) -> str:
    """A heading for each group, and below it its rows. What lies beyond ``bound`` is drawn at the edge.

    Empty without any row.
    """
    rows = [one for group in groups.values() for one in group]
    if not rows:
        return ""
    start, span = 22 + CHARACTER * max(len(one.name) for one in rows), (-bound, bound)
    height = TOP + LINE * (len(rows) + len(groups)) + 44
    body, py = _frame(axis, span, start, height), float(TOP)
    for heading, group in groups.items():
        body += f"<text x=8 y={py + 12:.1f}>{escape(heading)}</text>"
        py += LINE
        for one in group:
            body += _row(one, span, start, py + LINE / 2)
            py += LINE
    return svg(WIDTH, height, axis, body, "forest")


def _frame(axis: str, span: tuple[float, float], start: float, height: float) -> str:
    body = ""
    for value in ticks(*span, count=6):
        px = along(value, span, start, WIDTH - RIGHT)
        kind = "grid" if value else "ideal"
        body += f"<path class={kind} d='M{px:.1f} {TOP}V{height - 40}'/>"
        said = f"{value:+g}" if value else "0"
        body += f"<text class=tick x={px:.1f} y={height - 24} text-anchor=middle>{said}</text>"
    middle = (start + WIDTH - RIGHT) / 2
    return body + f"<text class=axis x={middle:.1f} y={height - 6} text-anchor=middle>{escape(axis)}</text>"


def _row(one: Found, span: tuple[float, float], start: float, py: float) -> str:
    low, mean, high = (along(value, span, start, WIDTH - RIGHT) for value in (one.low, one.mean, one.high))
    hint = escape(f"{one.name}: {one.mean:+.1f} [{one.low:+.1f}, {one.high:+.1f}]")
    return (
        f"<text class=tick x={start - 10:.1f} y={py + 4:.1f} text-anchor=end>{escape(one.name)}</text>"
        f"<path class='curve thin run0' d='M{low:.1f} {py:.1f}H{high:.1f}'/>"
        f"<circle class={DOTS[one.kind]} cx={mean:.1f} cy={py:.1f} r=4><title>{hint}</title></circle>"
    )

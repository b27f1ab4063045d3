"""Inline SVG plots: methods in the plane of two metrics, the spread of a metric over the scenes, curves over steps."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from statistics import median, quantiles

from anypan.report.rows import Row, by, number

WIDTH, HEIGHT = 560, 400
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 20, 48
ROW = 22
CHARACTER = 7.3
OUTLIER = 4.0
COLOURS = 6  # of curves; then they repeat, dashed
MOST_POINTS, MOST_DOTS = 600, 60  # of a curve
Point = tuple[float, float]
STANDALONE = (
    "svg{background:#fff;font-family:sans-serif}text{font-size:12px;fill:#1d2327}.tick,.axis{fill:#59636b}"
    ".grid{stroke:#e2e4e1;fill:none}.ideal{stroke:#0b6b74;stroke-dasharray:5 4;fill:none}circle.classical{fill:#8b959d}"
    "circle.own{fill:#0b6b74}circle.far{fill:#fff;stroke:#8b959d}text.own{fill:#0b6b74}"
    ".run0{--run:#0b6b74}.run1{--run:#b4531a}.run2{--run:#5a4fb0}.run3{--run:#3c7a2b}.run4{--run:#a3275f}.run5{--run:#6b5a10}"
    ".curve{fill:none;stroke:var(--run);stroke-width:1.8}.thin{stroke-width:1}.dashed{stroke-dasharray:6 4}"
    ".curves circle,.named{fill:var(--run)}"
    ".better{fill:#3fa7b0}.worse{fill:#e08a5a}"
)
"""What the page's style sheet says of a plot, for plots that are files of their own."""


def scatter(
    points: Mapping[str, Point], axes: tuple[str, str], own: Sequence[str], ideal: float | None = None, far: bool = True
) -> str:
    """Methods as labelled dots; `own` stand out.

    A method far outside is drawn hollow on the frame, its values said; without `far` the frame takes in all.
    """
    spans = tuple(_span([point[axis] for point in points.values()], ideal if axis else None, far) for axis in (0, 1))
    drawn = frame(axes, spans) + (_ideal(ideal, spans[1]) if ideal is not None else "")
    at = {name: (along(point[0], spans[0], LEFT, WIDTH - RIGHT), along(point[1], spans[1], HEIGHT - BOTTOM, TOP))
          for name, point in points.items()}  # fmt: skip
    taken = [(px - 6, py - 6, px + 6, py + 6) for px, py in at.values()]
    dots = labels = ""
    for name in sorted(points, key=lambda name: name not in own):
        kind = "own" if name in own else "classical"
        hollow = "" if all(_inside(*pair) for pair in zip(points[name], spans, strict=True)) else " far"
        hint = escape(f"{name}: {axes[0]} {points[name][0]:.4g}, {axes[1]} {points[name][1]:.4g}")
        px, py = at[name]
        dots += f"<circle class='{kind}{hollow}' cx={px:.1f} cy={py:.1f} r=5><title>{hint}</title></circle>"
        labels += _label(name, kind, at[name], taken)
    return svg(WIDTH, HEIGHT, f"{axes[1]} against {axes[0]}", drawn + dots + labels)


def _span(values: Sequence[float], keep: float | None, far: bool) -> tuple[float, float]:
    """Range of the bulk of the values, of all of them unless some may lie `far` off, with a margin, and of `keep`."""
    middle = median(values)
    bound = (
        math.inf
        if not far
        else OUTLIER * max(median(abs(value - middle) for value in values), 1e-3 * abs(middle), 1e-9)
    )
    bulk = [value for value in values if abs(value - middle) <= bound] + ([keep] if keep is not None else [])
    margin = 0.12 * (max(bulk) - min(bulk)) or 0.05 * abs(middle) or 0.05
    return min(bulk) - margin, max(bulk) + margin


def _inside(value: float, span: tuple[float, float]) -> bool:
    return span[0] <= value <= span[1]


def along(value: float, span: tuple[float, float], start: float, end: float) -> float:
    """Where between `start` and `end` a value of `span` is drawn; what lies outside is drawn on the edge."""
    share = (min(max(value, span[0]), span[1]) - span[0]) / (span[1] - span[0])
    return start + share * (end - start)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers between low and high."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= raw)
    return [round(step * rank, 10) for rank in range(math.ceil(low / step), math.floor(high / step) + 1)]


def frame(
    axes: tuple[str, str], spans: Sequence[Point], said: Callable[[float], str] = "{:g}".format,
    risen: Callable[[float], str] = "{:g}".format,
) -> str:  # fmt: skip
    """Grid, ticks and axes; ``said`` and ``risen`` give what a tick is called, from where it is."""
    across, up = (ticks(*span) for span in spans)
    lines = ""
    for value in across:
        px = along(value, spans[0], LEFT, WIDTH - RIGHT)
        lines += f"<path class=grid d='M{px:.1f} {TOP}V{HEIGHT - BOTTOM}'/>"
        lines += f"<text class=tick x={px:.1f} y={HEIGHT - BOTTOM + 18} text-anchor=middle>{said(value)}</text>"
    for value in up:
        py = along(value, spans[1], HEIGHT - BOTTOM, TOP)
        lines += f"<path class=grid d='M{LEFT} {py:.1f}H{WIDTH - RIGHT}'/>"
        lines += f"<text class=tick x={LEFT - 8} y={py + 4:.1f} text-anchor=end>{risen(value)}</text>"
    middle = (TOP + HEIGHT - BOTTOM) / 2
    lines += (
        f"<text class=axis x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 10} text-anchor=middle>{escape(axes[0])}</text>"
    )
    return lines + (
        f"<text class=axis transform='translate(14 {middle}) rotate(-90)' text-anchor=middle>{escape(axes[1])}</text>"
    )


def _ideal(value: float, span: tuple[float, float]) -> str:
    py = along(value, span, HEIGHT - BOTTOM, TOP)
    return (
        f"<path class=ideal d='M{LEFT} {py:.1f}H{WIDTH - RIGHT}'/>"
        f"<text class=tick x={LEFT + 6} y={py - 5:.1f}>ideal {value:g}</text>"
    )


def _label(name: str, kind: str, at: Point, taken: list[tuple[float, float, float, float]]) -> str:
    """A label beside its dot where no other stands; none where there is no room (the dot's tooltip has the name)."""
    width = CHARACTER * len(name)
    for dx, dy in ((9, 4), (-9, 4), (0, -9), (0, 18), (9, -8), (9, 16), (-9, -8), (-9, 16)):
        anchor, left = {1: ("start", 0.0), 0: ("middle", width / 2), -1: ("end", width)}[(dx > 0) - (dx < 0)]
        px, py = at[0] + dx, at[1] + dy
        box = (px - left, py - 10, px - left + width, py + 2)
        free = all(box[2] < b[0] or box[0] > b[2] or box[3] < b[1] or box[1] > b[3] for b in taken)
        if free and box[0] > LEFT and box[2] < WIDTH and box[1] > 0:
            taken.append(box)
            return f"<text class='label {kind}' x={px:.1f} y={py:.1f} text-anchor={anchor}>{escape(name)}</text>"
    return ""


def spread(rows: Sequence[Row], name: str, own: Sequence[str], order: Sequence[str]) -> str:
    """A line a method: a dot for every scene, the quartiles as a box and the median as a bar, for one metric."""
    values = {method: _values(of, name) for method, of in by(rows, "method").items()}
    methods = [method for method in order if values.get(method)]
    if not methods:
        return ""
    span = _bulk([value for method in methods for _, value in values[method]])
    height = TOP + ROW * len(methods) + 30
    start = CHARACTER * max(map(len, methods)) + 22
    body = "".join(
        f"<path class=grid d='M{px:.1f} {TOP - 6}V{height - 28}'/>"
        f"<text class=tick x={px:.1f} y={height - 12} text-anchor=middle>{value:g}</text>"
        for value in ticks(*span, count=6)
        for px in [along(value, span, start, WIDTH - RIGHT)]
    )
    for rank, method in enumerate(methods):
        body += _strip(method, values[method], span, (start, TOP + ROW * (rank + 0.5)), method in own)
    drawn = svg(WIDTH, height, f"{name} per scene", body, "spread")
    return f"<figure class=plot><figcaption>{escape(name)}</figcaption>{drawn}</figure>"


def _values(rows: Sequence[Row], name: str) -> list[tuple[str, float]]:
    return [(str(row["scene"]), value) for row in rows if (value := number(row, name)) is not None]


def _bulk(values: Sequence[float]) -> tuple[float, float]:
    """Range of the values; far outliers of a long tail are drawn on the frame."""
    low, _, high = quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    reach = 3 * (high - low) or abs(high) * 0.1 or 0.1
    low, high = max(min(values), low - reach), min(max(values), high + reach)
    return (low - 0.03 * (high - low), high + 0.03 * (high - low)) if high > low else (low - reach, high + reach)


def _strip(method: str, values: list[tuple[str, float]], span: Point, at: Point, own: bool) -> str:
    start, py = at
    kind = "own" if own else "classical"
    numbers = [value for _, value in values]
    low, middle, high = quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else (numbers[0],) * 3
    left, bar, right = (along(value, span, start, WIDTH - RIGHT) for value in (low, middle, high))
    dots = ""
    for scene, value in values:
        far, px = "" if _inside(value, span) else " far", along(value, span, start, WIDTH - RIGHT)
        hint = escape(f"{scene}, {method}: {value:.4g}")
        dots += f"<circle class='{kind}{far}' cx={px:.1f} cy={py:.1f} r=3><title>{hint}</title></circle>"
    return (
        f"<text class='name {kind}' x={start - 12:.1f} y={py + 4:.1f} text-anchor=end>{escape(method)}</text>"
        f"<rect class='{kind}' x={left:.1f} y={py - 7:.1f} width={max(right - left, 1):.1f} height=14 rx=3 />{dots}"
        f"<path class='median {kind}' d='M{bar:.1f} {py - 8:.1f}v16'/>"
    )


def curves(
    lines: Mapping[str, Sequence[Point]], axes: tuple[str, str], floor: float | None = None, named: bool = False,
    whiskers: Mapping[str, Sequence[Point]] | None = None, said: Callable[[float], str] = "{:g}".format,
) -> str:  # fmt: skip
    """Values over steps, one line each in the order given; few points also as dots that say their values.

    ``named``: the lines' names stand above them, as where no ``legend`` is at hand. ``whiskers``: the intervals of
    their points, of few; ``said``: what a tick of the steps is called. A value far from the others is drawn on the
    frame. ``floor`` is a value that the axis has to reach.
    """
    known = {name: thinned(points) for name, points in lines.items() if points}
    if not known:
        return ""
    across = [step for points in known.values() for step, _ in points]
    ends = [end for every in (whiskers or {}).values() for pair in every for end in pair]
    low, high = _bulk([value for points in known.values() for _, value in points] + ends)
    spans = ((min(0.0, *across), max(across) or 1.0), (low if floor is None else floor, high))
    body = frame(axes, spans, said)
    for rank, name in enumerate(lines):
        if name in known:
            body += _curve(name, known[name], spans, curve_class(rank), axes[0])
            body += _whiskers(known[name], (whiskers or {}).get(name, ()), spans, curve_class(rank))
    return svg(WIDTH, HEIGHT, f"{axes[1]} over {axes[0]}", body + (_names(lines) if named else ""), "curves")


def _whiskers(points: Sequence[Point], intervals: Sequence[Point], spans: tuple[Point, Point], kind: str) -> str:
    drawn = ""
    for (step, _), interval in zip(points, intervals, strict=False):
        px = along(step, spans[0], LEFT, WIDTH - RIGHT)
        low, high = (along(end, spans[1], HEIGHT - BOTTOM, TOP) for end in interval)
        drawn += f"M{px:.1f} {low:.1f}V{high:.1f}"
    return f"<path class='curve thin {kind}' d='{drawn}'/>" if drawn else ""


def _names(lines: Iterable[str]) -> str:
    """A line above the plot with each curve's name in its colour."""
    drawn, px = "", float(LEFT)
    for rank, name in enumerate(lines):
        drawn += f"<text class='named {curve_class(rank)}' x={px:.1f} y={TOP - 7}>{escape(name)}</text>"
        px += CHARACTER * (len(name) + 2)
    return drawn


def curve_class(rank: int) -> str:
    """The style of the curve of that rank, also for a legend."""
    return f"run{rank % COLOURS}" + (" dashed" if rank >= COLOURS else "")


def legend(names: Iterable[str]) -> str:
    """The names of ``curves`` beside their colours."""
    items = (f"<li class='{curve_class(rank)}'>{escape(name)}</li>" for rank, name in enumerate(names))
    return f"<ul class=legend>{''.join(items)}</ul>"


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most 600 points: every n-th, and the last."""
    every = -(-len(points) // MOST_POINTS)
    return [point for rank, point in enumerate(points) if rank % every == 0 or rank == len(points) - 1]


def _curve(name: str, points: Sequence[Point], spans: tuple[Point, Point], kind: str, of: str) -> str:
    placed = [(along(step, spans[0], LEFT, WIDTH - RIGHT), along(value, spans[1], HEIGHT - BOTTOM, TOP))
              for step, value in points]  # fmt: skip
    line = f"<path class='curve {kind}' d='M{'L'.join(f'{px:.1f} {py:.1f}' for px, py in placed)}'/>"
    if len(points) > MOST_DOTS:
        return line
    hints = (escape(f"{name}, {of} {step:g}: {value:.4g}") for step, value in points)
    dots = (f"<circle class='{kind}' cx={px:.1f} cy={py:.1f} r=3><title>{hint}</title></circle>"
            for (px, py), hint in zip(placed, hints, strict=True))  # fmt: skip
    return line + "".join(dots)


def heat(lines: Mapping[str, Sequence[float | None]], columns: Sequence[str], title: str) -> str:
    """Changes in per cent as cells, less is better: the stronger the colour, the larger the change. None is a dash."""
    start, wide = 16 + CHARACTER * max(map(len, lines)), max(64.0, 12 + CHARACTER * max(map(len, columns)))
    largest = max((abs(value) for line in lines.values() for value in line if value is not None), default=0) or 1
    body = f"<text class=axis x=8 y={TOP}>{escape(title)}</text>"
    for rank, name in enumerate(columns):
        px = start + wide * (rank + 0.5)
        body += f"<text class=tick x={px:.1f} y={TOP + ROW} text-anchor=middle>{escape(name)}</text>"
    for rank, (name, line) in enumerate(lines.items()):
        py = TOP + ROW * (rank + 1.5)
        body += f"<text x={start - 8:.1f} y={py + 15:.1f} text-anchor=end>{escape(name)}</text>"
        for column, value in enumerate(line):
            body += _square(value, (start + wide * column, py), wide, largest)
    return svg(start + wide * len(columns) + 8, TOP + ROW * (len(lines) + 2), title, body, "heat")


def _square(value: float | None, at: Point, wide: float, largest: float) -> str:
    said = "-" if value is None else f"{value:+.1f}"
    kind = "worse" if (value or 0) > 0 else "better"
    box = f"x={at[0]:.1f} y={at[1]:.1f} width={wide - 2:.1f} height={ROW - 2}"
    return (
        f"<rect class={kind} {box} fill-opacity={abs(value or 0) / largest:.2f} />"
        f"<text x={at[0] + wide / 2:.1f} y={at[1] + 15:.1f} text-anchor=middle>{said}</text>"
    )


def svg(width: float, height: float, title: str, body: str, kind: str = "plane") -> str:
    """A drawing with the name that a screen reader says."""
    return (
        f"<svg class={kind} viewBox='0 0 {width:g} {height:g}' role=img aria-label='{escape(title, True)}'>{body}</svg>"
    )


def roofline(dots: Mapping[str, Point], named: Mapping[str, Point], bounds: Point, own: str) -> str:
    """GFLOP/s over FLOP a byte, both logarithmic: `dots` with tooltips, `named` with labels too.

    `bounds`: the peak in GFLOP/s and the bandwidth in GB/s. Names that begin with `own` stand out.
    """
    places = {
        name: (math.log10(place[0]), math.log10(max(place[1], 1e-3))) for name, place in {**dots, **named}.items()
    }
    peak, bandwidth = map(math.log10, bounds)
    least = math.floor(min(up for _, up in places.values()))
    spans = ((0.0, 3.0), (least, max(least + 2.0, math.floor(peak) + 1.0)))  # whole decades, of speed two at least

    def at(across: float, up: float) -> Point:
        return along(across, spans[0], LEFT, WIDTH - RIGHT), along(up, spans[1], HEIGHT - BOTTOM, TOP)

    roof = [at(0.0, bandwidth), at(peak - bandwidth, peak), at(3.0, peak)]
    said = lambda exponent: f"{float(f'{10**exponent:.2g}'):g}"  # noqa: E731
    body = frame(("FLOP a byte", "GFLOP/s"), spans, said, said)
    body += f"<path class=ideal d='M{'L'.join(f'{px:.1f} {py:.1f}' for px, py in roof)}'/>"
    taken: list[tuple[float, float, float, float]] = []
    for name, place in places.items():
        kind, (px, py) = "own" if name.startswith(own) else "classical", at(*place)
        hint = escape(f"{name}: {10 ** place[1]:.1f} GFLOP/s")
        size = 5 if name in named else 3
        body += f"<circle class='{kind}' cx={px:.1f} cy={py:.1f} r={size}><title>{hint}</title></circle>"
        body += _label(name, kind, (px, py), taken) if name in named else ""
    return svg(WIDTH, HEIGHT, "GFLOP/s over FLOP a byte", body)


def standalone(svg: str) -> str:
    """A plot of the report, which is part of a page there, as a file of its own."""
    quoted = re.sub(
        r"<[^/!][^>]*>", lambda tag: re.sub(r"([\w-]+)=([^\s'\"<>]+?)(?=[\s>]|/>)", r"\1='\2'", tag[0]), svg
    )
    opened = quoted.replace("<svg ", "<svg xmlns='http://www.w3.org/2000/svg' ", 1)
    return opened.replace(">", f"><style>{STANDALONE}</style>", 1) + "\n"

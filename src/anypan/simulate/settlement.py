"""Where buildings stand: houses along streets, blocks in greens, halls in yards, cars in rows."""

from __future__ import annotations

import numpy as np

from anypan.simulate.canvas import Box, Canvas, Coat
from anypan.simulate.objects import FLAT, HALLS, PITCHED, Roof, build, locate, park_car
from anypan.simulate.parcels import Parcels
from anypan.simulate.texture import fractal

HOMES_FROM_AFAR = Coat("red tile", "slate", 0.5)
Rect = tuple[float, float, float, float]
Plan = tuple[float, float, float, float, float]  # u, v, half length, half width, turn from the u axis


def settle(canvas: Canvas, parcels: Parcels, uses: list[str], rng: np.random.Generator) -> None:
    """Build on every parcel that its use says; pixels above 2.5 m show no single house but a mottle of roofs."""
    if canvas.gsd > 2.5:
        _mottle(canvas, parcels, uses, rng)
        return
    plans = {"homes": _homes, "blocks": _blocks, "works": _works}
    roofs = {"homes": _house_roof, "blocks": _block_roof, "works": _hall_roof}
    for number, name in enumerate(uses):
        rect = _rect(parcels, number)
        if name in plans:
            style = int(rng.integers(0, 100))
            for box in _boxes(canvas, parcels, plans[name](rect, rng)):
                build(canvas, box, roofs[name](style, rng), rng)
        if name in ("parking", "works") and canvas.gsd < 0.9:
            _park(canvas, parcels, rect, 0.6 if name == "parking" else 0.12, rng)
    if canvas.gsd < 0.9:
        _pools(canvas, parcels, uses, rng)


def _mottle(canvas: Canvas, parcels: Parcels, uses: list[str], rng: np.random.Generator) -> None:
    grain = fractal(canvas.shape, rng, 8, 0.7)
    for kind, coat, share in (("homes", HOMES_FROM_AFAR, 0.0), ("blocks", FLAT[0], 0.4), ("works", FLAT[2], 0.2)):
        built = np.isin(parcels.label, [n for n, name in enumerate(uses) if name == kind])
        built &= (grain > share) & ~canvas.closed
        canvas.paint(built, coat)
        canvas.rough[built] = 0.15
        canvas.closed |= built


def _rect(parcels: Parcels, number: int) -> Rect:
    u0, u1, v0, v1 = (float(edge) for edge in parcels.rects[number])
    return u0, u1, v0, v1


def _boxes(canvas: Canvas, parcels: Parcels, plans: list[Plan]) -> list[Box]:
    if not plans:
        return []
    table = np.array(plans)
    places = locate(parcels, table[:, 0], table[:, 1])
    return [
        Box(row, col, length, breadth, angle + turn)
        for (row, col, angle), (length, breadth, turn) in zip(places, table[:, 2:], strict=True)
    ]


def _homes(rect: Rect, rng: np.random.Generator) -> list[Plan]:
    """Houses in lots along the four sides, sheds behind them."""
    u0, u1, v0, v1 = rect
    pitch, setback, turned = rng.uniform(13, 23), rng.uniform(7.5, 11), rng.random() < 0.5
    plans: list[Plan] = []
    for low, high, sides, swap in ((u0, u1, (v0, v1), False), (v0, v1, (u0, u1), True)):
        inset = setback + (16 if swap else 0)
        for side, inward in zip(sides, (1, -1), strict=True):
            for at in np.arange(low + inset + 4, high - inset - 3, pitch):
                depth, half = rng.uniform(4.0, 5.6), rng.uniform(4.6, 6.6)
                along, out = at + rng.normal(0, 0.6), side + inward * (setback + depth + rng.normal(0, 0.5))
                turn = (np.pi / 2 if swap != turned else 0.0) + rng.normal(0, 0.02)
                plans.append(_swapped(along, out, half, depth, turn, swap))
                if rng.random() < 0.6:
                    back = out + inward * rng.uniform(9, 15)
                    plans.append(_swapped(along + rng.uniform(-5, 5), back, 2.6, 1.7, turn, swap))
    return plans


def _swapped(along: float, out: float, half: float, depth: float, turn: float, swap: bool) -> Plan:
    return (out, along, half, depth, turn) if swap else (along, out, half, depth, turn)


def _blocks(rect: Rect, rng: np.random.Generator) -> list[Plan]:
    u0, u1, v0, v1 = rect
    half, depth, gap = rng.uniform(13, 28), rng.uniform(5.5, 7.5), rng.uniform(24, 34)
    wide = u1 - u0 > v1 - v0
    long, short = ((u0, u1), (v0, v1)) if wide else ((v0, v1), (u0, u1))
    plans: list[Plan] = []
    for across in np.arange(short[0] + 16, short[1] - 14, gap):
        for along in np.arange(long[0] + 12 + half, long[1] - 10 - half, 2 * half + 12):
            plans.append(_swapped(along, across, half, depth, 0.0 if wide else np.pi / 2, not wide))
    return plans


def _works(rect: Rect, rng: np.random.Generator) -> list[Plan]:
    u0, u1, v0, v1 = rect
    plans: list[Plan] = []
    if min(u1 - u0, v1 - v0) < 36:
        return plans
    for _ in range(int(rng.integers(3, 12))):
        half, depth = rng.uniform(7, 0.34 * max(u1 - u0, 25)), rng.uniform(5, 0.3 * max(v1 - v0, 22))
        u, v = rng.uniform(u0 + 10, u1 - 10), rng.uniform(v0 + 10, v1 - 10)
        if u - half > u0 + 8 and u + half < u1 - 8 and v - depth > v0 + 8 and v + depth < v1 - 8:
            plans.append((u, v, half, depth, 0.0))
    return plans


def _house_roof(style: int, rng: np.random.Generator) -> Roof:
    if rng.random() < 0.1:
        return Roof(FLAT[rng.integers(len(FLAT))], 3.2)
    first = style % len(PITCHED)
    coat = PITCHED[first if rng.random() < 0.7 else rng.integers(len(PITCHED))]
    return Roof(coat, float(rng.uniform(2.6, 5.5)), float(rng.uniform(0.45, 0.9)), bool(rng.random() < 0.3))


def _block_roof(style: int, rng: np.random.Generator) -> Roof:
    if style % 3 == 0:
        return Roof(PITCHED[style % len(PITCHED)], 10.0, 0.5, bool(style % 2))
    return Roof(FLAT[style % len(FLAT)], float(rng.uniform(9, 20)))


def _hall_roof(style: int, rng: np.random.Generator) -> Roof:
    coat = HALLS[rng.integers(len(HALLS))]
    return Roof(coat, float(rng.uniform(5, 10)), float(rng.choice((0.0, 0.0, 0.12))))


def _park(canvas: Canvas, parcels: Parcels, rect: Rect, occupied: float, rng: np.random.Generator) -> None:
    """Bays of 2.6 m x 5.2 m in double rows with aisles between; white lines between bays; some bays taken."""
    u0, u1, v0, v1 = rect
    rows = np.concatenate([np.arange(v0 + 12, v1 - 12, 16.4), np.arange(v0 + 17.2, v1 - 12, 16.4)])
    u, v = (a.ravel() for a in np.meshgrid(np.arange(u0 + 9, u1 - 9, 2.6), rows, indexing="ij"))
    if not len(u):
        return
    for row, col, angle in locate(parcels, u, v):
        _line(canvas, row, col, angle)
        inside = 0 <= row < canvas.shape[0] and 0 <= col < canvas.shape[1]
        if inside and not canvas.closed[int(row), int(col)] and rng.random() < occupied:
            flip = np.pi if rng.random() < 0.5 else 0.0
            park_car(canvas, row + rng.normal(0, 0.2), col, angle + np.pi / 2 + flip + rng.normal(0, 0.03), rng)


def _line(canvas: Canvas, row: float, col: float, angle: float) -> None:
    beside = Box(row - np.sin(angle) * 1.3 / canvas.gsd, col - np.cos(angle) * 1.3 / canvas.gsd, 0.1, 2.5, angle)
    framed = beside.frame(canvas)
    if framed is not None:
        window, along, across = framed
        half = max(0.08, 0.5 * canvas.gsd)
        mark = (np.abs(along) < half) & (np.abs(across) < 2.5) & ~canvas.closed[window]
        canvas.paint(mark, Coat("white paint", "asphalt", 0.5, 0.85), window)


def _pools(canvas: Canvas, parcels: Parcels, uses: list[str], rng: np.random.Generator) -> None:
    """Swimming pools and terraces behind some houses."""
    for number in (n for n, name in enumerate(uses) if name == "homes"):
        u0, u1, v0, v1 = _rect(parcels, number)
        count = rng.poisson((u1 - u0) * (v1 - v0) / 1100)
        u, v = rng.uniform(u0 + 18, max(u1 - 18, u0 + 19), count), rng.uniform(v0 + 18, max(v1 - 18, v0 + 19), count)
        for row, col, angle in locate(parcels, u, v) if count else ():
            pool = rng.random() < 0.3
            box = Box(row, col, rng.uniform(2.2, 4.5), rng.uniform(1.6, 2.6), angle)
            framed = box.frame(canvas)
            if framed is None:
                continue
            window, along, across = framed
            inside = (np.abs(along) < box.half_length) & (np.abs(across) < box.half_width) & ~canvas.closed[window]
            rim = (np.abs(along) < box.half_length + 0.8) & (np.abs(across) < box.half_width + 0.8)
            canvas.paint(rim & ~canvas.closed[window], Coat("concrete", "gravel", 0.3, 1.0), window)
            if pool:
                canvas.paint(inside, Coat("blue paint", "clear water", 0.4, 1.3, 0.05), window)
            canvas.closed[window] |= rim

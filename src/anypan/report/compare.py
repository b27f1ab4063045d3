"""Methods against one of them, scene by scene: means, gains with intervals, a paired test, ranks. No metric here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from anypan.report.rows import Metrics, Row, by, loss, number
from anypan.runtime.errors import UserError

CONFIDENCE = 0.95
EXACT = 16  # scenes up to which every choice of signs is tried
DRAWS, SEED = 99_999, 0  # random choices of signs for more scenes
TIE = 1e-12  # relative difference below which two values are equal
STEPS = 400_001


@dataclass(frozen=True)
class Line:
    """One method in one metric.

    ``mean`` and ``std`` (between scenes) are over its ``scenes``; ``rank`` is the mean of its ranks, 1 the best, equal
    values sharing theirs, over the scenes that all methods have. ``gain``: by how much it is better than the method
    compared with, in the metric's unit, mean over the ``pairs`` scenes that both have; ``low`` to ``high`` its
    interval; ``p`` of the paired test, ``holm`` the same corrected for the number of methods tested.
    """

    method: str
    metric: str
    scenes: int
    mean: float
    std: float | None
    rank: float | None
    pairs: int = 0
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    holm: float | None = None


def compare(rows: Sequence[Row], names: Sequence[str], metrics: Metrics, against: str) -> list[Line]:
    """The lines of every method of one group (see rows.groups), metric by metric, best mean rank first.

    UserError if no row is of the method called ``against``.
    """
    found = by(rows, "method")
    if against not in found:
        raise UserError(f"There is no row of {against!r}: compare with one of {', '.join(found)}.")
    lines = []
    for name in names:
        values = {method: _by_scene(of, name) for method, of in found.items()}
        values = {method: of for method, of in values.items() if of}
        if against in values:
            lines += _lines(name, values, metrics[name][0], against)
    return lines


def _by_scene(rows: Sequence[Row], name: str) -> dict[str, float]:
    found = {row.scene: number(row, name) for row in rows}
    return {scene: value for scene, value in found.items() if value is not None}


def _lines(name: str, values: Mapping[str, Mapping[str, float]], best: float, against: str) -> list[Line]:
    ranks = mean_ranks({method: {s: loss(v, best) for s, v in of.items()} for method, of in values.items()})
    gains = {method: _gains(of, values[against], best) for method, of in values.items() if method != against}
    tests = {method: sign_flip(gain) for method, gain in gains.items() if len(gain) > 1}
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    lines = []
    for method, of in values.items():
        spread = stdev(of.values()) if len(of) > 1 else None
        line = Line(method, name, len(of), fmean(of.values()), spread, ranks.get(method))
        gain = gains.get(method)
        if gain is not None and len(gain):
            low, high = interval(gain)
            tested = tests.get(method), corrected.get(method)
            line = Line(*_head(line), len(gain), float(gain.mean()), low, high, *tested)
        lines.append(line)
    return sorted(lines, key=lambda line: (line.rank is None, line.rank or 0, loss(line.mean, best)))


def _head(line: Line) -> tuple[str, str, int, float, float | None, float | None]:
    return line.method, line.metric, line.scenes, line.mean, line.std, line.rank


def _gains(ours: Mapping[str, float], theirs: Mapping[str, float], best: float) -> NDArray[np.float64]:
    return np.array([loss(theirs[scene], best) - loss(value, best) for scene, value in ours.items() if scene in theirs])


def mean_ranks(losses: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Method -> mean of its ranks over the scenes that all methods have; equal losses share the mean of their ranks."""
    common = set.intersection(*(set(of) for of in losses.values())) if losses else set()
    if not common:
        return {}
    table = np.array([[of[scene] for scene in sorted(common)] for of in losses.values()])
    slack = TIE * np.abs(table).max()
    smaller = (table[None] < table[:, None] - slack).sum(1)
    equal = (np.abs(table[None] - table[:, None]) <= slack).sum(1)
    return dict(zip(losses, (smaller + (equal + 1) / 2).mean(1).tolist(), strict=True))


def sign_flip(differences: NDArray[np.float64]) -> float:
    """Two-sided p of the paired permutation test of differences (N,): the share of signs whose mean is as far from 0.

    Fisher, The Design of Experiments, 1935. Exact up to EXACT differences; above, DRAWS random choices from a fixed
    seed, the observed one counted among them (so p is never 0).
    """
    count = len(differences)
    observed = abs(differences.sum())
    bar = observed - 1e-9 * np.abs(differences).sum()
    if count <= EXACT:
        signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return float((np.abs(signs @ differences) >= bar).mean())
    random, extreme = np.random.default_rng(SEED), 1
    for start in range(0, DRAWS, 1000):
        signs = random.integers(0, 2, (min(1000, DRAWS - start), count)) * 2 - 1
        extreme += int((np.abs(signs @ differences) >= bar).sum())
    return extreme / (DRAWS + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's correction of p values for being several (Scandinavian Journal of Statistics 6(2), 1979)."""
    order, found, floor = np.argsort(ps), [0.0] * len(ps), 0.0
    for place, index in enumerate(order):
        floor = max(floor, min(1.0, (len(ps) - place) * ps[index]))
        found[index] = floor
    return found


def interval(differences: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Student's CONFIDENCE interval of the mean of paired differences; (None, None) for a single one."""
    count = len(differences)
    if count < 2:
        return None, None
    middle, half = differences.mean(), differences.std(ddof=1) / math.sqrt(count) * quantile(count - 1)
    return float(middle - half), float(middle + half)


def quantile(freedom: int) -> float:
    """t such that Student's variable of ``freedom`` degrees lies in -t..t with probability CONFIDENCE.

    With t = sqrt(freedom) tan(a) the density becomes cos(a)^(freedom - 1), which is summed by the trapezoid rule.
    """
    angle = np.linspace(0, math.pi / 2, STEPS)
    density = np.cos(angle) ** (freedom - 1)
    total = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return math.sqrt(freedom) * math.tan(float(np.interp(CONFIDENCE, total / total[-1], angle)))

"""Paired differences by scene and seed, with bootstrap intervals, effect sizes and what follows from them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anypan.report.rows import number

Row = Mapping[str, Any]
Values = dict[tuple[str, str], dict[int, float]]  # (sensor, scene) -> seed -> value
RELATIVE = ("ERGAS", "SAM", "R-ERGAS")  # errors, of which the change is a share
DRAWS, SEED = 4000, 0
CONFIDENCE = 0.95
SAME, SAME_Q2N = 1.0, 0.002  # per cent of ERGAS, and of Q2n: intervals that lie within both, on both sides, are no
# difference that matters
LEAST = 3  # scenes, below which nothing is claimed
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


@dataclass(frozen=True)
class Estimate:
    """The mean change of a metric, per cent for those in RELATIVE, with its interval.

    ``effect``: the mean change over the spread of the scenes' (Cohen's d of paired differences); None without a spread.
    """

    metric: str
    mean: float
    low: float
    high: float
    effect: float | None
    scenes: int
    sensors: int
    seeds: int


def values_of(rows: Iterable[Row], metric: str) -> Values:
    """Every scene's value for each seed; several rows of one scene and seed are averaged. Without seeds: seed 0."""
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in rows:
        value = number(row, metric)
        if value is not None:
            scene = (str(row["sensor"]), str(row["scene"]))
            found.setdefault(scene, {}).setdefault(int(row.get("seed") or 0), []).append(value)
    return {scene: {seed: fmean(each) for seed, each in seeds.items()} for scene, seeds in found.items()}


def changes(before: Values, after: Values, metric: str) -> Values:
    """After less before, on scenes that both have, for seeds that both have; what has no seed meets every seed."""
    found: Values = {}
    for scene in sorted(before.keys() & after.keys()):
        one, two = before[scene], after[scene]
        seeds = one.keys() & two.keys() or (two.keys() if set(one) == {0} else one.keys() if set(two) == {0} else ())
        pairs = {seed: (one.get(seed, one.get(0)), two.get(seed, two.get(0))) for seed in sorted(seeds)}
        found[scene] = {
            seed: _change(a, b, metric) for seed, (a, b) in pairs.items() if a is not None and b is not None
        }
    return {scene: seeds for scene, seeds in found.items() if seeds}


def _change(before: float, after: float, metric: str) -> float:
    return 100 * math.log(after / before) if metric in RELATIVE else after - before


def estimate(found: Values, metric: str) -> Estimate | None:
    """The mean over sensors of the means over scenes and seeds, its interval from resampled sensors, scenes and seeds.

    In each draw sensors are drawn with replacement, then scenes within them, and seeds for all scenes together, since
    one training meets every scene. The interval is that of percentiles. None if there is nothing.
    """
    seeds = sorted(set.intersection(*(set(each) for each in found.values()))) if found else []
    if not seeds:
        return None
    table = np.array([[each[seed] for seed in seeds] for each in found.values()])
    sensors = [scene[0] for scene in found]
    means = _plain(sensors) @ table.mean(1)
    of_seeds = np.random.default_rng(SEED).multinomial(len(seeds), [1 / len(seeds)] * len(seeds), DRAWS) / len(seeds)
    drawn = ((_drawn(tuple(sensors)) @ table) * of_seeds).sum(1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    spread = table.mean(1).std(ddof=1) if len(table) > 1 else 0.0
    effect = float(table.mean() / spread) if spread > 0 else None
    percent = (lambda value: 100 * math.expm1(value / 100)) if metric in RELATIVE else float
    numbers = (percent(float(value)) for value in (means, low, high))
    return Estimate(metric, *numbers, effect, len(table), len(set(sensors)), 0 if seeds == [0] else len(seeds))


def _plain(sensors: Sequence[str]) -> NDArray[np.float64]:
    """What each scene weighs in the mean over sensors."""
    counts = [sensors.count(name) for name in sensors]
    return 1 / np.array(counts) / len(set(sensors))


@lru_cache(maxsize=64)
def _drawn(sensors: tuple[str, ...]) -> NDArray[np.float64]:
    """The same for each draw (DRAWS, scenes), always the same ones."""
    names, weights, rng = sorted(set(sensors)), np.zeros((DRAWS, len(sensors))), np.random.default_rng(SEED)
    places = [[n for n, sensor in enumerate(sensors) if sensor == name] for name in names]
    sizes, most = np.array([len(own) for own in places]), max(map(len, places))
    table = np.array([own + own[:1] * (most - len(own)) for own in places])
    for _ in names:
        sensor = rng.integers(0, len(names), DRAWS)
        for place in range(most):
            scene = table[sensor, rng.integers(0, sizes[sensor])]
            share = (place < sizes[sensor]) / sizes[sensor] / len(names)
            np.add.at(weights, (np.arange(DRAWS), scene), share)
    return weights


def compared(before: Iterable[Row], after: Iterable[Row], metrics: Sequence[str]) -> dict[str, Estimate]:
    """Metric -> estimate, for those that both have."""
    before, after = list(before), list(after)
    found = {m: estimate(changes(values_of(before, m), values_of(after, m), m), m) for m in metrics}
    return {metric: each for metric, each in found.items() if each}


def verdict(found: Mapping[str, Estimate]) -> tuple[str, str]:
    """Whether "after is better" holds, and why: ERGAS and Q2n at reduced resolution decide, both have to agree."""
    if "ERGAS" not in found or "Q2n" not in found:
        return UNDECIDED, "it has not been run"
    error, quality = found["ERGAS"], found["Q2n"]
    if error.scenes < LEAST:
        return UNDECIDED, f"{error.scenes} scenes are too few"
    if _within(error, SAME) and _within(quality, SAME_Q2N):
        return CONTRADICTED, f"the difference is within {SAME:g} % of ERGAS and {SAME_Q2N:g} of Q2n"
    if error.high < 0 and quality.low > 0:
        return SUPPORTED, ""
    if error.low > 0 and quality.high < 0:
        return CONTRADICTED, "it is worse"
    names = [one.metric for one in (error, quality) if one.low <= 0 <= one.high]
    if names:
        return UNDECIDED, f"the interval of {' and of '.join(names)} holds 0"
    return UNDECIDED, "ERGAS and Q2n do not agree"


def _within(one: Estimate, most: float) -> bool:
    return max(abs(one.low), abs(one.high)) < most

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


@dataclass(frozen=True)
class Noise:
    """What other seeds would move a mean by: a standard deviation (of logarithms, per cent, for those in RELATIVE) and
    its degrees of freedom."""

    deviation: float
    freedom: float

    def drawn(self) -> NDArray[np.float64]:
        """Students' t of that width (DRAWS,), always the same ones."""
        if self.deviation == 0:
            return np.zeros(DRAWS)
        return self.deviation * np.random.default_rng(SEED + 2).standard_t(self.freedom, DRAWS)

    def of(self, seeds: int) -> Noise:
        """Of the mean of so many."""
        return Noise(self.deviation / math.sqrt(seeds), self.freedom)


SILENT = Noise(0.0, 1.0)


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
    return _level(after, metric) - _level(before, metric)


def _level(value: float, metric: str) -> float:
    return 100 * math.log(value) if metric in RELATIVE else value


def estimate(found: Values, metric: str, noise: Noise | None = None) -> Estimate | None:
    """The mean over sensors of the means over scenes and seeds, with its interval; None if there is nothing.

    In each draw sensors are drawn with replacement, then scenes within them. How far a draw lies off the mean is
    stretched as in Student's t, since there are few sensors. ``noise``: what other seeds would move the mean by,
    without it what those at hand do; one seed alone tells nothing of it. The interval is that of percentiles.
    """
    seeds = sorted(set.intersection(*(set(each) for each in found.values()))) if found else []
    if not seeds:
        return None
    table = np.array([[each[seed] for seed in seeds] for each in found.values()])
    sensors = [scene[0] for scene in found]
    scenes, plain = table.mean(1), _plain(sensors)
    mean = float(plain @ scenes)
    drawn = mean + _stretch(len(set(sensors))) * (_drawn(tuple(sensors)) @ scenes - mean)
    drawn += (noise or (_spread(plain @ table) or SILENT).of(len(seeds))).drawn()
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    percent = (lambda value: 100 * math.expm1(value / 100)) if metric in RELATIVE else float
    numbers = (percent(float(value)) for value in (mean, low, high))
    return Estimate(metric, *numbers, _effect(scenes, plain), len(table), len(set(sensors)), _count(seeds))


def _count(seeds: Sequence[int]) -> int:
    return 0 if list(seeds) == [0] else len(seeds)


def _effect(scenes: NDArray[np.float64], weights: NDArray[np.float64]) -> float | None:
    """The mean change over the spread of the scenes', both weighted as the mean is."""
    mean = weights @ scenes
    spread = math.sqrt(weights @ (scenes - mean) ** 2 / (1 - weights @ weights)) if len(scenes) > 1 else 0.0
    return float(mean / spread) if spread > 1e-12 else None


def _stretch(sensors: int) -> NDArray[np.float64]:
    """What makes Student's t of n - 1 degrees of freedom, and of the bootstrap's variance an unbiased one (DRAWS,)."""
    if sensors < 2:
        return np.ones(DRAWS)
    return np.sqrt(sensors / np.random.default_rng(SEED + 1).chisquare(sensors - 1, DRAWS))


def _spread(means: NDArray[np.float64]) -> Noise | None:
    """What another seed's would be, of those of several; None of one."""
    return Noise(float(means.std(ddof=1)), len(means) - 1) if len(means) > 1 else None


def between(values: Values, metric: str) -> Noise | None:
    """What one more seed would move an arm's mean by: of each of the seeds that all of its scenes have. None of one."""
    seeds = sorted(set.intersection(*(set(each) for each in values.values()))) if values else []
    table = np.array([[_level(each[seed], metric) for seed in seeds] for each in values.values()])
    return _spread(_plain([scene[0] for scene in values]) @ table) if seeds else None


def pooled(several: Sequence[Noise]) -> Noise | None:
    """One of several that are taken to be alike; None of none."""
    freedom = sum(one.freedom for one in several)
    return (
        Noise(math.sqrt(sum(one.deviation**2 * one.freedom for one in several) / freedom), freedom) if freedom else None
    )


def together(one: Noise, two: Noise) -> Noise:
    """Of a difference (Welch and Satterthwaite)."""
    parts = [(each.deviation**2, each.freedom) for each in (one, two) if each.deviation > 0]
    variance = sum(part for part, _ in parts)
    return Noise(math.sqrt(variance), variance**2 / sum(part**2 / n for part, n in parts)) if parts else SILENT


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


def compared(
    before: Iterable[Row], after: Iterable[Row], metrics: Sequence[str], noise: Mapping[str, Noise | None] | None = None
) -> dict[str, Estimate]:
    """Metric -> estimate, for those that both have; ``noise``, by metric, as for ``estimate``."""
    before, after, noise = list(before), list(after), noise or {}
    found = {m: estimate(changes(values_of(before, m), values_of(after, m), m), m, noise.get(m)) for m in metrics}
    return {metric: each for metric, each in found.items() if each}


def verdict(found: Mapping[str, Estimate]) -> tuple[str, str]:
    """Whether "after is better" holds, and why: ERGAS and Q2n at reduced resolution decide, both have to agree."""
    if "ERGAS" not in found or "Q2n" not in found:
        return UNDECIDED, "it has not been run"
    error, quality = found["ERGAS"], found["Q2n"]
    if error.scenes < LEAST:
        return UNDECIDED, f"{error.scenes} scenes are too few"
    if error.sensors < 2:
        return UNDECIDED, "all scenes are of one sensor"
    if error.high < 0 and quality.low > 0:
        return SUPPORTED, ""
    if error.low > 0 and quality.high < 0:
        return CONTRADICTED, "it is worse"
    if _within(error, SAME) and _within(quality, SAME_Q2N):
        return CONTRADICTED, f"the difference is within {SAME:g} % of ERGAS and {SAME_Q2N:g} of Q2n"
    names = [one.metric for one in (error, quality) if one.low <= 0 <= one.high]
    if names:
        return UNDECIDED, f"the interval of {' and of '.join(names)} holds 0"
    return UNDECIDED, "ERGAS and Q2n do not agree"


def _within(one: Estimate, most: float) -> bool:
    return max(abs(one.low), abs(one.high)) < most

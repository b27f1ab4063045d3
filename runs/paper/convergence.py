"""When a training counts as converged: the rule, written down once, and applied to what every cell records.

A training is judged 20 times, evenly over its steps, on data of its own kind that it does not learn from, with averaged
weights; the best of these weights are kept. Only judgements at the constant rate count, after the warm-up and before
the rate falls, since a falling rate levels anything. Their last quarter may be better than the one before it by at most
1 %: then the validation loss has levelled. Rising is no fall: the best weights were kept. Fewer than 8 such judgements
say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

TIMES = 20  # judgements of a training
LEAST = 8  # at the constant rate, to say anything
LEVEL = 0.01  # share of the loss by which the last quarter may still be better than the one before

Curve = Sequence[Sequence[float]]  # (step, loss)


def moments(steps: int) -> set[int]:
    """The steps after which a training is judged."""
    return {round(steps * (n + 1) / TIMES) for n in range(TIMES)} - {0}


def fall(curve: Curve, steps: int, warmup: int, decay: float) -> float | None:
    """By which share of the loss the last quarter at the constant rate is below the one before; None if unknown."""
    constant = [loss for step, loss in curve if warmup < step <= (1 - decay) * steps]
    if len(constant) < LEAST:
        return None
    quarter = len(constant) // 4
    before, last = fmean(constant[-2 * quarter : -quarter]), fmean(constant[-quarter:])
    return (before - last) / before


def levelled(curve: Curve, steps: int, warmup: int, decay: float) -> bool:
    """Whether a training has converged. The rule is at the top of this file."""
    found = fall(curve, steps, warmup, decay)
    return found is not None and found <= LEVEL

"""When a training counts as converged: the rule, written down once, and applied to what every cell records.

A training is judged 20 times, evenly over its steps, on data of its own kind that it does not learn from, with averaged
weights; the best of these weights are kept. Only judgements at the constant rate count, after the warm-up and before
the rate falls, since a falling rate levels anything. A power law of the steps goes through the means of their last two
quarters. The validation loss has levelled if, by it, twice the steps would take at most 5 % off the loss. Rising is no
fall: the best weights were kept. Fewer than 8 such judgements say nothing.

Losses on endless simulated pairs do fall as powers of the steps: from quarter to quarter by the same share,
however long they are. So a bound on that share itself, which stood here first, no length of a training reaches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

TIMES = 20  # judgements of a training
LEAST = 8  # at the constant rate, to say anything
LEVEL = 0.05  # share of the loss that twice the steps may still take off

Curve = Sequence[Sequence[float]]  # (step, loss)


def moments(steps: int) -> set[int]:
    """The steps after which a training is judged."""
    return {round(steps * (n + 1) / TIMES) for n in range(TIMES)} - {0}


def remaining(curve: Curve, steps: int, warmup: int, decay: float) -> float | None:
    """Which share of the loss twice the steps would take off, below 0 if it rises; None if nothing can be said."""
    constant = [(step, loss) for step, loss in curve if warmup < step <= (1 - decay) * steps]
    if len(constant) < LEAST:
        return None
    quarter = len(constant) // 4
    before, last = constant[-2 * quarter : -quarter], constant[-quarter:]
    (early, former), (late, latter) = (map(fmean, zip(*part, strict=True)) for part in (before, last))
    return 1 - 2 ** (math.log(latter / former) / math.log(late / early))


def levelled(share: float | None) -> bool:
    """Whether a training has converged, of which ``remaining`` says ``share``. The rule is at the top of this file."""
    return share is not None and share <= LEVEL

"""How far a run is, by its steps and by the clock, and the rate that follows."""

from __future__ import annotations

import math

from anypan.train.config import Optimisation


def share_done(step: int, seconds: float, o: Optimisation) -> float:
    """0 at the beginning, 1 or more at the end: of the steps or of the minutes, whichever is nearer to its end."""
    by_steps = step / o.steps if o.steps > 0 else 0.0
    by_clock = seconds / (60 * o.minutes) if o.minutes > 0 else 0.0
    return max(by_steps, by_clock)


def rate_at(step: int, o: Optimisation, seconds: float = 0.0) -> float:
    """Warm-up, constant, then a cosine fall to zero over the last ``decay`` of the run."""
    if step < o.warmup:
        return o.rate * (step + 1) / o.warmup
    fall = (share_done(step, seconds, o) - (1 - o.decay)) / o.decay
    return o.rate * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, fall))))

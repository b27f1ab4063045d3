"""The edges of fill: whether they jump, as where pixels were cut out, or are soft, as what an instrument saw."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 0.5  # of the way to what lies deeper that a sharp edge takes at once
BEND, POINTS = 1.0, 64  # pixels that a line may bend at least, and points of an edge that are looked at

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


def soft(first: Doubles, deeper: Doubles, near: Doubles) -> float:
    """The share of an edge (B, N) that is soft, as of what an instrument saw: less than half of the way at once.

    Both are differences to the value beyond the edge, of the pixels beside it and of those two pixels deeper, which
    are not a number where they are not known.
    """
    known = np.isfinite(deeper).all(0)
    first, deeper = first[:, known], deeper[:, known]
    far = (np.abs(deeper) > near[:, None]).all(0)
    share = np.divide(first, deeper, out=np.zeros_like(first), where=far).mean(0)
    return float((share < STEP).mean()) if share.size else 0.0


def lines(edge: Counts) -> int:
    """How many straight lines an edge is made of."""
    at = np.unique(np.linspace(0, len(edge) - 1, POINTS).astype(int))
    points, bend = edge[at].astype(np.float64), max(BEND, len(edge) / 500)
    count, start = 0, 0
    while start < len(at) - 1:
        end = start + 1
        while end + 1 < len(at) and _apart(at[start : end + 2], points[start : end + 2]) <= bend:
            end += 1
        count, start = count + 1, end
    return count


def _apart(at: Counts, points: Doubles) -> float:
    """How far points lie off the line from the first to the last."""
    return float(np.abs(points - np.interp(at, at[[0, -1]], points[[0, -1]])).max())


def after(image: Floats, run: Counts, there: Bools) -> Doubles:
    """The pixels of (B, n, N) after a run along the columns, and two deeper or NaN, in those ``there``: (2, B, M)."""
    cols = np.flatnonzero(there)
    deeper = run[cols] + 2
    known = deeper < image.shape[1]
    first, second = image[:, run[cols], cols], image[:, np.where(known, deeper, 0), cols]
    return np.stack([first, np.where(known, second, np.nan)]).astype(np.float64)


def beside(image: Floats, valid: Bools, value: Floats) -> Doubles:
    """Differences to ``value`` of the pixels (B, h, w) on the right of those that hold it and two deeper: (2, B, N)."""
    held = holds(image, value) | ~valid
    rows, cols = np.nonzero(held[:, :-3] & valid[:, :-3] & ~held[:, 1:-2] & ~held[:, 3:])
    return np.stack([image[:, rows, cols + 1], image[:, rows, cols + 3]]).astype(np.float64) - value[:, None]


def holds(image: NDArray[Any], value: NDArray[Any]) -> Bools:
    """Where an image (B, ...) has the value (B,) in all bands."""
    return (image == value.reshape(-1, *(1,) * (image.ndim - 1))).all(0)

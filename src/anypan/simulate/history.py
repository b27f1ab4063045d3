"""What was done to a batch of simulated scenes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class History:
    """What was done to a batch of G scenes of one ratio and band count.

    ``own_ratio`` is that of the MS before it was resampled. ``pan_gain``, ``reference_gain`` (G,), ``ms_gain``,
    ``gnyq`` (G, B), which is what is given; gains are nan where no MTF took part. ``shift`` (G, 2): displacement of
    the MS that is not given, PAN pixels. ``hits``: for each effect that changed a part of the scenes, which (G,).
    """

    ratio: int
    own_ratio: float
    bands: int
    reduction: int
    kernel: str
    phase: tuple[float, float]
    pan_gain: Tensor
    reference_gain: Tensor
    ms_gain: Tensor
    gnyq: Tensor
    shift: Tensor
    hits: dict[str, Tensor]

    def names(self, scene: int) -> list[str]:
        """The effects that changed one scene."""
        return [name for name, hit in self.hits.items() if bool(hit[scene])]

    def lines(self, scene: int) -> list[str]:
        """One scene's history in words: instrument, gains, effects."""
        own = f" (own {self.own_ratio:.2f})" if self.own_ratio != self.ratio else ""
        first = f"ratio {self.ratio}{own}, {self.bands} bands, source reduced by {self.reduction}, kernel {self.kernel}"
        gains = ", ".join(
            f"{name} {_span(values[scene])}"
            for name, values in (("PAN", self.pan_gain), ("reference", self.reference_gain), ("MS", self.ms_gain))
            if bool(torch.isfinite(values[scene]).all())
        )
        shift = ", ".join(f"{value:+.2f}" for value in self.shift[scene].tolist())
        second = f"MTF gains {gains}, given {_span(self.gnyq[scene])}".replace("gains ,", "gains")
        third = f"phase {self.phase[0]:+.2f}, {self.phase[1]:+.2f}, shift not given {shift}"
        if not self.shift[scene].any():
            third = third.partition(", shift")[0]
        return [first, second, third, ", ".join(self.names(scene)) or "nothing else"]


def _span(values: Tensor) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f}-{high:.2f}"

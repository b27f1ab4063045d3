"""What the classical methods learn from a scene: means and covariances of the bands and the PAN, in float64.

The scene's convention says on which grid: the MS grid, where EXP is the MS itself, or the PAN grid, as the reference
toolbox has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from anypan.optics.sampling import Sampling
from anypan.pair.scene import Patch, Scene

FLAT = 1e-5  # of the mean: a smaller standard deviation is rounding, not contrast
FLOOR = 0.1  # of a denominator's root mean square: what is smaller is held there
_COLLINEAR = 1e-12  # of the largest eigenvalue


@dataclass(frozen=True)
class Statistics:
    """Mean (C,) and biased covariance (C, C) of C variables over the valid pixels, float64."""

    mean: Tensor
    covariance: Tensor

    @property
    def variance(self) -> Tensor:
        """(C,); exactly zero for a variable that is constant but for rounding."""
        variance = self.covariance.diagonal()
        return torch.where(variance > (FLAT * self.mean) ** 2, variance, 0.0)

    @property
    def std(self) -> Tensor:
        """Standard deviations of the bands (B,), in their unit."""
        return self.variance.sqrt()

    @property
    def square(self) -> Tensor:
        """(C, C): mean products, with the means left in."""
        return self.covariance + torch.outer(self.mean, self.mean)

    def regress(self, response: int, predictors: Sequence[int]) -> Tensor:
        """(P,) least-squares weights, with an intercept, of the P ``predictors`` for the variable ``response``."""
        index = torch.as_tensor(predictors)
        live = self.variance[index] > 0
        among = self.covariance[index][:, index] * (live[:, None] & live)
        towards = torch.where(live & (self.variance[response] > 0), self.covariance[index, response], 0.0)
        return solved(among, towards)


def solved(among: Tensor, towards: Tensor) -> Tensor:
    """(P,) the least weights with among (P, P) @ weights = towards (P,), whatever the units of the P variables.

    Those of variables without any power are 0, not what rounding leaves of it.
    """
    unit = among.diagonal().sqrt()
    some = unit > 0
    unit = torch.where(some, unit, 1.0)
    found = (
        torch.linalg.pinv(among / torch.outer(unit, unit), rtol=_COLLINEAR, hermitian=True) @ (towards / unit) / unit
    )
    return torch.where(some, found, 0.0)


def least(mean: Tensor, variance: Tensor) -> Tensor:
    """The least denominator (...) of a modulation by something of that mean and variance (...), in its unit."""
    return (FLOOR * (mean**2 + variance).sqrt()).clamp(min=torch.finfo(torch.float32).tiny)


def statistics(samples: Iterable[tuple[Tensor, Tensor]]) -> Statistics:
    """Of pairs (C, h, w) and mask (h, w), merged pair by pair (Chan, Golub and LeVeque, 1979); zeros without pixels."""
    count, mean, scatter = 0, torch.zeros(1), torch.zeros(1, 1)
    for stack, mask in samples:
        values = stack[:, mask].to(torch.float64)
        added = values.shape[1]
        centre = values.sum(1) / max(added, 1)
        values -= centre[:, None]
        step, total = centre - mean, max(count + added, 1)
        scatter = scatter + values @ values.mT + torch.outer(step, step) * (count * added / total)
        mean, count = mean + step * (added / total), count + added
    return Statistics(mean, scatter / max(count, 1))


def of_scene(scene: Scene, look: Callable[[Scene, Patch], Tensor]) -> Statistics:
    """Statistics of ``look(scene, patch)``: C variables on the patch's MS grid (C, h, w) or PAN grid (C, H, W)."""

    def samples() -> Iterable[tuple[Tensor, Tensor]]:
        for patch in scene.blocks():
            stack = patch.core(look(scene, patch))
            mask = patch.core(patch.mask)
            yield stack, mask if stack.shape[-2:] == mask.shape else patch.core(patch.mask_lr)

    return statistics(samples())


def bands_and_pan(scene: Scene, patch: Patch) -> Tensor:
    """(B + 1, h, w): the bands and the PAN as the MS instrument would see it. For weights of the bands."""
    return torch.cat([patch.lrms, scene.sampling.pan_at_ms(patch.pan, scene.gnyq)])


def exp_and_pan(scene: Scene, patch: Patch) -> Tensor:
    """(B + 1, ...): EXP and the PAN. For gains. On the MS grid, where EXP is the MS, it is bands_and_pan."""
    sampling = scene.sampling
    return torch.cat([sampling.fit_grid(patch.lrms), sampling.pan_for_gains(patch.pan, scene.gnyq)])


def exp_low_and_pan(scene: Scene, patch: Patch) -> Tensor:
    """(2 B + 1, ...): EXP (B), PAN_LP as the MTF of each band gives it (B) and the PAN. For gains over PAN_LP.

    On the MS grid the last is fit_pan(PAN): its covariance with the MS is that of PAN and EXP.
    """
    sampling = scene.sampling
    low = degrade_pan(sampling, patch.pan, scene.gnyq)
    return torch.cat([sampling.fit_grid(patch.lrms), sampling.fit_grid(low), sampling.fit_pan(patch.pan)])


def degrade_pan(sampling: Sampling, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
    """The PAN (1, H, W) as each band's MTF lets it through, (B, h, w); equal gains are filtered once."""
    distinct, index = shared_gains(gnyq)
    return sampling.degrade(pan, distinct)[index]


def shared_gains(gnyq: Sequence[float]) -> tuple[list[float], list[int]]:
    """The distinct gains, and for each band which of them is its own."""
    distinct = sorted(set(gnyq))
    return distinct, [distinct.index(gain) for gain in gnyq]


def over(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient (B,), and 0 where the denominator (B,) is 0: what has no contrast gets no detail."""
    return torch.where(denominator != 0, numerator / denominator, 0.0)

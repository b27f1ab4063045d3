"""How the MS grid samples the PAN grid: what every convention can do, and the physical one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from torch import Tensor

from anypan.optics.filters import a_trous, wavelet_levels
from anypan.optics.mtf import NODES, collected_axis, expanded_axis, gaussian_taps, mean_gain, weighted_rows


@dataclass(frozen=True)
class Sampling(ABC):
    """A convention of grids, kernels and interpolation, for one ``ratio`` (PAN pixels along a side of an MS pixel).

    MS pixel (i, j) has its centre at PAN row ``ratio * i + (ratio - 1) / 2 + offset[0]`` and likewise for columns;
    ``phase``, in PAN pixels, is what registration found. Images are (..., H, W) on the PAN grid and (..., h, w) on the
    MS grid, H = ratio * h, in any unit; gains, in 0..1, are responses at the MS Nyquist frequency, one a channel.
    """

    name: ClassVar[str]
    local: ClassVar[bool]  # tiles equal the whole: no pixel depends on what lies beyond ``reach``
    known_phase: ClassVar[bool]  # MS pixels lie where ``phase`` says, and registration may correct it
    fits_at_ms: ClassVar[bool]  # statistics are those of the MS grid, where EXP is the MS; else of the PAN grid
    whole_numbers: ClassVar[bool]  # values are DN: metrics round them, and count flat blocks
    bands_in_order: ClassVar[bool]  # four bands are blue, green, red and near infrared, whatever their names

    ratio: int
    phase: tuple[float, float] = (0.0, 0.0)

    @property
    @abstractmethod
    def reach(self) -> int:
        """PAN pixels that degrade() followed by expand() look beyond a pixel; a multiple of the ratio."""

    @property
    @abstractmethod
    def offset(self) -> tuple[float, float]:
        """PAN pixels (row, column) from the middle of its block to an MS pixel's centre."""

    @abstractmethod
    def expand(self, lrms: Tensor) -> Tensor:
        """EXP: interpolate (..., h, w) on the MS grid to (..., ratio * h, ratio * w) on the PAN grid."""

    @abstractmethod
    def lowpass(self, image: Tensor, gnyq: Sequence[float]) -> Tensor:
        """MTF filter of (C, H, W) with one gain a channel, still on the PAN grid (no decimation)."""

    @abstractmethod
    def degrade(self, image: Tensor, gnyq: Sequence[float] | Tensor) -> Tensor:
        """MTF filter of (..., C, H, W) and sampling at the MS pixel centres: (..., C, H / ratio, W / ratio)."""

    def reproject(self, lrms: Tensor, gnyq: Sequence[float] | Tensor) -> Tensor:
        """What degrade() makes of expand(): (..., C, h, w) to the same, on the MS grid."""
        return self.degrade(self.expand(lrms), gnyq)

    def centred(self) -> Self:
        """The same without a phase."""
        return replace(self, phase=(0.0, 0.0))

    @abstractmethod
    def reduced(self, image: Tensor, gnyq: Sequence[float]) -> Tensor:
        """(C, H, W) to (C, h, w) as D_s and BDSD bring an image to MS scale; ``gnyq``: the gains where an MTF does."""

    @abstractmethod
    def fit_grid(self, lrms: Tensor) -> Tensor:
        """(C, h, w) on the grid of the statistics."""

    @abstractmethod
    def fit_pan(self, pan: Tensor) -> Tensor:
        """(1, H, W) on the grid of the statistics, where its covariance with the MS is that of PAN and EXP."""

    @abstractmethod
    def pan_at_ms(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        """The PAN as the MS instrument would see it, (1, H, W) to (1, h, w): for weights of the bands."""

    @abstractmethod
    def pan_for_gains(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        """The PAN (1, H, W) that gains compare with EXP, on the grid of the statistics."""

    @abstractmethod
    def low_for_gains(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        """The low-passed PAN, from (1, H, W), that equalises it to the bands, on the grid of the statistics."""

    @abstractmethod
    def low_at_fit(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        """The PAN (1, H, W) at MS scale, on the grid of the statistics: what AWLP equalises."""

    @abstractmethod
    def wavelet_low(self, pan: Tensor) -> Tensor:
        """Low-pass of (1, H, W) by wavelets, still on the PAN grid."""

    @abstractmethod
    def divisor(self, image: Tensor, least: Tensor | float) -> Tensor:
        """What is divided by in place of ``image`` (...), which may be overwritten; below ``least`` it is nearly 0."""


class Physical(Sampling):
    """Centred grids, normalised Gaussian MTF, polynomial interpolation of degree 7, replicated borders.

    Statistics are taken on the MS grid, and no modulation divides by nearly nothing.
    """

    name = "physical"
    local, known_phase, fits_at_ms, whole_numbers, bands_in_order = True, True, True, False, False

    @property
    def reach(self) -> int:
        return self.ratio * (NODES // 2 + 4 + math.ceil(max(abs(p) for p in self.phase) / self.ratio))

    @property
    def offset(self) -> tuple[float, float]:
        return self.phase

    def expand(self, lrms: Tensor) -> Tensor:
        rows = expanded_axis(lrms, self.ratio, self.phase[0], -2)
        return expanded_axis(rows, self.ratio, self.phase[1], -1)

    def lowpass(self, image: Tensor, gnyq: Sequence[float]) -> Tensor:
        radius = self._radius()
        taps = gaussian_taps(gnyq, self.ratio, 0.0, radius)
        rows = weighted_rows(image, taps, -radius, 1, image.shape[-2], -2)
        return weighted_rows(rows, taps, -radius, 1, image.shape[-1], -1)

    def degrade(self, image: Tensor, gnyq: Sequence[float] | Tensor) -> Tensor:
        rows = self.degrade_axis(image, gnyq, self.phase[0], -2)
        return self.degrade_axis(rows, gnyq, self.phase[1], -1)

    def degrade_axis(self, image: Tensor, gnyq: Sequence[float] | Tensor, phase: float, axis: int) -> Tensor:
        """Blur and sample (..., C, H, W) along one axis, -2 or -1, with a gain a channel."""
        centre = (self.ratio - 1) / 2 + phase
        base = math.floor(centre)
        radius = self._radius()
        taps = gaussian_taps(gnyq, self.ratio, centre - base, radius)
        return weighted_rows(image, taps, base - radius, self.ratio, image.shape[axis] // self.ratio, axis)

    def _radius(self) -> int:
        return 3 * self.ratio + 1

    def reduced(self, image: Tensor, gnyq: Sequence[float]) -> Tensor:
        """Through the MTF, at the MS pixel centres."""
        return self.degrade(image, gnyq)

    def fit_grid(self, lrms: Tensor) -> Tensor:
        return lrms

    def fit_pan(self, pan: Tensor) -> Tensor:
        """Transpose of expand(), over ratio squared: (..., H, W) to (..., H / ratio, W / ratio).

        sum(expand(lrms) * pan) = ratio^2 sum(lrms * fit_pan(pan)) but for the borders: so a fit correlates EXP with
        the PAN at the cost of the MS grid.
        """
        rows = collected_axis(pan, self.ratio, self.phase[0], -2)
        return collected_axis(rows, self.ratio, self.phase[1], -1)

    def pan_at_ms(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        """Blurred with the mean gain of the bands, sampled."""
        return self.degrade(pan, mean_gain(gnyq))

    def pan_for_gains(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        return self.pan_at_ms(pan, gnyq)

    def low_for_gains(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        return self.pan_at_ms(pan, gnyq)

    def low_at_fit(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        return self.pan_at_ms(pan, gnyq)

    def wavelet_low(self, pan: Tensor) -> Tensor:
        """A trous, of the number of levels nearest to log2(ratio)."""
        return a_trous(pan, wavelet_levels(self.ratio))

    def divisor(self, image: Tensor, least: Tensor | float) -> Tensor:
        """Nothing below ``least``."""
        return image.clamp_(min=float(least))

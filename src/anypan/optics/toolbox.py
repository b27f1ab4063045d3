"""The reference toolbox's convention (Vivone et al., IEEE GRSM 2021): its kernels, interpolation and filters.

Its filters work on whole images: their borders depend on where the image ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from anypan.geometry.window import extended
from anypan.optics.filters import SPLINE
from anypan.optics.resize import enlarge_bicubic, reduce_bicubic
from anypan.optics.sampling import Sampling

TAPS = 41
EPS = 2.0**-52  # Matlab's
_INTERP23 = (0.5, 0.305334091185, 0.0, -0.072698593239, 0.0, 0.021809577942)
_INTERP23 += (0.0, -0.005192756653, 0.0, 0.000807762146, 0.0, -0.000060081482)


class Toolbox(Sampling):
    """Samples at ``ratio * i + ratio / 2``, the toolbox's kernel, 23-tap circular interpolation.

    Statistics are taken on the PAN grid, and formulas divide as published.
    """

    name = "toolbox"
    local, known_phase, fits_at_ms, whole_numbers, bands_in_order = False, False, False, True, True

    @property
    def reach(self) -> int:
        return self.ratio * math.ceil((12 * self.ratio + TAPS // 2) / self.ratio)

    @property
    def offset(self) -> tuple[float, float]:
        middle = self.ratio // 2 - (self.ratio - 1) / 2
        return middle, middle

    def expand(self, lrms: Tensor) -> Tensor:
        return _interp23(lrms, self.ratio)

    def lowpass(self, image: Tensor, gnyq: Sequence[float]) -> Tensor:
        return _filter2d(image, gnyq, self.ratio)

    def degrade(self, image: Tensor, gnyq: Sequence[float] | Tensor) -> Tensor:
        return self._sampled(_filter2d(image, gnyq, self.ratio))

    def _sampled(self, image: Tensor) -> Tensor:
        half = self.ratio // 2
        return image[..., half :: self.ratio, half :: self.ratio]

    def reduced(self, image: Tensor, gnyq: Sequence[float]) -> Tensor:
        """By antialiased bicubic interpolation."""
        return reduce_bicubic(image, self.ratio)

    def low_at_fit(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        """Reduced by antialiased bicubic interpolation, and enlarged again."""
        return enlarge_bicubic(reduce_bicubic(pan, self.ratio), self.ratio)

    def fit_grid(self, lrms: Tensor) -> Tensor:
        return self.expand(lrms)

    def fit_pan(self, pan: Tensor) -> Tensor:
        return pan

    def pan_at_ms(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        return self._sampled(self.wavelet_low(pan))

    def pan_for_gains(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        return pan

    def low_for_gains(self, pan: Tensor, gnyq: Sequence[float]) -> Tensor:
        """MTF filter of gain .30 whose Gaussian is wider by 41 / 40 than toolbox_kernel's."""
        narrowing = (TAPS - 1) / TAPS
        return self.lowpass(pan, [0.3 ** (narrowing**2)])

    def wavelet_low(self, pan: Tensor) -> Tensor:
        """Of the cubic B-spline wavelet, two passes (analysis, synthesis) for each of log2(ratio) levels.

        The taps are not dilated between levels. Each analysis pass mirrors four pixels beyond the border of its own,
        ever larger, image; each synthesis pass shrinks it again.
        """
        return _along(_along(pan, self.ratio).mT, self.ratio).mT

    def divisor(self, image: Tensor, least: Tensor | float) -> Tensor:
        """As the toolbox divides: by what is 0 as well."""
        return image.add_(EPS)


@lru_cache(maxsize=64)
def toolbox_kernel(gnyq: float, ratio: int) -> Tensor:
    """The 41 x 41 kernel of the reference toolbox: frequency sampling of a Gaussian, times a rotated Kaiser window.

    It neither sums to 1 nor reaches ``gnyq`` exactly at Nyquist (Vivone et al., IEEE GRSM 2021); float64.
    """
    n = TAPS
    offsets = np.arange(n) - (n - 1) / 2
    alpha = math.sqrt(((n - 1) / ratio / 2) ** 2 / (-2 * math.log(gnyq)))
    squared_radius = offsets[:, None] ** 2 + offsets[None, :] ** 2
    response = np.exp(-squared_radius / (2 * alpha**2))
    kernel = np.real(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(response / response.max()))))
    axis = offsets / ((n - 1) / 2)
    radius = np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    window = np.interp(radius, axis[n // 2 :], np.kaiser(n, 0.5)[n // 2 :], right=0.0)
    window[radius > 1 + 1e-12] = 0.0
    return torch.from_numpy(kernel * window)


def _filter2d(image: Tensor, gnyq: Sequence[float] | Tensor, ratio: int) -> Tensor:
    return filtered(image, torch.stack([toolbox_kernel(float(g), ratio) for g in gnyq]))


def filtered(image: Tensor, kernels: Tensor) -> Tensor:
    """(..., C, H, W) through symmetric kernels (C, n, n), n odd, with replicated borders; one channel may meet many.

    By FFT in float64: a direct sum of 41 x 41 taps takes a hundred times longer.
    """
    half = kernels.shape[-1] // 2
    padded = extended(extended(image.double(), half, half, -2), half, half, -1)
    size = padded.shape[-2:]
    spectrum = torch.fft.rfft2(padded) * torch.fft.rfft2(kernels.to(padded), s=size)
    return torch.fft.irfft2(spectrum, s=size)[..., 2 * half :, 2 * half :].to(image)


def _interp23(lrms: Tensor, ratio: int) -> Tensor:
    """23-tap polynomial interpolation by repeated doubling (Aiazzi et al., IEEE TGRS 2002); circular borders."""
    if ratio < 2 or ratio & (ratio - 1):
        raise ValueError(f"23-tap interpolation needs a ratio that is a power of two, not {ratio}: use physical mode")
    taps = 2 * np.array(_INTERP23)
    weights = np.concatenate([taps[:0:-1], taps])
    out = lrms
    for step in range(ratio.bit_length() - 1):
        offset = 1 if step == 0 else 0
        zeros = out.new_zeros(*out.shape[:-2], 2 * out.shape[-2], 2 * out.shape[-1])
        zeros[..., offset::2, offset::2] = out
        out = _circular(_circular(zeros, weights, -2), weights, -1)
    return out


def _circular(image: Tensor, weights: np.ndarray, axis: int) -> Tensor:
    total = torch.zeros_like(image)
    for t, weight in enumerate(weights):
        if weight:
            total += float(weight) * torch.roll(image, t - len(weights) // 2, axis)
    return total


def _along(image: Tensor, ratio: int) -> Tensor:
    levels, edge = math.ceil(math.log2(ratio)), len(SPLINE) - 1
    for _ in range(levels):
        before, after = image[..., :edge].flip(-1), image[..., -edge:].flip(-1)
        image = _spline(torch.cat([before, image, after], -1))
    for _ in range(levels):
        image = _spline(image)
    return image


def _spline(image: Tensor) -> Tensor:
    size = image.shape[-1] - len(SPLINE) + 1
    return sum((tap * image[..., t : t + size] for t, tap in enumerate(SPLINE)), torch.zeros(()))

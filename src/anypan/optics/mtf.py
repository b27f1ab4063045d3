"""MTF-matched filters and the map between the PAN grid and the MS grid.

Everything here is a sum of shifted, weighted copies of the input. A pixel therefore sees the same operations in
the same order wherever it lies in an array, so a result computed by tiles equals that of the whole image bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from anypan.geometry.window import extended

Convention = Literal["physical", "toolbox"]
NODES = 8  # MS pixels that the physical interpolator passes its polynomial through, along an axis
TOOLBOX_TAPS = 41
_INTERP23 = (0.5, 0.305334091185, 0.0, -0.072698593239, 0.0, 0.021809577942)
_INTERP23 += (0.0, -0.005192756653, 0.0, 0.000807762146, 0.0, -0.000060081482)


def sigma_for(gnyq: Tensor, ratio: float) -> Tensor:
    """Standard deviation, in PAN pixels, of the Gaussian whose response at the MS Nyquist frequency is ``gnyq``.

    Closed form sigma = (2 ratio / pi) sqrt(-ln(gnyq) / 2).
    """
    return 2 * ratio / math.pi * torch.sqrt(-torch.log(gnyq) / 2)


def gaussian_taps(gnyq: Sequence[float] | Tensor, ratio: float, centre: float, radius: int) -> Tensor:
    """Unit-sum Gaussian weights at the integer offsets -radius..radius+1 around ``centre`` (in [0, 1)).

    Returns (..., 2 * radius + 2) float64, one row for each gain in ``gnyq`` (any leading shape).
    """
    gains = torch.as_tensor(gnyq, dtype=torch.float64)
    sigma = sigma_for(gains, ratio)
    offsets = torch.arange(-radius, radius + 2, dtype=torch.float64, device=gains.device) - centre
    taps = torch.exp(-0.5 * (offsets / sigma[..., None]) ** 2)
    return taps / taps.sum(-1, keepdim=True)


@lru_cache(maxsize=64)
def toolbox_kernel(gnyq: float, ratio: int) -> Tensor:
    """The 41 x 41 kernel of the reference toolbox: frequency sampling of a Gaussian, times a rotated Kaiser window.

    It neither sums to 1 nor reaches ``gnyq`` exactly at Nyquist (Vivone et al., IEEE GRSM 2021); float64.
    """
    n = TOOLBOX_TAPS
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


@dataclass(frozen=True)
class Sampling:
    """How the MS grid samples the PAN grid.

    MS pixel (i, j) has its centre at PAN row ``ratio * i + (ratio - 1) / 2 + phase[0]`` and likewise for columns.
    ``physical``: normalised Gaussian MTF, polynomial interpolation of degree 7, replicated borders.
    ``toolbox``: the reference toolbox's kernel, samples at ``ratio * i + ratio / 2`` and 23-tap circular interpolation.
    """

    ratio: int
    phase: tuple[float, float] = (0.0, 0.0)
    convention: Convention = "physical"

    @property
    def reach(self) -> int:
        """PAN pixels that degrade() followed by expand() look beyond a pixel; a multiple of the ratio."""
        if self.convention == "toolbox":
            return self.ratio * math.ceil((12 * self.ratio + TOOLBOX_TAPS // 2) / self.ratio)
        return self.ratio * (NODES // 2 + 4 + math.ceil(max(abs(p) for p in self.phase) / self.ratio))

    @property
    def offset(self) -> tuple[float, float]:
        """PAN pixels (row, column) from the middle of its block to an MS pixel's centre, in either convention."""
        toolbox = self.ratio // 2 - (self.ratio - 1) / 2
        return (toolbox, toolbox) if self.convention == "toolbox" else self.phase

    def expand(self, lrms: Tensor) -> Tensor:
        """EXP: interpolate (..., h, w) on the MS grid to (..., ratio * h, ratio * w) on the PAN grid."""
        if self.convention == "toolbox":
            return _interp23(lrms, self.ratio)
        rows = expanded_axis(lrms, self.ratio, self.phase[0], -2)
        return expanded_axis(rows, self.ratio, self.phase[1], -1)

    def lowpass(self, image: Tensor, gnyq: Sequence[float]) -> Tensor:
        """MTF filter of (C, H, W) with one gain a channel, still on the PAN grid (no decimation)."""
        if self.convention == "toolbox":
            return _filter2d(image, gnyq, self.ratio)
        radius = self._radius()
        taps = gaussian_taps(gnyq, self.ratio, 0.0, radius)
        rows = _weighted_rows(image, taps, -radius, 1, image.shape[-2], -2)
        return _weighted_rows(rows, taps, -radius, 1, image.shape[-1], -1)

    def degrade(self, image: Tensor, gnyq: Sequence[float] | Tensor) -> Tensor:
        """MTF filter of (..., C, H, W) and sampling at the MS pixel centres: (..., C, H / ratio, W / ratio)."""
        if self.convention == "toolbox":
            half = self.ratio // 2
            return _filter2d(image, gnyq, self.ratio)[..., half :: self.ratio, half :: self.ratio]
        rows = self.degrade_axis(image, gnyq, self.phase[0], -2)
        return self.degrade_axis(rows, gnyq, self.phase[1], -1)

    def reproject(self, lrms: Tensor, gnyq: Sequence[float] | Tensor) -> Tensor:
        """What degrade() makes of expand(): (..., C, h, w) to the same, on the MS grid."""
        return self.degrade(self.expand(lrms), gnyq)

    def collect(self, image: Tensor) -> Tensor:
        """Transpose of the physical expand(), over ratio squared: (..., H, W) to (..., H / ratio, W / ratio).

        sum(expand(lrms) * image) = ratio^2 sum(lrms * collect(image)) but for the borders: so a fit
        correlates EXP with the PAN at the cost of the MS grid.
        """
        rows = _collect_axis(image, self.ratio, self.phase[0], -2)
        return _collect_axis(rows, self.ratio, self.phase[1], -1)

    def _radius(self) -> int:
        return 3 * self.ratio + 1

    def degrade_axis(self, image: Tensor, gnyq: Sequence[float] | Tensor, phase: float, axis: int) -> Tensor:
        """Blur and sample along one axis, -2 or -1, with a gain a channel."""
        centre = (self.ratio - 1) / 2 + phase
        base = math.floor(centre)
        radius = self._radius()
        taps = gaussian_taps(gnyq, self.ratio, centre - base, radius)
        return _weighted_rows(image, taps, base - radius, self.ratio, image.shape[axis] // self.ratio, axis)


def _weighted_rows(image: Tensor, taps: Tensor, start: int, step: int, count: int, axis: int) -> Tensor:
    """out[k] = sum_t taps[..., t] * image[start + t + step * k], replicated borders, for k < count."""
    taps = taps.to(image)
    before = max(0, -start)
    after = max(0, start + taps.shape[-1] + step * (count - 1) - image.shape[axis])
    padded = extended(image, before, after, axis)
    first, span = start + before, step * (count - 1) + 1

    def piece(t: int) -> Tensor:
        return padded.narrow(axis, first + t, span)[(..., slice(None, None, step), *[slice(None)] * (-axis - 1))]

    total = piece(0) * taps[..., 0, None, None]
    for t in range(1, taps.shape[-1]):
        total = torch.addcmul(total, piece(t), taps[..., t, None, None])
    return total


def _lagrange(position: float) -> Tensor:
    """Weights of the nodes -3..4 for a point in [0, 1): the polynomial of degree 7 through them; they sum to 1."""
    nodes = range(1 - NODES // 2, NODES // 2 + 1)
    weights = [math.prod((position - j) / (k - j) for j in nodes if j != k) for k in nodes]
    return torch.tensor(weights, dtype=torch.float64)


def expanded_axis(lrms: Tensor, ratio: int, phase: float, axis: int) -> Tensor:
    """The physical interpolation of (..., h, w) along one axis, -2 or -1: ``ratio`` times as long."""
    shape = list(lrms.shape)
    size = shape[axis]
    shape[axis] = size * ratio
    out = lrms.new_empty(shape)
    for p in range(ratio):
        position = (p - (ratio - 1) / 2 - phase) / ratio
        base = math.floor(position)
        rows = _weighted_rows(lrms, _lagrange(position - base), base + 1 - NODES // 2, 1, size, axis)
        out[(..., slice(p, None, ratio), *[slice(None)] * (-axis - 1))] = rows
    return out


def _collect_axis(image: Tensor, ratio: int, phase: float, axis: int) -> Tensor:
    taps: dict[int, float] = {}
    for p in range(ratio):
        position = (p - (ratio - 1) / 2 - phase) / ratio
        first = math.floor(position) + 1 - NODES // 2
        weights = _lagrange(position - math.floor(position)).tolist()
        taps |= {p - ratio * (first + k): weight / ratio for k, weight in enumerate(weights)}
    start = min(taps)
    row = torch.tensor([taps.get(t, 0.0) for t in range(start, max(taps) + 1)], dtype=torch.float64)
    return _weighted_rows(image, row, start, ratio, image.shape[axis] // ratio, axis)


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


class DenseSampling:
    """The physical Sampling as dense matrices: much faster to differentiate on small training patches.

    ``pan_shape`` is the size of the PAN patch; ``phase`` as in Sampling. Equal to Sampling to float32 rounding.
    """

    def __init__(self, ratio: int, pan_shape: tuple[int, int], phase: tuple[float, float] = (0.0, 0.0)) -> None:
        self.ratio, self.phase, self.pan_shape = ratio, phase, pan_shape
        self._expand = [expansion_matrix(ratio, n // ratio, p) for n, p in zip(pan_shape, phase, strict=True)]
        self._degrade: dict[bytes, tuple[Tensor, Tensor]] = {}

    def expand(self, lrms: Tensor) -> Tensor:
        with torch.autocast(lrms.device.type, enabled=False):  # three figures are not enough for interpolation
            rows, cols = (m.to(lrms) for m in self._expand)
            return rows @ lrms @ cols.T

    def degrade(self, image: Tensor, gnyq: Tensor) -> Tensor:
        """MTF filter and sampling of (..., C, H, W) with gains (..., C)."""
        with torch.autocast(image.device.type, enabled=False):
            rows, cols = self._filters(gnyq)
            return rows.to(image) @ image @ cols.to(image).mT

    def reproject(self, lrms: Tensor, gnyq: Tensor) -> Tensor:
        """degrade(expand()) of (..., C, h, w) with gains (..., C), as products on the MS grid."""
        with torch.autocast(lrms.device.type, enabled=False):
            pairs = zip(self._filters(gnyq), self._expand, strict=True)
            rows, cols = (down.to(lrms) @ up.to(lrms) for down, up in pairs)
            return rows @ lrms @ cols.mT

    def _filters(self, gnyq: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and columns of degrade(), kept: a network asks for the same ones again and again."""
        key = str(tuple(gnyq.shape)).encode() + gnyq.detach().cpu().numpy().tobytes()
        if key not in self._degrade:
            rows, cols = (
                gaussian_matrix(gnyq, self.ratio, n, p) for n, p in zip(self.pan_shape, self.phase, strict=True)
            )
            self._degrade[key] = rows, cols
        return self._degrade[key]

    def degrade_each(self, image: Tensor, gains: Tensor) -> Tensor:
        """One image (N, 1, H, W) with each of the gains (G,): (N, G, H / ratio, W / ratio)."""
        rows, cols = self._filters(gains)
        down = (rows.flatten(0, 1).to(image) @ image[:, 0]).unflatten(1, (len(gains), -1))
        return down @ cols.to(image).mT


def expansion_matrix(ratio: int, size: int, phase: float) -> Tensor:
    """(ratio * size, size) matrix of the physical interpolation along one axis; rows sum to 1."""
    return expanded_axis(torch.eye(size, dtype=torch.float64), ratio, phase, -2)


def gaussian_matrix(gnyq: Tensor, ratio: float, size: int, phase: float | Tensor = 0.0) -> Tensor:
    """(..., size // ratio, size) matrices that blur with gain ``gnyq`` (...) at the coarse Nyquist and sample.

    ``phase`` is a number or (...), in fine pixels. Rows sum to 1; beyond the border the filter is cut and renormalised.
    """
    gains = torch.as_tensor(gnyq, dtype=torch.float32)
    sigma = sigma_for(gains, ratio)
    count = int(size // ratio)
    centre = ratio * torch.arange(count, device=gains.device) + (ratio - 1) / 2
    shifted = centre + torch.as_tensor(phase, device=gains.device)[..., None].expand(*gains.shape, 1)
    offset = torch.arange(size, device=gains.device) - shifted[..., None]
    weights = torch.exp(-0.5 * (offset / sigma[..., None, None]) ** 2)
    return weights / weights.sum(-1, keepdim=True)

"""MTF-matched filters and interpolation between the PAN grid and the MS grid, along axes and as matrices.

Everything here is a sum of shifted, weighted copies of the input. A pixel therefore sees the same operations in
the same order wherever it lies in an array, so a result computed by tiles equals that of the whole image bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from anypan.geometry.window import extended
from anypan.runtime.defaults import full_precision

NODES = 8  # MS pixels that the physical interpolator passes its polynomial through, along an axis
NOTHING = 1e-30  # what a weight below it adds is lost in rounding, and numbers near 1e-38 take a hundred times as long
CACHED = 2**17  # numbers of an image that a filter works on at once
FAR = -80.0  # a logarithm whose number is below NOTHING, but not near 1e-38


def sigma_for(gnyq: Tensor, ratio: float) -> Tensor:
    """Standard deviation (...), in PAN pixels, of the Gaussian whose response at the MS Nyquist frequency is ``gnyq``.

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
    return unit_sum(torch.exp(-0.5 * (offsets / sigma[..., None]) ** 2))


def mean_gain(gnyq: Sequence[float] | Tensor) -> Tensor:
    """(..., 1) float32: the mean of the bands' gains (..., B)."""
    return torch.as_tensor(gnyq, dtype=torch.float32).mean(-1, keepdim=True)


def weighted_rows(image: Tensor, taps: Tensor, start: int, step: int, count: int, axis: int) -> Tensor:
    """out[k] = sum_t taps[..., t] * image[start + t + step * k], k < count, along an axis of (..., H, W).

    Borders are replicated.
    """
    taps = taps.to(image)
    before = max(0, -start)
    after = max(0, start + taps.shape[-1] + step * (count - 1) - image.shape[axis])
    padded = extended(image, before, after, axis)
    rows = count if axis == -2 else image.shape[-2]
    at_once = max(8, CACHED // max(1, padded[..., 0, :].numel()))
    parts = []
    for row in range(0, rows, at_once):  # few rows at a time stay in the cache of a processor from tap to tap
        these = min(at_once, rows - row)
        if axis == -2:
            part = padded.narrow(-2, start + before + step * row, step * (these - 1) + taps.shape[-1])
        else:
            part = padded.narrow(-2, row, these).narrow(-1, start + before, step * (count - 1) + taps.shape[-1])
        parts.append(_summed(part, taps, step, axis))
    return torch.cat(parts, -2) if len(parts) > 1 else parts[0]


def _summed(image: Tensor, taps: Tensor, step: int, axis: int) -> Tensor:
    """out[k] = sum_t taps[..., t] * image[t + step * k] along an axis of (..., H, W), as many as there are."""
    span = image.shape[axis] - taps.shape[-1] + 1

    def piece(t: int) -> Tensor:
        return image.narrow(axis, t, span)[(..., slice(None, None, step), *[slice(None)] * (-axis - 1))]

    total = piece(0) * taps[..., 0, None, None]
    for t in range(1, taps.shape[-1]):
        total.addcmul_(piece(t), taps[..., t, None, None])
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
        rows = weighted_rows(lrms, _lagrange(position - base), base + 1 - NODES // 2, 1, size, axis)
        out[(..., slice(p, None, ratio), *[slice(None)] * (-axis - 1))] = rows
    return out


def collected_axis(image: Tensor, ratio: int, phase: float, axis: int) -> Tensor:
    """Transpose of expanded_axis(), over ``ratio``: (..., H, W) along one axis, -2 or -1, ``ratio`` times as short."""
    taps: dict[int, float] = {}
    for p in range(ratio):
        position = (p - (ratio - 1) / 2 - phase) / ratio
        first = math.floor(position) + 1 - NODES // 2
        weights = _lagrange(position - math.floor(position)).tolist()
        taps |= {p - ratio * (first + k): weight / ratio for k, weight in enumerate(weights)}
    start = min(taps)
    row = torch.tensor([taps.get(t, 0.0) for t in range(start, max(taps) + 1)], dtype=torch.float64)
    return weighted_rows(image, row, start, ratio, image.shape[axis] // ratio, axis)


class DenseSampling:
    """The physical Sampling as dense matrices: much faster to differentiate on small training patches.

    ``pan_shape`` is the size of the PAN patch; ``phase`` as in Sampling. Equal to Physical to
    float32 rounding but for borders, where degrade() and reproject() cut the filter and renormalise it.
    """

    def __init__(self, ratio: int, pan_shape: tuple[int, int], phase: tuple[float, float] = (0.0, 0.0)) -> None:
        self.ratio, self.phase, self.pan_shape = ratio, phase, pan_shape
        self._expand = [expansion_matrix(ratio, n // ratio, p) for n, p in zip(pan_shape, phase, strict=True)]
        self._degrade: dict[bytes, tuple[Tensor, Tensor]] = {}

    def expand(self, lrms: Tensor) -> Tensor:
        with full_precision(lrms):  # three figures are not enough for interpolation
            rows, cols = (m.to(lrms) for m in self._expand)
            return rows @ lrms @ cols.T

    def degrade(self, image: Tensor, gnyq: Tensor) -> Tensor:
        """MTF filter and sampling of (..., C, H, W) with gains (..., C)."""
        with full_precision(image):
            rows, cols = self._filters(gnyq)
            return rows.to(image) @ image @ cols.to(image).mT

    def reproject(self, lrms: Tensor, gnyq: Tensor) -> Tensor:
        """degrade(expand()) of (..., C, h, w) with gains (..., C), as products on the MS grid."""
        with full_precision(lrms):
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
    return unit_sum(torch.exp((-0.5 * (offset / sigma[..., None, None]) ** 2).clamp(min=FAR)))


def unit_sum(weights: Tensor) -> Tensor:
    """Weights (..., n) over their sums, with nothing where they are lost in rounding."""
    weights = weights / weights.sum(-1, keepdim=True)
    return torch.where(weights < NOTHING, 0.0, weights)

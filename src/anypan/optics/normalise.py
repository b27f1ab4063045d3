"""Scale: the scene's own statistics, by which a network's inputs are standardised and its output restored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.optics.mtf import DenseSampling, mean_gain
from anypan.optics.sampling import Sampling

HIGHEST = 30.0  # bound of the level: farther from zero a band is modulated no otherwise than by addition
# Shares of the PAN's detail explained from which on a measured gain says all, and below which it says nothing.
EXPLAINED_ENOUGH, EXPLAINED_TOO_LITTLE = 0.8, 0.7
MAX_LOG_GAIN_RATIO = 1.5  # bound of the logarithm of the measured gain over the instrument's
RIDGE = 1e-2  # of the unit variance that standardised bands have: keeps collinear bands from wild weights

WINDOW = 5  # MS pixels along a side of the window of local regression
SMOOTHED = 3  # MS pixels along a side over which local gains are averaged
REGRESSION_REACH = WINDOW // 2 + SMOOTHED // 2  # MS pixels
LOCAL_RIDGE = 0.1  # of a standardised PAN's variance: flat ground takes the scene's slope
DIFFERENCES = 36.0  # variance of the second differences of white noise of variance 1
LOCAL_NOISE = 0.005  # variance below which nothing is said about likeness


@dataclass(frozen=True)
class Scale:
    """Statistics of a scene (or of a stack of scenes, with leading dimensions).

    ``mean`` and ``std`` (..., B): of the MS bands. ``pan_mean`` and ``pan_std`` (...): of the PAN at MS scale.
    ``slope`` (..., B): regression of each standardised band on the standardised PAN, which is also their correlation.
    ``weights`` (..., B): least-squares weights of the standardised bands for the standardised PAN.
    ``level`` (..., B): mean over standard deviation of each band, 0 if negative: how far zero lies below the mean.
    ``log_gain_ratio`` (...): log of the MTF gain measured on the pair over the instrument's, 0 until then;
    ``explained`` (...): the share of the PAN's detail that the bands explained there; ``alone`` (..., B): the share of
    each band's detail that neither the PAN nor the other bands explained, noise most of all, 0 until then; ``fine``
    (..., B): 1, or down to 0 for bands that were resampled from a coarser grid (gain.py).
    """

    mean: Tensor
    std: Tensor
    pan_mean: Tensor
    pan_std: Tensor
    slope: Tensor
    weights: Tensor
    level: Tensor
    log_gain_ratio: Tensor
    explained: Tensor
    alone: Tensor
    fine: Tensor

    def to(self, device: str | torch.device) -> Scale:
        return Scale(*(getattr(self, f.name).to(device) for f in fields(self)))

    def stacked(self) -> Scale:
        """The same with a leading dimension of 1."""
        return Scale(*(getattr(self, f.name)[None] for f in fields(self)))

    def measured(self, gain: Tensor, explained: Tensor, alone: Tensor, fine: Tensor, gnyq: Tensor) -> Scale:
        """The same, with what was measured of the gain: gain, explained (...); alone, fine (..., B).

        ``gnyq`` (..., B): the instrument's.

        Where the bands explain little of the PAN's detail its gain says nothing: the instrument's holds.
        """
        log_gain_ratio = torch.log(gain.to(gnyq) / gnyq.mean(-1)).clamp(-MAX_LOG_GAIN_RATIO, MAX_LOG_GAIN_RATIO)
        trusted = ((explained.to(gnyq) - EXPLAINED_TOO_LITTLE) / (EXPLAINED_ENOUGH - EXPLAINED_TOO_LITTLE)).clamp(0, 1)
        found = {"log_gain_ratio": log_gain_ratio * trusted, "explained": explained, "alone": alone, "fine": fine}
        return replace(self, **{name: value.to(self.slope) for name, value in found.items()})

    def apply(self, lrms: Tensor) -> Tensor:
        """Standardise (..., B, h, w)."""
        return (lrms - self.mean[..., None, None]) / self.std[..., None, None]

    def apply_pan(self, pan: Tensor) -> Tensor:
        """Standardise (..., 1, H, W)."""
        return (pan - self.pan_mean[..., None, None, None]) / self.pan_std[..., None, None, None]

    def invert(self, standardised: Tensor) -> Tensor:
        """Back to the units of the bands: (..., B, H, W)."""
        return standardised * self.std[..., None, None] + self.mean[..., None, None]


@dataclass(frozen=True)
class Moments:
    """Sums over valid MS pixels of the vector (1, bands, PAN at MS scale) times itself: (..., B + 2, B + 2) float64."""

    products: Tensor

    @staticmethod
    def of(lrms: Tensor, pan_lr: Tensor, mask: Tensor | None = None) -> Moments:
        """lrms (..., B, h, w), pan_lr (..., 1, h, w), mask (h, w)."""
        ones = torch.ones_like(pan_lr)
        stack = torch.cat([ones, lrms, pan_lr], dim=-3).to(torch.float64)
        if mask is not None:
            stack = torch.where(mask, stack, 0.0)
        rows = stack.flatten(-2)
        return Moments(rows @ rows.mT)

    @staticmethod
    def total(parts: Iterable[Moments]) -> Moments:
        """The moments of all parts of an image together."""
        return Moments(torch.stack([part.products for part in parts]).sum(0))

    def scale(self) -> Scale:
        """The statistics; a constant band has a tiny std, no slope, no weight; without a valid pixel the std is 1."""
        count = self.products[..., :1, :1].clamp(min=1)
        moments = self.products / count
        mean = moments[..., 0, 1:]
        covariance = moments[..., 1:, 1:] - mean[..., :, None] * mean[..., None, :]
        variance = covariance.diagonal(dim1=-2, dim2=-1)
        floor = 1e-10 * (mean**2) + 1e-36
        std = torch.where(self.products[..., :1, 0] > 0, torch.maximum(variance, floor).sqrt(), 1.0)
        live = (variance > floor).to(std.dtype)
        correlation = covariance / (std[..., :, None] * std[..., None, :]) * live[..., :, None] * live[..., None, :]
        slope = correlation[..., :-1, -1]
        ridge = RIDGE * torch.eye(slope.shape[-1], dtype=slope.dtype, device=slope.device)
        weights = torch.linalg.solve(correlation[..., :-1, :-1] + ridge, slope)
        level = (mean / std).clamp(0, HIGHEST)[..., :-1]
        parts = (mean[..., :-1], std[..., :-1], mean[..., -1], std[..., -1], slope, weights, level)
        one, each = torch.ones_like(slope[..., 0]), torch.ones_like(slope)
        unknown = (0 * one, one, 0 * each, each)
        return Scale(*(part.to(torch.float32) for part in (*parts, *unknown)))


def pan_at_ms_scale(pan: Tensor, gnyq: Sequence[float] | Tensor, sampling: Sampling | DenseSampling) -> Tensor:
    """The PAN (..., 1, H, W) as the MS instrument would see it: blurred with the mean gain of the bands, sampled."""
    return sampling.degrade(pan, mean_gain(gnyq))


def second_differences(image: Tensor) -> Tensor:
    """Second differences along rows and columns (..., h, w), edges repeated: noise, most of it (Immerkaer, CVIU 1996).

    image (C, h, w) or (N, C, h, w), in any unit.
    """
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    down = padded[..., 2:, :] - 2 * padded[..., 1:-1, :] + padded[..., :-2, :]
    return down[..., 2:] - 2 * down[..., 1:-1] + down[..., :-2]


def local_regression(lrms: Tensor, pan_lr: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and likeness of each band to the PAN around every MS pixel, of standardised images: two (N, B, h, w).

    lrms (N, B, h, w), pan_lr (N, 1, h, w), slope (N, B). The gain is the regression on the PAN in windows of 5 x 5
    pixels, drawn to the scene's ``slope`` where the PAN is flat (a ridge); the likeness is the correlation there.
    """
    mean, pan_mean = box_mean(lrms, WINDOW), box_mean(pan_lr, WINDOW)
    covariance = box_mean(lrms * pan_lr, WINDOW) - mean * pan_mean
    power, own = local_variance(pan_lr, pan_mean), local_variance(lrms, mean)
    gains = (covariance + LOCAL_RIDGE * slope[..., None, None]) / (power + LOCAL_RIDGE)
    likeness = covariance / torch.sqrt((own + LOCAL_NOISE) * (power + LOCAL_NOISE))
    return box_mean(gains, SMOOTHED), box_mean(likeness, SMOOTHED)


def local_variance(image: Tensor, mean: Tensor) -> Tensor:
    """Variance (..., H, W) around each pixel, in windows of 5 x 5, of which ``mean`` holds the means."""
    return (box_mean(image**2, WINDOW) - mean**2).clamp(min=0)


def box_mean(image: Tensor, size: int) -> Tensor:
    """Mean over size x size pixels of (..., H, W), borders replicated: shifted sums, faster than pooling."""
    half, (rows, cols) = size // 2, image.shape[-2:]
    padded = F.pad(image, (half,) * 4, mode="replicate")
    down = padded[..., :rows, :] + padded[..., 1 : rows + 1, :]
    for k in range(2, size):
        down = down + padded[..., k : rows + k, :]
    across = down[..., :cols] + down[..., 1 : cols + 1]
    for k in range(2, size):
        across = across + down[..., k : cols + k]
    return across / size**2

"""Degradations by detectors and by storage: noise, stripes, saturation, compression, quantisation.

Each is a pure function of images (G, K, B, H, W), G scenes of K patches, whose zero is no light.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.simulate.random import Random

Range = tuple[float, float]
IMPULSES = 0.05  # share of struck pixels over the level


def detector_noise(image: Tensor, rng: Random, snr: Range) -> Tensor:
    """Shot noise plus read noise of equal power at the mean signal, whose ratio is ``snr``, on (G, K, B, H, W)."""
    signal = mean_signal(image)
    sigma = signal / rng.log_uniform(*snr, len(image), 1, 1, 1, 1)
    level = torch.sqrt(0.5 * sigma**2 * (1 + image.clamp(min=0) / signal.clamp(min=1e-6)))
    return image + level * rng.normal(1.0, *image.shape)


def mean_signal(image: Tensor) -> Tensor:
    """(G, 1, B, 1, 1) mean of each scene and band."""
    return image.mean((1, 3, 4), keepdim=True).abs()


def _gaussian(image: Tensor, rng: Random, level: Tensor) -> Tensor:
    return image + level * mean_signal(image) * rng.normal(1.0, *image.shape)


def _uniform(image: Tensor, rng: Random, level: Tensor) -> Tensor:
    return image + level * mean_signal(image) * rng.uniform(-math.sqrt(3), math.sqrt(3), *image.shape)


def _poisson(image: Tensor, rng: Random, level: Tensor) -> Tensor:
    unit = level**2 * mean_signal(image).clamp(min=1e-6)
    return rng.poisson(image.clamp(min=0) / unit) * unit


def _rayleigh(image: Tensor, rng: Random, level: Tensor) -> Tensor:
    drawn = torch.sqrt(-2 * torch.log(_open(rng, image)))
    return image + level * mean_signal(image) * (drawn - math.sqrt(math.pi / 2)) / math.sqrt(2 - math.pi / 2)


def _gamma(image: Tensor, rng: Random, level: Tensor) -> Tensor:
    drawn = -torch.log(_open(rng, image)) - torch.log(_open(rng, image))  # of shape 2: mean 2, variance 2
    return image + level * mean_signal(image) * (drawn - 2) / math.sqrt(2)


def _speckle(image: Tensor, rng: Random, level: Tensor) -> Tensor:
    return image * (1 + level * rng.normal(1.0, *image.shape))


def _impulse(image: Tensor, rng: Random, level: Tensor) -> Tensor:
    low, high = image.amin((1, 3, 4), keepdim=True), image.amax((1, 3, 4), keepdim=True)
    struck = rng.uniform(0, 1, *image.shape) < IMPULSES * level
    return torch.where(struck, low + (high - low) * rng.uniform(0, 1, *image.shape), image)


def _salt_and_pepper(image: Tensor, rng: Random, level: Tensor) -> Tensor:
    low, high = image.amin((1, 3, 4), keepdim=True), image.amax((1, 3, 4), keepdim=True)
    struck = rng.uniform(0, 1, *image.shape) < IMPULSES * level
    return torch.where(struck, torch.where(rng.chance(0.5, *image.shape) > 0, high, low), image)


def _open(rng: Random, image: Tensor) -> Tensor:
    return rng.uniform(1e-7, 1, *image.shape)


NOISES: dict[str, Callable[[Tensor, Random, Tensor], Tensor]] = {
    "gaussian": _gaussian,
    "uniform": _uniform,
    "poisson": _poisson,
    "rayleigh": _rayleigh,
    "gamma": _gamma,
    "speckle": _speckle,
    "impulse": _impulse,
    "salt and pepper": _salt_and_pepper,
}
"""Families of noise (image, rng, level): ``level`` (G, 1, 1, 1, 1) is the standard deviation over the scene's mean
signal, at the mean signal; for the last two, 1 / IMPULSES times the share of struck pixels. The mean is kept but by
the last two."""


LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of luminance at quality 50: ITU-T T.81, table K.1."""


def dct_quantise(image: Tensor, quality: Tensor) -> Tensor:
    """Round the coefficients of 8 x 8 blocks (ITU-T T.81) to steps by quality (G,) from 1 to 100.

    The scene's greatest value stands for 255. The table is scaled by quality as the usual coder does.
    """
    height, width = image.shape[-2:]
    unit = image.amax((1, 2, 3, 4), keepdim=True).clamp(min=1e-6) / 255
    padded = F.pad((image / unit - 128).flatten(0, 1), (0, -width % 8, 0, -height % 8), mode="replicate")
    blocks = padded.unflatten(0, image.shape[:2]).unflatten(-1, (-1, 8)).unflatten(-3, (-1, 8)).transpose(-3, -2)
    basis = _cosines().to(image)
    step = _steps(quality).to(image)[:, None, None, None, None]
    coefficients = ((basis @ blocks @ basis.T) / step).round() * step
    restored = (basis.T @ coefficients @ basis).transpose(-3, -2).flatten(-4, -3).flatten(-2, -1)
    return (restored[..., :height, :width] + 128) * unit


def _cosines() -> Tensor:
    """(8, 8) orthonormal cosine transform, rows by frequency."""
    n = torch.arange(8)
    basis = torch.cos(math.pi / 8 * (n + 0.5) * n[:, None]) / 2
    basis[0] /= math.sqrt(2)
    return basis


def _steps(quality: Tensor) -> Tensor:
    """(G, 8, 8) steps."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None]
    table = torch.tensor(LUMINANCE, dtype=torch.float32, device=quality.device)
    return ((scale * table + 50) / 100).floor().clamp(1, 255)

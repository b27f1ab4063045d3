"""Degradations by optics and sampling, as matrices (size // ratio, size) along an axis and as small kernels.

A separable blur with sampling is ``rows @ image @ columns.mT``. Gains are responses at the Nyquist frequency of the
coarse grid. Matrix rows sum to 1, and filters are cut and renormalised at the border, as in anypan.optics.mtf.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.optics.mtf import gaussian_matrix, sigma_for, unit_sum
from anypan.simulate.random import Random

DETECTOR_GAIN = 2 / math.pi  # of a square detector as wide as its pixel, at its Nyquist frequency
MOST = 0.95  # of gains that networks are given: a filter that amplifies is no MTF
LIGHT_SIGMA = 1.5  # of the 3 x 3 Gaussian


def split_gain(gain: Tensor, anisotropy: Tensor) -> tuple[Tensor, Tensor]:
    """Gains (...) along rows' and columns' axes: the Gaussian's width times and over the root of ``anisotropy``."""
    return gain**anisotropy, gain ** (1 / anisotropy)


def mtf_matrix(gain: Tensor, ratio: float, size: int, phase: float | Tensor = 0.0, detector: bool = False) -> Tensor:
    """Blur with ``gain`` (...) and sample: a Gaussian, or one in which the detector's box takes part.

    ``detector``: Gaussian optics through a square detector one coarse pixel wide, together of the same gain; where
    the box alone would blur more than ``gain``, the optics are nearly perfect. Schowengerdt, Remote Sensing, ch. 3.
    """
    if not detector:
        return gaussian_matrix(gain, ratio, size, phase)
    sigma = sigma_for((gain / DETECTOR_GAIN).clamp(max=0.98), ratio)[..., None, None]
    centre = ratio * torch.arange(int(size // ratio), device=gain.device) + (ratio - 1) / 2
    shift = torch.as_tensor(phase, dtype=gain.dtype, device=gain.device)[..., None, None]
    offset = torch.arange(size, device=gain.device) - (centre[:, None] + shift)
    weights = torch.special.ndtr((offset + ratio / 2) / sigma) - torch.special.ndtr((offset - ratio / 2) / sigma)
    return unit_sum(weights)


def cubic_matrix(centres: Tensor, size: int, a: float = -0.5, stretch: float = 1.0) -> Tensor:
    """(len(centres), size) cubic convolution (Keys 1981) at ``centres`` in pixels; ``stretch`` widens the kernel."""
    t = ((torch.arange(size, device=centres.device) - centres[:, None]) / stretch).abs()
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    far = a * (t**3 - 5 * t**2 + 8 * t - 4)
    weights = torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))
    return weights / weights.sum(-1, keepdim=True)


def resampled_matrix(gain: Tensor, own: float, ratio: int, size: int, phase: Tensor) -> Tensor:
    """Sample at a ratio of its ``own``, then cubic interpolation to whole ``ratio``, as when a pair is aligned."""
    count = math.ceil(size / own)
    seen = gaussian_matrix(gain, own, math.ceil(count * own) + 1, phase)[..., :count, :size]
    seen = seen / seen.sum(-1, keepdim=True).clamp(min=1e-6)
    centres = (torch.arange(size // ratio, device=gain.device) * ratio + (ratio - own) / 2) / own
    return cubic_matrix(centres.clamp(0, count - 1), count, stretch=max(1.0, ratio / own)) @ seen


def area_matrix(ratio: int, size: int) -> Tensor:
    """(size / ratio, size): mean of the pixels that a coarse pixel covers."""
    return torch.eye(size // ratio).repeat_interleave(ratio, 1) / ratio


def bicubic_matrix(ratio: int, size: int, antialias: bool = True) -> Tensor:
    """(size / ratio, size): cubic interpolation at the coarse pixels' centres, with the kernel stretched by the ratio.

    Without ``antialias`` it is not stretched, as in many image libraries: what is above the Nyquist frequency aliases.
    """
    rows = torch.eye(size)[None, None]
    shape = (size // ratio, size)
    return F.interpolate(rows, size=shape, mode="bicubic", antialias=antialias)[0, 0]


def light_matrix(ratio: int, size: int) -> Tensor:
    """A Gaussian of 3 taps, sigma 1.5, then cubic interpolation between aligned corners: the published networks' blur.

    Code of PreMix and UniPAN (Cui et al.). Nothing happens at ratio 1.
    """
    if ratio == 1:
        return torch.eye(size)
    side = math.exp(-0.5 / LIGHT_SIGMA**2)
    index = torch.arange(size)
    soft = torch.eye(size)
    for step in (-1, 1):
        soft = soft + side * torch.eye(size)[(index + step).clamp(0, size - 1)]
    rows = F.interpolate(torch.eye(size)[None, None], size=(size // ratio, size), mode="bicubic", align_corners=True)
    return rows[0, 0] @ (soft / (1 + 2 * side))


@dataclass(frozen=True)
class Kernel:
    """A way to make the MS of the reference; ``matrix`` is None for the MTF of a drawn gain.

    ``pan``, ``reference``: these too are made from the fine image in this way rather than through an MTF.
    """

    what: str
    matrix: Callable[[int, int], Tensor] | None = None
    pan: bool = False
    reference: bool = False


def _decimation(ratio: int, size: int) -> Tensor:
    return bicubic_matrix(ratio, size, antialias=False)


KERNELS: dict[str, Kernel] = {
    "mtf": Kernel("the MTF of an instrument"),
    "area": Kernel("mean over the MS pixel", area_matrix),
    "bicubic": Kernel("cubic interpolation with a low-pass", bicubic_matrix),
    "decimation": Kernel("cubic interpolation without a low-pass, PAN and MS", _decimation, pan=True),
    "light": Kernel("3 x 3 Gaussian and cubic interpolation, PAN, MS and reference", light_matrix, True, True),
}


def response(matrix: Tensor, ratio: int) -> float:
    """Gain of a (size // ratio, size) matrix at the coarse Nyquist frequency: the mean over its middle rows."""
    rows = matrix[len(matrix) // 4 : -(len(matrix) // 4)].double()
    angle = math.pi / ratio * torch.arange(rows.shape[1], device=rows.device)
    return float(torch.hypot(rows @ torch.cos(angle).double(), rows @ torch.sin(angle).double()).mean())


def sharpen(image: Tensor, amount: Tensor) -> Tensor:
    """Unsharp masking of (..., H, W), as ground processing does: image + amount * (image - blurred image)."""
    blur = gaussian_matrix(torch.tensor(0.3), 1, image.shape[-1]).to(image)
    return image + amount * (image - blur @ image @ blur.T)


def motion_kernels(length: Tensor, angle: Tensor) -> Tensor:
    """(G, n, n) kernels of a straight, even smear of ``length`` pixels at ``angle`` (radians from a row)."""
    reach = math.ceil(float(length.max()) / 2) if len(length) else 0
    along = (torch.arange(33, device=length.device) + 0.5) / 33 - 0.5
    rows, cols = (along * (length * trace(angle))[:, None] for trace in (torch.sin, torch.cos))
    grid = torch.arange(-reach, reach + 1, device=length.device)
    row_weights, col_weights = ((1 - (grid - p[..., None]).abs()).clamp(min=0) for p in (rows, cols))
    kernels = torch.einsum("gti,gtj->gij", row_weights, col_weights)
    return kernels / kernels.sum((-2, -1), keepdim=True)


def convolve(image: Tensor, kernels: Tensor) -> Tensor:
    """(G, K, B, H, W) through one kernel (G, n, n) a scene, n odd, with replicated borders."""
    g, k, b, height, width = image.shape
    half = kernels.shape[-1] // 2
    stacked = image.reshape(g, k * b, height, width).transpose(0, 1)
    padded = F.pad(stacked, (half, half, half, half), mode="replicate")
    out = F.conv2d(padded, kernels[:, None].flip(-2, -1).to(image), groups=g)
    return out.transpose(0, 1).reshape(image.shape)


def smear(image: Tensor, rng: Random, length: tuple[float, float]) -> Tensor:
    """A straight smear of (G, K, C, H, W), of random ``length`` and direction a scene: motion during exposure."""
    scenes = len(image)
    lengths, angles = rng.uniform(*length, scenes), rng.uniform(0, math.pi, scenes)
    return convolve(image, motion_kernels(lengths, angles))

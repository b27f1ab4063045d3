"""From fine images to (Scene, reference): what the PAN and the MS instrument would have seen of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.mtf import DenseSampling, gaussian_matrix
from anypan.scene import Scene, from_arrays
from anypan.simulate.bands import add_foreign, add_texture, bend, make_pan, mix_bands, vary_gain
from anypan.simulate.random import chance, log_uniform, normal, pick, uniform


@dataclass(frozen=True)
class Simulation:
    """Ranges that the simulator draws from; gains are responses at the Nyquist frequency of their grid."""

    ratios: dict[int, float] = field(default_factory=lambda: {4: 0.55, 2: 0.3, 3: 0.1, 6: 0.05})
    bands: dict[int, float] = field(default_factory=lambda: {3: 0.1, 4: 0.55, 6: 0.2, 8: 0.15})
    reductions: dict[int, float] = field(default_factory=lambda: {2: 0.75, 3: 0.15, 1: 0.1})
    pan_gain: tuple[float, float] = (0.08, 0.5)
    reference_gain: tuple[float, float] = (0.2, 0.42)
    ms_gain: tuple[float, float] = (0.18, 0.42)
    wide_gain: tuple[float, float] = (0.08, 0.85)  # of products restored on the ground or resampled lightly
    wide: float = 0.25  # share of scenes whose MS gain comes from the wide range
    gain_error: float = 0.03  # relative error, standard deviation, of the gains that the network is told
    misregistered: float = 0.4  # share of scenes whose MS is displaced
    displacement: float = 0.2  # PAN pixels, standard deviation
    band_displacement: float = 0.06
    snr_pan: tuple[float, float] = (300.0, 3000.0)
    snr_ms: tuple[float, float] = (500.0, 5000.0)
    restored: float = 0.3  # share of scenes sharpened on the ground, PAN and MS alike
    overstated: float = 0.25  # share of scenes whose PAN alone was sharpened, so that the gain told is too high
    overstated_gain: tuple[float, float] = (0.06, 0.22)  # true gain between the two files there
    table_gain: tuple[float, float] = (0.26, 0.34)  # and what is told
    aliased: float = 0.08  # share of batches decimated by cubic interpolation without a low-pass, PAN and MS
    aliased_reference: tuple[float, float] = (0.05, 0.35)  # gain of the MS product that was decimated, as it came
    aliased_gain: float = 0.78  # what is told there: the gain that is measured on such pairs


@dataclass(frozen=True)
class Batch:
    """pan (N, 1, H, W), lrms (N, B, h, w), reference (N, B, H, W), gnyq (N, B) as told to the network."""

    pan: Tensor
    lrms: Tensor
    reference: Tensor
    gnyq: Tensor
    pan_weights: Tensor
    sampling: DenseSampling
    patches: int  # patches of one scene lie side by side along N


def simulate_batch(images: Tensor, rng: torch.Generator, config: Simulation | None = None) -> Batch:
    """Simulate from (G, K, C, S, S) in 0..1: G scenes, each seen by its own sensor, of K patches."""
    c = config or Simulation()
    ratio, count, reduction = pick(rng, c.ratios), pick(rng, c.bands), pick(rng, c.reductions)
    aliased = bool(chance(rng, c.aliased, 1))
    if aliased:
        ratio, reduction = (2 if ratio == 2 else 4), 4
    images = _crop(images, ratio, reduction, rng)
    ground = add_foreign(vary_gain(bend(mix_bands(add_texture(images, rng), count, rng), rng), rng), rng)
    fine_pan, weights = make_pan(ground, rng)
    pan, reference = _observe(fine_pan, ground, reduction, rng, c)
    if aliased:
        pan = _decimate(fine_pan, reduction)
        reference = _reduce(ground, log_uniform(rng, *c.aliased_reference, len(ground), 1, 1), reduction)
    size = (pan.shape[-2], pan.shape[-1])
    phase = uniform(rng, -0.5, 0.5, 2) * chance(rng, 0.5, 1) * (not aliased)
    sampling = DenseSampling(ratio, size, (float(phase[0]), float(phase[1])))
    lrms, told = _observe_ms(reference, sampling, rng, c)
    if aliased:
        lrms, told = _decimate(reference, ratio), (c.aliased_gain * torch.exp(normal(rng, 0.05, *told.shape)))
    patches = images.shape[1]
    parts = (_with_noise(pan, c.snr_pan, rng), _with_noise(lrms, c.snr_ms, rng), reference)
    pan, lrms, reference = (part.flatten(0, 1) for part in parts)
    told, weights = (values.repeat_interleave(patches, 0) for values in (told, weights))
    return Batch(pan, lrms, reference, told, weights, sampling, patches)


def simulate(image: Tensor, rng: torch.Generator, config: Simulation | None = None) -> tuple[Scene, Tensor]:
    """One (Scene, reference) from one image (C, S, S) in 0..1; reference (B, H, W) on the PAN grid."""
    batch = simulate_batch(image[None, None], rng, config)
    gains = batch.gnyq[0].tolist()
    scene = from_arrays(batch.pan[0], batch.lrms[0], gains, phase=batch.sampling.phase)
    return scene, batch.reference[0]


def _crop(images: Tensor, ratio: int, reduction: int, rng: torch.Generator) -> Tensor:
    """A random window whose PAN grid (at most 128 pixels) is a multiple of 4, of the ratio and of nothing else."""
    unit = 12 if ratio % 3 == 0 else 20 if ratio == 5 else 4 * max(1, ratio // 4)
    size = reduction * unit * (min(128, images.shape[-1] // reduction) // unit)
    top, left = (int(torch.randint(0, images.shape[-1] - size + 1, (1,), generator=rng)) for _ in range(2))
    return images[..., top : top + size, left : left + size]


def _observe(
    fine_pan: Tensor, ground: Tensor, reduction: int, rng: torch.Generator, c: Simulation
) -> tuple[Tensor, Tensor]:
    """PAN and reference on the PAN grid, each through its own MTF.

    The reference is never blurrier than the PAN: what is sought is an image as sharp as the PAN shows it.
    """
    g, _, b = ground.shape[:3]
    pan_gain = log_uniform(rng, *c.pan_gain, g, 1, 1)
    at_least = pan_gain * uniform(rng, 0.97, 1.1, g, 1, b)
    gain = torch.maximum(uniform(rng, *c.reference_gain, g, 1, 1) * uniform(rng, 0.93, 1.07, g, 1, b), at_least)
    pan = _reduce(fine_pan, pan_gain, reduction)
    reference = _reduce(ground, gain.clamp(max=0.7), reduction)
    amount = uniform(rng, 0.2, 1.2, g, 1, 1, 1, 1) * chance(rng, c.restored, g, 1, 1, 1, 1)
    return _sharpen(pan, amount), _sharpen(reference, amount)


def _reduce(image: Tensor, gain: Tensor, reduction: int) -> Tensor:
    matrix = gaussian_matrix(gain, reduction, image.shape[-1])
    return matrix @ image @ matrix.mT


def _decimate(image: Tensor, step: int) -> Tensor:
    """Cubic interpolation at the coarse pixels' centres without a low-pass, as image libraries resize by default."""
    rows = torch.eye(image.shape[-1])[None, None]
    matrix = F.interpolate(rows, size=(image.shape[-1] // step, image.shape[-1]), mode="bicubic")[0, 0]
    return matrix @ image @ matrix.mT


def _sharpen(image: Tensor, amount: Tensor) -> Tensor:
    """Unsharp masking, as ground processing does: image + amount * (image - blurred image)."""
    blur = gaussian_matrix(torch.tensor(0.3), 2, 2 * image.shape[-1])[:, ::2]
    blur = (blur / blur.sum(-1, keepdim=True)).to(image)
    return image + amount * (image - blur @ image @ blur.T)


def _observe_ms(
    reference: Tensor, sampling: DenseSampling, rng: torch.Generator, c: Simulation
) -> tuple[Tensor, Tensor]:
    """LRMS (G, K, B, h, w) through gains and displacements of its own, and what is told of the gains (G, B)."""
    g, _, b = reference.shape[:3]
    wide = chance(rng, c.wide, g, 1, 1)
    gains = torch.where(wide > 0, uniform(rng, *c.wide_gain, g, 1, 1), uniform(rng, *c.ms_gain, g, 1, 1))
    overstated = chance(rng, c.overstated, g, 1, 1)
    gains = torch.where(overstated > 0, uniform(rng, *c.overstated_gain, g, 1, 1), gains)
    gains = (gains * uniform(rng, 0.92, 1.08, g, 1, b)).clamp(max=0.9)
    moved = chance(rng, c.misregistered, g, 1, 1)
    matrices = []
    for axis in (0, 1):
        shift = normal(rng, c.displacement, g, 1, 1) + normal(rng, c.band_displacement, g, 1, b)
        size = reference.shape[-1 if axis else -2]
        matrices.append(gaussian_matrix(gains, sampling.ratio, size, sampling.phase[axis] + moved * shift))
    usual = torch.where(overstated > 0, uniform(rng, *c.table_gain, g, 1, 1).expand_as(gains), gains)
    told = (usual * torch.exp(normal(rng, c.gain_error, g, 1, 1))).clamp(max=0.95)
    return matrices[0] @ reference @ matrices[1].mT, told[:, 0]


def _with_noise(image: Tensor, snr: tuple[float, float], rng: torch.Generator) -> Tensor:
    """Shot-like plus constant noise; ``snr`` is that of the scene's mean signal."""
    signal = image.mean((1, 3, 4), keepdim=True).abs()
    sigma = signal / log_uniform(rng, *snr, len(image), 1, 1, 1, 1)
    level = torch.sqrt(0.5 * sigma**2 * (1 + image.clamp(min=0) / signal.clamp(min=1e-6)))
    return image + level * torch.randn(image.shape, generator=rng)

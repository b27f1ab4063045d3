"""Augmentations of the spectral kind: texture, band generation, response curves, PAN weights.

Each is a pure function of images in 0..1 and a generator. Shapes: (G, K, C, S, S), G scenes of K patches;
what belongs to a sensor (mixtures, curves, weights) is drawn once per scene, what belongs to the ground per patch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.simulate.random import chance, log_uniform, normal, smooth_field, uniform


def add_texture(images: Tensor, rng: torch.Generator) -> Tensor:
    """Multiply by random texture at three scales, common to the bands but for 70-130 % of strength.

    Source images were smoothed by cameras and codecs; without this a network learns to distrust fine PAN texture.
    """
    g, k, c, size, _ = images.shape
    texture = torch.zeros(g, k, 1, size, size)
    for knots in (size, size // 2, size // 4):
        strength = log_uniform(rng, 0.005, 0.1, g, k, 1, 1, 1)
        where = torch.sigmoid(2 * smooth_field(rng, (g, k, 1), size, 6))
        texture += strength * where * smooth_field(rng, (g, k, 1), size, knots)
    return images * torch.exp(texture * uniform(rng, 0.7, 1.3, g, k, c, 1, 1))


def mix_bands(images: Tensor, bands: int, rng: torch.Generator) -> Tensor:
    """Bands generation: random mixtures of the channels, some weights negative; a third of the scenes nearly pure."""
    g, _, c = images.shape[:3]
    mixed = uniform(rng, 0, 1, g, bands, c) ** 3
    mixed = mixed / mixed.sum(-1, keepdim=True) + normal(rng, 0.15, g, bands, c) * chance(rng, 0.5, g, bands, 1)
    order = torch.stack([torch.randperm(max(bands, c), generator=rng)[:bands] % c for _ in range(g)])
    pure = torch.nn.functional.one_hot(order, c) + normal(rng, 0.03, g, bands, c)
    weights = torch.where(chance(rng, 0.35, g, 1, 1) > 0, pure, mixed)
    return torch.einsum("gbc,gkcij->gkbij", weights, images)


def bend(images: Tensor, rng: torch.Generator) -> Tensor:
    """Colour jitter: a monotone curve a band (a power between 0.7 and 1.4) after clipping at a small positive value."""
    g, _, c = images.shape[:3]
    power = log_uniform(rng, 0.7, 1.4, g, 1, c, 1, 1)
    return images.clamp(min=0.01) ** power


def vary_gain(images: Tensor, rng: torch.Generator) -> Tensor:
    """Slow gain changes over the image, different in each band, in a third of the scenes."""
    g, k, c, size, _ = images.shape
    chosen = chance(rng, 0.35, g) > 0
    depth = uniform(rng, 0, 0.3, int(chosen.sum()), 1, c, 1, 1)
    varied = images.clone()
    varied[chosen] *= torch.exp(depth * smooth_field(rng, (len(depth), k, c), size, 4))
    return varied


def add_foreign(images: Tensor, rng: torch.Generator) -> Tensor:
    """Give some bands content that the others do not have (another patch of the batch), as infrared bands do."""
    g, _, c = images.shape[:3]
    foreign = images.roll(1, 1).mean(2, keepdim=True)
    share = uniform(rng, 0.05, 0.4, g, 1, c, 1, 1) * chance(rng, 0.12, g, 1, c, 1, 1)
    return images + share * (foreign - foreign.mean((-2, -1), keepdim=True))


def make_pan(bands: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """PAN (G, K, 1, S, S) = non-negative mixture of the bands (some with no weight), and the weights (G, B).

    A third of the scenes get a part that no band has; a third a slightly nonlinear response.
    """
    g, _, b = bands.shape[:3]
    weights = uniform(rng, 0.1, 1, g, b) * chance(rng, 0.75, g, b)
    weights[:, 0] += (weights.sum(1) == 0).float()
    equal = torch.where(chance(rng, 0.25, g, 1) > 0, torch.ones(g, b), weights)
    weights = equal / equal.sum(1, keepdim=True)
    pan = torch.einsum("gb,gkbij->gkij", weights, bands)[:, :, None]
    other = bands.roll(1, 2).prod(2, keepdim=True).clamp(min=1e-6) ** (1 / b)
    share = uniform(rng, 0, 0.4, g, 1, 1, 1, 1) * chance(rng, 0.35, g, 1, 1, 1, 1)
    pan = (1 - share) * pan + share * other
    power = 1 + normal(rng, 0.08, g, 1, 1, 1, 1) * chance(rng, 0.35, g, 1, 1, 1, 1)
    return pan.clamp(min=1e-3) ** power, weights

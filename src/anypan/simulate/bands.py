"""How bands are made of the channels of a source, and the PAN of the bands.

Shapes: (G, K, C, S, S), G scenes of K patches, in 0..1; what belongs to a sensor (mixtures, weights) is drawn once per
scene.
"""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.simulate.random import Random, interpolation

FLOOR = 1e-3  # of the PAN


def mixtures(channels: int, bands: int, rng: Random, scenes: int) -> Tensor:
    """Weights (G, B, C) of random mixtures, some negative; a third of the scenes nearly pure."""
    mixed = rng.uniform(0, 1, scenes, bands, channels) ** 3
    mixed = mixed / mixed.sum(-1, keepdim=True)
    mixed = mixed + rng.normal(0.15, scenes, bands, channels) * rng.chance(0.5, scenes, bands, 1)
    order = torch.stack([rng.order(max(bands, channels))[:bands] % channels for _ in range(scenes)])
    pure = torch.nn.functional.one_hot(order, channels) + rng.normal(0.03, scenes, bands, channels)
    return torch.where(rng.chance(0.35, scenes, 1, 1) > 0, pure, mixed)


def plain(channels: int, bands: int) -> Tensor:
    """Weights (B, C) that take the channels as they are, over again where there are too few."""
    return torch.eye(channels)[torch.arange(bands) % channels]


def mix_bands(images: Tensor, weights: Tensor) -> Tensor:
    """Bands generation: (G, K, C, S, S) and weights (G, B, C) to (G, K, B, S, S)."""
    return (weights[:, None] @ images.flatten(-2)).unflatten(-1, images.shape[-2:])


def draw_pan_weights(bands: int, rng: Random, scenes: int, unseen: float) -> Tensor:
    """(G, B) non-negative weights that sum to 1; a share ``unseen`` has none; a quarter of the scenes weigh alike."""
    weights = rng.uniform(0.1, 1, scenes, bands) * rng.chance(1 - unseen, scenes, bands)
    weights[:, 0] += (weights.sum(1) == 0).float()
    equal = torch.where(rng.chance(0.25, scenes, 1) > 0, torch.ones_like(weights), weights)
    return equal / equal.sum(1, keepdim=True)


def single(weights: Tensor, hit: Tensor) -> Tensor:
    """The weights (G, B) with the first band alone in the PAN of the scenes that are ``hit`` (G,)."""
    first = torch.zeros_like(weights)
    first[:, 0] = 1.0
    return torch.where(hit.to(weights.device)[:, None], first, weights)


def mix_pan(bands: Tensor, weights: Tensor) -> Tensor:
    """PAN (G, K, 1, S, S): the bands (G, K, B, S, S) in the proportions (G, B)."""
    return torch.einsum("gb,gkbij->gkij", weights, bands)[:, :, None]


def shuffled(bands: Tensor, weights: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Channel shuffling: bands (G, K, B, S, S) and their PAN weights (G, B) in the order (G, B) of indices."""
    scene = torch.arange(len(order), device=order.device)[:, None]
    return bands.transpose(1, 2)[scene, order].transpose(1, 2), weights.gather(1, order)


def slow_part(images: Tensor) -> Tensor:
    """(..., S, S): means over about an eighth of the patch, interpolated smoothly."""
    blocks = 8
    coarse = torch.nn.functional.adaptive_avg_pool2d(images.flatten(0, 1), blocks)
    rows, columns = (interpolation(size, blocks, corners=False).to(images) for size in images.shape[-2:])
    return (rows @ coarse @ columns.T).view_as(images)


def detail_of(images: Tensor) -> Tensor:
    """Images (..., S, S) minus their slow part."""
    return images - slow_part(images)


def to_the_power(images: Tensor, power: Tensor) -> Tensor:
    """Positive images (..., S, S), overwritten; the pow of a tensor takes four times as long."""
    return images.log_().mul_(power).exp_()

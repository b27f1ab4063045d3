"""Augmentations of the spectral kind: texture, band generation, colour jitter, shuffling, and the PAN's mixture.

Each is a pure function of images in 0..1 and a ``Random``. Shapes: (G, K, C, S, S), G scenes of K patches;
what belongs to a sensor (mixtures, curves, weights) is drawn once per scene, what belongs to the ground per patch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.simulate.random import Random

Range = tuple[float, float]
FLOOR = 1e-3  # of the PAN


def add_texture(images: Tensor, rng: Random) -> Tensor:
    """Multiply by random texture at three scales, common to the bands but for 70-130 % of strength.

    Source images were smoothed by cameras and codecs; without this a network learns to distrust fine PAN texture.
    """
    g, k, c, size, _ = images.shape
    texture = images.new_zeros(g, k, 1, size, size)
    for knots in (size, size // 2, size // 4):
        strength = rng.log_uniform(0.005, 0.1, g, k, 1, 1, 1)
        where = torch.sigmoid(2 * rng.field((g, k, 1), size, 6))
        texture.addcmul_(where.mul_(strength), rng.field((g, k, 1), size, knots))
    return (texture * rng.uniform(0.7, 1.3, g, k, c, 1, 1)).exp_().mul_(images)


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


def high_pass(images: Tensor, rng: Random, keep: Range) -> Tensor:
    """Keep a share ``keep`` of what varies over more than an eighth of the patch, and all that varies faster.

    A network sees then that detail is detail whatever it lies on. The mean of a patch stays.
    """
    blocks = 8
    coarse = torch.nn.functional.adaptive_avg_pool2d(images.flatten(0, 1), blocks)
    slow = torch.nn.functional.interpolate(coarse, size=images.shape[-2:], mode="bicubic").view_as(images)
    share = 1 - rng.uniform(*keep, len(images), 1, 1, 1, 1)
    return images - share * (slow - slow.mean((-2, -1), keepdim=True))


def bend(images: Tensor, rng: Random) -> Tensor:
    """Colour jitter: a monotone curve a band (a power between 0.6 and 2) after clipping at a small positive value."""
    g, _, c = images.shape[:3]
    power = rng.log_uniform(0.6, 2.0, g, 1, c, 1, 1)
    return _to_the_power(images.clamp(min=0.01), power)


def _to_the_power(images: Tensor, power: Tensor) -> Tensor:
    """Positive images, overwritten; the pow of a tensor takes four times as long."""
    return images.log_().mul_(power).exp_()


def vary_gain(images: Tensor, rng: Random) -> Tensor:
    """Slow gain changes over the image, different in each band."""
    g, k, c, size, _ = images.shape
    depth = rng.uniform(0, 0.3, g, 1, c, 1, 1)
    return rng.field((g, k, c), size, 4).mul_(depth).exp_().mul_(images)


def add_haze(images: Tensor, rng: Random, depth: tuple[float, float]) -> Tensor:
    """The light of the air: a constant for each band, ``depth`` of its mean over the scene."""
    amount = rng.uniform(*depth, len(images), 1, images.shape[2], 1, 1)
    return images + amount * images.mean((1, 3, 4), keepdim=True)


def add_foreign(images: Tensor, rng: Random, share: float) -> Tensor:
    """Give a ``share`` of the bands content that the others do not have, as infrared bands do.

    The content is that of another patch of the scene; a scene of one patch gets more of its own.
    """
    g, _, c = images.shape[:3]
    part = rng.uniform(0.05, 0.4, g, 1, c, 1, 1) * rng.chance(share, g, 1, c, 1, 1)
    if not bool(part.any()):
        return images
    foreign = images.mean(2, keepdim=True).roll(1, 1)
    return torch.addcmul(images, part, foreign - foreign.mean((-2, -1), keepdim=True))


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


def add_hidden(pan: Tensor, rng: Random, share: float, bands: Tensor) -> Tensor:
    """Give the PAN of a ``share`` of the scenes up to 40 % of light that no mixture of the bands has."""
    g, b = len(bands), bands.shape[2]
    part = rng.uniform(0, 0.4, g, 1, 1, 1, 1) * rng.chance(share, g, 1, 1, 1, 1)
    if not bool(part.any()):
        return pan
    other = _to_the_power(bands.prod(2, keepdim=True).clamp(min=1e-6), torch.tensor(1 / b))
    return torch.lerp(pan, other, part)


def add_apart(pan: Tensor, rng: Random, part: tuple[float, float]) -> Tensor:
    """Give the PAN (G, K, 1, S, S) fine detail of other ground, ``part`` of its own: what no mixture of bands explains.

    The other ground is another patch of the scene, mirrored. A part p leaves 1 / (1 + p^2) of the detail explained.
    """
    other = _detail(pan.roll(1, 1).flip(-1))
    size = _detail(pan).square().mean((1, 2, 3, 4), keepdim=True).sqrt()
    other = other * size / other.square().mean((1, 2, 3, 4), keepdim=True).sqrt().clamp(min=1e-6)
    return pan + rng.log_uniform(*part, len(pan), 1, 1, 1, 1) * other


def invert(images: Tensor, rng: Random, share: float) -> Tensor:
    """Turn the detail of a ``share`` of the bands round in places, as infrared bands do over vegetation.

    Detail is times a field between -1 and 1 that changes slowly.
    """
    g, k, c, size, _ = images.shape
    struck = rng.chance(share, g, 1, c, 1, 1)
    if not bool(struck.any()):
        return images
    turn = 1 - struck * (1 - torch.tanh(3 * rng.field((g, k, c), size, 4)))
    detail = _detail(images)
    return images - (1 - turn.clamp(max=1)) * detail


def part_ways(images: Tensor, rng: Random, correlation: Range) -> Tensor:
    """Give every band but the first a ``correlation`` of its own with what it was; the rest is another patch's content.

    So do short-wave bands under a guide of visible light: some run with it, some against it, some know nothing of it.
    """
    g, _, c = images.shape[:3]
    own = rng.uniform(*correlation, g, 1, c, 1, 1)
    own[:, :, 0] = 1.0
    mean = images.mean((1, 3, 4), keepdim=True)
    varying = images - mean
    return mean + own * varying + (1 - own**2).sqrt() * varying.roll(1, 1).flip(-2)


def flatten(images: Tensor, rng: Random, share: float, dark: tuple[float, float]) -> Tensor:
    """Smooth dark ground in a ``share`` of the patches, over a part of each: every band falls to a level of its own.

    The level is ``dark`` times the band's mean over the scene; a hundredth of the ground's contrast is left.
    """
    g, k, c, size, _ = images.shape
    struck = rng.chance(share, g, k, 1, 1, 1)
    if not bool(struck.any()):
        return images
    level = rng.log_uniform(*dark, g, 1, c, 1, 1) * images.mean((1, 3, 4), keepdim=True)
    wet = struck * torch.sigmoid(20 * rng.field((g, k, 1), size, 4))
    return torch.lerp(images, level + 0.01 * (images - level), wet)


def _detail(images: Tensor) -> Tensor:
    """Images minus their means over about an eighth of the patch, smoothly."""
    blocks = 8
    coarse = torch.nn.functional.adaptive_avg_pool2d(images.flatten(0, 1), blocks)
    slow = torch.nn.functional.interpolate(coarse, size=images.shape[-2:], mode="bicubic")
    return images - slow.view_as(images)


def bend_pan(pan: Tensor, rng: Random, share: float) -> Tensor:
    """A slightly nonlinear response of the PAN in a ``share`` of the scenes, and a floor in all."""
    power = 1 + rng.normal(0.08, len(pan), 1, 1, 1, 1) * rng.chance(share, len(pan), 1, 1, 1, 1)
    return _to_the_power(pan.clamp(min=FLOOR), power)


def shuffled(bands: Tensor, weights: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Channel shuffling: bands (G, K, B, S, S) and their PAN weights (G, B) in the order (G, B) of indices."""
    scene = torch.arange(len(order), device=order.device)[:, None]
    return bands.transpose(1, 2)[scene, order].transpose(1, 2), weights.gather(1, order)

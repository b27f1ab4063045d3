"""Augmentations of the geometric kind: crop, turn and flip, zoom."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.optics.mtf import sigma_for
from anypan.simulate.blur import cubic_matrix
from anypan.simulate.random import Random

LARGEST = 128  # PAN pixels along a side of a training patch


def crop(images: Tensor, rng: Random, ratio: int, reduction: int) -> Tensor:
    """A random window of (..., S, S) whose PAN grid, at most 128 pixels, is a multiple of 4 and of the ratio alone."""
    unit = math.lcm(4, ratio)  # cells of the networks are 4 x 4 PAN pixels
    size = reduction * unit * (min(LARGEST, images.shape[-1] // reduction) // unit)
    top, left = (rng.integer(0, images.shape[-1] - size + 1) for _ in range(2))
    return images[..., top : top + size, left : left + size]


def turn(images: Tensor, rng: Random) -> Tensor:
    """Each scene (G, ..., S, S) in one of the eight positions of a square."""
    turned = []
    for image in images:
        position = rng.integer(0, 8)
        flipped = image if position < 4 else image.flip(-1)
        turned.append(torch.rot90(flipped, position % 4, (-2, -1)))
    return torch.stack(turned)


def zoom(images: Tensor, rng: Random, factor: tuple[float, float]) -> Tensor:
    """Each scene (G, ..., S, S) magnified (above 1) or reduced about its centre; the size stays.

    Reduced images are low-passed first and continued by mirroring, so that nothing aliases and nothing is empty.
    """
    size = images.shape[-1]
    zoomed = []
    for image in images:
        step = 1 / float(rng.log_uniform(*factor, 1))
        matrix = _magnification(size, step).to(images)
        zoomed.append(matrix @ image @ matrix.T)
    return torch.stack(zoomed)


def _magnification(size: int, step: float) -> Tensor:
    """(size, size) matrix that samples every ``step`` pixels about the centre."""
    wide = size if step <= 1 else size + 2 * math.ceil(size * (step - 1) / 2 + 3 * step)
    index = (torch.arange(wide) - (wide - size) // 2) % (2 * size)
    mirror = torch.eye(size)[torch.where(index < size, index, 2 * size - 1 - index)]
    centres = (torch.arange(size) - (size - 1) / 2) * step + (wide - 1) / 2
    if step <= 1:
        return cubic_matrix(centres, wide) @ mirror
    sigma = float(sigma_for(torch.tensor(0.3), step))
    soft = torch.exp(-0.5 * ((torch.arange(wide) - centres[:, None]) / sigma) ** 2)
    return soft / soft.sum(-1, keepdim=True) @ mirror

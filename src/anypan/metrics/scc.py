"""Spatial correlation coefficient."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.metrics.strips import Image, pairs
from anypan.metrics.windows import whole_windows


def scc(fused: Image, reference: Image, mask: Tensor | None = None) -> float:
    """SCC: normalised inner product, without removal of means, of the Sobel magnitudes of all bands; 1 is best.

    Zhou, Civco and Silander, IJRS 19(4), 1998, as the reference toolbox computes it: images (B, H, W) whose outer
    pixel is replaced by zeros. Pixels with an invalid neighbour (``mask``) do not count; NaN if nothing has an edge.
    """
    height = reference.shape[1]
    cross = power_one = power_two = 0.0
    first = 0
    for one, two, valid in pairs(fused, reference, mask, overlap=2):
        last = first + one.shape[1] == height
        counted = whole_windows(valid, 3)
        edges_one, edges_two = (_edges(_frameless(image, first == 0, last))[:, counted] for image in (one, two))
        cross += (edges_one * edges_two).sum().item()
        power_one += (edges_one**2).sum().item()
        power_two += (edges_two**2).sum().item()
        first += one.shape[1] - 2
    return cross / math.sqrt(power_one * power_two) if power_one * power_two else math.nan


def _frameless(image: Tensor, top: bool, bottom: bool) -> Tensor:
    image = image.clone()
    image[:, :, [0, -1]] = 0
    if top:
        image[:, 0] = 0
    if bottom:
        image[:, -1] = 0
    return image


def _edges(image: Tensor) -> Tensor:
    rows = image[:, :, :-2] + 2 * image[:, :, 1:-1] + image[:, :, 2:]
    cols = image[:, :-2] + 2 * image[:, 1:-1] + image[:, 2:]
    return torch.hypot(rows[:, 2:] - rows[:, :-2], cols[:, :, 2:] - cols[:, :, :-2])

"""The coarse grid of cells, 4 x 4 PAN pixels each, on which convolutions run: onto it, off it, along it."""

from __future__ import annotations

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CELL = 4  # PAN pixels along a side of a cell


def film(features: Tensor, condition: Tensor) -> Tensor:
    """Features (N, C, h, w) scaled and shifted by (N, 2 C, 1, 1), in place where ``alone``."""
    scale, shift = condition.chunk(2, 1)
    return torch.addcmul(shift, features, 1 + scale, out=features if alone() else None)


def alone() -> bool:
    """True where no gradient and no graph needs what an operation overwrites: less time and memory."""
    return torch.is_inference_mode_enabled() and not torch.onnx.is_in_onnx_export()


def moved(image: Tensor, shares: Tensor, change: Tensor) -> Tensor:
    """image + shares * change, in place where ``alone``."""
    return image.addcmul_(shares, change) if alone() else torch.addcmul(image, shares, change)


def half(smooth: Tensor) -> Tensor:
    """(N, 1, H, W) without fine detail as four channels of the coarse grid: means of the quarters of each cell."""
    if not alone():
        return F.pixel_unshuffle(F.avg_pool2d(smooth, CELL // 2), 2)
    of = smooth[:, 0].unflatten(2, (-1, 2, 2)).unflatten(1, (-1, 2, 2))  # N, h, half, row, w, half, column
    means = (of[:, :, :, 0, ..., 0] + of[:, :, :, 0, ..., 1] + of[:, :, :, 1, ..., 0] + of[:, :, :, 1, ..., 1]) / 4
    return means.permute(0, 2, 4, 1, 3).flatten(1, 2)  # a third of the time


def smooth(coarse: Tensor) -> Tensor:
    """(N, B, h, w) on the coarse grid, smoothly on the PAN grid."""
    return F.interpolate(coarse.contiguous(), scale_factor=CELL, mode="bilinear")


def resized(coarse: Tensor, like: Tensor) -> Tensor:
    """(N, C, h, w) on the coarse grid, smoothly on the grid of ``like``."""
    size = (like.shape[-2], like.shape[-1])
    return coarse if coarse.shape[-2:] == size else F.interpolate(coarse.contiguous(), size=size, mode="bilinear")


def shuffled(cells: Tensor, count: int) -> Tensor:
    """(N * B, 16, h, w) on the coarse grid, a channel for each pixel of a cell, as N images (N, B, H, W)."""
    if torch.onnx.is_in_onnx_export():
        return F.pixel_shuffle(cells, CELL).unflatten(0, (count, -1))[:, :, 0]
    rows = cells.movedim(1, -1).unflatten(-1, (CELL, CELL)).transpose(2, 3)  # one copy of what lies side by side
    return rows.flatten(3, 4).flatten(1, 2).unflatten(0, (count, -1))


def mixed(gains: Tensor, bases: Tensor, own: Tensor) -> Tensor:
    """own (N, B, C, h, w) plus the sum over k of gains (N, B, K, h, w) times bases (N, K, C, h, w)."""
    for k in range(bases.shape[1]):
        own = moved(own, gains[:, :, k : k + 1], bases[:, None, k])
    return own


def pointwise(layer: nn.Conv2d, image: Tensor) -> Tensor:
    """A 1 x 1 convolution of (N, C, H, W) as a matrix product, which on one thread is faster."""
    if torch.onnx.is_in_onnx_export():  # which knows no movedim of images of any rank
        return layer(image)
    return F.linear(image.movedim(1, -1), layer.weight[:, :, 0, 0], layer.bias).movedim(-1, 1)


def onto(image: Tensor, layer: nn.Conv2d, hidden: Tensor) -> Tensor:
    """image (N, C, H, W) plus a 1 x 1 convolution of ``hidden``, in place where ``alone``."""
    if not alone():
        return pointwise(layer, hidden).add_(image)
    whole = image.movedim(1, -1).flatten(0, -2)  # a view of images in the order of memory of convolutions
    whole = whole.addmm_(hidden.movedim(1, -1).flatten(0, -2), layer.weight[:, :, 0, 0].T)
    whole = whole if layer.bias is None else whole.add_(layer.bias)
    return whole.view(image.movedim(1, -1).shape).movedim(-1, 1)


def summed(bands: Tensor) -> Tensor:
    """The sum over the second dimension, one after another; at once in a graph, which knows no number of bands."""
    return bands.sum(1) if torch.onnx.is_in_onnx_export() else reduce(torch.add, bands.unbind(1))


def shared(own: Tensor, whole: Tensor) -> Tensor:
    """Features of the bands (N * B, C, h, w) plus those that all bands of an image share (N, C, h, w), in place."""
    if torch.onnx.is_in_onnx_export():  # for export, where views are copies
        return (own.unflatten(0, (whole.shape[0], -1)) + whole[:, None]).flatten(0, 1)
    own.unflatten(0, (len(whole), -1)).add_(whole[:, None])
    return own


def stacked(*images: Tensor) -> Tensor:
    """Channels of images (N, C, H, W) one after another, in the order of memory of convolutions: faster than cat."""
    if torch.onnx.is_in_onnx_export():
        return torch.cat(images, 1)
    first, end = images[0], 0
    shape = (first.shape[0], sum(image.shape[1] for image in images), *first.shape[2:])
    out = torch.empty(shape, dtype=first.dtype, device=first.device, memory_format=torch.channels_last)
    for image in images:
        begin, end = end, end + image.shape[1]
        out[:, begin:end] = image
    return out

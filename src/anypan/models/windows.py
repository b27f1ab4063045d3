"""Windows: an image cut into squares on a grid that is fixed to its origin, and joined again.

What works inside such windows has a finite reach, and gives the same pixels for a part of an image as for the whole
if the part begins at a multiple of the window. Shifted grids begin ``shift`` pixels before the origin (Liu et al.,
"Swin Transformer", ICCV 2021); what lies outside the image is padding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cut(image: Tensor, size: int, shift: int = 0, mode: str = "replicate") -> Tensor:
    """(N, C, h, w) to windows (N, count, size * size, C), row by row; padding as in torch's ``pad``."""
    below, right = ((-n - shift) % size for n in image.shape[-2:])
    if shift or below or right:
        image = F.pad(image, (shift, right, shift, below), mode=mode)
    n, channels, height, width = image.shape
    parts = image.reshape(n, channels, height // size, size, width // size, size)
    return parts.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, size * size, channels)


def join(windows: Tensor, size: int, shift: int, shape: tuple[int, int]) -> Tensor:
    """The inverse of ``cut`` for an image of ``shape`` (h, w): (N, C, h, w)."""
    height, width = shape
    rows, cols = ((n + shift + size - 1) // size for n in shape)
    n, channels = len(windows), windows.shape[-1]
    parts = windows.reshape(n, rows, cols, size, size, channels).permute(0, 5, 1, 3, 2, 4)
    whole = parts.reshape(n, channels, rows * size, cols * size)
    return whole[..., shift : shift + height, shift : shift + width]


def inside(shape: tuple[int, int], size: int, shift: int, device: torch.device) -> Tensor:
    """Which pixels of each window lie in an image of ``shape``, not in its padding: bool (count, size * size)."""
    ones = torch.ones(1, 1, *shape, device=device)
    return cut(ones, size, shift, "constant")[0, :, :, 0] > 0


def relative_index(size: int) -> Tensor:
    """(size^2, size^2): for each pair of pixels of a window the number, below (2 size - 1)^2, of their offset."""
    axis = torch.arange(size)
    offset = axis[:, None] - axis[None, :] + size - 1
    pair = (2 * size - 1) * offset[:, None, :, None] + offset[None, :, None, :]
    return pair.reshape(size * size, size * size)

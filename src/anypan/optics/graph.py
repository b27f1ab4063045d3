"""The physical Sampling in operations that a graph of any size can hold: for networks that leave PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.optics.mtf import NODES, expansion_matrix, sigma_for

MIDDLE = 2 * NODES  # a pixel that no border reaches, of twice as many
SPARE = 12  # MS pixels that expansion and MTF filter reach together, and some to spare


class GraphSampling:
    """Equal to ``BlockSampling`` without a phase, to rounding; images are (N, C, ...) and gains (N, C) or (N, 1)."""

    phase = (0.0, 0.0)

    def __init__(self, ratio: int) -> None:
        self.ratio = ratio
        whole = expansion_matrix(ratio, 2 * MIDDLE + 1, 0.0)
        reach = NODES // 2 + 1
        rows = slice(ratio * MIDDLE, ratio * (MIDDLE + 1))
        self._taps = whole[rows, MIDDLE - reach : MIDDLE + reach + 1].float()

    def expand(self, lrms: Tensor) -> Tensor:
        """(N, C, h, w) to the PAN grid."""
        return self._finer(self._finer(lrms.transpose(-1, -2)).transpose(-1, -2))

    def _finer(self, image: Tensor) -> Tensor:
        """The columns of the PAN grid."""
        reach = self._taps.shape[1] // 2
        count, channels, height, width = image.shape
        padded = F.pad(image, (reach, reach, 0, 0), mode="replicate").reshape(-1, 1, height, width + 2 * reach)
        parts = F.conv2d(padded, self._taps[:, None, None].to(image))
        return parts.permute(0, 2, 3, 1).reshape(count, channels, height, width * self.ratio)

    def degrade(self, image: Tensor, gnyq: Tensor) -> Tensor:
        """(N, C, H, W) as the MS instrument sees it."""
        channels = torch.broadcast_to(image, (*gnyq.shape, image.shape[-2], image.shape[-1]))
        return self._coarser(self._coarser(channels, gnyq).transpose(-1, -2), gnyq).transpose(-1, -2)

    def _coarser(self, image: Tensor, gnyq: Tensor) -> Tensor:
        """The columns of the MS grid, by a matrix a channel: few operations, whatever the ratio."""
        ratio, radius = self.ratio, 3 * self.ratio + 1
        size = image.shape[-1]
        padded = F.pad(image, (radius, radius, 0, 0), mode="replicate")
        centres = ratio * torch.arange(size // ratio, device=image.device) + (ratio - 1) / 2
        apart = (torch.arange(size + 2 * radius, device=image.device) - radius)[:, None] - centres
        inside = (apart > -radius - 1) & (apart < radius + 1)
        taps = torch.exp(-0.5 * (apart / sigma_for(gnyq, ratio)[..., None, None]) ** 2) * inside
        return padded @ (taps / taps.sum(-2, keepdim=True))

    def reproject(self, lrms: Tensor, gnyq: Tensor) -> Tensor:
        """degrade(expand()) with the MS repeated beyond its border."""
        wide = F.pad(lrms, (SPARE,) * 4, mode="replicate")
        height, width = lrms.shape[-2:]
        return self.degrade(self.expand(wide), gnyq)[..., SPARE : SPARE + height, SPARE : SPARE + width]

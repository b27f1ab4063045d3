"""PanNet: a residual network on high-pass images, added to the interpolated MS.

J. Yang, X. Fu, Y. Hu, Y. Huang, X. Ding, J. Paisley, "PanNet: A Deep Network Architecture for Pan-Sharpening", ICCV
2017: PAN and MS minus their 5 x 5 means, the latter upsampled by a learned transposed convolution, go through a
convolution, four residual blocks and a convolution; the result is added to EXP ("spectra mapping"). Without batch
normalisation, as in the PanCollection comparison. ``FixedBands`` runs it on any scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models.fixed import CELL, FixedBands
from anypan.models.fusionnet import Residual

WINDOW = 5  # pixels along a side of the mean that the high-pass takes away


@dataclass(frozen=True)
class Config:
    """The sizes of the network; stored with its weights."""

    bands: int = 4
    features: int = 32
    blocks: int = 4


class PanNet(FixedBands):
    """See the module; 83,024 parameters for 8 bands."""

    def __init__(self, config: Config | None = None) -> None:
        c = config or Config()
        super().__init__(c)
        self.upsample = nn.ConvTranspose2d(c.bands, c.bands, 2 * CELL, stride=CELL, padding=CELL // 2)
        self.head = nn.Conv2d(c.bands + 1, c.features, 3, padding=1)
        self.body = nn.Sequential(*(Residual(c.features) for _ in range(c.blocks)))
        self.tail = nn.Conv2d(c.features, c.bands, 3, padding=1)

    @property
    def reach(self) -> int:
        return 2 + 2 * self.config.blocks + CELL * (1 + WINDOW // 2)

    def sharpen(self, pan: Tensor, exp: Tensor, coarse: Tensor) -> Tensor:
        details = torch.cat([self.upsample(_highpass(coarse)), _highpass(pan)], 1)
        return exp + self.tail(self.body(F.relu(self.head(details))))


def _highpass(image: Tensor) -> Tensor:
    """The image minus its mean over 5 x 5 pixels, borders replicated."""
    padded = F.pad(image, (WINDOW // 2,) * 4, mode="replicate")
    return image - F.avg_pool2d(padded, WINDOW, 1)

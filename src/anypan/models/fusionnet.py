"""FusionNet: residual blocks on the difference between the PAN and each interpolated band.

L.-J. Deng, G. Vivone, C. Jin, J. Chanussot, "Detail Injection-Based Deep Convolutional Neural Networks for
Pansharpening", IEEE TGRS 59 (8), 2021: the PAN, repeated for every band, minus EXP goes through a convolution, four
residual blocks and a convolution; the result is added to EXP. ``FixedBands`` runs it on any scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models.fixed import FixedBands


@dataclass(frozen=True)
class Config:
    """The sizes of the network; stored with its weights."""

    bands: int = 4
    features: int = 32
    blocks: int = 4


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a ReLU, added to their input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(features, features, 3, padding=1)
        self.second = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.second(F.relu(self.first(features)))


class FusionNet(FixedBands):
    """See the module; 78,632 parameters for 8 bands."""

    def __init__(self, config: Config | None = None) -> None:
        c = config or Config()
        super().__init__(c)
        self.head = nn.Conv2d(c.bands, c.features, 3, padding=1)
        self.body = nn.Sequential(*(Residual(c.features) for _ in range(c.blocks)))
        self.tail = nn.Conv2d(c.features, c.bands, 3, padding=1)

    @property
    def reach(self) -> int:
        return 2 + 2 * self.config.blocks

    def sharpen(self, pan: Tensor, exp: Tensor, coarse: Tensor) -> Tensor:
        return exp + self.tail(self.body(F.relu(self.head(pan - exp))))

"""PNN: three convolutions on PAN and interpolated MS.

G. Masi, D. Cozzolino, L. Verdoliva, G. Scarpa, "Pansharpening by Convolutional Neural Networks", Remote Sensing 8 (7),
2016: 9 x 9 to 64 features, 5 x 5 to 32, 5 x 5 to the bands, after SRCNN; here without the optional radiometric
indices. ``FixedBands`` runs it on any scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.models.fixed import FixedBands


@dataclass(frozen=True)
class Config:
    """The sizes of the network; stored with its weights."""

    bands: int = 4
    first: int = 64  # features after the first convolution
    second: int = 32


class PNN(FixedBands):
    """See the module; 104,360 parameters for 8 bands."""

    def __init__(self, config: Config | None = None) -> None:
        c = config or Config()
        super().__init__(c)
        self.first = nn.Conv2d(c.bands + 1, c.first, 9, padding=4)
        self.second = nn.Conv2d(c.first, c.second, 5, padding=2)
        self.third = nn.Conv2d(c.second, c.bands, 5, padding=2)

    @property
    def reach(self) -> int:
        return 4 + 2 + 2

    def sharpen(self, pan: Tensor, exp: Tensor, coarse: Tensor) -> Tensor:
        hidden = F.relu(self.first(torch.cat([exp, pan], 1)))
        return self.third(F.relu(self.second(hidden)))

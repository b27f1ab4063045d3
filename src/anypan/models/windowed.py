"""Networks like anypan-s whose blocks work in windows of their coarse grid, and the layers that those share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from anypan.models.anypan_s import AnypanS
from anypan.models.cells import CELL
from anypan.optics.sampling import Sampling

LOCAL = 3  # cells that convolutions reach before the first window and after the last


class Normal(nn.LayerNorm):
    """Layer normalisation over the channels of (N, C, h, w)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Dense(nn.Sequential):
    """Normalise, widen twofold, mix 3 x 3 neighbours channel by channel, narrow: (N, C, h, w) to the same."""

    def __init__(self, features: int) -> None:
        wide = 2 * features
        mix = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
        super().__init__(Normal(features), nn.Conv2d(features, wide, 1), mix, nn.GELU(), nn.Conv2d(wide, features, 1))


class Windowed(AnypanS):
    """``AnypanS`` with other blocks: ``block(config, shift)`` works in windows of ``config.window`` cells a side.

    The windows alternate between two grids, half a window (``shift``) apart.
    """

    def __init__(self, config: Any, block: Callable[[Any, int], nn.Module]) -> None:
        super().__init__(config)
        self.cell = CELL * config.window
        self.blocks = nn.ModuleList(block(config, (n % 2) * (config.window // 2)) for n in range(config.blocks))

    tile = None  # attention and scans need much memory: none larger than usual

    def halo(self, sampling: Sampling) -> int:
        """PAN pixels beyond which nothing at all reaches an output pixel: attention does not fade with distance.

        What a block reaches ends with a window of its grid, but for convolutions of at most two cells; those stay
        inside the next block's window, which ends half a window farther. So windows are of 4 cells at least.
        """
        blocks, window = len(self.blocks), self.cell // CELL
        reach = window - 1 + (blocks - 1) * (window // 2) + LOCAL
        return self.reach(sampling) + CELL * (reach - 2 * blocks)

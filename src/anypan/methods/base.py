"""The contract of everything that fuses: fit once per scene, fuse per tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from anypan.pair.scene import Scene


class Fuser(Protocol):
    """Pure and local: the output at a pixel depends on nothing farther than ``halo`` PAN pixels."""

    @property
    def halo(self) -> int:
        """Context needed on each side, in PAN pixels."""
        ...

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        """pan (1, H, W) and lrms (B, H / ratio, W / ratio), in the scene's units, to fused (B, H, W)."""
        ...


Method = Callable[[Scene], Fuser]

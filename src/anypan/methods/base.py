"""The contract of everything that fuses: fit once per scene, fuse per tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self

from torch import Tensor

from anypan.models.cells import CELL
from anypan.pair.scene import Scene


class Fuser(Protocol):
    """Pure and local: the output at a pixel depends on nothing farther than ``halo`` PAN pixels.

    A class that derives from it gets the rest by default.
    """

    halo: int  # context needed on each side, in PAN pixels
    edge: int | None = None  # PAN pixels of it that are worth their time beyond the scene, where nothing new is seen
    cell: int = CELL  # tiles begin at multiples of so many PAN pixels
    tile: int | None = None  # PAN pixels along a side of the tiles that suit it, if it asks for more than usual
    device: str = "cpu"  # where its arrays lie
    mtf_gains: tuple[float, ...] = ()  # of the bands, if it takes others than the scene's

    def to(self, device: str) -> Self:
        """The same on ``device``; a fuser that cannot move stays on the CPU."""
        return self

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        """pan (1, H, W) and lrms (B, H / ratio, W / ratio), in the scene's units, to fused (B, H, W)."""
        ...


@dataclass(frozen=True)
class Around(Fuser):
    """A fuser around another: it asks for what that one asks for, and lies where that one lies."""

    fuser: Fuser

    @property
    def halo(self) -> int:
        """As the fuser's."""
        return self.fuser.halo

    @property
    def edge(self) -> int | None:
        """As the fuser's."""
        return self.fuser.edge

    @property
    def cell(self) -> int:
        """As the fuser's."""
        return self.fuser.cell

    @property
    def tile(self) -> int | None:
        """As the fuser's."""
        return self.fuser.tile

    @property
    def device(self) -> str:
        """As the fuser's."""
        return self.fuser.device

    @property
    def mtf_gains(self) -> tuple[float, ...]:
        """As the fuser's."""
        return self.fuser.mtf_gains

    def to(self, device: str) -> Self:
        """The same fuser on another device."""
        return replace(self, fuser=self.fuser.to(device))


Method = Callable[[Scene], Fuser]


@dataclass(frozen=True)
class Formula:
    """A classical method and the laws that it keeps, which the tests hold it to.

    ``additive``: an offset of PAN and MS is an offset of the result. ``flat_pan_gives_exp``: a PAN without detail adds
    nothing. ``raw_pan``: published with the PAN as it is, so that an offset of the PAN changes the result.
    ``published``: a paper's method, as it stands there in mode ``toolbox``.
    """

    fit: Method
    additive: bool = False
    flat_pan_gives_exp: bool = True
    raw_pan: bool = False
    published: bool = True

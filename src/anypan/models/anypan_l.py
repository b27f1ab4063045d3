"""anypan-l: the larger sister of anypan-s, the same network with more features and blocks."""

from __future__ import annotations

from dataclasses import dataclass

from anypan.models import anypan_s
from anypan.models.anypan_s import AnypanS


@dataclass(frozen=True)
class Config(anypan_s.Config):
    """The sizes of the network; stored with its weights."""

    trunk: int = 80
    band: int = 48
    blocks: int = 6
    bases: int = 24


class AnypanL(AnypanS):
    """``AnypanS`` in the sizes of this module's ``Config``."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config or Config())

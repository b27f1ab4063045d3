"""anypan-b: the larger sister of anypan-s, the same network with twice as many blocks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from anypan.models import anypan_s
from anypan.models.anypan_s import AnypanS


@dataclass(frozen=True)
class Config(anypan_s.Config):
    """The sizes of the network; stored with its weights."""

    blocks: int = 10


class AnypanB(AnypanS):
    """``AnypanS`` in the sizes of this module's ``Config``.

    The blocks that anypan-s does not have begin by changing nothing, so that a run that starts from its weights
    (``start``) starts with its output.
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config or Config())
        for block in self.blocks[anypan_s.Config.blocks :]:
            for parameter in (*block.get_submodule("second").parameters(), *block.get_submodule("out").parameters()):
                nn.init.zeros_(parameter)

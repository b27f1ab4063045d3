"""By which rules a case is made and judged. A row names its mode; numbers of two modes are not to be mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from anypan.judging.readers import PROTOCOLS, Protocol
from anypan.optics.sampling import Physical, Sampling
from anypan.optics.toolbox import Toolbox

Variant = Literal["", "paper", "unipan"]


@dataclass(frozen=True)
class Mode:
    """``convention`` of grids, kernels and interpolation; ``cut``: pixels left out at each border at reduced
    resolution; ``variant`` of the metrics at full resolution; ``protocols`` that it judges.
    """

    convention: type[Sampling]
    cut: int
    variant: Variant = ""
    protocols: tuple[Protocol, ...] = PROTOCOLS


MODES: dict[str, Mode] = {
    "physical": Mode(Physical, 0),
    "toolbox": Mode(Toolbox, 21),
    "pancollection": Mode(Toolbox, 30),
    "paper": Mode(Toolbox, 21, "paper"),
    "unipan": Mode(Toolbox, 0, "unipan", ("fr",)),
}

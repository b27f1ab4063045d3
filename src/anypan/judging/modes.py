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
    resolution; ``variant`` of the metrics at full resolution; ``protocols`` that it judges; ``says``: in words.
    """

    convention: type[Sampling]
    cut: int
    says: str
    variant: Variant = ""
    protocols: tuple[Protocol, ...] = PROTOCOLS


MODES: dict[str, Mode] = {
    "physical": Mode(Physical, 0, "centred grids, shift corrected"),
    "toolbox": Mode(Toolbox, 21, "as the reference toolbox does, its border cut of 21"),
    "pancollection": Mode(Toolbox, 30, "toolbox with the border cut of 30 of the PanCollection tables"),
    "paper": Mode(Toolbox, 21, "toolbox with D_lambda and D_s against the MS, as their papers define them", "paper"),
    "unipan": Mode(Toolbox, 0, "as the UniPAN code does, full resolution only", "unipan", ("fr",)),
}

"""ARCHITECTURES: each network with its configuration; one file per network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from anypan.models import anypan_l, anypan_m, anypan_s, anypan_t, fusionnet, panformer, panmamba, pannet, pnn


@dataclass(frozen=True)
class Architecture:
    """A network class, the dataclass it is built from, its family (cnn, transformer, mamba) and where it is from.

    ``any_bands``: it takes the bands in any order; else it was made for a fixed number and runs through ``FixedBands``.
    """

    network: type[nn.Module]
    config: type[Any]
    family: str
    source: str = "anypan"
    any_bands: bool = True


ARCHITECTURES: dict[str, Architecture] = {
    "anypan-s": Architecture(anypan_s.AnypanS, anypan_s.Config, "cnn"),
    "anypan-l": Architecture(anypan_l.AnypanL, anypan_l.Config, "cnn"),
    "anypan-t": Architecture(anypan_t.AnypanT, anypan_t.Config, "transformer"),
    "anypan-m": Architecture(anypan_m.AnypanM, anypan_m.Config, "mamba"),
    "PNN": Architecture(pnn.PNN, pnn.Config, "cnn", "Masi et al., 2016", False),
    "PanNet": Architecture(pannet.PanNet, pannet.Config, "cnn", "Yang et al., 2017", False),
    "FusionNet": Architecture(fusionnet.FusionNet, fusionnet.Config, "cnn", "Deng et al., 2021", False),
    "PanFormer": Architecture(panformer.PanFormer, panformer.Config, "transformer", "Zhou et al., 2022", False),
    "Pan-Mamba": Architecture(panmamba.PanMamba, panmamba.Config, "mamba", "He et al., 2024", False),
}

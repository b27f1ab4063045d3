"""ARCHITECTURES: each network with its configuration; one file per network. Images are standardised ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from torch import nn

from anypan.models import anypan_m, anypan_s, anypan_t, fusionnet, panformer, panmamba, pannet, pnn
from anypan.runtime.bounds import Bounds
from anypan.runtime.errors import UserError

SIZES = {"margin": Bounds(0, 256), "window": Bounds(1, 256)}
SIZE = Bounds(1, 1024)  # of networks, all others


@dataclass(frozen=True)
class Architecture:
    """A network class, the dataclass it is built from, its family (cnn, transformer, mamba) and where it is from.

    ``encoder``: regular expressions that find the parameters which turn the inputs into features; freeze-tuning
    (adapt.py) leaves them as they are and trains the rest, which makes an image of the features.
    ``adapters``: regular expressions that find its blocks, behind which adapters go (models/adapters.py) -> for each
    image that such a block returns the size in the configuration, by its name, that says how many features it has.
    ``any_bands``: it takes the bands in any order; else it was made for a fixed number and runs through ``FixedBands``.
    """

    network: type[nn.Module]
    config: type[Any]
    family: str
    encoder: tuple[str, ...]
    source: str = "anypan"
    any_bands: bool = True
    adapters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def configured(self, sizes: Mapping[str, Any], where: str) -> Any:
        """The configuration of ``sizes``, all whole numbers; UserError for one that is unknown or beyond any use."""
        known = [each.name for each in fields(self.config)]
        for name, size in sizes.items():
            if name not in known:
                raise UserError(f"{where} has the unknown key {name!r}: it knows {', '.join(sorted(known))}.")
            if not isinstance(size, int) or isinstance(size, bool):
                raise UserError(f"{where} gives {name} as {str(size)[:40]!r}, which is no whole number: give one.")
            SIZES.get(name, SIZE).check(f"{name} in {where}", size)
        return self.config(**sizes)


ANYPAN = ("^read_", r"^blocks\.")
BODY = (r"^head\.", r"^body\.")
BANDS_APART = {r"^blocks\.\d+$": ("trunk", "band")}
RESIDUAL = {r"^body\.\d+$": ("features",)}

ARCHITECTURES: dict[str, Architecture] = {
    "anypan-s": Architecture(anypan_s.AnypanS, anypan_s.Config, "cnn", ANYPAN, adapters=BANDS_APART),
    "anypan-t": Architecture(anypan_t.AnypanT, anypan_t.Config, "transformer", ANYPAN, adapters=BANDS_APART),
    "anypan-m": Architecture(anypan_m.AnypanM, anypan_m.Config, "mamba", ANYPAN, adapters=BANDS_APART),
    "PNN": Architecture(
        pnn.PNN, pnn.Config, "cnn", (r"^first\.", r"^second\."), "Masi et al., 2016", False,
        {"^first$": ("first",), "^second$": ("second",)},
    ),
    "PanNet": Architecture(
        pannet.PanNet, pannet.Config, "cnn", (r"^upsample\.", *BODY), "Yang et al., 2017", False, RESIDUAL
    ),
    "FusionNet": Architecture(
        fusionnet.FusionNet, fusionnet.Config, "cnn", BODY, "Deng et al., 2021", False, RESIDUAL
    ),
    "PanFormer": Architecture(
        panformer.PanFormer, panformer.Config, "transformer", ("^read_",), "Zhou et al., 2022", False,
        {r"\.blocks\.\d+$": ("features",)},
    ),
    "Pan-Mamba": Architecture(
        panmamba.PanMamba, panmamba.Config, "mamba", ("^read_", r"^embed\.", "_blocks"), "He et al., 2024", False,
        {r"_blocks\.\d+$": ("features",), r"^swaps\.\d+$": ("features",) * 2, r"^crosses\.\d+$": ("features",)},
    ),
}  # fmt: skip

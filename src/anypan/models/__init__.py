"""ARCHITECTURES: each network with its configuration; one file per network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from anypan.models import anypan_s


@dataclass(frozen=True)
class Architecture:
    """A network class, the dataclass it is built from, and its family (cnn, transformer, mamba)."""

    network: type[nn.Module]
    config: type[Any]
    family: str


ARCHITECTURES: dict[str, Architecture] = {
    "anypan-s": Architecture(anypan_s.AnypanS, anypan_s.Config, "cnn"),
}

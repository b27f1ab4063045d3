"""What a way of tuning is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from anypan.models import Architecture


def unchanged(network: nn.Module, architecture: Architecture) -> None:
    """Add no parameters."""


def as_they_are(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Tensors (...) of a weight file already."""
    return tensors


@dataclass(frozen=True)
class Tuning:
    """One way.

    ``summary``: a line for users. ``kept``: of an architecture, regular expressions of the parameters that stay as
    they are. ``prepare`` adds parameters to the network, which goes on computing what it did, from torch's own random
    numbers. ``merged``: the tensors of the weight file, of those of the network so prepared (its ``state_dict``).
    """

    summary: str
    kept: Callable[[Architecture], tuple[str, ...]]
    prepare: Callable[[nn.Module, Architecture], None] = unchanged
    merged: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = as_they_are

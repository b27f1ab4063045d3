"""Adapters: small networks behind a network's blocks, which learn while all that was there stays as it is.

N. Houlsby, A. Giurgiu, S. Jastrzebski et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019: features go
through a layer that narrows them, a nonlinearity and a layer that widens them, and are added to what they were. The
last layer begins with zeros, so that at first nothing changes. Nothing reaches beyond its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

Widths = tuple[int, ...]
CHILD = "adapters"  # what a block calls them


class Adapter(nn.Module):
    """(N, C, h, w), or tokens (N, L, C), to the same."""

    def __init__(self, features: int, narrow: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(features, narrow), nn.Linear(narrow, features)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, features: Tensor) -> Tensor:
        image = features.ndim == 4
        last = features.permute(0, 2, 3, 1) if image else features  # named axis by axis: a graph may not know how many
        found = self.up(F.gelu(self.down(last)))
        return features + (found.permute(0, 3, 1, 2) if image else found)


class Adapters(nn.ModuleList):
    """One for each image that a block returns."""

    def __init__(self, widths: Widths, narrow: int) -> None:
        super().__init__(Adapter(width, narrow) for width in widths)
        self.widths, self.narrow = widths, narrow


def places(network: nn.Module, named: Mapping[str, tuple[str, ...]]) -> dict[str, Widths]:
    """The blocks that take adapters, with the widths of what they return. ``named``: as in ``Architecture``."""
    config: Any = network.config
    found = {}
    for name, _ in network.named_modules():
        for pattern, sizes in named.items():
            if re.search(pattern, name):
                found[name] = tuple(getattr(config, size) for size in sizes)
    return found


def insert(network: nn.Module, widths: Mapping[str, Widths], narrow: int) -> None:
    """Adapters, ``narrow`` features wide, behind the blocks of those names; the network's own tensors keep theirs."""
    for name, of_block in widths.items():
        block = network.get_submodule(name)
        block.add_module(CHILD, Adapters(of_block, narrow))
        block.register_forward_hook(_adapted)


def inserted(network: nn.Module) -> dict[str, Adapters]:
    """The adapters of a network, by the names of their blocks."""
    found = {name: module for name, module in network.named_modules() if isinstance(module, Adapters)}
    return {name.removesuffix(f".{CHILD}"): module for name, module in found.items()}


def insert_as(network: nn.Module, other: nn.Module) -> None:
    """The same adapters as another network of its kind has, if it has any; their tensors are new."""
    for name, of_block in inserted(other).items():
        insert(network, {name: of_block.widths}, of_block.narrow)


def narrow_of(tensors: Mapping[str, Tensor]) -> int:
    """How wide adapters are inside, of the tensors (...) of a weight file; 0 if there are none."""
    first = f".{CHILD}.0.down.weight"
    return next((len(tensor) for key, tensor in tensors.items() if key.endswith(first)), 0)


def _adapted(block: nn.Module, _: Any, out: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    behind = block.get_submodule(CHILD)
    if isinstance(out, tuple):
        return tuple(adapter(each) for adapter, each in zip(behind.children(), out, strict=True))
    return next(behind.children())(out)

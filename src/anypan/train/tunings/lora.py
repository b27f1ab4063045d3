"""LoRA: every matrix W stays as it is, and a product of two narrow ones that is added to it learns.

E. J. Hu, Y. Shen, P. Wallis et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022: W + alpha / r B A,
A (r, in) random, B (out, r) zero at first; here r = 4 and alpha = r. A convolution's kernel is a matrix of a row for
each output channel. Matrices that have no more numbers than B and A would, as the last layer of most networks of the
literature, and depthwise kernels, stay as they are.
The weight file holds the sums: it is a plain one, as large and as fast as before.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from anypan.models import Architecture
from anypan.train.tunings.base import Tuning

RANK = 4
OWN = ".parametrizations.weight."  # what torch puts before the names of a parametrised weight and its factors


class LowRank(nn.Module):
    """A weight (out, ...) to its sum with the product of ``wide`` (out, r) and ``narrow`` (r, in)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        inner = weight[0].numel()
        self.narrow = nn.Parameter(torch.randn(RANK, inner) * inner**-0.5)
        self.wide = nn.Parameter(torch.zeros(len(weight), RANK))

    def forward(self, weight: Tensor) -> Tensor:
        return added(weight, self.wide, self.narrow)


def added(weight: Tensor, wide: Tensor, narrow: Tensor) -> Tensor:
    """The weight (out, ...) plus (out, r) times (r, in)."""
    return weight + (wide @ narrow).view_as(weight)


def prepare(network: nn.Module, architecture: Architecture) -> None:
    """Factors for every matrix that is worth it."""
    for module in list(network.modules()):
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
            out, inner = len(module.weight), module.weight[0].numel()
            if RANK * (out + inner) < out * inner:
                parametrize.register_parametrization(module, "weight", LowRank(module.weight))


def merged(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Each weight with the product of its factors added, under the name that it had."""
    found = {key: tensor for key, tensor in tensors.items() if OWN not in key}
    for key, weight in tensors.items():
        name, mark, rest = key.partition(OWN)
        if mark and rest == "original":
            factors = (tensors[f"{name}{OWN}0.{factor}"] for factor in ("wide", "narrow"))
            found[f"{name}.weight"] = added(weight, *factors)
    return found


KEPT = r"^(?!.*\.parametrizations\.weight\.0\.)"  # all but the factors
LORA = Tuning("low-rank additions to its matrices learn", lambda _: (KEPT,), prepare, merged)

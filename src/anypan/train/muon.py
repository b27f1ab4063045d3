"""Muon: momentum whose matrices are made orthogonal before each step (Jordan et al., 2024).

A gradient of few large directions becomes a step that is as long in every direction, so that layers behind heads that
begin at zero learn from the first steps on. torch's own takes matrices only; here a convolution's weights count as the
matrix of its first axis by all others. Biases, scales, and layers of fewer than four outputs or inputs are stepped by
Adam (Kingma and Ba, 2015) at a share of the rate.

Jordan et al. leave first and last layers to Adam; here they are matrices as any other, and so are depthwise kernels and
the decays of a Mamba's states. Their scale of a convolution is 1; here sqrt(outputs / inputs) where that is larger.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

LEAST = 4  # outputs and inputs of a matrix
ROUNDS = 5  # of Newton and Schulz
QUINTIC = (3.4445, -4.7750, 2.0315)  # theirs: singular values above .0015 of the norm come to .68 to 1.2
ADAM = 0.3  # of the rate
BETAS = (0.9, 0.99)  # of Adam
MOMENTUM = 0.95
SMALL = 1e-10


class Muon(torch.optim.Optimizer):
    """Steps of ``rate`` times sqrt(max(1, outputs / inputs)) along orthogonal matrices; the rest by Adam."""

    def __init__(self, trained: Iterable[nn.Parameter], rate: float, weight_decay: float = 0.0) -> None:
        super().__init__(trained, {"lr": rate, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """One step along the gradients at hand."""
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None:
                    way, share = self._way(weights)
                    weights.mul_(1 - group["lr"] * group["weight_decay"]).sub_(way, alpha=share * group["lr"])

    def _way(self, weights: nn.Parameter) -> tuple[Tensor, float]:
        """Where a parameter goes, and by which share of the rate."""
        gradient, state = weights.grad, self.state[weights]
        assert gradient is not None
        if not state:
            state["first"] = torch.zeros_like(weights)
        if weights.ndim >= 2 and min(len(weights), weights[0].numel()) >= LEAST:
            momentum = state["first"].lerp_(gradient, 1 - MOMENTUM)
            ahead = gradient.lerp(momentum, MOMENTUM).flatten(1)
            return orthogonal(ahead).view_as(weights), max(1.0, ahead.shape[0] / ahead.shape[1]) ** 0.5
        count = state["count"] = state.get("count", 0) + 1
        first = state["first"].lerp_(gradient, 1 - BETAS[0])
        second = state.setdefault("second", torch.zeros_like(weights)).lerp_(gradient.square(), 1 - BETAS[1])
        deviation = (second / (1 - BETAS[1] ** count)).sqrt_().add_(SMALL)
        return first / (1 - BETAS[0] ** count) / deviation, ADAM


def orthogonal(matrix: Tensor) -> Tensor:
    """(n, m) with its singular values brought near 1, its vectors kept, by the quintic of Newton and Schulz."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + SMALL)
    a, b, c = QUINTIC
    for _ in range(ROUNDS):
        squared = wide @ wide.T
        wide = a * wide + (b * squared + c * squared @ squared) @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T

"""The selective scan of state space models, in plain torch, exact and differentiable.

h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t, output_t = C_t h_t + D u_t (A. Gu, T. Dao, "Mamba: Linear-Time Sequence
Modeling with Selective State Spaces", 2023, equations 2 and 3, with their simplified discretisation of B). The sequence
is cut into chunks: all chunks are scanned at once, then what each hands on is scanned over the chunks and added.
Only products of factors in (0, 1] occur, so nothing overflows. Where ``mamba_ssm`` can be imported and the tensors
are on a GPU, its kernel does the same.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LIMIT = 2**20  # states worked on at once, about: what caches hold is two to three times as fast


class _Scan(torch.autograd.Function):
    """h_t = decay_t h_(t-1) + fresh_t along dimension 1; the gradient is the same scan backwards."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, fresh: Tensor) -> Tensor:
        states = _chunked(decay, fresh)
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        decay, states = ctx.saved_tensors
        zero = torch.zeros_like(states[:, :1])
        later = torch.cat([decay[:, 1:], zero], 1)
        adjoint = _chunked(later.flip(1), grads[0].flip(1)).flip(1)
        return adjoint * torch.cat([zero, states[:, :-1]], 1), adjoint


def _chunked(decay: Tensor, fresh: Tensor) -> Tensor:
    """(N, L, ...) each; about 2 sqrt(L) steps of which each does many tokens."""
    length = decay.shape[1]
    chunk = max(1, math.isqrt(length))
    more = [0, 0] * (decay.dim() - 2) + [0, -length % chunk]
    product, states = (F.pad(part, more).unflatten(1, (-1, chunk)).unbind(2) for part in (decay, fresh))
    product, states = list(product), list(states)
    for t in range(1, chunk):
        states[t] = torch.addcmul(states[t], product[t], states[t - 1])
        product[t] = product[t] * product[t - 1]
    handed = [torch.zeros_like(states[-1][:, 0])]
    for end, factor in zip(states[-1].unbind(1)[:-1], product[-1].unbind(1)[:-1], strict=True):
        handed.append(torch.addcmul(end, factor, handed[-1]))
    carry = torch.stack(handed, 1)
    whole = torch.stack([torch.addcmul(s, p, carry) for s, p in zip(states, product, strict=True)], 2)
    return whole.flatten(1, 2)[:, :length]


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """u and delta (N, L, E), delta positive; a (E, S), negative; b and c (N, L, S); to (N, L, E), without D u."""
    kernel = _kernel() if u.is_cuda else None
    if kernel is not None:
        return kernel(*(part.mT.contiguous() for part in (u, delta)), a, b.mT.contiguous(), c.mT.contiguous()).mT
    width = max(1, LIMIT // b.numel())  # channels do not meet
    parts = zip(u.split(width, -1), delta.split(width, -1), a.split(width), strict=True)
    return torch.cat([_plain(*part, b, c) for part in parts], -1)


def _plain(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    fresh = (delta * u)[..., None] * b[:, :, None]
    states: Any = _Scan.apply(torch.exp(delta[..., None] * a), fresh)
    return torch.einsum("nles,nls->nle", states, c)


def _kernel() -> Any:
    try:
        return import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
    except (ImportError, AttributeError):
        return None


class StateSpace(nn.Module):
    """The selective state space layer on (N, L, E): step, B and C are linear in the token."""

    def __init__(self, inner: int, state: int, rank: int) -> None:
        super().__init__()
        self.sizes = [rank, state, state]
        self.project = nn.Linear(inner, sum(self.sizes), bias=False)
        self.step = nn.Linear(rank, inner)
        self.log_a = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))
        steps = torch.exp(torch.empty(inner).uniform_(math.log(1e-3), math.log(1e-1)))
        with torch.no_grad():  # softplus of the bias lies in 0.001 .. 0.1, as in the paper
            self.step.bias.copy_(steps + torch.log(-torch.expm1(-steps)))

    def forward(self, tokens: Tensor) -> Tensor:
        many = max(1, LIMIT // (tokens[0].numel() * self.sizes[-1]))
        return torch.cat([self._some(part) for part in tokens.split(many)])

    def _some(self, tokens: Tensor) -> Tensor:
        step, b, c = self.project(tokens).split(self.sizes, -1)
        delta = F.softplus(self.step(step))
        return selective_scan(tokens, delta, -self.log_a.exp(), b, c) + self.skip * tokens


class Branch(nn.Module):
    """The inside of a Mamba block: causal convolution, state space, gate; (N, L, 2 E) to (N, L, E)."""

    def __init__(self, inner: int, state: int, rank: int, taps: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inner, inner, taps, groups=inner, padding=taps - 1)
        self.space = StateSpace(inner, state, rank)

    def forward(self, both: Tensor) -> Tensor:
        tokens, gate = both.chunk(2, -1)
        seen = self.conv(tokens.mT)[..., : tokens.shape[1]].mT
        return self.space(F.silu(seen)) * F.silu(gate)


class Mamba(nn.Module):
    """A Mamba block on (N, L, C) (Gu and Dao, 2023, figure 3); with ``crossed`` a second sequence joins before the end.

    Of a second sequence a branch of its own is taken and the two are added (X. He et al., "Pan-Mamba", 2024).
    """

    def __init__(self, dim: int, crossed: bool = False, state: int = 16, expand: int = 2) -> None:
        super().__init__()
        inner, rank = expand * dim, math.ceil(dim / 16)
        self.entries = nn.ModuleList(nn.Linear(dim, 2 * inner, bias=False) for _ in range(1 + crossed))
        self.branches = nn.ModuleList(Branch(inner, state, rank) for _ in range(1 + crossed))
        self.out = nn.Linear(inner, dim, bias=False)

    def forward(self, *sequences: Tensor) -> Tensor:
        parts = zip(self.entries, self.branches, sequences, strict=True)
        found = [branch(entry(sequence)) for entry, branch, sequence in parts]
        return self.out(sum(found[1:], found[0]))

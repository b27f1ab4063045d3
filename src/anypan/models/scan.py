"""The selective scan of state space models, in plain torch, exact and differentiable.

h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t, output_t = C_t h_t + D u_t (A. Gu, T. Dao, "Mamba: Linear-Time Sequence
Modeling with Selective State Spaces", 2023, equations 2 and 4, with their simplified discretisation of B; D u is their
code's). As in their section 3.3.2 states are never kept: they are worked on in spans of tokens that caches hold, and
the gradient makes them again from the state before each span. A token whose states are too few to occupy the device is
not worked on alone: the span is cut into chunks that are scanned at once, then what each hands on is scanned and added.
Only products of factors in (0, 1] occur, so nothing overflows. Where ``mamba_ssm`` can be imported and the tensors are
on a GPU, its kernel does the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Sizes(NamedTuple):
    """Numbers of states that suit a device.

    ``span``: worked on at once, about; ``token``: of one token of the sequences that go together, about; ``alone``: of
    one token that are worth a step of their own.
    """

    span: int
    token: int
    alone: int


SIZES = {"cpu": Sizes(2**18, 2**13, 2**10)}  # two MiB and 64 KiB fit into caches
CARD = Sizes(2**24, 2**24, 2**20)  # as few and large steps as memory allows


class _Scan(torch.autograd.Function):
    """u and delta (L, N, E), a (S, E), b and c (L, N, S) to outputs (L, N, E)."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        u, _, a, _, c = inputs
        ctx.spans = _spans(len(u), max(1, sizes_of(u).span // (a.numel() * u.shape[1])))
        out, before = torch.empty_like(u), [u.new_zeros(u.shape[1], *a.shape)]
        for part in ctx.spans:
            room, states = _states(inputs, part, before[-1])
            torch.sum(torch.mul(states[1:], c[part, :, :, None], out=room), -2, out=out[part])
            before.append(states[-1].clone())
        ctx.save_for_backward(*inputs, *before[:-1])
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        inputs, before = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        found = tuple(map(torch.zeros_like, inputs))
        handed = torch.zeros_like(before[0])
        for part, state in zip(reversed(ctx.spans), reversed(before), strict=True):
            handed = _span_gradient(inputs, found, grads[0][part], part, state, handed)
        return found


def sizes_of(tensor: Tensor) -> Sizes:
    """The sizes that suit the device of a tensor of any shape."""
    return SIZES.get(tensor.device.type, CARD)


def _spans(length: int, tokens: int) -> list[slice]:
    return [slice(at, at + tokens) for at in range(0, length, tokens)]


def _states(inputs: Sequence[Tensor], part: slice, before: Tensor) -> tuple[Tensor, Tensor]:
    """Decays (T, N, S, E) of a span of tokens, and states (1 + T, N, S, E): that before the span and those in it."""
    u, delta, a, b, _ = inputs
    decay = torch.exp(delta[part][:, :, None] * a)
    states = before.new_empty(len(decay) + 1, *before.shape)
    states[0] = before
    torch.mul((delta[part] * u[part])[:, :, None], b[part][..., None], out=states[1:])
    states[1].addcmul_(decay[0], before)
    _recur(decay, states[1:])
    return decay, states


def _span_gradient(
    inputs: Sequence[Tensor], found: Sequence[Tensor], grad: Tensor, part: slice, before: Tensor, handed: Tensor
) -> Tensor:
    """Fills in a span's part of the gradients; returns what it hands to the span before it, (N, S, E)."""
    (u, delta, b, c), a = (inputs[n][part] for n in (0, 1, 3, 4)), inputs[2]
    du, ddelta, db, dc = (found[n][part] for n in (0, 1, 3, 4))
    decay, states = _states(inputs, part, before)
    own = grad[:, :, None] * c[..., None]
    own[-1] += handed
    _recur(decay, own, back=True)
    handed = decay[0] * own[0]
    room = grad[:, :, None] * states[1:]
    torch.sum(room, -1, out=dc)
    through = decay.mul_(own).mul_(states[:-1])
    found[2].add_(torch.mul(through, delta[:, :, None], out=room).sum((0, 1)))
    fresh = torch.mul(own, b[..., None], out=room).sum(-2)
    torch.mul(fresh, delta, out=du)
    torch.sum(torch.mul(through, a, out=room), -2, out=ddelta).addcmul_(fresh, u)
    torch.sum(torch.mul(own, (delta * u)[:, :, None], out=room), -1, out=db)
    return handed


def _recur(decay: Tensor, states: Tensor, back: bool = False) -> None:
    """states_t += decay_t states_(t-1) along dimension 0; ``back``: states_t += decay_(t+1) states_(t+1)."""
    if states[0].numel() >= sizes_of(states).alone:
        factors, steps = decay.unbind(0), states.unbind(0)
        factors, steps = (factors[:0:-1], steps[::-1]) if back else (factors[1:], steps)
        for factor, before, after in zip(factors, steps, steps[1:], strict=False):
            after.addcmul_(factor, before)
    elif back:
        states.copy_(_chunked(decay.roll(-1, 0).flip(0), states.flip(0)).flip(0))
    else:
        states.copy_(_chunked(decay, states))


def _chunked(decay: Tensor, fresh: Tensor) -> Tensor:
    """The same of (T, ...) each; about 2 sqrt(T) steps of which each does many tokens."""
    length = len(decay)
    chunk = max(1, math.isqrt(length))
    more = [0, 0] * (decay.dim() - 1) + [0, -length % chunk]
    product, states = (list(F.pad(part, more).unflatten(0, (-1, chunk)).unbind(1)) for part in (decay, fresh))
    for t in range(1, chunk):
        states[t] = torch.addcmul(states[t], product[t], states[t - 1])
        product[t] = product[t] * product[t - 1]
    handed = [torch.zeros_like(states[-1][0])]
    for end, factor in zip(states[-1][:-1], product[-1][:-1], strict=True):
        handed.append(torch.addcmul(end, factor, handed[-1]))
    carry = torch.stack(handed)
    whole = torch.stack([torch.addcmul(s, p, carry) for s, p in zip(states, product, strict=True)], 1)
    return whole.flatten(0, 1)[:length]


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """u and delta (N, L, E), delta positive; a (E, S), negative; b and c (N, L, S); to (N, L, E), without D u."""
    kernel = _kernel() if u.is_cuda else None
    if kernel is not None:
        return kernel(*(part.mT.contiguous() for part in (u, delta)), a, b.mT.contiguous(), c.mT.contiguous()).mT
    many = max(1, sizes_of(u).token // a.numel())  # sequences do not meet
    parts = zip(*(one.to(a.dtype).split(many) for one in (u, delta, b, c)), strict=True)
    return torch.cat([_plain(u, delta, a, b, c) for u, delta, b, c in parts])


def _plain(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    u, delta, b, c = (one.transpose(0, 1).contiguous() for one in (u, delta, b, c))
    found: Any = _Scan.apply(u, delta, a.T.contiguous(), b, c)
    return found.transpose(0, 1)


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

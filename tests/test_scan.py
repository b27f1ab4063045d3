"""The selective scan against the recurrence that defines it, step by step in float64."""

import importlib.util

import pytest
import torch

from anypan.models import scan


def problem(length, dtype=torch.float32, sequences=2, channels=3, states=4):
    generator = torch.Generator().manual_seed(length)
    shape = (sequences, length, channels)
    u, delta = torch.randn(shape, generator=generator), torch.rand(shape, generator=generator)
    a = -8 * torch.rand(channels, states, generator=generator) - 0.01
    b, c = (torch.randn(sequences, length, states, generator=generator) for _ in range(2))
    return [part.to(dtype) for part in (u, delta, a, b, c)]


def stepwise(u, delta, a, b, c):
    state, out = torch.zeros(u.shape[0], u.shape[2], a.shape[1], dtype=u.dtype), []
    for t in range(u.shape[1]):
        state = torch.exp(delta[:, t, :, None] * a) * state + (delta * u)[:, t, :, None] * b[:, t, None]
        out.append((state * c[:, t, None]).sum(-1))
    return torch.stack(out, 1)


CHUNKED, TOKEN_BY_TOKEN = 2**20, 1
ways = pytest.mark.parametrize("alone", [CHUNKED, TOKEN_BY_TOKEN])


@ways
@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 256, 1000])
def test_the_scan_gives_what_the_loop_gives(length, alone, monkeypatch):
    monkeypatch.setitem(scan.SIZES, "cpu", scan.CARD._replace(alone=alone))
    found = scan.selective_scan(*problem(length))
    assert (found - stepwise(*problem(length, torch.float64))).abs().max() <= 1e-5


@pytest.mark.parametrize("size", ["span", "token"])
def test_spans_and_sequences_apart_give_the_same(monkeypatch, size):
    whole = scan.selective_scan(*problem(50))
    monkeypatch.setitem(scan.SIZES, "cpu", scan.SIZES["cpu"]._replace(**{size: 1}))
    assert torch.allclose(scan.selective_scan(*problem(50)), whole, atol=1e-6)


@ways
@pytest.mark.parametrize("span", [1, 60, 2**18])
def test_gradients_are_those_of_the_loop(alone, span, monkeypatch):
    monkeypatch.setitem(scan.SIZES, "cpu", scan.CARD._replace(alone=alone, span=span))
    gradients = []
    for function in (scan.selective_scan, stepwise):
        parts = [part.requires_grad_() for part in problem(23, torch.float64)]
        function(*parts).square().sum().backward()
        gradients.append([part.grad for part in parts])
    for scanned, looped in zip(*gradients, strict=True):
        assert torch.allclose(scanned, looped, rtol=1e-9, atol=1e-9)


def test_a_long_decay_neither_overflows_nor_vanishes():
    u, delta, a, b, c = problem(1000)
    assert scan.selective_scan(u, 1e3 * delta, a, b, c).isfinite().all()
    steady = scan.selective_scan(torch.ones_like(u), torch.ones_like(delta), 1e-6 * a, b * 0 + 1, c * 0 + 1)
    assert steady[:, -1].min() > 3900  # four states that forget almost nothing in 1,000 steps


@pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("mamba_ssm") is None, reason="no mamba_ssm on a GPU"
)
def test_the_kernel_of_mamba_ssm_agrees():
    found = scan.selective_scan(*(part.cuda() for part in problem(256))).cpu()
    assert (found - stepwise(*problem(256, torch.float64))).abs().max() <= 1e-4

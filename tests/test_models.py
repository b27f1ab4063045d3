"""The contract of every network: any size, bands and ratio; band order; gradients; honest halo; cost."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from anypan.models import ARCHITECTURES
from anypan.mtf import Sampling
from anypan.normalise import Moments, pan_at_ms_scale

NAMES = sorted(ARCHITECTURES)


def network_of(name):
    """With random weights everywhere, so that no zero initialisation hides a path."""
    torch.manual_seed(0)
    network = ARCHITECTURES[name].network(ARCHITECTURES[name].config())
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


def inputs_of(bands, ratio, cells, seed=0):
    generator = torch.Generator().manual_seed(seed)
    unit = math.lcm(4, ratio)
    height, width = cells[0] * unit, cells[1] * unit
    pan = torch.randn(1, 1, height, width, generator=generator)
    lrms = torch.randn(1, bands, height // ratio, width // ratio, generator=generator)
    gnyq, sampling = torch.full((1, bands), 0.3), Sampling(ratio)
    scale = Moments.of(lrms, pan_at_ms_scale(pan, gnyq, sampling)).scale()
    return pan, lrms, scale, gnyq, sampling


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "bands, ratio, cells", [(1, 4, (7, 9)), (3, 2, (9, 6)), (4, 3, (5, 4)), (8, 6, (4, 5)), (11, 4, (3, 3))]
)
def test_any_bands_ratio_and_size(name, bands, ratio, cells):
    pan, lrms, *rest = inputs_of(bands, ratio, cells)
    with torch.inference_mode():
        fused = network_of(name)(pan, lrms, *rest)
    assert fused.shape == (1, bands, *pan.shape[-2:])
    assert torch.isfinite(fused).all()


@pytest.mark.parametrize("name", NAMES)
def test_band_order_goes_through(name):
    pan, lrms, scale, gnyq, sampling = inputs_of(5, 4, (6, 6))
    order = torch.tensor([3, 0, 4, 2, 1])
    network = network_of(name)
    other = Moments.of(lrms[:, order], pan_at_ms_scale(pan, gnyq, sampling)).scale()
    with torch.inference_mode():
        fused = network(pan, lrms, scale, gnyq, sampling)
        permuted = network(pan, lrms[:, order], other, gnyq[:, order], sampling)
    assert torch.allclose(fused[:, order], permuted, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name):
    network = network_of(name)
    pan, lrms, *rest = inputs_of(4, 4, (6, 6))
    network(pan, lrms, *rest).abs().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ratio", [2, 4])
def test_the_halo_is_honest(name, ratio):
    network = network_of(name)
    pan, lrms, *rest = inputs_of(2, ratio, (80, 8) if ratio == 4 else (60, 8))
    halo = network.halo(rest[-1])
    assert pan.shape[-2] > halo + 16
    with torch.inference_mode():
        before = network(pan, lrms, *rest)
        pan[..., :8, :] += 5.0
        lrms[..., : 8 // ratio, :] += 5.0
        change = (network(pan, lrms, *rest) - before).abs().amax((0, 1, 3))
    assert change[:8].max() > 0
    assert torch.all(change[8 + halo :] < 1e-5)


def test_the_default_network_costs_at_most_40_thousand_multiply_adds_a_pixel():
    pan, lrms, *rest = inputs_of(4, 4, (16, 16))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network_of("anypan-s")(pan, lrms, *rest)
    assert counter.get_total_flops() / 2 / pan.numel() <= 40_000

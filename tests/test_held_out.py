"""The judgement on simulated pairs that no training saw."""

import sys
from pathlib import Path

import pytest
import torch

from anypan.optics.normalise import pan_at_ms_scale
from anypan.simulate.sample import Simulation

FOLDER = Path(__file__).resolve().parents[1] / "runs" / "pretrain"
sys.path.insert(0, str(FOLDER))

import held_out  # noqa: E402


def regression(pan, lrms, scale, gnyq, sampling):
    """Plain injection, written apart."""
    detail = pan - sampling.expand(pan_at_ms_scale(pan, gnyq, sampling))
    return sampling.expand(lrms) + scale.slope[..., None, None] * detail


def judged(network):
    coarse = torch.rand(3, 2, 4, 24, 24, generator=torch.Generator().manual_seed(1))
    tiles = torch.nn.functional.interpolate(coarse.flatten(0, 1), scale_factor=8, mode="bicubic").clamp(0, 1)
    settings = Simulation(ratios={4: 1.0}, bands={3: 1.0}, reductions={2: 1.0})
    return held_out.judged(network, [tiles.unflatten(0, (3, 2))], settings)


def test_regression_judged_as_a_network_is_regression():
    assert judged(regression)[:3] == pytest.approx([1, 1, 1], abs=1e-3)


def test_what_adds_no_detail_keeps_none_and_lies_far_from_the_pan():
    _, d_rho, _, detail = judged(lambda pan, lrms, scale, gnyq, sampling: sampling.expand(lrms))
    assert d_rho > 1.1 and detail < 0.4 < judged(regression)[3]

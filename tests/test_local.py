"""Laws of local regression, and of the losses that are built on comparison with a plain estimate."""

import torch

from anypan.optics.normalise import local_regression
from anypan.train.losses import consistency_loss


def test_local_regression_finds_local_gains():
    """A band that is twice the PAN on the left and its negative on the right, without noise, has those gains."""
    pan = 3 * torch.randn(1, 1, 32, 64, generator=torch.Generator().manual_seed(2))
    band = torch.cat([2 * pan[..., :32], -pan[..., 32:]], -1)
    gains, likeness = local_regression(band, pan, torch.zeros(1, 1))
    assert torch.allclose(gains[..., 8:24], torch.tensor(2.0), rtol=0.05)
    assert torch.allclose(gains[..., 40:56], torch.tensor(-1.0), rtol=0.05)
    assert likeness[..., 8:24].min() > 0.95 and likeness[..., 40:56].max() < -0.95


def test_local_regression_takes_the_slope_of_the_scene_on_flat_ground():
    flat, slope = torch.zeros(1, 2, 16, 16), torch.tensor([[0.7, -0.2]])
    gains, likeness = local_regression(flat, flat[:, :1], slope)
    assert torch.allclose(gains[0, :, 8, 8], slope[0])
    assert likeness.abs().max() == 0


def test_consistency_is_only_asked_for_up_to_that_of_plain_regression():
    plain = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert consistency_loss(0.5 * plain, plain) == 0
    assert torch.isclose(consistency_loss(3 * plain, plain), torch.tensor(2.0), rtol=1e-3)

"""What pretraining minimises: each term is least where it should be."""

import pytest
import torch

from anypan.simulate.effects import ReducedScenes
from anypan.simulate.sample import Simulation, simulate_batch
from anypan.train import batch_loss
from anypan.train.config import Optimisation
from anypan.train.losses import angle_loss, fusion_loss, texture_loss, transfer_loss


@pytest.fixture
def images():
    """Reference, estimate and plain regression (2, 3, 32, 32), positive."""
    rng = torch.Generator().manual_seed(0)
    reference, error, plain = (torch.rand(2, 3, 32, 32, generator=rng) for _ in range(3))
    return reference + 1, reference + 1 + 0.1 * error, reference + 1 + 0.2 * plain


def test_the_angle_is_that_of_plain_regression_over_itself_and_ignores_brightness(images):
    reference, fused, plain = images
    assert float(angle_loss(reference, reference, plain)) < 1e-4
    assert float(angle_loss(plain, reference, plain)) == pytest.approx(1)
    assert 0 < float(angle_loss(fused, reference, plain)) < 1
    assert float(angle_loss(3 * fused, reference, plain)) == pytest.approx(float(angle_loss(fused, reference, plain)))


def test_a_spectrum_without_light_has_a_finite_gradient(images):
    reference, fused, plain = images
    dark = torch.zeros_like(fused, requires_grad=True)
    angle_loss(dark, reference, plain).backward()
    assert dark.grad is not None and bool(torch.isfinite(dark.grad).all())


def test_one_large_error_costs_more_than_the_same_sum_of_small_ones(images):
    reference, _, _ = images
    weights = torch.tensor([[0.5, 0.5, 0.0]]).expand(2, -1)
    spread, single = torch.full_like(reference, 0.01), torch.zeros_like(reference)
    single[..., 0, 0] = 0.01 * 32 * 32
    assert float(fusion_loss(reference, reference, weights)) < 1e-4
    assert float(fusion_loss(reference + single, reference, weights)) > 2 * float(
        fusion_loss(reference + spread, reference, weights)
    )


def test_texture_is_asked_for_up_to_the_references_and_of_some_patches_only(images):
    reference, _, _ = images
    pan = reference.mean(1, keepdim=True)
    noise = torch.rand(reference.shape, generator=torch.Generator().manual_seed(3))
    every, none = torch.ones(2), torch.zeros(2)
    assert float(texture_loss(noise, reference, pan, every)) > 0.2
    assert float(texture_loss(noise, reference, pan, none)) == 0
    assert float(texture_loss(pan.expand_as(noise), reference, pan, every)) < 1e-4
    assert float(texture_loss(noise, noise, pan, every)) == 0


def test_transfer_counts_too_much_of_the_finest_octave_like_too_little(images):
    reference, _, _ = images
    pan, weights = reference.mean(1, keepdim=True), torch.full((2, 3), 1 / 3)
    less, more = reference - 0.3 * (pan - 1), reference + 0.3 * (pan - 1)
    assert float(transfer_loss(reference, reference, pan, weights)) == 0
    assert float(transfer_loss(more, reference, pan, weights)) == pytest.approx(0.3, abs=0.01)
    assert float(transfer_loss(less, reference, pan, weights)) == pytest.approx(0.3, abs=0.01)
    smooth = reference + torch.linspace(0, 1, 32)
    assert float(transfer_loss(smooth, reference, pan, weights)) < 1e-3


def test_a_recipe_weighs_the_terms_and_says_from_which_contrast_errors_are_relative():
    rng = torch.Generator().manual_seed(0)
    only = Simulation(ratios={4: 1.0}, bands={3: 1.0}, reductions={2: 1.0}).having(ReducedScenes(share=0.0))
    batch = simulate_batch(torch.rand(1, 2, 4, 128, 128, generator=rng), rng, only)

    def sharpened(pan, lrms, scale, gnyq, sampling):
        soft = sampling.expand(lrms)
        return soft + 3 * torch.randn(soft.shape, generator=torch.Generator().manual_seed(1))

    def loss(**weights):
        return float(batch_loss(sharpened, batch, Optimisation(**weights)))

    bare = loss(texture=0, consistency=0)
    texture, consistency = loss(texture=1, consistency=0) - bare, loss(texture=0, consistency=1) - bare
    assert texture > 0 and consistency > 0
    assert loss(texture=2, consistency=0.5) == pytest.approx(bare + 2 * texture + 0.5 * consistency, rel=1e-4)
    assert loss(texture=0, consistency=0, contrast_floor=1.0) < bare

"""Laws of the simulator: what it makes is what the instruments would have seen."""

import pytest
import torch

from anypan.simulate.bands import add_texture, bend, make_pan, mix_bands, vary_gain
from anypan.simulate.sample import Simulation, simulate, simulate_batch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    coarse = torch.rand(2, 2, 4, 32, 32, generator=generator())
    return (
        torch.nn.functional.interpolate(coarse.flatten(0, 1), size=(256, 256), mode="bicubic")
        .clamp(0, 1)
        .unflatten(0, (2, 2))
    )


@pytest.mark.parametrize("ratio", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("bands", [1, 4, 8])
def test_shapes_and_finite_values(images, ratio, bands):
    batch = simulate_batch(images, generator(), Simulation(ratios={ratio: 1.0}, bands={bands: 1.0}))
    n, height, width = 4, *batch.pan.shape[-2:]
    assert batch.pan.shape == (n, 1, height, width)
    assert batch.reference.shape == (n, bands, height, width)
    assert batch.lrms.shape == (n, bands, height // ratio, width // ratio)
    assert batch.gnyq.shape == batch.pan_weights.shape == (n, bands)
    assert height % ratio == height % 4 == 0
    assert all(torch.isfinite(part).all() for part in (batch.pan, batch.lrms, batch.reference))


def test_the_same_seed_gives_the_same_sample_and_another_seed_another(images):
    one, same, other = (simulate_batch(images, generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(one.pan, same.pan) and torch.equal(one.lrms, same.lrms)
    assert one.pan.shape != other.pan.shape or not torch.equal(one.pan, other.pan)


def test_without_noise_and_displacement_the_ms_is_the_degraded_reference(images):
    gains = {"ms_gain": (0.3, 0.3001), "wide": 0.0}
    quiet = Simulation(misregistered=0.0, snr_pan=(1e7, 1e8), snr_ms=(1e7, 1e8), ratios={4: 1.0}, **gains)
    batch = simulate_batch(images, generator(3), quiet)
    degraded = batch.sampling.degrade(batch.reference, torch.full_like(batch.gnyq, 0.3))
    tolerance = 0.03 * float(batch.reference.std())  # the gains differ by up to 10 % between the bands
    assert float((degraded - batch.lrms)[..., 3:-3, 3:-3].abs().mean()) < tolerance


def test_a_scene_comes_with_its_reference(images):
    scene, reference = simulate(images[0, 0], generator(1))
    patch = scene.whole()
    assert reference.shape == (len(scene.bands), *patch.pan.shape[-2:])


def test_the_pan_lies_between_the_bands_it_is_mixed_from(images):
    pan, weights = make_pan(images.clamp(min=0.05), generator(2))
    assert torch.allclose(weights.sum(1), torch.ones(2)) and (weights >= 0).all()
    assert pan.shape == (2, 2, 1, 256, 256)


def test_augmentations_do_not_touch_their_input_and_keep_the_shape(images):
    for augment in (add_texture, bend, vary_gain, lambda i, rng: mix_bands(i, 4, rng)):
        before = images.clone()
        assert augment(images, generator()).shape == images.shape
        assert torch.equal(images, before)


def test_a_monotone_curve_keeps_the_order_of_values(images):
    bent = bend(images, generator())
    order = images[0, 0, 0].clamp(min=0.01).flatten().argsort()
    assert (bent[0, 0, 0].flatten()[order].diff() >= -1e-6).all()


def test_an_aliased_scene_is_told_its_measured_gain_and_keeps_detail_above_nyquist(images):
    soft = simulate_batch(images, generator(3), Simulation(aliased=0.0, wide=0.0, overstated=0.0))
    sharp = simulate_batch(images, generator(3), Simulation(aliased=1.0))
    assert sharp.gnyq.min() > 0.6 > soft.gnyq.max()
    assert sharp.sampling.phase == (0.0, 0.0)


def test_a_pan_sharpened_on_the_ground_is_told_the_gain_of_the_table(images):
    settings = Simulation(aliased=0.0, overstated=1.0, overstated_gain=(0.1, 0.12), gain_error=0.0)
    batch = simulate_batch(images, generator(4), settings)
    told = batch.sampling.degrade(batch.reference, batch.gnyq)
    true = batch.sampling.degrade(batch.reference, torch.full_like(batch.gnyq, 0.11))
    assert batch.gnyq.min() >= 0.26
    assert (batch.lrms - true).std() < (batch.lrms - told).std()

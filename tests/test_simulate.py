"""Laws of the simulator: what it makes is what the instruments would have seen."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anypan.models import ARCHITECTURES
from anypan.runtime.errors import UserError
from anypan.simulate import effects as fx
from anypan.simulate.bands import draw_pan_weights, mix_pan, mixtures
from anypan.simulate.blur import KERNELS
from anypan.simulate.effects import AUGMENTATIONS, DEGRADATIONS, EFFECTS
from anypan.simulate.effects.base import what
from anypan.simulate.random import Random
from anypan.simulate.recipe import FAMILIES
from anypan.simulate.sample import Simulation, simulate, simulate_batch
from anypan.train import read_config

PRESETS = Path(__file__).resolve().parents[1] / "runs" / "pretrain"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    coarse = torch.rand(2, 2, 4, 16, 16, generator=generator())
    return (
        torch.nn.functional.interpolate(coarse.flatten(0, 1), size=(128, 128), mode="bicubic")
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
    off = ("noise", "misregistration", "wide gains", "overstated gains", "decimation")
    quiet = Simulation(ms_gain=(0.3, 0.3001), ratios={4: 1.0}, off=off)
    batch = simulate_batch(images, generator(3), quiet)
    degraded = batch.sampling.degrade(batch.reference, batch.history.ms_gain.repeat_interleave(2, 0))
    assert torch.allclose(degraded, batch.lrms, atol=1e-5)


def test_a_scene_comes_with_its_reference(images):
    scene, reference = simulate(images[0, 0], generator(1))
    patch = scene.whole()
    assert reference.shape == (len(scene.bands), *patch.pan.shape[-2:])


def test_the_pan_lies_between_the_bands_it_is_mixed_from(images):
    weights = draw_pan_weights(4, Random.seeded(2), 2, unseen=0.25)
    pan = mix_pan(images, weights)
    assert torch.allclose(weights.sum(1), torch.ones(2)) and (weights >= 0).all()
    assert (pan >= images.amin(2, keepdim=True) - 1e-6).all() and (pan <= images.amax(2, keepdim=True) + 1e-6).all()


def test_augmentations_do_not_touch_their_input_and_keep_the_shape(images):
    for kind in (fx.Texture, fx.ColourJitter, fx.GainFields):
        before = images.clone()
        assert kind().apply(images, Random.seeded(0)).shape == images.shape
        assert torch.equal(images, before)
    assert mixtures(4, 7, Random.seeded(0), 2).shape == (2, 7, 4)


def test_a_monotone_curve_keeps_the_order_of_values(images):
    bent = fx.ColourJitter().apply(images, Random.seeded(0))
    order = images[0, 0, 0].clamp(min=0.01).flatten().argsort()
    assert (bent[0, 0, 0].flatten()[order].diff() >= -1e-6).all()


def test_an_aliased_scene_is_given_its_measured_gain_and_keeps_detail_above_nyquist(images):
    soft = simulate_batch(images, generator(3), Simulation(off=("decimation", "wide gains", "overstated gains")))
    sharp = simulate_batch(images, generator(3), Simulation(effects=(fx.Decimation(1.0),)))
    assert sharp.gnyq.min() > 0.6 > soft.gnyq.max()
    assert sharp.sampling.phase == (0.0, 0.0) and sharp.history.kernel == "decimation"


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_kernel_is_given_a_gain_that_amplifies(images, kernel):
    given = [simulate_batch(images, generator(n), Simulation(kernels={kernel: 1.0})).gnyq for n in range(8)]
    assert all(0 < float(gains.min()) <= float(gains.max()) < 1 for gains in given)


def test_a_pan_sharpened_on_the_ground_has_the_gain_of_the_table(images):
    settings = Simulation(off=("decimation", "gain error"), effects=(fx.OverstatedGains(1.0, (0.1, 0.12)),))
    batch = simulate_batch(images, generator(4), settings)
    table = batch.sampling.degrade(batch.reference, batch.gnyq)
    true = batch.sampling.degrade(batch.reference, torch.full_like(batch.gnyq, 0.11))
    assert batch.gnyq.min() >= 0.26
    assert (batch.lrms - true).std() < (batch.lrms - table).std()


# --- switching off ----------------------------------------------------------------------------------------------------


def everything(*effects, **settings):
    """Settings in which each effect changes every scene or batch that it can, but for those given."""
    plain = {"ratios": {4: 1.0}, "bands": {4: 1.0}, "reductions": {2: 1.0}}
    always = Simulation(**plain | settings, effects=tuple(kind(1.0) for kind in EFFECTS.values()))
    return always.having(fx.Decimation(0.0), fx.FractionalRatio(0.0)).having(*effects)


def same(one, other):
    parts = ("pan", "lrms", "reference", "gnyq", "pan_weights")
    return all(
        getattr(one, part).shape == getattr(other, part).shape and torch.equal(getattr(one, part), getattr(other, part))
        for part in parts
    )


WITH: dict = {}  # settings -> the batch with every effect, for all that are switched off in turn
NOT_REDUCED = ("wide gains", "sharpening", "overstated gains", "gain error", "misregistration", "band misregistration")


@pytest.mark.parametrize("name", EFFECTS)
def test_what_is_off_leaves_the_sample_as_with_a_share_of_0_and_it_was_there_before(images, name):
    settings = everything()
    if name in ("fractional ratio", "decimation"):
        settings = everything(EFFECTS[name](1.0))
    if name == "bands generation":
        settings = everything(fx.ResponseCurves(0.0))
    if name in ("unseen bands", "wide gains"):
        settings = everything(fx.ResponseCurves(0.0), fx.OverstatedGains(0.0), fx.UnseenBands(0.5), fx.PartedBands(0.0))
    if name in NOT_REDUCED:
        settings = settings.having(fx.ReducedScenes(0.0))
    if name == "coarse noise":
        settings = replace(settings, ratios={2: 1.0})  # in all scenes there, in a fifth of those of other ratios
    without = simulate_batch(images, generator(1), replace(settings, off=(name,)))
    assert same(without, simulate_batch(images, generator(1), settings.having(settings[EFFECTS[name]].never())))
    if repr(settings) not in WITH:
        WITH[repr(settings)] = simulate_batch(images, generator(1), settings)
    assert not same(without, WITH[repr(settings)])


def test_switching_an_effect_off_leaves_all_other_draws_as_they_were(images):
    quiet = (fx.Noise, fx.CoarseNoise, fx.FamilyNoise, fx.Compression, fx.Quantisation, fx.Saturation)
    settings = everything(*(kind(0.0) for kind in quiet))
    striped, plain = (simulate_batch(images, generator(1), replace(settings, off=off)) for off in ((), ("stripes",)))
    assert torch.equal(striped.reference, plain.reference) and torch.equal(striped.gnyq, plain.gnyq)
    difference = (striped.pan - plain.pan).abs()
    assert 0 < difference.max() < 0.1


def test_switching_a_family_off_leaves_the_others_and_all_of_them_none(images):
    both = fx.FamilyNoise(1.0, {"gaussian": 1.0, "poisson": 1.0})
    only = everything(both, off=("gaussian noise",))
    assert same(
        simulate_batch(images, generator(1), only),
        simulate_batch(images, generator(1), everything(replace(both, families={"poisson": 1.0}))),
    )
    none, zero = everything(off=FAMILIES), everything(fx.FamilyNoise(0.0))
    assert same(*(simulate_batch(images, generator(1), one) for one in (none, zero)))


def test_an_unknown_name_or_share_is_refused_with_what_is_known():
    with pytest.raises(UserError, match=r"channel shuffling, .*stripes"):
        Simulation(off=("strips",))
    with pytest.raises(UserError, match="light"):
        Simulation(kernels={"heavy": 1.0})
    with pytest.raises(UserError, match=r"share in \[effect.stripes\] is 3, "):
        fx.Stripes(3)
    with pytest.raises(UserError, match=r"factor in \[effect.zoom\] is \[9, 9\], "):
        fx.Zoom(factor=(9, 9))


def test_no_name_is_used_twice_and_every_effect_says_what_it_does():
    assert not set(AUGMENTATIONS) & set(DEGRADATIONS)
    assert all(what(kind) and "\n" not in what(kind) and what(kind)[-1] != "." for kind in EFFECTS.values())
    stages = {"", "pictures", "geometry", "surface", "colours", "light", "PAN", "archive"}
    assert {kind.stage for kind in EFFECTS.values()} <= stages


@pytest.mark.parametrize("name", [*EFFECTS, *FAMILIES, *KERNELS])
def test_every_name_is_documented(name):
    text = (PRESETS.parents[1] / "docs" / "simulation.md").read_text()
    assert f"| {name} |" in text or (name.endswith(" noise") and name in text)


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_loads_and_says_where_its_images_are(path):
    config = read_config(path)
    assert config.sources and config.architecture in ARCHITECTURES


def test_the_default_recipe_has_scenes_of_both_kinds_and_no_effect_of_the_diverse_preset_alone():
    own = (fx.ForeignLight, fx.LocalInversion, fx.FlatGround, fx.CoarseNoise, fx.LinearLight, fx.ResponseCurves)
    later = (fx.Zoom, fx.Turn, fx.HighPassFiltering, fx.ChannelShuffling, fx.Anisotropy)
    later += (fx.Detector, fx.Motion, fx.FractionalRatio, fx.FamilyNoise, fx.Stripes, fx.Saturation, fx.Compression)
    config = read_config(PRESETS / "anypan-s.toml").simulation
    assert config[fx.ReducedScenes].share == 0.5 and all(config[kind].share > 0 for kind in own)
    assert not any(config[kind].share for kind in later)
    assert config.kernels == {"mtf": 1.0}


def test_the_diverse_preset_turns_everything_on_and_the_paper_like_one_blurs_lightly(images):
    diverse, paper = (read_config(PRESETS / f"{name}.toml").simulation for name in ("diverse", "paper-like"))
    off = [name for name, kind in EFFECTS.items() if not diverse[kind].share]
    assert off == ["turn", "parted bands"] and not diverse.off  # the pool of tiles turns what it draws
    batch = simulate_batch(images, generator(), paper)
    assert batch.history.kernel == "light" and 0.7 < float(batch.gnyq.mean()) < 0.95
    weighted = (batch.reference * batch.pan_weights[..., None, None]).sum(1, keepdim=True)
    assert float((weighted - batch.pan).std()) < 0.05 * float(batch.pan.std())


# --- what was done ----------------------------------------------------------------------------------------------------


def test_the_history_names_what_changed_each_scene_and_nothing_else(images):
    history = simulate_batch(images, generator(1), everything(fx.Stripes(0.5), fx.ResponseCurves(0.0))).history
    assert history.ms_gain.shape == history.gnyq.shape == (2, history.bands)
    quiet = replace(everything(), off=tuple(EFFECTS))
    assert simulate_batch(images, generator(1), quiet).history.names(0) == []
    hits = [simulate_batch(images, generator(seed), everything(fx.Stripes(0.5))).history.names(0) for seed in range(12)]
    assert 0 < sum("stripes PAN" in names for names in hits) < 12
    assert "4 bands" in history.lines(0)[0] and "given" in history.lines(0)[1]


def test_scenes_of_a_batch_do_not_mix(images):
    swapped = images.clone()
    swapped[1] = images[1].flip(-1)
    settings = everything(fx.FamilyNoise(0.0))
    one, other = simulate_batch(images, generator(2), settings), simulate_batch(swapped, generator(2), settings)
    half = one.patches
    assert torch.equal(one.lrms[:half], other.lrms[:half]) and not torch.equal(one.lrms[half:], other.lrms[half:])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("settings", [Simulation(), everything()])
def test_the_gpu_makes_the_same_sample_up_to_rounding(images, settings):
    here, there = (simulate_batch(images.to(device), generator(1), settings) for device in ("cpu", "cuda"))
    for part in ("pan", "lrms", "reference", "gnyq"):
        assert getattr(there, part).device.type == "cuda"
        assert torch.allclose(getattr(here, part), getattr(there, part).cpu(), atol=2e-2, rtol=1e-3)

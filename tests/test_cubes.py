"""Training on cubes of narrow bands: what a scene of them holds, and where its scenes stand among those of pictures."""

from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import pytest
import torch
from PIL import Image
from runs_of_training import configure, rows

from anypan.dataset import SOURCES, Mixture
from anypan.dataset.source import Sample, Source
from anypan.optics.sensors import find
from anypan.runtime.errors import UserError
from anypan.simulate.bands import mix_bands, mix_pan
from anypan.simulate.cubes import Cube, expose
from anypan.simulate.effects import EFFECTS, LinearLight
from anypan.simulate.random import Random
from anypan.simulate.recipe import Simulation
from anypan.simulate.sample import simulate_batch
from anypan.simulate.spectra import MATERIALS, WAVELENGTHS, responses
from anypan.train import Optimisation, Simulated, pretrain

NM = np.arange(400.0, 1051.0, 10.0)
QUIET = tuple(kind(0.0) for kind in EFFECTS.values())
SIZE = 128


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@lru_cache
def cube(seed=0, size=SIZE):
    """Three random materials, mixed anew in each pixel."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(3), (size, size)) @ np.eye(len(MATERIALS))[rng.choice(len(MATERIALS), 3)]
    spectra = np.stack([np.interp(NM, WAVELENGTHS, spectrum) for spectrum in MATERIALS.values()])
    return Cube(np.moveaxis(shares @ spectra, -1, 0), NM)


def test_bands_of_a_cube_are_the_means_weighted_by_the_response_whatever_the_order_of_its_channels():
    bands, spectra = find("WV3").bands[:8], np.stack(list(MATERIALS.values()))
    whole = Cube(spectra.T[:, :, None], WAVELENGTHS)
    assert np.allclose(whole.through(bands)[..., 0], responses(bands) @ spectra.T, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(NM))
    one = cube(size=4)
    mixed = Cube(one.pixels[order], NM[order])
    assert torch.allclose(mixed.through(bands), one.through(bands))
    deep = Cube(np.rint(65535 * one.pixels).astype(np.uint16), NM)
    assert torch.allclose(deep.through(bands), one.through(bands), atol=1e-5)


def test_the_pan_of_a_cube_is_what_its_own_curve_sees_and_not_a_mixture_of_the_bands():
    images, tiles = torch.rand(2, 2, 4, SIZE, SIZE, generator=seeded()), [cube(1), cube(2)]
    exposed = expose(images, {1: tiles}, 3, Random.seeded(3), 12.0)
    weights, curved, seen = exposed.instead(torch.rand(2, 3, 4), torch.zeros(2, 1, dtype=torch.bool), torch.zeros(2, 3))
    assert curved.flatten().tolist() == [False, True] and float(seen[1].sum()) == pytest.approx(1)
    assert torch.equal(exposed.images[0], images[0]) and not exposed.apart[0].any()
    bands = mix_bands(exposed.images, weights)
    assert torch.allclose(bands[1], exposed.images[1, :, :3])
    assert torch.allclose(
        (mix_pan(bands, seen) + mix_bands(exposed.images, exposed.apart))[1], exposed.images[1, :, 3:4]
    )
    assert float((mix_pan(bands, seen)[1, :, 0] - exposed.images[1, :, 3]).abs().max()) > 1e-3


def test_the_light_of_cubes_is_linear_and_stays():
    images = torch.rand(2, 2, 4, SIZE, SIZE, generator=seeded())
    settings = Simulation(bands={4: 1.0}, effects=QUIET)
    plain, light = (
        simulate_batch(images, seeded(1), one, {0: [cube(1), cube(2)]})
        for one in (settings, settings.having(LinearLight(1.0)))
    )
    for before, after in ((plain.pan, light.pan), (plain.reference, light.reference)):
        assert torch.equal(before[:2], after[:2]) and not torch.allclose(before[2:], after[2:], atol=0.01)


@pytest.mark.parametrize("spectrum", [np.full(len(NM), 0.4), np.interp(NM, [400, 1050], [0.1, 0.9])])
def test_even_ground_gives_even_images_and_a_flat_spectrum_the_same_in_every_band_and_the_pan(spectrum):
    even = Cube(np.broadcast_to(spectrum[:, None, None], (len(NM), SIZE, SIZE)), NM)
    settings = Simulation(bands={6: 1.0}, effects=QUIET)
    for seed in range(4):
        batch = simulate_batch(torch.zeros(1, 2, 4, SIZE, SIZE), seeded(seed), settings, {0: [even, even]})
        for image in (batch.pan, batch.lrms, batch.reference):
            assert float((image.amax((-2, -1)) - image.amin((-2, -1))).max()) < 1e-4
        levels = torch.cat([batch.pan, batch.reference], 1)[0, :, 32, 32]
        assert float(levels.min()) > 0.1 and float(levels.max()) < 0.9
        assert "response curves" in batch.history.names(0)
        assert (float(levels.max() - levels.min()) < 1e-4) == (spectrum.min() == spectrum.max())


def test_images_are_not_changed_by_the_cubes_that_stand_in_for_some():
    images = torch.rand(2, 1, 12, SIZE, SIZE, generator=seeded())
    before = images.clone()
    expose(images, {0: [cube()]}, 4, Random.seeded(0), 12.0)
    assert torch.equal(images, before)


@dataclass(frozen=True, kw_only=True)
class Cubes(Source):
    """Six cubes of one tile each."""

    spectral = True
    held_out: str = "5"

    def parts(self):
        return [str(number) for number in range(6)]

    def samples(self, part):
        pixels = np.rint(65535 * cube(int(part), 64).pixels).astype(np.uint16)
        yield Sample(part, partial(iter, [Cube(np.tile(pixels, (1, 4, 4)), NM)]))


@pytest.fixture(scope="module")
def sources():
    return [Cubes(weight=1.0), SOURCES["landscapes"](count=3, size=256, weight=2.0)]


def batches_of(sources):
    often = [replace(source, weight=4.0 if source.spectral else 1.0) for source in sources]
    return Simulated(Mixture(often, buffer=2 * 64 * 2), Optimisation(steps=9, scenes=2, patches=1), Simulation())


def test_a_scene_is_of_cubes_or_of_pictures_and_each_source_keeps_its_share(sources):
    pictures, cubes = Mixture(sources, buffer=400).draw_scenes(60, 2, seeded())
    assert pictures.shape == (60, 2, 4, 256, 256) and 10 < len(cubes) < 30
    for scene in range(60):
        assert bool(pictures[scene].any()) == (scene not in cubes)
    assert all(len(tiles) == 2 and tiles[0].pixels.shape == (66, 256, 256) for tiles in cubes.values())


def test_a_tile_of_a_cube_counts_for_64_in_the_buffer(sources):
    cubes, pictures = Mixture(sources, buffer=1280).streams
    assert pictures.half == 320 and cubes.half == 5


def test_cubes_are_not_drawn_as_pictures(sources):
    with pytest.raises(UserError, match="leave hyperspectral sources out"):
        Mixture(sources[:1]).draw(1, seeded())


def test_batches_with_cubes_go_on_after_a_stop_as_if_there_had_been_none(sources):
    whole, stopped, again = (batches_of(sources) for _ in range(3))
    batches = [whole.draw(step) for step in range(4)]
    for step in range(2):
        stopped.draw(step)
    again.restore(stopped.state())
    assert any("response curves" in batch.history.hits for batch in batches[2:])
    for step in (2, 3):
        one, other = batches[step], again.draw(step)
        assert torch.equal(one.pan, other.pan) and torch.equal(one.lrms, other.lrms)


def test_without_cubes_a_seed_is_the_batch_that_it_was_before_there_were_any(sources):
    batches = Simulated(
        Mixture(sources[1:], seed=7, buffer=8), Optimisation(steps=1, scenes=2, patches=2), Simulation()
    )
    batch = [batches.draw(step) for step in range(3)][-1]
    found = [float(v) for v in (batch.pan.mean(), batch.pan.std(), batch.lrms.mean(), batch.reference[0, 0, 50, 60])]
    assert (list(batch.reference.shape), batch.sampling.ratio) == GOLDEN[0]
    assert found == pytest.approx(GOLDEN[1], rel=1e-3)


GOLDEN = (
    ([4, 4, 128, 128], 4),
    [0.634586, 0.309650, 0.660061, 0.720605],
)  # of a run without cubes, jitter from 0.6 to 2


def test_a_run_on_cubes_learns_validates_and_goes_on(tmp_path):
    for name in "ab":
        (tmp_path / "cubes").mkdir(exist_ok=True)
        np.savez(tmp_path / "cubes" / f"{name}.npz", cube=4095 * cube(ord(name), 64).pixels, wavelength_nm=NM)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)).save(tmp_path / "cubes/a.png")
    cubes, pictures = {"kind": "hyperspectral", "path": "cubes", "held_out": "b"}, {"kind": "folder", "path": "cubes"}
    often = {"scenes": 2, "validate_every": 1, "validation_batches": 2, "simulation": {"bands": {4: 1.0}}}
    said = []
    for steps in (2, 3):
        pretrain(configure(tmp_path, cubes, pictures, steps=steps, **often), say=said.append)
    assert [row["step"] for row in rows(tmp_path)] == [1, 2, 3] and "resumed at step 2" in said

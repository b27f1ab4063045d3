"""What stands above anything learnt: flat ground stays flat, and what is not believed changes nothing."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import inputs_of
from pairs import landscape

import anypan
from anypan.fusing import fuse_scene
from anypan.judging.cases import prepare
from anypan.methods import METHODS
from anypan.methods.neural import fitted
from anypan.models.anypan_s import AnypanS
from anypan.models.physics import noise
from anypan.optics.normalise import box_mean
from anypan.optics.sampling import Physical
from anypan.pair.crop import middle
from anypan.pair.scene import from_arrays
from anypan.weights import load


@pytest.mark.parametrize("ratio", [2, 4])
def test_nothing_learnt_is_believed_where_the_bands_do_not_explain_the_pan(ratio):
    pan, lrms, scale, gnyq, sampling = inputs_of(4, ratio, (12, 12))
    torch.manual_seed(0)
    trained, untrained = load("anypan-s"), AnypanS().eval()

    def apart(explained: float) -> float:
        told = dataclasses.replace(scale, explained=torch.tensor([explained]))
        with torch.inference_mode():
            images = (network(pan, lrms, told, gnyq, sampling) for network in (trained, untrained))
            return float((next(images) - next(images)).abs().max())

    assert apart(0.7) < 1e-5 < 1e-2 < apart(0.95)


def test_nothing_learnt_is_believed_where_a_band_has_no_contrast():
    pan, lrms, scale, gnyq, sampling = inputs_of(4, 4, (40, 40))
    lrms[..., 20:] = lrms[..., 20:].mean((-2, -1), keepdim=True)  # water
    torch.manual_seed(0)
    trained, untrained = load("anypan-s"), AnypanS().eval()
    with torch.inference_mode():
        images = [network(pan, lrms, scale, gnyq, sampling) for network in (trained, untrained)]
    learnt = (images[0] - images[1]).abs()
    assert float(learnt[..., 120:].mean()) < 0.05 * float(learnt[..., :60].mean())


def test_bright_things_on_plain_ground_have_no_halo():
    """Boats on water, tens of deviations bright: what is learnt errs at most 2.5 times as much as physics."""
    rng = torch.Generator().manual_seed(5)
    rows, cols = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    truth = torch.tensor([180.0, 120, 60, 20])[:, None, None] + 1.5 * torch.randn(4, 256, 256, generator=rng)
    for row, col in torch.randint(8, 246, (30, 2), generator=rng).tolist():
        boat = torch.exp(-(((cols - col) / 2) ** 2) - ((rows - row) / 0.9) ** 2)
        truth = truth * (1 - boat) + 1500 * boat
    pan = torch.einsum("b,bhw->hw", torch.tensor([0.2, 0.3, 0.3, 0.2]), truth)[None]
    scene = from_arrays(pan, Physical(4).degrade(truth, [0.3] * 4))
    torch.manual_seed(0)
    learnt, physics = (
        float((fuse_scene(scene, fitted(network, scene)) - truth).square().mean().sqrt())
        for network in (load("anypan-s"), AnypanS().eval())
    )
    assert learnt < 2.5 * physics


def test_light_that_only_the_ms_has_gives_no_wild_weights():
    """A patch of haze in the MS: weights of the bands that make the PAN stay near those without it."""
    pan, ms = (torch.from_numpy(image) for image in landscape(256, 256, 4, seed=5))
    patch = ms.clone()
    patch[:, 20:44, 20:44] += 300
    scenes = (from_arrays(pan[None], image) for image in (ms, patch))
    plain, hazy = (fitted(AnypanS().eval(), scene).scale.weights for scene in scenes)
    assert float((hazy - plain).abs().max()) < 1.0 and float(hazy.abs().max()) < 1.5


def test_a_band_of_noise_is_neither_sharpened_nor_given_detail():
    """The band's own noise is what no other band and not the PAN explains, and as rough as white noise is."""
    pan, lrms, scale, gnyq, sampling = inputs_of(4, 4, (40, 40))  # white noise
    alone = [torch.tensor([[0.0, 0.0, 0.0, share]]) for share in (1.0, 0.0)]
    torch.manual_seed(0)
    network = AnypanS().eval()
    with torch.inference_mode():
        calm, loud = (network(pan, lrms, dataclasses.replace(scale, alone=told), gnyq, sampling) for told in alone)
    assert float((calm[:, :3] - loud[:, :3]).abs().max()) < 0.02  # they share an intensity
    assert float(calm[0, 3].std()) < 0.7 * float(loud[0, 3].std())
    blurred = box_mean(lrms, 3)  # as an instrument blurs: detail of its own, and no noise
    assert float(noise(lrms, torch.ones(1, 4)).mean()) > 0.7 and float(noise(blurred, torch.ones(1, 4)).mean()) < 0.2


def test_a_band_from_a_coarser_grid_gets_nothing_of_the_pan():
    pan, lrms, scale, gnyq, sampling = inputs_of(4, 4, (20, 20))
    told = dataclasses.replace(scale, fine=torch.tensor([[1.0, 1.0, 1.0, 0.0]]))
    with torch.inference_mode():
        one, other = (load("anypan-s")(image, lrms, told, gnyq, sampling) for image in (pan, pan.flip(-1)))
    assert torch.allclose(one[:, 3], other[:, 3], atol=1e-5)
    assert float((one[:, :3] - other[:, :3]).abs().mean()) > 0.05


@pytest.mark.parametrize("name", ["landsat8-01", "landsat8-03"])
def test_thermal_bands_of_landsat_are_nearer_to_the_truth_than_interpolation(shared: Path, name: str) -> None:
    """They come from a grid of 100 m, so that a PAN's texture in them is painted."""
    case = prepare(shared / "scenes" / name, "rr")
    truth = case.reference[-2:]
    ours, plain = (fuse_scene(case.scene, METHODS[m](case.scene))[-2:] for m in ("anypan-s", "EXP"))
    assert case.scene.bands[-2:] == ("B10", "B11")
    assert bool(((ours - truth).square().mean((1, 2)) < 0.5 * (plain - truth).square().mean((1, 2))).all())


@pytest.mark.parametrize("name", ["scenes-2/s2-01", "scenes/landsat7-03", "scenes/landsat8-01", "scenes/landsat8-03"])
def test_the_flattest_ground_of_real_scenes_stays_flat(shared: Path, name: str) -> None:
    """Standard deviation in each band's five flattest blocks of 20 x 20 MS pixels, against MS and MTF-GLP-HPM-R."""
    scene, _ = middle(prepare(shared / name, "fr").scene, 240, 20)

    def blocks(image: torch.Tensor, side: int) -> torch.Tensor:
        return image.unfold(1, side, side).unfold(2, side, side).flatten(1, 2).flatten(2).std(2)

    flat = blocks(scene.whole().lrms, 20)
    ours, theirs = (
        blocks(fuse_scene(scene, METHODS[m](scene)), 20 * scene.ratio) for m in ("anypan-s", "MTF-GLP-HPM-R")
    )
    order = flat.argsort(1)[:, :5]
    means = [each.gather(1, order).mean(1) for each in (flat, ours, theirs)]
    assert bool((means[1] <= 1.5 * torch.maximum(means[0], means[2])).all())


@pytest.mark.parametrize("name", ["scenes-2/wv2-02", "scenes/qb-01"])
@pytest.mark.parametrize("sharpness", [None, 1.0])
def test_water_has_the_colours_of_interpolation(shared: Path, name: str, sharpness: float | None) -> None:
    """What bands differ by on flat dark ground is each band's own noise, which consistency with the MS would double."""
    windows = {"scenes-2/wv2-02": (slice(205, 360), slice(10, 590)), "scenes/qb-01": (slice(8, 60), slice(890, 990))}
    folder = shared / name
    sensor = {"scenes-2/wv2-02": "WV2", "scenes/qb-01": "QB"}[name]

    def colours(method: str, **options: float) -> float:
        image = anypan.fuse(folder / "pan.tif", folder / "ms.tif", None, method, sensor=sensor, **options)
        fused = torch.from_numpy(np.asarray(image, "f4"))
        apart = fused[:3] - fused[:3].mean(0)
        fine = apart - box_mean(apart, 7)
        return float(fine[:, *windows[name]].square().mean().sqrt())

    options = {} if sharpness is None else {"sharpness": sharpness}
    assert colours("anypan-s", **options) < {"scenes-2/wv2-02": 1.8, "scenes/qb-01": 1.5}[name] * colours("EXP")


@pytest.mark.parametrize("ratio", [2, 4])
def test_noise_on_flat_ground_is_not_sharpened(ratio):
    pan, lrms = (torch.from_numpy(image) for image in landscape(160, 320, 3, ratio))
    rng = torch.Generator().manual_seed(1)
    pan[:, :160], lrms[:, :, : 160 // ratio] = 200, 200 + 2 * torch.randn(3, *(160 // ratio,) * 2, generator=rng)
    scene = from_arrays(pan[None], lrms)
    inner = slice(32, -32), slice(32, 128)
    network, exp = (fuse_scene(scene, METHODS[name](scene))[:, *inner] for name in ("anypan-s", "EXP"))
    assert float(network.std((1, 2)).max()) < 1.3 * float(exp.std((1, 2)).max())

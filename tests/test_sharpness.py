"""One number between what is most faithful to the MS and what has all of the PAN's texture."""

import warnings

import numpy as np
import pytest
import torch
from pairs import landscape

import anypan
from anypan.fusing import fuse_scene
from anypan.methods.neural import neural
from anypan.pair.scene import from_arrays
from anypan.runtime.errors import UserError


@pytest.fixture(scope="module")
def scene():
    """Bands whose detail the PAN has in part, so that sharpness and faithfulness differ."""
    generator = torch.Generator().manual_seed(5)
    fine = torch.randn(4, 256, 256, generator=generator).cumsum(1).cumsum(2) / 20
    bands = 400 + fine - fine.mean((1, 2), keepdim=True) + 6 * torch.randn(4, 256, 256, generator=generator)
    pan = bands.mean(0, keepdim=True) + 3 * torch.randn(1, 256, 256, generator=generator)
    lrms = torch.nn.functional.avg_pool2d(bands, 4)
    return from_arrays(pan, lrms)


def judged(scene, sharpness):
    fused = fuse_scene(scene, neural("anypan-s", sharpness)(scene))
    patch = scene.whole()
    residual = (patch.lrms - scene.sampling.degrade(fused, scene.gnyq))[:, 2:-2, 2:-2].square().mean()
    missing = patch.pan - fused.mean(0, keepdim=True)
    texture = (missing - torch.nn.functional.avg_pool2d(missing, 5, 1, 2)).square().mean()
    return fused, float(residual), float(texture)


def test_more_sharpness_is_more_of_the_pans_texture_and_less_of_the_ms(scene):
    _, residuals, missing = zip(*(judged(scene, s) for s in (0.0, 0.5, 1.0)), strict=True)
    assert residuals[0] < residuals[1] * 1.001 and residuals[0] < residuals[2]
    assert missing[0] >= missing[1] >= missing[2] and missing[0] > missing[2]


def test_a_half_is_what_the_network_decides(scene):
    plain = fuse_scene(scene, neural("anypan-s")(scene))
    assert torch.equal(judged(scene, 0.5)[0], plain)


def test_sharpness_is_for_networks_that_take_it_and_within_its_range():
    pan, ms = np.random.default_rng(1).random((64, 64)), np.random.default_rng(2).random((3, 16, 16))
    with pytest.raises(UserError, match="takes no sharpness"):
        anypan.fuse(pan, ms, method="GSA", sharpness=0.3)
    with pytest.raises(UserError, match="sharpness"):
        anypan.fuse(pan, ms, sharpness=1.5)
    softer, sharper = (anypan.fuse(pan, ms, sharpness=s) for s in (0.0, 1.0))
    assert softer.shape == sharper.shape == (3, 64, 64) and not np.array_equal(softer, sharper)


@pytest.mark.parametrize("ground", [0.0, 1.5])
def test_that_a_wish_for_sharpness_changes_nothing_is_said_where_it_does(ground):
    """``ground``: how far the PAN was sharpened, by an unsharp mask."""
    pan, ms = (torch.from_numpy(image) for image in landscape(256, 256, bands=4))
    blurred = torch.nn.functional.avg_pool2d(pan[None], 5, 1, 2, count_include_pad=False)[0]
    images = (pan + ground * (pan - blurred)).numpy(), ms.numpy()
    half, exp = (anypan.fuse(*images, method=method) for method in ("anypan-s", "EXP"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", anypan.Note)
        whole = anypan.fuse(*images, sharpness=1.0)
    change = np.square(whole - half).mean() / np.square(half - exp).mean()
    noted = any("Sharpness 1 changes next to nothing" in str(one.message) for one in said)
    assert noted == (ground > 0) and (change < 1e-3) == noted, change

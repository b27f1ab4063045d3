"""The best of eight ways: turned with the scene, tile by tile the same, offered for networks only."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from pairs import landscape, write_pair

import anypan
from anypan.cli import cli
from anypan.fusing import fuse_scene
from anypan.methods import METHODS
from anypan.methods.ensemble import TURNS, Ensemble, turned, turned_back, turned_phase
from anypan.optics.sampling import Physical
from anypan.pair.scene import from_arrays
from anypan.runtime.errors import UserError

PHASE = (0.3, -0.6)


@pytest.fixture(scope="module")
def scene():
    """PAN of 60 x 92 pixels with an MS a quarter as fine, off its centred place."""
    pan, lrms = map(torch.from_numpy, landscape(60, 92, phase=PHASE))
    return from_arrays(pan[None], lrms, phase=PHASE)


@pytest.fixture(scope="module")
def best(scene):
    return METHODS["anypan-s+"](scene)


def test_turning_back_undoes_each_of_eight_different_ways():
    image = torch.arange(12.0).reshape(1, 3, 4)
    ways = [turned(image, turn) for turn in range(TURNS)]
    assert all(torch.equal(turned_back(way, turn), image) for turn, way in enumerate(ways))
    assert len({(way.shape, tuple(way.flatten().tolist())) for way in ways}) == TURNS


@pytest.mark.parametrize("turn", range(TURNS))
def test_phase_turns_with_the_scene(scene, turn):
    pan = scene.whole().pan
    there = Physical(4, turned_phase(PHASE, turn)).degrade(turned(pan, turn), [0.3])
    back = turned_back(there, turn)
    assert torch.allclose(back, Physical(4, PHASE).degrade(pan, [0.3]), rtol=1e-5)


@pytest.mark.parametrize("turn", [1, 3, 6])
def test_a_turned_scene_gives_the_turned_result_which_one_way_does_not(scene, best, turn):
    patch, phase = scene.whole(), turned_phase(PHASE, turn)
    pan, lrms = turned(patch.pan, turn).contiguous(), turned(patch.lrms, turn).contiguous()
    one = best.fuser
    sampling = replace(one.sampling, phase=phase)
    there = Ensemble(replace(one, sampling=sampling))(pan, lrms)
    spread = float(patch.pan.std())
    assert torch.allclose(turned_back(there, turn), best(patch.pan, patch.lrms), atol=1e-3 * spread)
    alone = turned_back(replace(one, sampling=sampling)(pan, lrms), turn)
    assert float((alone - one(patch.pan, patch.lrms)).abs().max()) > 1e-2 * spread


def test_tiles_make_no_difference(scene, best):
    whole, parts = fuse_scene(scene, best), fuse_scene(scene, best, tile=48)
    assert torch.allclose(whole, parts, atol=1e-3 * float(whole.std()))


def test_best_is_said_in_the_report_and_for_networks_only(tmp_path):
    pair = [str(path) for path in write_pair(tmp_path, *landscape(64, 64))]
    done = CliRunner().invoke(cli, ["fuse", *pair, str(tmp_path / "best.tif"), "--best", "--json"])
    assert done.exit_code == 0 and json.loads(done.output)["method"] == "anypan-s+"
    planned = CliRunner().invoke(cli, ["fuse", *pair, str(tmp_path / "other.tif"), "--best", "--dry-run"])
    assert "method   anypan-s+" in planned.output
    best = anypan.fuse(*pair, best=True)
    assert np.array_equal(best, anypan.fuse(*pair, method="anypan-s+"))
    assert not np.array_equal(best, anypan.fuse(*pair))
    with pytest.raises(UserError, match="GSA is no network"):
        anypan.fuse(*pair, method="GSA", best=True)

"""Adaptation learns from the scene, changes only what it says, tells where weights are from, and can be stopped."""

import hashlib
import importlib
import json
import os
import re
import shutil
import warnings
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from networks import NAMES, weight_files
from pairs import landscape, read, write_pair

import anypan
from anypan.cli import cli
from anypan.fusing import fuse_scene
from anypan.methods import Fuser
from anypan.methods.neural import fitted
from anypan.models import ARCHITECTURES
from anypan.optics.sampling import Physical
from anypan.pair.gain import effective_gnyq, measure_gain
from anypan.pair.scene import from_arrays
from anypan.runtime.errors import UserError
from anypan.train import Optimisation, Run
from anypan.train.adapt import ONE_SHOT, as_fused, tune, tuned_run
from anypan.train.objective import batch_loss
from anypan.train.real import InTurn, Judging, RealPatches, remembered
from anypan.train.tunings import TUNINGS
from anypan.weights import load, stored

SIX = Optimisation(steps=1, scenes=1, patches=6)
SIDE = 192  # PAN pixels; the MS has 48, of which patches are cut


@pytest.fixture(scope="module")
def pair():
    return landscape(SIDE, SIDE)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return weight_files(tmp_path_factory.mktemp("weights"))


def scene_of(pan, ms, **options):
    return from_arrays(torch.from_numpy(pan)[None], torch.from_numpy(ms), gnyq=(0.3,) * len(ms), **options)


class Plain(Fuser):
    """A fuser that gives every band the PAN."""

    halo = 16

    def __call__(self, pan, lrms):
        return pan.expand(len(lrms), -1, -1)


def tensors(path):
    return stored(path).tensors


def changed(one, other):
    before, after = tensors(one), tensors(other)
    assert before.keys() == after.keys()
    return {key for key in before if not torch.equal(before[key], after[key])}


@pytest.mark.parametrize("in_blocks", [False, True])
@pytest.mark.parametrize("phase", [(0.0, 0.0), (1.3, -0.6)])
def test_a_patch_s_ms_is_its_reference_degraded_however_it_is_turned(monkeypatch, in_blocks, phase):
    pan, ms = landscape(384, 256, phase=phase)
    if in_blocks:
        monkeypatch.setattr("anypan.pair.scene.FIT_PIXELS", 6000)
        monkeypatch.setattr("anypan.pair.scene.FIT_BLOCK", 32)
    patches = RealPatches(scene_of(pan, ms, phase=phase), SIX)
    assert (len(patches.samples) > 1) == in_blocks
    batch = patches.draw(0)
    inner = (..., slice(3, -3), slice(3, -3))
    again = batch.sampling.degrade(batch.reference, batch.gnyq)
    assert torch.allclose(again[inner], batch.lrms[inner], atol=0.02)
    seen = batch.sampling.degrade(batch.pan, batch.gnyq[:, :1])[inner].flatten(1)  # PAN is the mean of the bands
    mean = batch.lrms.mean(1, keepdim=True)[inner].flatten(1)
    assert all(torch.corrcoef(torch.stack(two))[0, 1] > 0.95 for two in zip(seen, mean, strict=True))


def test_steps_draw_different_patches_and_always_the_same_of_a_seed(pair):
    patches, again = RealPatches(scene_of(*pair), SIX), RealPatches(scene_of(*pair), SIX)
    assert torch.equal(patches.draw(3).pan, again.draw(3).pan)
    assert not torch.equal(patches.draw(3).pan, patches.draw(4).pan)
    judging = Judging([patches])
    assert len(judging) == 1 and torch.equal(judging.draw(0).pan, Judging([again]).draw(0).pan)


def test_no_patch_holds_an_invalid_pixel():
    pan, ms = landscape(320, 320)
    mask = torch.ones(320, 320, dtype=torch.bool)
    mask[100:110, 100:110] = False
    whole, holed = RealPatches(scene_of(*landscape(320, 320)), SIX), RealPatches(scene_of(pan, ms, mask=mask), SIX)
    assert whole.size == 80 and holed.size == 40
    (patch, _) = holed.samples[0]
    assert not patch.mask.all() and len(holed.places) > 8
    for at in holed.places:
        assert patch.mask[4 * at.row : 4 * at.row + holed.size, 4 * at.col : 4 * at.col + holed.size].all()
    mask[:] = False
    with pytest.raises(UserError, match="too small"):
        RealPatches(scene_of(pan, ms, mask=mask), SIX)


@pytest.mark.parametrize("phase", [(0.0, 0.0), (1.3, -0.6)])
def test_at_full_resolution_the_reference_is_what_the_network_made_of_the_scene(phase):
    scene = scene_of(*landscape(384, 256, phase=phase), phase=phase)
    fuser = fitted(load("anypan-s"), scene)
    patches = RealPatches(scene, SIX, remembered(scene, fuser))
    batch, fused, pan = patches.draw(0), fuse_scene(scene, fuser), scene.whole().pan
    assert batch.sampling.phase == phase and patches.turns == (8 if phase == (0.0, 0.0) else 1)
    for place in patches.places[:: len(patches.places) // 3]:
        cut = patches.batch([(place, 0)])
        top, left = (4 * n for n in (place.row, place.col))
        window = (slice(top, top + patches.size), slice(left, left + patches.size))
        assert torch.equal(cut.pan[0], pan[:, *window])
        assert torch.allclose(cut.reference[0], fused[:, *window], atol=1e-3 * float(fused.std()))


def losses_of(monkeypatch, pan, ms):
    """Of batches of each kind as ``anypan adapt`` draws them, before anything is learnt: (reduced, remembered)."""
    seen = []
    monkeypatch.setattr(
        importlib.import_module("anypan.train.adapt"), "InTurn", lambda scenes: seen.extend(scenes) or InTurn(scenes)
    )
    run = tuned_run(stored("anypan-s"), TUNINGS["full"], replace(ONE_SHOT, steps=1))
    network = deepcopy(run.network).eval()
    tune(run, [scene_of(pan, ms)])
    with torch.no_grad():
        return [float(batch_loss(network, Judging([each]).draw(0), SIX)) for each in seen]


def test_what_is_remembered_is_what_the_network_says_before_it_learns(monkeypatch):
    """Also of an MS that was resampled, of which it sees that it is as sharp as the PAN."""
    pan, ms = landscape(256, 256)
    own = 20 * torch.randn(len(ms), *pan.shape, generator=torch.Generator().manual_seed(1))  # detail of each band
    bands = torch.stack([torch.from_numpy(pan) * (1 + n / 3) for n in range(len(ms))])
    sharp = Physical(4).degrade(bands + own, [0.8] * len(ms)).numpy()
    assert effective_gnyq((0.3,), measure_gain(scene_of(pan, sharp)))[0] > 0.6
    assert all(losses_of(monkeypatch, pan, each)[1] < 0.3 for each in (ms, sharp))


def test_wrong_single_pixels_do_not_decide_what_is_learnt(monkeypatch):
    pan, ms = landscape(256, 256)
    wrong = ms.copy()
    wrong[0, 20, 20] = wrong[0, 40, 33] = 3e5
    clean, dirty = (losses_of(monkeypatch, pan, each)[0] for each in (ms, wrong))
    assert dirty == pytest.approx(clean, rel=0.1)


def test_large_scenes_are_remembered_in_a_few_parts_spread_over_them(monkeypatch):
    monkeypatch.setattr("anypan.train.real.FIT_BLOCK", 8)
    scene = scene_of(*landscape(256, 256))
    parts = list(remembered(scene, Plain()))
    assert len(parts) == 8 and all(part.shape == (8, 8) for part, _ in parts)
    assert all(torch.equal(part.whole().pan.expand(reference.shape), reference) for part, reference in parts)
    firsts = {float(reference[0, 0, 0]) for _, reference in parts}
    assert len(firsts) == 8


def test_steps_learn_from_the_reduced_scene_and_from_the_memory_of_the_scene_in_turn(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        importlib.import_module("anypan.train.adapt"), "InTurn", lambda scenes: seen.extend(scenes) or InTurn(scenes)
    )
    anypan.adapt(*landscape(128, 128), tmp_path / "own.safetensors", steps=1, register=False)
    learnt, kept = ([patch.mask.shape for patch, _ in patches.samples] for patches in seen)
    assert learnt == [(32, 32)] and kept == [(128, 128)]


def test_adaptation_lowers_the_loss_on_its_scene(tmp_path):
    pair = landscape(128, 128)
    done = anypan.adapt(*pair, tmp_path / "own.safetensors", steps=16, register=False)
    assert done.after < 0.98 * done.before
    scene, steps = scene_of(*pair), Optimisation(steps=1)
    for weights, loss in (("anypan-s", done.before), (done.output, done.after)):
        found = Run(load(weights), steps).validate(Judging([RealPatches(scene, steps)]))
        assert found == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_freezing_changes_only_what_is_no_encoder(tmp_path, small, name):
    pair = landscape(128, 128)
    options = {"weights": small[name], "steps": 1}
    anypan.adapt(*pair, tmp_path / "part.safetensors", tuning="freeze", **options)
    anypan.adapt(*pair, tmp_path / "full.safetensors", tuning="full", **options)
    encoder = {key for key in tensors(small[name]) if any(re.search(p, key) for p in ARCHITECTURES[name].encoder)}
    part = changed(small[name], tmp_path / "part.safetensors")
    assert encoder and part and not part & encoder
    full = changed(small[name], tmp_path / "full.safetensors")
    assert part <= full and full & encoder


def test_equal_seeds_give_equal_weights_and_others_do_not(tmp_path, pair, small):
    files = [tmp_path / f"{n}.safetensors" for n in range(3)]
    for file, seed in zip(files, (5, 5, 6), strict=True):
        anypan.adapt(*pair, file, weights=small["anypan-s"], steps=2, seed=seed)
    assert not changed(files[0], files[1]) and stored(files[0]).header == stored(files[1]).header
    assert changed(files[0], files[2])


def test_weights_say_what_they_are_from_and_fuse(tmp_path, pair, small):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    anypan.adapt(*pair, first, weights=small["PNN"], steps=3, seed=4, tuning="freeze")
    header = stored(first).header
    assert header["base"] == "PNN.safetensors" and header["architecture"] == "PNN"
    assert header["base_sha256"] == hashlib.sha256(small["PNN"].read_bytes()).hexdigest()
    assert [header[key] for key in ("tuning", "steps", "seed", "sensor")] == ["freeze", "3", "4", "generic"]
    done = anypan.adapt(*pair, second, weights=first, seconds=0.01)
    assert done.steps == 1 and stored(second).header["base_sha256"] == stored(first).sha256
    assert anypan.fuse(*pair, method=str(second)).shape == (3, SIDE, SIDE)


@pytest.mark.parametrize(
    "ratio, sensor, said", [(4, "QB", ""), (4, None, ""), (4, "GF2", "of GF2 at ratio 4"), (2, "QB", "QB at ratio 2")]
)
def test_who_fuses_another_kind_of_scene_with_adapted_weights_is_told(tmp_path, small, ratio, sensor, said):
    file, bands = tmp_path / "mine.safetensors", 4
    anypan.adapt(*landscape(128, 128, bands, seed=2), file, weights=small["anypan-s"], steps=1, sensor="QB")
    pan, ms = landscape(128, 128, bands, ratio, seed=3)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        anypan.fuse(pan, ms, method=file, sensor=sensor)
    found = [str(note.message) for note in notes if "was adapted to QB scenes at ratio 4" in str(note.message)]
    assert len(found) == bool(said) and all(said in note for note in found)


def test_weights_written_anew_are_read_anew(tmp_path, pair, small):
    path = tmp_path / "own.safetensors"
    shutil.copy(small["PNN"], path)
    before = anypan.fuse(*pair, method=str(path))
    anypan.adapt(*pair, path, weights=small["PNN"], steps=3, overwrite=True)
    assert not np.array_equal(anypan.fuse(*pair, method=str(path)), before)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"weights": "anypan-z"}, "no weights named 'anypan-z'"),
        ({"weights": "nowhere.safetensors"}, "does not exist"),
        ({"tuning": "half"}, "no tuning 'half'"),
        ({"steps": 0}, "steps is 0"),
        ({"seconds": -1.0}, "seconds is -1"),
        ({"out": "own.pt"}, "does not end in .safetensors"),
        ({"out": "there.safetensors"}, "--overwrite"),
        ({"out": "no/where.safetensors"}, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_first(tmp_path, monkeypatch, pair, options, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.safetensors").write_bytes(b"mine")
    with pytest.raises(UserError, match=word):
        anypan.adapt(*pair, options.pop("out", "own.safetensors"), **options)
    assert os.listdir(tmp_path) == ["there.safetensors"]


def test_a_scene_that_is_too_small_is_refused(tmp_path, small):
    with pytest.raises(UserError, match=r"30 x 30 pixels, but no valid area of 32 x 32"):
        anypan.adapt(*landscape(120, 120), tmp_path / "own.safetensors", weights=small["PNN"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("moment", ["while learning", "while writing"])
def test_an_interruption_leaves_no_file_and_the_old_one_as_it_was(tmp_path, monkeypatch, pair, small, moment):
    path = tmp_path / "own.safetensors"
    path.write_bytes(b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    if moment == "while writing":
        monkeypatch.setattr("anypan.runtime.claim.os.replace", interrupt)
    progress = interrupt if moment == "while learning" else None
    with pytest.raises(KeyboardInterrupt):
        anypan.adapt(*pair, path, weights=small["PNN"], steps=1, overwrite=True, progress=progress)
    assert os.listdir(tmp_path) == ["own.safetensors"] and path.read_bytes() == b"old"


def test_weights_that_appear_during_the_work_are_kept_and_a_second_run_is_refused_first(tmp_path, pair, small):
    out = tmp_path / "mine.safetensors"

    def meddle(done: int, every: int) -> None:
        with pytest.raises(UserError, match="Another process makes"):
            anypan.adapt(*pair, out, weights=small["PNN"], steps=1)
        out.write_text("of another program")

    with pytest.raises(UserError, match="has appeared meanwhile"):
        anypan.adapt(*pair, out, weights=small["PNN"], steps=1, progress=meddle)
    assert out.read_text() == "of another program"
    assert [file.name for file in tmp_path.iterdir()] == [out.name]


def test_the_verb_adapts_files_and_says_what_it_did(tmp_path, pair, small):
    files = list(write_pair(tmp_path, *(image.astype("uint16") for image in pair)))
    out = tmp_path / "own.safetensors"
    command = ["adapt", *map(str, files), "-o", str(out), "--weights", str(small["PNN"]), "--device", "cpu"]
    said = CliRunner().invoke(cli, [*command, "--steps", "3", "--tuning", "freeze", "-b", "3,1"])
    assert said.exit_code == 0 and "adapting 100 % (3 of 3)" in said.stderr
    assert "PNN.safetensors after 3 steps" in said.stdout and "loss " in said.stdout
    assert stored(out).header["tuning"] == "freeze" and stored(out).header["bands"] == "band 3, band 1"
    refused = CliRunner().invoke(cli, command)
    assert refused.exit_code == 2 and refused.stderr.startswith("error: ") and "--overwrite" in refused.stderr
    told = CliRunner().invoke(cli, [*command, "--seconds", "0.01", "--overwrite", "--json"])
    assert json.loads(told.stdout)["steps"] == 1
    fused = tmp_path / "fused.tif"
    assert CliRunner().invoke(cli, ["fuse", *map(str, files), str(fused), "--method", str(out)]).exit_code == 0
    assert read(fused).shape == (3, SIDE, SIDE)


def test_a_network_learns_from_what_it_is_given_to_fuse():
    pan, ms = landscape(96, 96)
    scene = from_arrays(torch.from_numpy(pan)[None], torch.from_numpy(ms) - 800)  # anomalies
    fused = anypan.fit(scene).fuser.fuser  # within the guard, and what raises
    learnt = fitted(fused.network, as_fused(scene))
    assert torch.equal(fused.scale.level, learnt.scale.level) and learnt.scale.level.min() > 1

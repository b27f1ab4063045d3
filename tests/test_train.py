"""Training learns, resumes on the same curve, and its weights come back as they were saved."""

import dataclasses
import shutil

import pytest
import runs_of_training
import torch
from networks import NAMES, SMALL
from PIL import Image
from runs_of_training import rows

from anypan import weights
from anypan.dataset import Stream
from anypan.models import ARCHITECTURES
from anypan.runtime.claim import Claim
from anypan.runtime.errors import UserError
from anypan.simulate.effects import ForeignLight
from anypan.train import (
    Config,
    Optimisation,
    Run,
    build,
    held_out_batches,
    pretrain,
    rate_at,
    read_config,
    training_batches,
)
from anypan.weights import available, load, save


@pytest.fixture
def folder(tmp_path):
    import io
    import tarfile

    generator = torch.Generator().manual_seed(0)
    with tarfile.open(tmp_path / "images.tar", "w") as tar:
        for key in ("a0", "a1", "b0"):
            small = torch.rand(3, 40, 40, generator=generator)
            big = torch.nn.functional.interpolate(small[None], size=(256, 256), mode="bicubic")[0].clamp(0, 1)
            data = io.BytesIO()
            Image.fromarray((big * 255).byte().permute(1, 2, 0).numpy()).save(data, "PNG")
            entry = tarfile.TarInfo(f"{key}.rgb.png")
            entry.size = data.tell()
            data.seek(0)
            tar.addfile(entry, data)
    return tmp_path


def configure(folder, steps, **more):
    source = {"kind": "webdataset", "path": "images.tar", "held_out": "^b"}
    more = {"warmup": 2, "scenes": 2, "simulation": {"bands": {3: 1.0}}} | more
    return runs_of_training.configure(folder, source, steps=steps, **more)


def test_validation_uses_held_out_images_only_and_training_never_does(folder):
    (source,) = read_config(configure(folder, 1)).sources

    def seen(held_out):
        stream = Stream(source, held_out=held_out)
        return {stream.take().tobytes() for _ in range(9)}

    assert len(seen(False)) == 2 and len(seen(True)) == 1
    assert not seen(False) & seen(True)


def test_runs_of_all_seeds_are_validated_on_the_same_batches(folder):
    """Else the losses of two seeds say nothing of which is better."""

    def batches(seed):
        source = {"kind": "webdataset", "path": "images.tar", "held_out": "^[ab]0"}  # more than one order
        config = read_config(runs_of_training.configure(folder, source, steps=1, seed=seed, validation_batches=2))
        return [held_out_batches(config).draw(n).reference for n in range(2)]

    assert all(torch.equal(one, two) for one, two in zip(batches(1), batches(5), strict=True))


def test_training_lowers_the_loss(folder):
    config = read_config(configure(folder, 12, rate=3e-3, scenes=1))
    run, batches, held_out = Run(build(config)[0], config.train), training_batches(config), held_out_batches(config)
    before = run.validate(held_out)
    for _ in range(12):
        run.advance(batches)
    assert run.validate(held_out) < before


def test_weights_come_back_bit_for_bit_with_their_configuration(folder):
    path = pretrain(configure(folder, 2), say=lambda line: None)
    network = load(path)
    assert network.config == ARCHITECTURES["anypan-s"].config(trunk=8, band=8, blocks=1, bases=2)
    config = read_config(configure(folder, 2))
    run = Run(build(config)[0], config.train)
    assert run.load_checkpoint(folder / "run" / "checkpoint.pt", training_batches(config))
    assert all(torch.equal(value, run.average[key]) for key, value in network.state_dict().items())


def test_the_rate_warms_up_stays_and_falls_to_zero():
    o = Optimisation(steps=100, warmup=10, decay=0.3, rate=1.0)
    assert rate_at(0, o) == pytest.approx(0.1) and rate_at(30, o) == 1.0
    assert rate_at(100, o) == pytest.approx(0.0)


@pytest.mark.parametrize(
    "line, word",
    [
        ("colour = 1", "colour"),
        ("[train]\nspeed = 3", "speed"),
        ("steps = = 1", "TOML"),
        ('buffer = "many"', "buffer = 'many'.*a whole number"),
        ("train = 3", "Optimisation as 3"),
        ("sources = { path = 1 }", r"write \[\[sources\]\]"),
        ("[train]\nsteps = 2.5", "steps = 2.5"),
        ("[train]\nminutes = true", "minutes = True.*a number"),
        ("[train]\nrate = nan", "rate = nan"),
        ('[train]\nfreeze = "head"', "freeze = 'head'.*a list"),
        ("[effect.compression]\nquality = 80", r"quality = 80.*\[low, high\]"),
        ("[effect.compression]\nquality = [95, 70]", r"quality = \[95, 70\]"),
        ("[effect.hazy]\nshare = 1", "effect 'hazy': use 'haze'"),
        ("effect = 1", r"write \[effect.haze\]"),
        ("[simulation]\nratios = {}", "ratios = {}"),
        ("[simulation]\nratios = { 9 = 1.0 }", "from 2 to 6"),
        ("[simulation]\nkernels = { mtf = -1.0 }", "name = 1.0"),
    ],
)
def test_a_wrong_configuration_is_named(folder, line, word):
    path = folder / "wrong.toml"
    path.write_text(f'out = "o"\narchitecture = "anypan-s"\nmodel = {{}}\n{line}\n')
    with pytest.raises(UserError, match=word):
        read_config(path)


TABLES = {
    "": ["buffer = 0", "buffer = -5"],
    "[model]": ["trunk = 0", "band = -1", "blocks = 0", "bases = 1000000", "trunk = 1.5", "colour = 1"],
    "[train]": [
        *("steps = -1", "minutes = -5", "warmup = -1", "decay = 0", "decay = 3", "rate = 0", "rate = 1e9", "clip = 0"),
        *("weight_decay = -0.1", "ema = 2", "ema = -1", "scenes = 0", "scenes = 1000000", "patches = -1", "seed = -1"),
        *("log_every = 0", "validate_every = -1", "validation_batches = 0", "threads = -1"),
        "seed = 9000000000000000000",
    ],
    "[simulation]": [
        *("bands = { 0 = 1.0 }", "reductions = { 0 = 1.0 }", "ratios = { 1000000 = 1.0 }", "pan_gain = [0.0, 0.0]"),
        *("ms_gain = [0.2, 2.0]", "kernels = { heavy = 1.0 }", 'off = ["strips"]'),
    ],
    "[effect.quantisation]": ["bits = { 0 = 1.0 }"],
    "[effect.decimation]": ["measured_gain = 3"],
    "[effect.anisotropy]": ["factor = [0.0, 0.0]"],
    "[effect.noise]": ["share = 2", "pan_snr = [0, 0]"],
    "[effect.motion]": ["length = [-1, 1]"],
    "[effect.misregistration]": ["displacement = -1"],
    '[effect."family noise"]': ["level = [0, 0]", "families = { gaussian = 0.0 }", "families = { grey = 1.0 }"],
    "[effect.saturation]": ["below = [-1, 1]"],
    "[effect.stripes]": ["depth = [0, 0]", "share = nan"],
    "[effect.compression]": ["quality = [0, 50]"],
    "[effect.zoom]": ["factor = [0, 1]"],
    '[effect."response curves"]': ["shift_nm = -5"],
    '[effect."high-pass filtering"]': ["keep = [0.5, 2e9]"],
    "[effect.haze]": ["depth = [-1, 1]", "colour = 1"],
}


@pytest.mark.parametrize("table, line", [(table, line) for table, lines in TABLES.items() for line in lines])
def test_a_number_that_no_run_can_have_is_one_sentence_that_names_its_key(tmp_path, table, line):
    path = tmp_path / "wrong.toml"
    end = "" if line.startswith(("steps = -1", "minutes")) and table == "[train]" else "[train]\nsteps = 1\n"
    lines = f"{line}\n{end}" if table != "[train]" else f"[train]\n{line}\n{end.removeprefix('[train]')}"
    path.write_text(f'out = "o"\narchitecture = "anypan-s"\n{"" if table == "[train]" else table}\n{lines}')
    with pytest.raises(UserError) as refused:
        pretrain(path, say=lambda said: None)
    sentence = str(refused.value)
    assert line.split(" = ")[0] in sentence and ": " in sentence and sentence.endswith(".") and "\n" not in sentence


def test_the_tables_of_effects_become_their_settings(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('out = "o"\narchitecture = "anypan-s"\n[effect]\n"foreign light" = { part = [0.2, 0.3] }\n')
    assert read_config(path).simulation.effects == (ForeignLight(part=(0.2, 0.3)),)


@pytest.mark.parametrize(
    "name, sizes",
    [
        ("anypan-t", {"heads": 7}),
        ("PanFormer", {"features": 60, "heads": 8}),
        ("Pan-Mamba", {"window": 3}),
        ("PNN", {"bands": 0}),
    ],
)
def test_sizes_that_do_not_fit_one_another_are_said_before_the_run(name, sizes):
    with pytest.raises(UserError, match=r"do not fit it \(|out of range"):
        build(Config(out="", architecture=name, model=sizes))


def test_a_missing_shard_is_named(folder):
    path = configure(folder, 1)
    (folder / "images.tar").unlink()
    with pytest.raises(UserError, match=r"images\.tar"):
        pretrain(path, say=lambda line: None)


@pytest.mark.parametrize("card", available(), ids=lambda card: card.name)
def test_shipped_weights_load_and_are_what_their_card_says(card):
    network = load(card.name)
    assert sum(p.numel() for p in network.parameters()) == card.parameters
    assert card.family == ARCHITECTURES[card.architecture].family
    assert card.licence and card.sources


def test_unknown_and_damaged_weights_are_refused(tmp_path):
    with pytest.raises(UserError, match="no weights named"):
        load("anypan-xxl")
    (tmp_path / "w.safetensors").write_bytes(b"not a weight file")
    with pytest.raises(UserError, match="no readable"):
        load(tmp_path / "w.safetensors")


def test_weights_of_the_package_that_were_changed_are_refused(tmp_path, monkeypatch):
    shutil.copytree(weights.FOLDER, tmp_path / "weights")
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "weights")
    name = available()[0].name
    file = tmp_path / "weights" / f"{name}.safetensors"
    spoilt = bytearray(file.read_bytes())
    spoilt[-4] ^= 1  # the last digit of a weight
    file.write_bytes(spoilt)
    with pytest.raises(UserError, match="is damaged \\(its sha256 differs\\): install anypan again"):
        load(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_architecture_trains(folder, name):
    simulation = {"bands": {4: 1.0}, "reductions": {4: 1.0}}
    path = configure(folder, 2, scenes=1, simulation=simulation, top={"architecture": name, "model": SMALL[name]})
    before = build(read_config(path))[0].state_dict()
    after = load(pretrain(path, say=lambda line: None)).state_dict()
    moved = [key for key, value in after.items() if not torch.equal(value, before[key])]
    assert len(moved) >= 0.9 * len(after)
    assert all(value.isfinite().all() for value in after.values())
    assert rows(folder)[-1]["step"] == 2


def test_weights_of_another_architecture_lend_the_tensors_that_fit(folder):
    former, _ = build(read_config(configure(folder, 1)))
    save(folder / "s.safetensors", former.state_dict(), "anypan-s", former.config)
    top = {"start": "s.safetensors", "architecture": "anypan-t"}
    config = read_config(configure(folder, 1, top=top | {"model": {**runs_of_training.SMALL, "window": 4}}))
    network, _ = build(dataclasses.replace(config, train=dataclasses.replace(config.train, seed=7)))
    own, lent = network.state_dict(), former.state_dict()
    fit = [key for key in lent if key in own and own[key].shape == lent[key].shape]
    assert {"read_band.weight", "gains.weight", "conditions.hidden.weight"} <= set(fit)
    assert all(torch.equal(own[key], lent[key]) for key in fit)


@pytest.mark.parametrize(
    ("architecture", "sizes", "part"),
    [
        ("anypan-s", {**runs_of_training.SMALL, "trunk": 16}, "same in \\[model\\]"),
        ("PNN", {}, "no tensor that fits"),
    ],
)
def test_weights_that_cannot_begin_a_network_are_refused(folder, architecture, sizes, part):
    former, _ = build(read_config(configure(folder, 1)))
    save(folder / "s.safetensors", former.state_dict(), "anypan-s", former.config)
    top = {"start": "s.safetensors", "architecture": architecture, "model": sizes}
    with pytest.raises(UserError, match=part):
        build(read_config(configure(folder, 1, top=top)))


def test_a_folder_that_another_process_trains_in_is_refused(folder):
    path = configure(folder, 2)
    (folder / "run").mkdir(exist_ok=True)
    with Claim(folder / "run" / "run"), pytest.raises(UserError, match="Another process trains in"):
        pretrain(path, say=lambda line: None)
    assert not list((folder / "run").glob("*.pt"))
    assert pretrain(path, say=lambda line: None).is_file()

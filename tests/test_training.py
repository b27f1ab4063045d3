"""One loop for all: several processes, the clock, frozen parts, precision, streams that do not fit, broken images."""

import copy
import dataclasses
import json
import math
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
import runs_of_training
import torch
from PIL import Image
from runs_of_training import SMALL, rows

from anypan.cli import cli
from anypan.models import ARCHITECTURES
from anypan.models.physics import Sight
from anypan.optics.mtf import DenseSampling
from anypan.runtime.errors import UserError
from anypan.simulate.sample import Simulation, simulate_batch
from anypan.train import SINGLE, Optimisation, Run, distributed, pretrain, rate_at, read_config
from anypan.train.loop import train
from anypan.train.muon import orthogonal
from anypan.train.objective import scene_scale
from anypan.train.run import _compiling
from anypan.weights import load

ALIKE = Simulation(ratios={4: 1.0}, bands={3: 1.0}, reductions={2: 1.0}, off=("decimation",))


def network():
    torch.manual_seed(0)
    architecture = ARCHITECTURES["anypan-s"]
    return architecture.network(architecture.config(**SMALL))


class Parts:
    """The same four scenes in every process: all of them, or those of a rank."""

    def __init__(self, rank=0, world=1):
        self.mine = slice(rank * 4 // world, (rank + 1) * 4 // world)

    def draw(self, step):
        rng = torch.Generator().manual_seed(step)
        coarse = torch.rand(4, 4, 16, 16, generator=rng)
        images = torch.nn.functional.interpolate(coarse, size=(128, 128), mode="bicubic").clamp(0, 1)[:, None]
        batch = simulate_batch(images, rng, ALIKE)
        parts = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch)}
        return dataclasses.replace(batch, **{n: p[self.mine] for n, p in parts.items() if isinstance(p, torch.Tensor)})

    def state(self):
        return torch.zeros(1, 1, dtype=torch.int64)

    def restore(self, state):
        pass

    def broken(self):
        return []

    def __len__(self):
        return 1


def trained(steps, processes=SINGLE, **options):
    o = Optimisation(steps=steps, warmup=1, **options)
    run = Run(network(), o, processes=processes)
    batches = Parts(processes.rank, processes.world)
    for _ in range(steps):
        run.advance(batches)
    return run


def rank_main(path, config, second):
    """What each of the two processes does: two steps whose parts are kept, then the verb, at the port ``second``."""
    torch.set_num_threads(1)
    with distributed("cpu") as (processes, _):
        run = trained(2, processes, precision="float32")
        gradients = [p.grad for p in run.trained]
        judged = run.validate(Parts())
        places = processes.gather(torch.tensor([[processes.rank]]))
        torch.save({"weights": run.network.state_dict(), "gradients": gradients, "judged": judged, "places": places},
                   f"{path}/{processes.rank}.pt")  # fmt: skip
    os.environ["MASTER_PORT"] = second
    cli.main(["pretrain", config, "--device", "cpu"], prog_name="anypan")


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def in_two_processes(*command):
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port()), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    each = [os.environ | where | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in (0, 1)]
    running = [subprocess.Popen([sys.executable, *command], env=own, stderr=subprocess.PIPE, text=True) for own in each]
    return [(process.communicate()[1], process.returncode) for process in running]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder in which two processes ran rank_main()."""
    folder = images_in(tmp_path_factory.mktemp("two"))
    for said, code in in_two_processes(__file__, str(folder), str(configure(folder, 2)), str(port())):
        assert code == 0, said
    return folder


def distance(one, other):
    return float((one - other).abs().sum())


def test_two_processes_learn_what_one_learns_from_the_same_batch(two):
    one, before = trained(2, precision="float32"), network().state_dict()
    shares = [torch.load(two / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    for share in shares:
        for mine, parameter in zip(share["gradients"], one.trained, strict=True):
            assert torch.allclose(mine, parameter.grad, rtol=0, atol=1e-6)
        for key, value in one.network.state_dict().items():  # AdamW amplifies rounding where a gradient is near 0
            assert torch.equal(share["weights"][key], shares[0]["weights"][key])
            assert distance(share["weights"][key], value) <= 1e-3 * distance(value, before[key])
        assert share["judged"] == pytest.approx(one.validate(Parts()), abs=1e-6)
        assert share["places"].tolist() == [[[0]], [[1]]]
        assert sum(distance(value, before[key]) for key, value in share["weights"].items()) > 0


def images_in(folder):
    """The folder with nine images to learn from and one that is held out."""
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    for name in (*(f"{n}" for n in range(9)), "held"):
        small = Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8))
        small.resize((256, 256)).save(folder / "images" / f"{name}.jpg")
    return folder


@pytest.fixture
def folder(tmp_path):
    return images_in(tmp_path)


def configure(folder, steps, buffer=4, model=SMALL, **train):
    source = {"kind": "folder", "path": "images", "held_out": "^held"}
    train = {"warmup": 2, "patches": 2, "validate_every": 4, "log_every": 2} | train
    simulation = {"bands": {3: 1.0}, "reductions": {2: 1.0}}
    top = {"buffer": buffer, "model": model}
    return runs_of_training.configure(folder, source, steps=steps, simulation=simulation, top=top, **train)


def quiet(_):
    pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_run_on_a_stream_goes_on_exactly_after_an_interruption_in_an_epoch(folder, number):
    weights = pretrain(configure(folder, 8), say=quiet)
    whole, final = rows(folder), load(weights).state_dict()
    for file in (folder / "run").iterdir():
        file.unlink()
    said = []

    def interrupt(row):
        said.append(row)
        if row.startswith("step 2 "):
            signal.raise_signal(number)  # obeyed after step 3, between two rows

    # A shell starts background jobs with the signal ignored, and Python then leaves it so.
    before = signal.signal(number, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        pretrain(configure(folder, 8), say=interrupt)
    signal.signal(number, before if number != signal.SIGINT else signal.default_int_handler)
    assert "stopped at step 3" in said[-1] and "same command" in said[-1]
    pretrain(configure(folder, 8), say=quiet)
    curve = ("step", "loss", "rate", "validation")
    assert [[row.get(k) for k in curve] for row in rows(folder)] == [[row.get(k) for k in curve] for row in whole]
    assert all(torch.equal(value, final[key]) for key, value in load(weights).state_dict().items())


def test_rows_tell_what_was_spent(folder):
    pretrain(configure(folder, 4), say=quiet)
    first, last = rows(folder)
    assert first["step"] == 2 and last["step"] == 4 and "validation" in last and "validation" not in first
    assert 0 < first["seconds"] <= last["seconds"] and 0 <= last["waiting"] <= 1
    assert last["samples_per_second"] > 0 and "broken" not in last


def test_a_broken_image_is_named_in_the_log(folder):
    for number in range(100, 200):
        (folder / "images" / f"{number}.jpg").write_bytes((folder / "images" / "1.jpg").read_bytes())
    (folder / "images" / "150.jpg").write_bytes(b"nothing")
    said = []
    pretrain(configure(folder, 2, buffer=300), say=said.append)
    assert "150.jpg" in rows(folder)[0]["broken"][0]
    assert any("150.jpg" in line for line in said)


def test_a_broken_image_that_is_held_out_is_named(folder):
    for number in range(100, 200):
        (folder / "images" / f"held{number}.jpg").write_bytes((folder / "images" / "held.jpg").read_bytes())
    (folder / "images" / "held150.jpg").write_bytes(b"nothing")
    path, said = configure(folder, 1, buffer=300, validation_batches=7), []
    pretrain(path, say=said.append)
    assert [line for line in said if "held out" in line and "held150.jpg" in line]


@pytest.mark.parametrize("place, word", [("run", "cannot be made"), ("run/checkpoint.pt", "is damaged")])
def test_a_file_in_the_way_of_a_run_is_named(folder, place, word):
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_text("something else")
    with pytest.raises(UserError, match=word):
        pretrain(configure(folder, 2), say=quiet)


def test_another_buffer_begins_the_images_anew_and_another_network_is_refused(folder):
    pretrain(configure(folder, 2), say=quiet)
    path = configure(folder, 4, buffer=6)
    said = []
    pretrain(path, say=said.append)
    assert said[0] == "resumed at step 2; sources, buffer or processes changed: images begin anew"
    path = configure(folder, 4, buffer=6, model={**SMALL, "trunk": 12})
    with pytest.raises(UserError, match="another network"):
        pretrain(path, say=quiet)


@pytest.mark.parametrize("other", [{"seed": 9}, {"optimiser": "Muon"}, {"optimiser": "Muon", "seed": 9}])
def test_a_run_does_not_go_on_as_what_it_was_not_begun_as(folder, other):
    pretrain(configure(folder, 2), say=quiet)
    with pytest.raises(UserError, match=f"another {' and '.join(sorted(other, reverse=True))}: choose another 'out'"):
        pretrain(configure(folder, 4, **other), say=quiet)


@pytest.mark.parametrize("name", ["anypan-s", f"hf:owner/name@{'0' * 40}"])
def test_a_recipe_may_start_from_weights_of_the_package_or_the_hub(folder, name):
    path = configure(folder, 2)
    path.write_text(f'start = "{name}"\n' + path.read_text())
    assert read_config(path).start == name
    path.write_text(path.read_text().replace(name, "mine.safetensors"))
    assert read_config(path).start == str(folder / "mine.safetensors")


def test_a_run_says_that_it_was_over_and_that_its_images_are_others(folder):
    said = []
    pretrain(configure(folder, 2), say=quiet)
    pretrain(configure(folder, 2), say=said.append)
    path = configure(folder, 3)
    path.write_text(path.read_text().replace('kind = "folder"', 'kind = "folder", keys = "."'))
    pretrain(path, say=said.append)
    assert [line for line in said if "resumed" in line] == [
        "resumed at step 2, which was the last",
        "resumed at step 2; sources, buffer or processes changed: images begin anew",
    ]


def test_what_was_saved_before_weights_are_no_numbers_stays(folder, monkeypatch):
    pretrain(configure(folder, 2), say=quiet)
    before = (folder / "run" / "checkpoint.pt").read_bytes(), (folder / "run" / "weights.safetensors").read_bytes()
    advance = Run.advance

    def spoilt(run, batches):
        loss = advance(run, batches)
        with torch.no_grad():
            run.trained[0].fill_(math.nan)
        return loss

    monkeypatch.setattr(Run, "advance", spoilt)
    with pytest.raises(UserError, match="The weights at step 3 are no numbers: lower the rate"):
        pretrain(configure(folder, 4, validate_every=1), say=quiet)
    after = (folder / "run" / "checkpoint.pt").read_bytes(), (folder / "run" / "weights.safetensors").read_bytes()
    assert before == after


def test_half_a_row_that_a_full_disk_left_is_cut_off(folder):
    pretrain(configure(folder, 2), say=quiet)
    with (folder / "run" / "log.jsonl").open("a") as log:
        log.write('{"step": 3, "waiti')
    pretrain(configure(folder, 3), say=quiet)
    assert [row["step"] for row in rows(folder)] == [2, 3]


def test_the_caller_keeps_threads_and_random_numbers(folder):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    pretrain(configure(folder, 1, threads=threads + 1), say=quiet)
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)


def test_torchrun_s_environment_makes_two_processes_one_run(two):
    assert [row["step"] for row in rows(two)] == [2]
    state = torch.load(two / "run" / "checkpoint.pt", weights_only=True)
    assert len(state["places"]) == 2
    assert load(two / "run" / "weights.safetensors")


def test_the_rate_follows_the_clock_where_a_budget_of_minutes_is_set():
    o = Optimisation(minutes=10, warmup=5, decay=0.5, rate=1.0)
    assert rate_at(1000, o, 299) == 1.0
    assert rate_at(1000, o, 450) == pytest.approx(0.5)
    assert rate_at(1000, o, 600) == pytest.approx(0.0)
    both = dataclasses.replace(o, steps=2000)
    assert rate_at(1500, both, 0) == pytest.approx(0.5) == rate_at(0 + 10, both, 450)


def test_a_run_ends_when_its_minutes_are_over(tmp_path):
    run = Run(network(), Optimisation(minutes=1e-6, validate_every=100))
    train(run, Parts(), Parts(), tmp_path, lambda: None, quiet)
    assert run.step == 1 and run.finished
    (row,) = (json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines())
    assert row["seconds"] >= 0 and "validation" in row


def test_frozen_parameters_get_no_gradient_and_stay(tmp_path):
    before = network().state_dict()
    run = trained(2, freeze=("^read_", r"bias$"))
    for name, parameter in run.network.named_parameters():
        frozen = name.startswith("read_") or name.endswith("bias")
        assert frozen == (parameter.grad is None)
        assert not frozen or (torch.equal(parameter, before[name]) and torch.equal(run.average[name], before[name]))
    assert any(not torch.equal(value, before[key]) for key, value in run.network.state_dict().items())


@pytest.mark.parametrize(
    "options, word",
    [
        ({}, "no end"),
        ({"steps": 1, "freeze": ("^nothing",)}, "matches no parameter"),
        ({"steps": 1, "freeze": ("",)}, "nothing is left"),
        ({"steps": 1, "precision": "float8"}, "float8"),
        ({"steps": 1, "optimiser": "Adam"}, "Adam"),
        ({"steps": 1, "scenes": 0}, "scenes .* is 0"),
    ],
)
def test_what_no_run_can_have_is_said(options, word):
    with pytest.raises(UserError, match=word):
        Run(network(), Optimisation(**options))


def test_compiling_is_refused_on_a_cpu_before_any_time_is_spent():
    with pytest.raises(UserError, match=r"compile in .* on a CPU"):
        trained(1, compile=True)


def test_what_the_compiler_cannot_do_is_said():
    failure = type("InductorError", (RuntimeError,), {"__module__": "torch._inductor.exc"})
    with pytest.raises(UserError, match=r"\(too hard\): take compile out"), _compiling(Optimisation(compile=True)):
        raise failure("too hard\nand a long story")
    with pytest.raises(RuntimeError, match="too hard"), _compiling(Optimisation()):
        raise failure("too hard")


def test_in_bfloat16_the_physics_stays_in_float32_and_the_loss_near():
    sampling, image = DenseSampling(4, (64, 64), (0.3, 0.0)), torch.rand(2, 3, 64, 64)
    plain = sampling.degrade(image, torch.full((2, 3), 0.3))
    scale = scene_scale(simulate_batch(torch.rand(1, 2, 3, 96, 96), torch.Generator().manual_seed(0), Simulation()))
    bands = torch.rand(*scale.weights.shape, 16, 16)
    seen = Sight(bands[:, :1], scale, torch.full_like(scale.weights, 0.3), sampling)
    mixed = seen.intensity(bands)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(sampling.degrade(image, torch.full((2, 3), 0.3)), plain)
        assert torch.equal(sampling.expand(plain), DenseSampling(4, (64, 64), (0.3, 0.0)).expand(plain))
        assert torch.equal(seen.intensity(bands.bfloat16().float()), seen.intensity(bands.bfloat16()))
        assert torch.equal(seen.intensity(bands), mixed)
    full, half = (trained(3, precision=precision).losses for precision in ("float32", "bfloat16"))
    assert half != full and half == pytest.approx(full, rel=0.03)


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6)])
def test_muon_makes_a_step_as_long_in_every_direction_of_a_matrix(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    within = left.T @ orthogonal(1e-3 * matrix) @ right.T
    assert within.diagonal().min() > 0.6 and within.diagonal().max() < 1.3
    assert distance(within, within.diagonal().diag()) < 1e-9


def test_muon_learns_and_goes_on_from_its_state_as_without_a_stop():
    run = trained(3, optimiser="Muon", rate=0.01)
    assert run.losses[-1] < trained(3, rate=1e-9).losses[-1]
    stopped = Run(network(), run.o)
    for _ in range(2):
        stopped.advance(Parts())
    again = Run(stopped.network, run.o)
    again.optimiser.load_state_dict(copy.deepcopy(stopped.optimiser.state_dict()))
    again.step = 2
    again.advance(Parts())
    for one, other in zip(run.trained, again.trained, strict=True):
        assert torch.equal(one, other)


def test_an_unknown_architecture_is_named(folder):
    path = configure(folder, 2)
    path.write_text(path.read_text().replace('"anypan-s"', '"anypan-z"'))
    assert read_config(path).architecture == "anypan-z"
    with pytest.raises(UserError, match="anypan-z"):
        pretrain(path, say=quiet)


if __name__ == "__main__":
    rank_main(*sys.argv[1:])

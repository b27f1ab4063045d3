"""Ways of tuning: what learns, that the rest stays, and that what comes out is a weight file like any other."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from networks import NAMES, inputs_of, network_of, weight_files
from pairs import landscape
from torch import nn

import anypan
from anypan.cli import cli
from anypan.models import ARCHITECTURES, adapters
from anypan.runtime.errors import UserError
from anypan.train import Optimisation
from anypan.train.adapt import tuned_run
from anypan.train.pretrain import begin_from
from anypan.train.tunings import TUNINGS, lora
from anypan.weights import available, load, save, stored

SMALL = [name for name in TUNINGS if name not in ("full", "freeze")]
ONE = Optimisation(steps=1)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return weight_files(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """The shipped network adapted in a few steps by every small way: way -> file."""
    folder, pair = tmp_path_factory.mktemp("adapted"), landscape(128, 128)
    for way in SMALL:
        anypan.adapt(*pair, folder / f"{way}.safetensors", tuning=way, steps=2, register=False)
    return {way: folder / f"{way}.safetensors" for way in SMALL}


@pytest.mark.parametrize("way", TUNINGS)
def test_as_many_parameters_learn_as_the_documentation_says(way):
    learning = sum(p.numel() for p in tuned_run(stored("anypan-s"), TUNINGS[way], ONE).trained)
    page = (ROOT / "docs" / "adaptation.md").read_text()
    (row,) = re.findall(rf"^\| `{way}` \|.*", page, re.MULTILINE)
    assert f" {learning:,} " in row


def taught(run):
    """Every parameter that learns, moved as a training would, in the averaged weights."""
    rng = torch.Generator().manual_seed(1)
    for name, parameter in run.network.named_parameters():
        if parameter.requires_grad:
            run.average[name] = parameter.detach() + 0.05 * torch.randn(parameter.shape, generator=rng)
    return run.average


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", TUNINGS)
def test_a_network_prepared_for_tuning_computes_what_it_did(weights, name, way):
    before = stored(weights[name])
    inputs = inputs_of(3, 4, (8, 8))
    with torch.no_grad():
        expected = before.network().eval()(*inputs)
        found = tuned_run(before, TUNINGS[way], ONE).network.eval()(*inputs)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", SMALL)
def test_small_ways_train_little_and_leave_the_weights_as_they_were(weights, name, way):
    base = stored(weights[name])
    run = tuned_run(base, TUNINGS[way], ONE)
    count = sum(parameter.numel() for parameter in run.trained)
    assert 0 < count < sum(tensor.numel() for tensor in base.tensors.values())
    tensors = TUNINGS[way].merged(taught(run))
    assert base.tensors.keys() <= tensors.keys()
    moved = {key for key, tensor in base.tensors.items() if not torch.equal(tensor, tensors[key])}
    if way == "adapter":
        assert not moved and all(".adapters." in key for key in tensors.keys() - base.tensors.keys())
    if way == "bitfit":
        assert moved and all(key.endswith("bias") for key in moved)
    if way == "lora":
        changes = {key: (tensors[key] - base.tensors[key]).flatten(1) for key in moved}
        assert moved and all(key.endswith(".weight") for key in moved)
        for change in changes.values():
            values = torch.linalg.svdvals(change.double())
            assert len(values) > lora.RANK and values[lora.RANK] < 1e-5 * values[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", SMALL)
def test_what_was_tuned_is_a_weight_file_that_computes_the_same(tmp_path, weights, name, way):
    base, inputs = stored(weights[name]), inputs_of(3, 4, (8, 8))
    run = tuned_run(base, TUNINGS[way], ONE)
    tensors = taught(run)
    save(tmp_path / "own.safetensors", TUNINGS[way].merged(tensors), name, base.config)
    run.network.load_state_dict(tensors)
    with torch.no_grad():
        expected, before = run.network.eval()(*inputs), base.network().eval()(*inputs)
        found = load(tmp_path / "own.safetensors")(*inputs)
    assert torch.allclose(found, expected, atol=1e-5) and not torch.equal(found, before)


def test_low_rank_additions_are_those_of_the_paper():
    torch.manual_seed(0)
    layer, inputs = nn.Linear(12, 10), torch.randn(5, 12)
    plain = layer(inputs).detach()
    lora.prepare(nn.Sequential(layer), ARCHITECTURES["PNN"])
    factors = layer.parametrizations["weight"][0]
    torch.nn.init.normal_(factors.wide)
    assert factors.narrow.shape == (4, 12) and factors.wide.shape == (10, 4)
    beside = inputs @ factors.narrow.T @ factors.wide.T  # h = W x + B A x, equation 3
    assert torch.allclose(layer(inputs), plain + beside, atol=1e-5)


def test_an_adapter_is_that_of_the_paper():
    adapter = adapters.Adapter(6, 2)
    torch.nn.init.normal_(adapter.up.weight)
    tokens = torch.randn(3, 7, 6)
    narrow = tokens @ adapter.down.weight.T + adapter.down.bias
    expected = tokens + 0.5 * narrow * (1 + torch.erf(narrow / 2**0.5)) @ adapter.up.weight.T + adapter.up.bias
    assert torch.allclose(adapter(tokens), expected, atol=1e-5)
    image = tokens.mT.unflatten(-1, (7, 1))
    assert torch.allclose(adapter(image).flatten(2).mT, expected, atol=1e-5)


@pytest.mark.parametrize("way", SMALL)
def test_a_tuned_file_goes_wherever_weights_go(tmp_path, adapted, way):
    file, pair = adapted[way], landscape(96, 96)
    found = anypan.fuse(*pair, method=str(file))
    assert found.shape == (3, 96, 96) and not np.array_equal(found, anypan.fuse(*pair))
    tiles = anypan.fuse(*pair, method=str(file), tile=64)
    assert np.abs(tiles - found).max() <= 1e-3 * np.abs(found).max()
    if way == SMALL[0]:
        assert anypan.fuse(*pair, method=f"{file}+").shape == (3, 96, 96)
    assert anypan.fuse(*pair, method=str(file), sharpness=0.0).shape == (3, 96, 96)
    again = tmp_path / "again.safetensors"
    anypan.adapt(*landscape(128, 128), again, weights=file, tuning=way, steps=1, overwrite=True)
    assert load(again) is not None and stored(again).header["base_sha256"] == stored(file).sha256
    assert all(tuned_run(stored(file), other, ONE).trained for other in TUNINGS.values())
    former = load(file)
    network = ARCHITECTURES["anypan-s"].network(stored(file).config)
    begin_from(network, former)
    assert all(torch.equal(tensor, former.state_dict()[key]) for key, tensor in network.state_dict().items())


def test_only_adapters_are_layers_of_their_own(adapted):
    """What other tunings write has the layers of the network that they began with."""
    plain = {key: tensor.shape for key, tensor in stored("anypan-s").tensors.items()}
    for way in SMALL:
        same = {key: tensor.shape for key, tensor in stored(adapted[way]).tensors.items()} == plain
        assert same == (way != "adapter")


def test_shipped_weights_are_the_same_after_adapting(adapted):
    for card in available():
        found = stored(card.name)
        assert found.sha256 == card.sha256
        same = stored(adapted["adapter"]).tensors
        if card.name == "anypan-s":
            assert all(torch.equal(tensor, same[key]) for key, tensor in found.tensors.items())


def test_every_architecture_says_where_adapters_go_and_one_that_does_not_is_refused(weights):
    for name, architecture in ARCHITECTURES.items():
        assert adapters.places(network_of(name), architecture.adapters), name
    silent = replace(ARCHITECTURES["PNN"], adapters={})
    with pytest.raises(UserError, match="choose another tuning"):
        TUNINGS["adapter"].prepare(network_of("PNN"), silent)


def test_the_command_line_and_the_page_know_every_way():
    from anypan.cli.adapt import _TUNINGS

    assert tuple(TUNINGS) == _TUNINGS
    said = CliRunner().invoke(cli, ["adapt", "--help"]).output
    page = (ROOT / "docs" / "adaptation.md").read_text()
    for way in TUNINGS:
        assert way in said and re.search(rf"^\| `{way}` \|", page, re.MULTILINE), way


def test_equal_seeds_give_equal_weights(tmp_path, weights):
    found = []
    for seed in (3, 3, 4):
        file = tmp_path / "own.safetensors"
        anypan.adapt(*landscape(128, 128), file, weights=weights["PNN"], tuning="lora", steps=2, seed=seed,
                     overwrite=True)  # fmt: skip
        found.append(torch.cat([tensor.flatten() for _, tensor in sorted(stored(file).tensors.items())]))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])

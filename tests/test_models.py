"""The contract of every network: any size, bands and ratio; band order; gradients; honest halo; tiles; cost."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from networks import NAMES, SMALL, inputs_of, network_of
from torch.utils.flop_counter import FlopCounterMode

from anypan.fusing import fuse_scene
from anypan.methods.neural import neural
from anypan.models import ARCHITECTURES
from anypan.models.fixed import group_starts
from anypan.pair.scene import from_arrays
from anypan.weights import load, save

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "networks.md"
PUBLISHED = {"PNN": 104_360, "PanNet": 83_024, "FusionNet": 78_632, "Pan-Mamba": 480_000}  # for 8 bands


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "bands, ratio, cells", [(1, 4, (7, 9)), (3, 2, (9, 6)), (4, 3, (5, 4)), (8, 6, (4, 5)), (11, 4, (3, 3))]
)
def test_any_bands_ratio_and_size(name, bands, ratio, cells):
    pan, lrms, *rest = inputs_of(bands, ratio, cells)
    with torch.inference_mode():
        fused = network_of(name)(pan, lrms, *rest)
    assert fused.shape == (1, bands, *pan.shape[-2:])
    assert torch.isfinite(fused).all()


@pytest.mark.parametrize("name", [name for name in NAMES if ARCHITECTURES[name].any_bands])
def test_band_order_goes_through(name):
    pan, lrms, scale, gnyq, sampling = inputs_of(5, 4, (6, 6))
    order = torch.tensor([3, 0, 4, 2, 1])
    network = network_of(name)
    of_bands = ("mean", "std", "slope", "weights", "level", "alone", "fine")
    permuted_scale = dataclasses.replace(scale, **{field: getattr(scale, field)[:, order] for field in of_bands})
    with torch.inference_mode():
        fused = network(pan, lrms, scale, gnyq, sampling)
        permuted = network(pan, lrms[:, order], permuted_scale, gnyq[:, order], sampling)
    assert torch.allclose(fused[:, order], permuted, atol=1e-4)


@pytest.mark.parametrize("count, size, starts", [(3, 4, [0]), (4, 4, [0]), (5, 4, [0, 1]), (11, 4, [0, 4, 7])])
def test_groups_of_bands_cover_them_all_and_reach_back(count, size, starts):
    assert group_starts(count, size) == starts


def test_a_network_for_four_bands_does_the_same_in_every_group():
    network, (pan, lrms, *rest) = network_of("FusionNet"), inputs_of(7, 4, (5, 5))
    with torch.inference_mode():
        whole = network(pan, lrms, *rest)
        assert torch.equal(whole[:, :4], network(pan, lrms[:, :4], *rest))
        assert torch.equal(whole[:, 4:], network(pan, lrms[:, 3:], *rest)[:, 1:])


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name):
    network = network_of(name)
    pan, lrms, *rest = inputs_of(4, 4, (8, 8))
    network(pan, lrms, *rest).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_features_reach_the_heads_of_the_transformer_however_far_its_sums_have_drifted():
    """Else all rectifiers are shut, no gradient comes back, and the rest of a training is a random walk."""
    network, seen = network_of("anypan-t"), []
    for block in network.blocks:
        block.band[-1].bias.data.fill_(-1e3)
        block.trunk[-1].bias.data.fill_(-1e3)
    network.gains.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    network.bases.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    with torch.inference_mode():
        network(*inputs_of(4, 4, (8, 8)))
    assert all((features > 0).float().mean() > 0.2 for features in seen)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize("end", ["top", "bottom"])
def test_the_halo_is_honest(name, ratio, end):
    network = network_of(name)
    rows = -(-(network.halo(inputs_of(1, ratio, (1, 1))[-1]) + 24) // 4)
    pan, lrms, *rest = inputs_of(2, ratio, (rows + 3, 3))
    halo, height = network.halo(rest[-1]), pan.shape[-2]
    edge = slice(0, 8) if end == "top" else slice(height - 8, height)
    with torch.inference_mode():
        before = network(pan, lrms, *rest)
        pan[..., edge, :] += 5.0
        lrms[..., edge.start // ratio : edge.stop // ratio, :] += 5.0
        change = (network(pan, lrms, *rest) - before).abs().amax((0, 1, 3))
    beyond = change[8 + halo :] if end == "top" else change[: height - 8 - halo]
    assert change[edge].max() > 0 and len(beyond) >= 8
    assert torch.all(beyond < 1e-5)


@pytest.mark.parametrize("ratio", [2, 4])
def test_the_weights_that_ship_reach_no_farther_than_their_halo(ratio):
    """The halo of anypan-s is smaller than the sum of all reaches: what lies between must be lost in rounding."""
    network, sampling = load("anypan-s"), inputs_of(1, ratio, (1, 1))[-1]
    halo = -(-network.halo(sampling) // 4) * 4
    assert halo < 0.7 * network.reach(sampling)
    pan, lrms, *rest = inputs_of(3, ratio, (-(-(halo + 40) // 4), 4))
    with torch.inference_mode():
        before = network(pan, lrms, *rest)
        pan[..., :8, :] += 20.0
        lrms[..., : 8 // ratio, :] -= 20.0
        change = (network(pan, lrms, *rest) - before).abs().amax((0, 1, 3))
    assert change[:8].max() > 5
    assert change[8 + halo :].max() < 5e-6


@pytest.fixture
def weights(request, tmp_path):
    """A file of random weights of the architecture."""
    name = request.param
    network = network_of(name)
    path = tmp_path / f"{name}.safetensors"
    save(path, network.state_dict(), name, network.config)
    return path


@pytest.mark.parametrize("weights", NAMES, indirect=True)
def test_weights_come_back_as_they_were(weights):
    network, loaded = network_of(weights.stem), load(weights)
    assert loaded.config == network.config == ARCHITECTURES[weights.stem].config(**SMALL[weights.stem])
    inputs = inputs_of(4, 4, (4, 4))
    with torch.inference_mode():
        assert torch.equal(network(*inputs), loaded(*inputs))


@pytest.mark.parametrize(
    ("weights", "ratio"), [*((name, 3) for name in NAMES), ("anypan-s", 4), ("PanNet", 4)], indirect=["weights"]
)
def test_tiles_equal_the_whole(weights, ratio):
    generator = torch.Generator().manual_seed(1)
    rows, cols = 60 // ratio, 28 // ratio
    pan = 300 + 50 * torch.randn(1, rows * ratio, cols * ratio, generator=generator)
    scene = from_arrays(pan, 300 + 50 * torch.randn(2, rows, cols, generator=generator), phase=(0.3, -0.2))
    fuser = neural(weights)(scene)
    assert fuser.halo % math.lcm(fuser.cell, ratio) == 0
    whole = fuse_scene(scene, fuser, tile=1000)
    tiled = fuse_scene(scene, fuser, tile=48)
    assert (tiled - whole).abs().max() <= 1e-4 * whole.abs().max()


@pytest.mark.parametrize("weights", ["anypan-s", "PNN"], indirect=True)
def test_a_fuser_that_moves_takes_no_network_away_from_others(weights):
    """The meta device stands for a GPU."""
    generator = torch.Generator().manual_seed(1)
    pan, lrms = (300 + 50 * torch.randn(bands, n, n, generator=generator) for bands, n in ((1, 64), (4, 16)))
    scene = from_arrays(pan, lrms)
    fuser = neural(weights)(scene)
    before = fuse_scene(scene, fuser)
    moved = fuser.to("meta")
    assert moved.device == "meta" and fuser.to("cpu") is fuser
    assert torch.equal(fuse_scene(scene, fuser), before) and torch.equal(
        fuse_scene(scene, neural(weights)(scene)), before
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_agrees(name):
    network, (pan, lrms, scale, gnyq, sampling) = network_of(name), inputs_of(4, 4, (8, 8))
    with torch.inference_mode():
        here = network(pan, lrms, scale, gnyq, sampling)
        moved = (pan.cuda(), lrms.cuda(), scale.to("cuda"), gnyq.cuda(), sampling)
        there = network.cuda()(*moved).cpu()
    assert (here - there).abs().max() <= 1e-3 * here.abs().max()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_papers_networks_have_the_published_number_of_parameters(name):
    network = ARCHITECTURES[name].network(ARCHITECTURES[name].config(bands=8))
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(PUBLISHED[name], rel=0.02)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_cost_and_size_are_as_the_documentation_says(name):
    """On the meta device: shapes only. Pan-Mamba costs the same per pixel in a window of any size."""
    architecture = ARCHITECTURES[name]
    network = architecture.network(architecture.config()).to("meta")
    pan, lrms, scale, gnyq, sampling = inputs_of(4, 4, (4, 4) if name == "Pan-Mamba" else (32, 32))
    moved = (pan.to("meta"), lrms.to("meta"), scale.to("meta"), gnyq.to("meta"), sampling)
    with FlopCounterMode(display=False) as counter, torch.no_grad():  # it misses products in place, as inference has
        network(*moved)
    parameters = sum(p.numel() for p in network.parameters())
    products = counter.get_total_flops() / 2 / pan.numel()
    rows = [
        line.strip("| ").split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| {name} |")
    ]
    assert rows, f"docs/networks.md has no row for {name}: {parameters:,} parameters, {products:.0f} products"
    assert rows[0][1:5] == [
        architecture.family, architecture.source, "yes" if architecture.any_bands else "by groups", f"{parameters:,}"
    ]  # fmt: skip
    assert products == pytest.approx(int(rows[0][5].replace(",", "")), rel=1e-3)
    if name.startswith("anypan"):
        assert parameters <= 1_000_000 and products <= (18_000 if name == "anypan-s" else 150_000)


def test_pan_mamba_embeds_twice_and_its_pan_meets_the_ms_that_is_fused_already():
    """As its authors' code does."""
    network, seen = network_of("Pan-Mamba"), list[tuple[str, torch.Tensor, torch.Tensor]]()
    parts = {"embed ms": network.embed[0], "embed pan": network.embed[1], "ms": network.mix[0], "pan": network.mix[1]}
    for name, part in parts.items():
        part.register_forward_hook(lambda _, given, out, name=name: seen.append((name, given[0], out)))
    network.sharpen(torch.rand(1, 1, 16, 16), torch.rand(1, network.config.bands, 16, 16), torch.rand(1, 1, 4, 4))
    assert [name for name, *_ in seen] == ["embed ms", "embed pan", "ms", "pan", "embed ms", "embed pan"]
    (_, both, mixed), (_, pan_first, pan_mixed), (_, again, _), (_, pan_again, _) = seen[2:]
    ms, pan = both.chunk(2, 1)
    assert torch.equal(pan_first, torch.cat([pan, ms + mixed], 1))
    assert torch.equal(again, ms + mixed) and torch.equal(pan_again, pan + pan_mixed)

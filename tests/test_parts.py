"""Parts of anypan-s left out: each leaves something out, and only while asked to; the table of what that costs."""

import sys
from pathlib import Path

import pytest
import torch

from anypan.models import anypan_s
from anypan.models.anypan_s import AnypanS, Config
from anypan.report import documents
from anypan.simulate.sample import Simulation, simulate_batch
from anypan.train.objective import batch_loss

FOLDER = Path(__file__).resolve().parents[1] / "runs" / "paper"
sys.path.insert(0, str(FOLDER))
try:
    import parts
    import parts_page
finally:
    sys.path.remove(str(FOLDER))

SMALL = {"trunk": 8, "band": 8, "blocks": 2, "bases": 2}


@pytest.fixture(scope="module")
def batch():
    rng = torch.Generator().manual_seed(3)
    images = torch.nn.functional.interpolate(torch.rand(2, 4, 32, 32, generator=rng), scale_factor=4, mode="bilinear")
    return simulate_batch(images[None], rng, Simulation(ratios={4: 1.0}, reductions={1: 1.0}))


def loss_without(name, batch):
    part = parts.PARTS[name]
    torch.manual_seed(0)
    network = AnypanS(Config(**SMALL | part.sizes))
    part.changed(network)
    for rank, weights in enumerate(network.parameters()):  # heads begin at zero, where much makes no difference yet
        noise = torch.randn(weights.shape, generator=torch.Generator().manual_seed(rank))
        weights.data += 0.2 * noise
    with part.left_out():
        return batch_loss(network, batch).item()


@pytest.mark.parametrize("name", [name for name in parts.PARTS if name != parts.WHOLE])
def test_leaving_a_part_out_changes_the_loss_and_nothing_else_afterwards(name, batch):
    whole = loss_without(parts.WHOLE, batch)
    without = loss_without(name, batch)
    assert without != whole and without == without
    assert loss_without(parts.WHOLE, batch) == whole


def test_without_consistency_no_residual_is_seen(batch):
    network = AnypanS(Config(**SMALL))
    seen = []
    network.corrections[0].register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    for change in (lambda network: None, parts.PARTS["consistency with the MS"].changed):
        change(network)
        batch_loss(network, batch)
    assert seen[0].abs().max() > 0 and seen[1].abs().max() == 0


def test_what_is_known_of_band_and_scene_is_what_the_description_holds_between_the_pictures():
    assert parts.FACTS.stop - parts.FACTS.start == 7 and parts.FACTS.start == 4
    assert anypan_s.AnypanS().read_band.in_channels == parts.FACTS.stop + 4


def test_the_table_shows_shares_of_the_whole():
    row = {"sensor": "A", "Q2n": 0.9, "SAM": 2.0, "detail transfer (low)": 1.0, "D_rho": 0.1, "R-ERGAS": 1.0}
    rows = [row | {"part": part, "seed": seed, "ERGAS": ergas} for part, seed, ergas in
            (("whole", 1, 1.9), ("whole", 2, 2.1), ("it", 1, 3.0), ("it", 2, 3.0))]  # fmt: skip
    lines = parts_page.table(rows).splitlines()
    assert lines[2].startswith("| nothing | 2 | 0.9000 ± 0.0000 | 2.0000 ± 0.1000 |")
    assert lines[3] == "| it | 2 | +0.0000 | x 1.500 | x 1.000 | +0.0000 | x 1.000 | x 1.000 |"


def test_the_published_table_is_up_to_date():
    assert not documents.stale(parts_page.wanted(FOLDER.parents[1])), "run python runs/paper/parts_page.py"

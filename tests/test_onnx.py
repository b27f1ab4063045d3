"""The network as ONNX: what ONNX Runtime makes of it is what PyTorch makes, at any size and number of bands."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pairs
import pytest
import torch
from click.testing import CliRunner

from anypan.cli import cli
from anypan.methods.neural import neural
from anypan.optics.blocks import BlockSampling
from anypan.optics.graph import GraphSampling
from anypan.pair.scene import from_arrays
from anypan.runtime.errors import UserError
from anypan.weights import available
from anypan.weights import onnx as exporting

TOLERANCE = 1e-4  # of a band's standard deviation


@pytest.fixture(scope="module", params=[4, 2])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Any]:
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    line = ["export", "anypan-s", str(path), "--onnx", "--ratio", str(request.param)]
    done = CliRunner().invoke(cli, line)
    assert done.exit_code == 0, done.output
    return request.param, onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("bands", "rows", "cols"), [(1, 16, 16), (3, 18, 40), (4, 16, 20), (8, 50, 22), (13, 16, 64)])
def test_onnx_runtime_gives_what_pytorch_gives(exported: tuple[int, Any], bands: int, rows: int, cols: int) -> None:
    ratio, session = exported
    pan, ms = map(torch.from_numpy, pairs.landscape(rows * ratio, cols * ratio, bands, ratio, seed=bands))
    fuser: Any = neural("anypan-s")(from_arrays(pan[None], ms))
    given = {name: tensor.numpy() for name, tensor in exporting.inputs_of(fuser, pan[None], ms).items()}
    (made,) = session.run(None, given)
    expected = fuser(pan[None], ms).numpy()
    deviations = fuser.scale.std[0].numpy()[:, None, None]
    assert made[0].shape == expected.shape
    assert np.abs((made[0] - expected) / deviations).max() < TOLERANCE


def test_the_file_says_what_it_is(exported: tuple[int, Any]) -> None:
    ratio, session = exported
    (card,) = (card for card in available() if card.name == "anypan-s")
    told = session.get_modelmeta().custom_metadata_map
    assert told == {"anypan": "anypan-s", "weights_sha256": card.sha256, "ratio": str(ratio)}
    assert tuple(given.name for given in session.get_inputs()) == exporting.INPUTS


@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
def test_the_graph_samples_as_the_package_does(ratio: int) -> None:
    generator = torch.Generator().manual_seed(ratio)
    lrms, image = (torch.randn(1, 3, 20 * k, 17 * k, generator=generator) for k in (1, ratio))
    gains, one = torch.tensor([[0.3, 0.2, 0.35]]), torch.tensor([[0.28]])
    graph, blocks = GraphSampling(ratio), BlockSampling(ratio)
    assert torch.allclose(graph.expand(lrms), blocks.expand(lrms), atol=1e-6)
    assert torch.allclose(graph.degrade(image, gains), blocks.degrade(image, gains), atol=1e-6)
    assert torch.allclose(graph.degrade(image[:, :1], one), blocks.degrade(image[:, :1], one), atol=1e-6)
    assert torch.allclose(graph.degrade(image[:, :1], gains), blocks.degrade(image[:, :1], gains), atol=1e-6)
    assert torch.allclose(graph.reproject(lrms, gains), blocks.reproject(lrms, gains), atol=2e-6)


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        exporting.export("anypan-s", tmp_path / "mine.onnx")
    assert (tmp_path / "mine.onnx").read_text() == "mine"

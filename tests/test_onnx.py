"""The network as ONNX: what ONNX Runtime makes of it is what PyTorch makes, at any size and number of bands."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pairs
import pytest
import torch
from click.testing import CliRunner

import anypan
from anypan.cli import cli
from anypan.methods.neural import neural
from anypan.optics.blocks import BlockSampling
from anypan.optics.graph import GraphSampling
from anypan.pair.scene import from_arrays
from anypan.runtime.errors import UserError
from anypan.weights import onnx as exporting
from anypan.weights import stored

TOLERANCE = 1e-4  # of a band's standard deviation


class Exported(NamedTuple):
    """Weights, by name or as a file, and their graph for one ratio."""

    weights: str
    ratio: int
    session: Any


@pytest.fixture(scope="module", params=[("plain", 4), ("adapters", 2)], ids=["plain-4", "adapters-2"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The network that ships at ratio 4, and at ratio 2 with adapters, which are layers of the graph."""
    (kind, ratio), folder = request.param, tmp_path_factory.mktemp("onnx")
    weights = "anypan-s" if kind == "plain" else str(folder / "own.safetensors")
    if kind == "adapters":
        anypan.adapt(*pairs.landscape(128, 128), weights, tuning="adapter", steps=1, register=False)
        assert stored(weights).tensors.keys() > stored("anypan-s").tensors.keys()
    path = folder / "network.onnx"
    done = CliRunner().invoke(cli, ["export", weights, str(path), "--onnx", "--ratio", str(ratio)])
    assert done.exit_code == 0, done.output
    return Exported(weights, ratio, onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]))


@pytest.mark.parametrize(("bands", "rows", "cols"), [(1, 16, 16), (3, 18, 40), (4, 16, 20), (8, 50, 22), (13, 16, 64)])
def test_onnx_runtime_gives_what_pytorch_gives(exported: Exported, bands: int, rows: int, cols: int) -> None:
    weights, ratio, session = exported
    pan, ms = map(torch.from_numpy, pairs.landscape(rows * ratio, cols * ratio, bands, ratio, seed=bands))
    fuser: Any = neural(weights)(from_arrays(pan[None], ms))
    given = {name: tensor.numpy() for name, tensor in exporting.inputs_of(fuser, pan[None], ms).items()}
    (made,) = session.run(None, given)
    expected = fuser(pan[None], ms).numpy()
    deviations = fuser.scale.std[0].numpy()[:, None, None]
    assert made[0].shape == expected.shape
    assert np.abs((made[0] - expected) / deviations).max() < TOLERANCE


def test_the_file_says_what_it_is(exported: Exported) -> None:
    weights, ratio, session = exported
    told = session.get_modelmeta().custom_metadata_map
    assert told == {"anypan": stored(weights).label, "weights_sha256": stored(weights).sha256, "ratio": str(ratio)}
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

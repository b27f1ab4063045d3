"""A network as a graph for ONNX Runtime: any size, any number of bands, one ratio."""

from __future__ import annotations

import os
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from anypan.optics.graph import GraphSampling
from anypan.optics.normalise import Scale
from anypan.runtime.bounds import Bounds
from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError
from anypan.weights import stored

ARCHITECTURE = "anypan-s"
SUFFIX = ".onnx"
OPSET = 18
STATISTICS = tuple(field.name for field in fields(Scale))  # of the scene, see optics/normalise.py
INPUTS = ("pan", "lrms", "gnyq", *STATISTICS)
SCALARS = ("pan_mean", "pan_std", "log_gain_ratio", "explained")  # one number a scene; of the others, one a band
OUTPUT = "fused"


class Graph(nn.Module):
    """PAN (1, 1, H, W), MS (1, B, h, w), gains (1, B) and the scene's statistics to the fused image (1, B, H, W)."""

    def __init__(self, network: nn.Module, ratio: int) -> None:
        super().__init__()
        self.network, self.sampling = network, GraphSampling(ratio)

    def forward(self, pan: Tensor, lrms: Tensor, gnyq: Tensor, *statistics: Tensor) -> Tensor:
        """In and out in the units of the scene."""
        scale = Scale(*statistics)
        fused = self.network(scale.apply_pan(pan), scale.apply(lrms), scale, gnyq, self.sampling)
        return scale.invert(fused)


def inputs_of(fuser: Any, pan: Tensor, lrms: Tensor) -> dict[str, Tensor]:
    """What the graph takes, by name, for a fitted network and pixels (1, H, W), (B, h, w) in the scene's units.

    The graph is the network alone: of whole images without a shift, rims and values held as ``fuse`` holds them aside.
    UserError for a scene whose bands lie below zero, or whose MS pixels lie between those of the PAN.
    """
    while hasattr(fuser, "fuser"):  # what holds its values lies around it
        if hasattr(fuser, "by"):
            raise UserError("Bands of this scene lie below zero, which the graph cannot know: add a constant first.")
        fuser = fuser.fuser
    if any(fuser.sampling.phase):
        raise UserError("The MS of this scene is off the PAN, which the graph cannot correct: resample it first.")
    scale = fuser.scale
    statistics = {name: getattr(scale, name) for name in STATISTICS}
    return {"pan": pan[None], "lrms": lrms[None], "gnyq": fuser.gnyq, **statistics}


def export(name_or_path: str, out: str | os.PathLike[str], ratio: int = 4) -> Path:
    """Write the network as ONNX; H and W are multiples of 4 and of the ratio, the MS has no phase.

    UserError for weights of another architecture, a file that is there already, or a missing onnx.
    """
    weights, place = stored(name_or_path), Path(out)
    Bounds(2, 10).check("ratio", ratio)
    if weights.architecture != ARCHITECTURE:
        raise UserError(f"{weights.label} is of {weights.architecture}: only {ARCHITECTURE} can be written as ONNX.")
    if place.suffix != SUFFIX:
        raise UserError(f"{out} does not end in {SUFFIX}, as a graph does: give it such a name.")
    if place.exists():
        raise UserError(f"{out} exists already: name another file.")
    onnx = _library()
    try:
        with drafted(place, overwrite=False) as draft:
            _trace(Graph(weights.network().eval(), ratio).eval(), ratio, draft)
            model = onnx.load(draft)
            facts = {"anypan": weights.label, "weights_sha256": weights.sha256, "ratio": str(ratio)}
            onnx.helper.set_model_props(model, facts)
            onnx.checker.check_model(model)
            onnx.save(model, draft)
    except OSError as problem:
        raise UserError(f"{out} cannot be written ({problem.strerror}): name another file.") from problem
    return place


def _trace(graph: Graph, ratio: int, out: Path) -> None:
    given = _example(bands=4, rows=16, cols=20, ratio=ratio)
    free: dict[str, dict[int, str]] = {"pan": {2: "H", 3: "W"}, "lrms": {1: "bands", 2: "h", 3: "w"}}
    free |= {name: {1: "bands"} for name in INPUTS[2:] if name not in SCALARS}
    free[OUTPUT] = {1: "bands", 2: "H", 3: "W"}
    names = {"input_names": list(INPUTS), "output_names": [OUTPUT], "dynamic_axes": free}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what tracing makes constant, which the tests hold against other sizes
        torch.onnx.export(graph, given, str(out), opset_version=OPSET, dynamo=False, **names)  # type: ignore[arg-type]


def _example(bands: int, rows: int, cols: int, ratio: int) -> tuple[Tensor, ...]:
    """Inputs to trace with, of the right shapes."""
    each, one = torch.full((1, bands), 0.3), torch.ones(1)
    images = torch.rand(1, 1, rows * ratio, cols * ratio), torch.rand(1, bands, rows, cols)
    return (*images, each, *(one if name in SCALARS else each for name in STATISTICS))


def _library() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise UserError("--onnx needs onnx: pip install 'anypan[onnx]'.") from error
    return onnx

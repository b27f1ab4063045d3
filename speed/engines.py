"""The blocks of anypan-s in PyTorch, ONNX Runtime and OpenVINO: billions of multiply-adds a second, and how far apart.

    python speed/engines.py [--threads N] [--side 560]

Engines that are not installed are left out: pip install onnx onnxruntime openvino.
Results are in docs/development/log.md.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import io
import json
import os
from collections.abc import Callable

import torch
from roofline import Bench
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from anypan.runtime import memory
from anypan.weights import load

BANDS, REPEATS = 4, 5
Features = tuple[Tensor, Tensor]
Engine = Callable[[], Features]


class Blocks(nn.Module):
    """The blocks of anypan-s for ``BANDS`` bands, without the changes in place that an exporter cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = load("anypan-s").blocks.requires_grad_(False)

    def forward(self, trunk: Tensor, bands: Tensor) -> Features:
        for block in self.blocks:
            hidden = torch.relu(block.first(trunk) + block.pooled(bands.mean(0, keepdim=True)))
            trunk = block.second(hidden) + trunk
            bands = block.out(torch.relu(block.own(bands) + block.shared(torch.relu(trunk)))) + bands
        return trunk, bands


def torch_engine(blocks: Blocks, trunk: Tensor, bands: Tensor, threads: int) -> Engine:
    """The blocks as they run in ``fuse``: channels last, in place."""
    torch.set_num_threads(threads)
    own = copy.deepcopy(blocks.blocks).to(memory_format=torch.channels_last)
    start = [each.to(memory_format=torch.channels_last) for each in (trunk, bands)]

    def run() -> Features:
        features: Features = (start[0], start[1])
        for block in own:
            features = block(*features)
        return features

    return run


def onnxruntime_engine(blocks: Blocks, trunk: Tensor, bands: Tensor, threads: int) -> Engine:
    """ONNX Runtime on its CPU provider."""
    import onnxruntime

    file, options = io.BytesIO(), onnxruntime.SessionOptions()
    torch.onnx.export(blocks, (trunk, bands), file, dynamo=False, input_names=["trunk", "bands"])
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    given = {"trunk": trunk.numpy(), "bands": bands.numpy()}

    def run() -> Features:
        first, second = session.run(None, given)
        return torch.from_numpy(first), torch.from_numpy(second)

    return run


def openvino_engine(blocks: Blocks, trunk: Tensor, bands: Tensor, threads: int) -> Engine:
    """OpenVINO on its CPU device, in float32."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
    model = openvino.convert_model(blocks, example_input=(trunk, bands))
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    for number, each in enumerate((trunk, bands)):
        request.set_input_tensor(number, openvino.Tensor(each.numpy()))

    def run() -> Features:
        request.infer()
        first, second = (request.get_output_tensor(number).data for number in range(2))
        return torch.from_numpy(first), torch.from_numpy(second)

    return run


ENGINES = {"torch": torch_engine, "onnxruntime": onnxruntime_engine, "openvino": openvino_engine}


def main() -> None:
    """Print a JSON line an engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--side", type=int, default=560, help="cells along a side")
    given, generator = parser.parse_args(), torch.Generator().manual_seed(0)
    blocks, bench = Blocks().eval(), Bench((), given.threads, None)
    first = blocks.blocks[0]
    trunk = torch.randn(1, first.first.in_channels, given.side, given.side, generator=generator)
    bands = torch.randn(BANDS, first.own.in_channels, given.side, given.side, generator=generator)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        expected = blocks(trunk, bands)[1]
    work = counter.get_total_flops() / 2
    with torch.no_grad(), memory.kept():
        for name, engine in ENGINES.items():
            if not importlib.util.find_spec(name):
                continue
            run = engine(blocks, trunk, bands, given.threads)
            seconds = bench.best(run, REPEATS)
            apart = float((run()[1] - expected).abs().max() / expected.abs().max())
            said = {"engine": name, "threads": given.threads, "gmacs": round(work / seconds / 1e9, 1), "apart": apart}
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()

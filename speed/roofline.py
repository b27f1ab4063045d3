"""How fast fuse() is, as shares of what the machine could do and as ratios to others, measured in one run.

    python speed/roofline.py [--sizes 2048 4096] [--threads N] [--only PART ...] [--folder DIR] [--out ROWS.jsonl]

Prints one JSON line a figure, adds it to ``--out``, and prints the table that speed/speed.py makes of them. Parts:

- peak: fp32 convolutions of many shapes, the best of which is the machine's peak; memory bandwidth.
- block: a block of anypan-s on the cells of a tile, and on strips of them that caches hold.
- network: networks alone on 1024 x 1024 PAN pixels in memory; their multiply-adds are counted while they run.
- fuse: anypan-s from compressed GeoTIFF to compressed GeoTIFF for every size, and with 8 bands.
- others: PanNet and FusionNet (untrained), classical methods and gdal_pansharpen.py on the smallest size.
- start: the program's start against the import of torch, and the program on 1024 x 1024 PAN pixels.

With one thread, seconds are those of the processor (files then lie in the system's cache, and other work on the
machine has little say), else those of the clock. ``--sizes 2048 8192`` is the full measurement; it needs 3 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from memory import make_scene
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from anypan.models import ARCHITECTURES
from anypan.optics.blocks import BlockSampling
from anypan.optics.normalise import Moments, pan_at_ms_scale
from anypan.optics.sampling import Physical
from anypan.runtime import memory
from anypan.weights import load, save
from speed import table

Row = dict[str, Any]
RATIO, BANDS, SIDE = 4, 4, 1024
REPEATS = 3
# images, channels in and out, kernel, side of the image: those of anypan-s and of the papers' networks, and wider ones
SHAPES = (
    (1, 48, 48, 3, 64), (1, 48, 48, 3, 256), (4, 32, 32, 3, 64), (4, 32, 32, 3, 256), (1, 24, 48, 3, 256),
    (4, 52, 32, 3, 256), (4, 32, 16, 3, 256), (1, 48, 256, 1, 256), (4, 32, 32, 1, 256), (1, 32, 32, 3, 512),
    (1, 64, 64, 3, 128), (1, 64, 64, 3, 256), (1, 128, 128, 3, 128), (1, 256, 256, 3, 64),
)  # fmt: skip
STRIPS = (16, 64, 560)  # rows of cells; the last a tile with its halo, whole
PRODUCTS = {torch.ops.aten.convolution, torch.ops.aten.addmm, torch.ops.aten.mm, torch.ops.aten.bmm}
NETWORKS = "PanNet", "FusionNet"
METHODS = ("EXP", "Brovey", "GSA", "MTF-GLP-FS", "MTF-GLP-HPM-R")
PLAIN = ("DRIVER=GTiff", "COMPRESS=DEFLATE", "PREDICTOR=2", "ZLEVEL=6")  # what gdal_pansharpen.py can write as well
GDAL = "gdal_pansharpen.py"


@dataclass(frozen=True)
class Bench:
    """What the parts measure with."""

    sizes: Sequence[int]
    threads: int
    folder: str | None

    def clock(self) -> float:
        """Seconds of the processor with one thread, else of the clock."""
        return time.process_time() if self.threads == 1 else time.perf_counter()

    def best(self, work: Callable[[], object], repeats: int = REPEATS) -> float:
        """Least seconds of ``work`` after a first run that does not count."""
        work()
        found = []
        for _ in range(repeats):
            begun = self.clock()
            work()
            found.append(self.clock() - begun)
        return min(found)

    def program(self, command: Sequence[str]) -> float:
        """Seconds of a program, its start included."""
        environment = os.environ | {"OMP_NUM_THREADS": str(self.threads)}
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
        return sum(after[:2]) - sum(before[:2]) if self.threads == 1 else wall


class Traffic(TorchDispatchMode):
    """Bytes that convolutions and matrix products have to read and write: inputs, weights and outputs, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in PRODUCTS:
            self.bytes += sum(each.nbytes for each in (*args, out) if isinstance(each, Tensor))
        return out


def peak(bench: Bench) -> Iterator[Row]:
    """GFLOP/s of each shape in the better of the two layouts, and GB/s of a copy."""
    for images, inputs, outputs, kernel, side in SHAPES:
        layer, image = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), torch.randn(images, inputs, side, side)
        flops = 2 * image[:, :1].numel() * layer.weight.numel()
        moved = image.nbytes * (1 + outputs / inputs) + layer.weight.nbytes
        for layout in (torch.contiguous_format, torch.channels_last):
            seconds = bench.best(partial(layer.to(memory_format=layout), image.to(memory_format=layout)), 5)
            shape = f"{images} x {inputs} to {outputs}, {kernel} x {kernel}, {side}"
            found = {"gflops": round(flops / seconds / 1e9, 2), "intensity": round(flops / moved, 1)}
            yield {"figure": "convolution", "shape": shape, "layout": str(layout).removeprefix("torch.")} | found
    source = torch.zeros(2**26)
    seconds = bench.best(partial(torch.empty_like(source).copy_, source))
    yield {"figure": "bandwidth", "gb_s": round(2 * source.nbytes / seconds / 1e9, 2)}


def block(bench: Bench) -> Iterator[Row]:
    """GFLOP/s of a block of anypan-s on more and more rows of cells: whether its features had better stay in caches."""
    layer = load("anypan-s").blocks[0].to(memory_format=torch.channels_last)
    for side in STRIPS:
        shapes = (1, layer.first.in_channels), (BANDS, layer.own.in_channels)
        cells = [torch.randn(*shape, side, STRIPS[-1]).to(memory_format=torch.channels_last) for shape in shapes]
        with torch.inference_mode(False), torch.no_grad(), FlopCounterMode(display=False) as counter:
            layer(*cells)
        gflops = counter.get_total_flops() / bench.best(partial(layer, *cells)) / 1e9
        yield {"figure": "block", "shape": f"{side} x {STRIPS[-1]}", "gflops": round(gflops, 2)}


def network(bench: Bench) -> Iterator[Row]:
    """Seconds of networks alone, what they multiply, and what that moves at least."""
    yield _alone(bench, "anypan-s", load("anypan-s"), BANDS)
    yield _alone(bench, "anypan-s", load("anypan-s"), 2 * BANDS)
    for name in NETWORKS:
        yield _alone(bench, name, _untrained(name).eval(), BANDS)


def _alone(bench: Bench, name: str, model: nn.Module, bands: int) -> Row:
    generator, model = torch.Generator().manual_seed(0), model.to(memory_format=torch.channels_last)
    pan = torch.randn(1, 1, SIDE, SIDE, generator=generator)
    lrms = torch.randn(1, bands, SIDE // RATIO, SIDE // RATIO, generator=generator)
    gnyq, sampling = torch.full((1, bands), 0.3), BlockSampling(RATIO)
    scale = Moments.of(lrms, pan_at_ms_scale(pan, gnyq, sampling)).scale()
    work = partial(model, pan, lrms, scale, gnyq, sampling)
    with torch.inference_mode(False), torch.no_grad(), FlopCounterMode(display=False) as counter, Traffic() as traffic:
        model(pan, lrms, scale, gnyq, Physical(RATIO))  # sums, not products: filters are no work done
    flops, seconds = counter.get_total_flops(), bench.best(work)
    facts = {"figure": "network", "method": name, "bands": bands, "side": SIDE, "macs": round(flops / 2 / pan.numel())}
    found = {"gflops": round(flops / seconds / 1e9, 2), "intensity": round(flops / traffic.bytes, 1)}
    return facts | {"seconds": round(seconds, 4)} | found


def _untrained(name: str) -> nn.Module:
    torch.manual_seed(0)
    return ARCHITECTURES[name].network(ARCHITECTURES[name].config(bands=BANDS))


def fuse(bench: Bench) -> Iterator[Row]:
    """anypan-s from file to file."""
    for side in bench.sizes:
        yield _fused(bench, "anypan-s", side, BANDS)
    yield _fused(bench, "anypan-s", bench.sizes[0], 2 * BANDS)


def others(bench: Bench) -> Iterator[Row]:
    """Other networks, classical methods and GDAL, on the smallest scene; the latter two as plain GeoTIFF."""
    side = bench.sizes[0]
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        for name in NETWORKS:
            path, model = Path(folder) / f"{name}.safetensors", _untrained(name)
            save(path, model.state_dict(), name, model.config)
            yield _fused(bench, str(path), side, BANDS) | {"method": name}
    for name in METHODS:
        yield _fused(bench, name, side, BANDS, PLAIN)
    yield _gdal(bench, side)


def _fused(bench: Bench, method: str, side: int, bands: int, creation: Sequence[str] = ()) -> Row:
    stages = str(Path(__file__).with_name("stages.py"))
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        make_scene(Path(folder), side, bands, compress="deflate", predictor="2")
        run = [sys.executable, stages, folder, method, str(bench.threads), *creation]
        done = subprocess.run(run, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": run[4]})
    if done.returncode:
        sys.exit(done.stderr)
    facts = {"figure": "fuse", "method": method, "bands": bands, "side": side, "output": "GTiff" if creation else "COG"}
    return facts | json.loads(done.stdout)


def _gdal(bench: Bench, side: int) -> Row:
    facts: Row = {"figure": "fuse", "method": GDAL, "bands": BANDS, "side": side, "output": "GTiff"}
    if not shutil.which(GDAL):
        return facts | {"missing": "gdal_pansharpen.py is not installed"}
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        make_scene(Path(folder), side, BANDS, compress="deflate", predictor="2")
        files = [f"{folder}/{name}.tif" for name in ("pan", "ms", "out")]
        options = [word for pair in (*PLAIN[1:], "TILED=YES", f"NUM_THREADS={bench.threads}") for word in ("-co", pair)]
        seconds = bench.program([GDAL, *files, "-q", "-threads", str(bench.threads), *options])
    return facts | {"seconds": round(seconds, 3)}


def start(bench: Bench) -> Iterator[Row]:
    """Seconds from the shell's view: the import of torch, ``anypan --version``, and a whole small fusion."""
    program = [sys.executable, "-m", "anypan"]
    commands = {"import torch": [sys.executable, "-c", "import torch"], "anypan --version": [*program, "--version"]}
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        make_scene(Path(folder), SIDE, compress="deflate", predictor="2")
        files = [f"{folder}/{name}.tif" for name in ("pan", "ms", "out")]
        commands["anypan fuse, 1024 x 1024"] = [*program, "fuse", *files, "--overwrite", "--quiet", "--device", "cpu"]
        for name, command in commands.items():
            seconds = min(bench.program(command) for _ in range(REPEATS))
            yield {"figure": "start", "command": name, "seconds": round(seconds, 3)}


PARTS = {"peak": peak, "block": block, "network": network, "fuse": fuse, "others": others, "start": start}


def machine(threads: int) -> str:
    """The machine in words."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    cores, ways = os.cpu_count(), torch.backends.cpu.get_cpu_capability()
    said = f"{(names or [platform.processor() or platform.machine()])[0]} ({ways}), {threads} of {cores} cores"
    return f"{said}, {platform.system()}, torch {torch.__version__}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).is_file() else []


def main() -> None:
    """Measure, print and keep the rows, and print their table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2048, 4096], help="PAN pixels along a side")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--folder", help="where to put the scenes; needs room for them")
    parser.add_argument("--out", type=Path, help="the file that rows are added to")
    given = parser.parse_args()
    bench, rows = Bench(sorted(given.sizes), given.threads, given.folder), []
    torch.set_num_threads(given.threads)
    about = {"machine": machine(given.threads), "threads": given.threads}
    for part in given.only:
        with torch.inference_mode(), memory.kept():
            for row in PARTS[part](bench):
                rows.append(row | about)
                print(json.dumps(rows[-1]), flush=True)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        with given.out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()

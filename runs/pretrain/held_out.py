"""Judge networks on simulated pairs from the images that pretraining holds out, against MTF-GLP-FS on the same pairs.

python runs/pretrain/held_out.py runs/pretrain/anypan-s.toml anypan-s anypan-t OTHER.safetensors [--batches 16]

Each figure is a mean over batches, network over MTF-GLP-FS: the root mean square error of standardised bands, D_rho,
and the residual against the MS (as R-ERGAS); and the detail transfer, by itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.dataset import Mixture
from anypan.optics.normalise import Scale, pan_at_ms_scale
from anypan.simulate.sample import Batch, Simulation, simulate_batch
from anypan.train import Config, read_config
from anypan.train.losses import local_correlation
from anypan.train.objective import scene_scale
from anypan.weights import load

SCENES, PATCHES = 3, 3
BORDER = 8  # PAN pixels left out
AROUND = 9  # PAN pixels along a side of the mean below which detail begins
BUFFER = 1500  # tiles
UNTRUTHFUL = ("overstated gains", "decimation", "wide gains", "sharpening")
COLUMNS = ("error", "D_rho", "residual", "detail transfer")


def main() -> None:
    """Print a row for each network and ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="of a pretraining: its sources and its simulation")
    parser.add_argument("weights", nargs="+", help="names from 'anypan models' or .safetensors files")
    parser.add_argument("--batches", type=int, default=16, help="of 9 patches (%(default)s)")
    parser.add_argument("--ratios", type=int, nargs="+", default=[4, 2])
    wanted = parser.parse_args()
    config = read_config(wanted.config)
    tiles = list(held_out_tiles(config, wanted.batches))
    print(f"| weights | ratio | {' | '.join(COLUMNS)} |\n|---|---|{'---|' * len(COLUMNS)}")
    for name in wanted.weights:
        network = load(name).eval()
        for ratio in wanted.ratios:
            values = judged(network, tiles, truthful(config.simulation, ratio))
            print(f"| {name} | {ratio} | {' | '.join(f'{value:.3f}' for value in values)} |", flush=True)


def truthful(simulation: Simulation, ratio: int) -> Simulation:
    """The same of one ratio, without what makes the gain that is given another than the true one."""
    return replace(simulation, ratios={ratio: 1.0}, reductions={2: 1.0}, off=(*simulation.off, *UNTRUTHFUL))


def held_out_tiles(config: Config, batches: int) -> Iterator[Tensor]:
    mixture = Mixture(config.sources, 1, BUFFER, held_out=True)
    for number in range(batches):
        yield mixture.draw(SCENES * PATCHES, torch.Generator().manual_seed(number)).unflatten(0, (SCENES, PATCHES))


@torch.inference_mode()
def judged(network: nn.Module, tiles: list[Tensor], simulation: Simulation) -> list[float]:
    """The four figures of COLUMNS; the same pairs for every network."""
    sums = torch.zeros(2, len(COLUMNS), dtype=torch.float64)
    for number, images in enumerate(tiles):
        batch = simulate_batch(images, torch.Generator().manual_seed(number), simulation)
        sums += torch.tensor(_figures(network, batch), dtype=torch.float64)
    ratios = (sums[0] / sums[1]).tolist()
    return [*ratios[:3], float(sums[0, 3]) / len(tiles)]


def _figures(network: nn.Module, batch: Batch) -> list[list[float]]:
    """Of the network and of MTF-GLP-FS."""
    scale = scene_scale(batch)
    pan, lrms, reference = scale.apply_pan(batch.pan), scale.apply(batch.lrms), scale.apply(batch.reference)
    slope, pan_lr = scale.slope[..., None, None], pan_at_ms_scale(pan, batch.gnyq, batch.sampling)
    plain = batch.sampling.expand(lrms - slope * pan_lr) + slope * pan
    found = []
    for fused in (network(pan, lrms, scale, batch.gnyq, batch.sampling), plain):
        residual = lrms - batch.sampling.degrade(fused, batch.gnyq)
        figures = [(_inner(fused) - _inner(reference)).square().mean().sqrt()]
        figures.append((1 - local_correlation(_inner(fused), _inner(pan)).clamp(-1, 1)).mean())
        figures.append(residual[..., 2:-2, 2:-2].square().mean((-2, -1)).sqrt().mean())
        found.append([float(figure) for figure in (*figures, _detail_transfer(fused, pan, scale))])
    return found


def _inner(image: Tensor) -> Tensor:
    return image[..., BORDER:-BORDER, BORDER:-BORDER]


def _detail_transfer(fused: Tensor, pan: Tensor, scale: Scale) -> Tensor:
    """The median over patches of the regression of the intensity's detail on the PAN's."""
    intensity = (scale.weights[..., None, None] * fused).sum(1, keepdim=True)
    ours, theirs = _fine(intensity), _fine(pan)
    return ((ours * theirs).sum((1, 2, 3)) / theirs.square().sum((1, 2, 3))).median()


def _fine(image: Tensor) -> Tensor:
    mean = F.avg_pool2d(F.pad(image, (AROUND // 2,) * 4, mode="replicate"), AROUND, 1)
    return _inner(image - mean)


if __name__ == "__main__":
    main()

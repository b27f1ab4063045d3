"""Choose among weights without a look at any scene: simulated pairs that mimic each sensor, reduced and real apart.

python runs/pretrain/choose.py runs/pretrain/anypan-s.toml anypan-s OTHER.safetensors ... [--batches 3]

A sensor is its file: ratio, number of bands, MTF gains give or take 15 %, bits. The rest is the recipe's. A figure is
the error of standardised bands on pairs from held-out images over that of the same network untrained. Chosen are the
weights of the lowest mean among those that are above 1 on no sensor; if there are none, of the lowest worst.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from statistics import geometric_mean

import torch
from held_out import UNTRUTHFUL, held_out_tiles, judged
from torch import nn

from anypan.models import ARCHITECTURES
from anypan.optics.sensors import SENSORS, Sensor
from anypan.simulate.effects.archive import Quantisation
from anypan.simulate.effects.base import Range
from anypan.simulate.effects.instrument import ReducedScenes
from anypan.simulate.sample import Simulation
from anypan.train import read_config
from anypan.weights import load

SPREAD = 1.15  # of gains
KINDS = ("reduced", "real")


def main() -> None:
    """Print a row for each sensor and weights, the means, and the choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="of a pretraining: its sources and its simulation")
    parser.add_argument("weights", nargs="+", help="names from 'anypan models' or .safetensors files")
    parser.add_argument("--batches", type=int, default=3, help="of 9 patches (%(default)s)")
    parser.add_argument("--sensors", nargs="+", default=list(SENSORS), metavar="NAME")
    wanted = parser.parse_args()
    config = read_config(wanted.config)
    tiles = list(held_out_tiles(config, wanted.batches))
    pairs = list(mimicked(config.simulation, [SENSORS[name] for name in wanted.sensors]))
    found = {}
    for name in wanted.weights:
        network = load(name).eval()
        plain = untrained(network)
        found[name] = [judged(network, tiles, s)[0] / judged(plain, tiles, s)[0] for *_, s in pairs]
        print("\n".join(table(name, [pair[:2] for pair in pairs], found[name])), flush=True)
    print(f"\nchosen: {chosen(found)}")


def mimicked(simulation: Simulation, sensors: list[Sensor]) -> Iterator[tuple[str, str, Simulation]]:
    """Sensor, kind, and what draws such pairs."""
    for sensor in sensors:
        for kind in KINDS:
            yield sensor.name, kind, mimic(simulation, sensor, kind == "reduced")


def mimic(simulation: Simulation, sensor: Sensor, reduced: bool) -> Simulation:
    """The simulation with a sensor's ratio, number of bands, gains and bits; all scenes reduced, or none."""
    count = len(sensor.four or sensor.bands)
    pan = _around(sensor.pan.gnyq, sensor.pan.gnyq)
    scenes = replace(simulation[ReducedScenes], share=float(reduced), pan_gain=pan)
    bits = replace(simulation[Quantisation], share=1.0, bits={min(sensor.bits, 12): 1.0})
    return replace(
        simulation,
        ratios={sensor.ratio: 1.0},
        bands={count: 1.0},
        reductions={2: 1.0},
        pan_gain=pan,
        ms_gain=_around(min(sensor.gnyq), max(sensor.gnyq)),
        off=(*simulation.off, *UNTRUTHFUL),
    ).having(scenes, bits)


def _around(low: float, high: float) -> Range:
    return low / SPREAD, min(high * SPREAD, 0.9)


def untrained(network: nn.Module) -> nn.Module:
    """The same network as it begins: of ours, the physics alone."""
    torch.manual_seed(0)
    (made,) = [one for one in ARCHITECTURES.values() if type(network) is one.network]
    return made.network(network.config).eval()


def table(name: str, pairs: list[tuple[str, str]], values: list[float]) -> Iterator[str]:
    """Lines of a table: sensors down, kinds across; the last line holds the means and the worst."""
    yield f"\n| {name} | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}"
    by_kind = {kind: [v for (_, k), v in zip(pairs, values, strict=True) if k == kind] for kind in KINDS}
    for number, (sensor, _) in enumerate(pairs[:: len(KINDS)]):
        yield f"| {sensor} | {' | '.join(f'{by_kind[kind][number]:.3f}' for kind in KINDS)} |"
    yield f"| mean; worst | {' | '.join(f'{geometric_mean(by_kind[k]):.3f}; {max(by_kind[k]):.3f}' for k in KINDS)} |"


def chosen(found: dict[str, list[float]]) -> str:
    """The name of the lowest mean among those above 1 nowhere; else of the lowest worst."""
    good = {name: geometric_mean(values) for name, values in found.items() if max(values) <= 1}
    return min(good, key=good.__getitem__) if good else min(found, key=lambda name: max(found[name]))


if __name__ == "__main__":
    main()

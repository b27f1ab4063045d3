"""What simulating costs: training steps that simulate their batches against the same steps whose batches are there.

    python speed/simulation.py [--config TOML ...] [--steps 24] [--device cpu] [--out results/cost/FILE.jsonl]

Images are random tiles in memory, so that reading does not count. Prints one JSON line a recipe, and adds it to the
file ``--out``: mean seconds of a step and, of these, of drawing its batch; ``share``, the one over the other; mean
seconds of the same steps without simulation, and how much ``slower`` they are with it. On the CPU with one thread, and
in seconds of that thread, so that other work on the machine has little say; on a GPU by the clock, where the share
leaves out what is still under way. Default: the defaults' recipe and diverse.toml.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from anypan.simulate.sample import Batch, Simulation, simulate_batch
from anypan.train import Optimisation, Run, build, read_config
from anypan.train.batches import moved

RECIPES = Path(__file__).resolve().parents[1] / "runs" / "pretrain"
WARM = 4  # steps before the clock starts
CLOCKS = {"cpu": time.process_time, "cuda": time.perf_counter}


class Tiles:
    """Batches from random tiles in memory; ``ready`` holds those that are there before the clock starts."""

    def __init__(self, o: Optimisation, simulation: Simulation, device: str) -> None:
        self.clock, self.spent = CLOCKS[device], 0.0
        self.shape, self.simulation, self.device = (o.scenes, o.patches, 4, 256, 256), simulation, device
        self.tiles = torch.rand((4, *self.shape), generator=torch.Generator().manual_seed(0))
        self.ready: dict[int, Batch] = {}

    def draw(self, step: int) -> Batch:
        """The batch of a step: one that is there, or simulated now."""
        if step in self.ready:
            return self.ready[step]
        begun, rng = self.clock(), torch.Generator().manual_seed(step)
        batch = simulate_batch(self.tiles[step % len(self.tiles)].to(self.device), rng, self.simulation)
        self.spent += self.clock() - begun
        return batch


def seconds(run: Run, tiles: Tiles, first: int, steps: int) -> tuple[float, float]:
    """Time of a step from ``first`` on, and of drawing its batch, the mean of ``steps``."""
    run.step, tiles.spent, begun = first, 0.0, tiles.clock()
    for _ in range(steps):
        run.advance(tiles)  # its loss is read, so the device is done
    return (tiles.clock() - begun) / steps, tiles.spent / steps


def measure(path: Path, steps: int, device: str) -> dict[str, object]:
    """The same steps, drawn from the same seeds, with and without simulation."""
    config = read_config(path)
    run, tiles = Run(build(config)[0], config.train, device), Tiles(config.train, config.simulation, device)
    seconds(run, tiles, 0, WARM)
    step, drawing = seconds(run, tiles, WARM, steps)
    tiles.ready = {n: moved(tiles.draw(n), torch.device(device)) for n in range(WARM, WARM + steps)}
    there, _ = seconds(run, tiles, WARM, steps)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu, 1 thread"
    facts = {"recipe": path.stem, "device": name, "scenes": config.train.scenes, "patches": config.train.patches}
    times = {"steps": steps, "step_s": round(step, 4), "drawing_s": round(drawing, 4), "without_s": round(there, 4)}
    return facts | times | {"share": round(drawing / step, 3), "slower": round(step / there - 1, 3)}


def main() -> None:
    """Print a JSON line for each recipe, and add it to the file of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [RECIPES / "anypan-s.toml", RECIPES / "diverse.toml"]
    parser.add_argument("--config", type=Path, nargs="+", default=default)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for path in given.config:
        row = json.dumps(measure(path, given.steps, given.device))
        print(row, flush=True)
        if given.out:
            given.out.parent.mkdir(parents=True, exist_ok=True)
            with given.out.open("a", encoding="utf-8") as rows:
                rows.write(row + "\n")


if __name__ == "__main__":
    main()

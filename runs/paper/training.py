"""Trains the network of a cell; weights that are there already are not made again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from cells import BOTH, LIGHT, Cell, Study, digest, seconds_of
from rendered import images_of
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from anypan.dataset import SOURCES, TILE, Source
from anypan.judging import prepare
from anypan.judging.readers.entry import Entry
from anypan.methods.ensemble import TURNS, turned
from anypan.models import ARCHITECTURES
from anypan.simulate.sample import Batch, Simulation, simulate_batch
from anypan.train import Optimisation, Run
from anypan.train.config import simulation_of
from anypan.train.real import InTurn, RealPatches
from anypan.weights import load, save

ROOM = 4  # tiles read for each that is kept
PAPER_BLUR = {"light": 1.0}
MIXED = ("natural", "remote-sensing")


class Pool:
    """Batches simulated from windows of ``patch`` x ``patch`` pixels of tiles (n, 4, 256, 256) in memory."""

    def __init__(self, tiles: Tensor, patch: int, o: Optimisation, simulation: Simulation) -> None:
        self.tiles, self.patch, self.o, self.simulation = tiles, patch, o, simulation
        self.images = len(tiles)

    def draw(self, step: int) -> Batch:
        rng = torch.Generator().manual_seed(self.o.seed * 10**6 + step)
        count = self.o.scenes * self.o.patches
        chosen = torch.randint(len(self.tiles), (count,), generator=rng).tolist()
        images = torch.stack([self._window(tile, rng) for tile in chosen])
        return simulate_batch(images.unflatten(0, (self.o.scenes, self.o.patches)), rng, self.simulation)

    def _window(self, tile: int, rng: torch.Generator) -> Tensor:
        top, left = torch.randint(0, TILE - self.patch + 1, (2,), generator=rng).tolist()
        turn = int(torch.randint(0, TURNS, (), generator=rng))
        window = self.tiles[tile, :, top : top + self.patch, left : left + self.patch].float() / 255
        return turned(window, turn)

    def state(self) -> Tensor:
        return torch.zeros(1, 1, dtype=torch.int64)

    def restore(self, state: Tensor) -> None:
        """Each batch has its own seed: there is nothing to restore."""

    def broken(self) -> list[str]:
        return []


def real_scenes(entries: Iterable[Entry], pixels: int, o: Optimisation) -> InTurn:
    """Batches of real scenes, of about as many pixels as those that are simulated."""
    scenes = [RealPatches(prepare(entry, "fr").scene, o) for entry in entries]
    for scene in scenes:
        scene.o = replace(o, scenes=1, patches=max(1, round(pixels / scene.size**2)))
    return InTurn(scenes)


def train(cell: Cell, study: Study, scenes: dict[str, Entry], work: Path, device: str) -> tuple[Path, dict[str, Any]]:
    """(weight file, what was spent), from ``work`` if made before; a one-shot cell's start is made if need be."""
    path = work / f"{cell.name.replace('/', '_')}-{digest(cell, study, device)}.safetensors"
    if path.is_file():
        with safe_open(path, "pt") as file:
            return path, json.loads(file.metadata()["spent"])
    before = train(cell.start, study, scenes, work, device)[0] if cell.start else None
    torch.manual_seed(cell.seed)
    architecture = ARCHITECTURES[cell.network]
    settings = architecture.config(**study.sizes[device.split(":")[0]].get(cell.network, {}))
    network: nn.Module = load(before).train() if before else architecture.network(settings)
    spent = {"steps": 0, "train_seconds": 0.0, "parameters": sum(p.numel() for p in network.parameters())}
    weights = network.state_dict()
    if cell.stage != "untrained":
        o = _optimisation(cell, study, device)
        batches = _batches(cell, study, scenes, work, o)
        run = Run(network, o, device)
        run.finish(batches, _clock(device))
        weights = run.average
        spent |= {"steps": run.step, "train_seconds": round(run.seconds, 1), "images": batches.images}
    save(path, weights, cell.network, settings, cell=cell.name, spent=json.dumps(spent))
    return path, spent


def _clock(device: str) -> Callable[[], float]:
    """On a CPU processor time, so that whatever else the machine does costs no cell a step."""
    return time.monotonic if device.startswith("cuda") else lambda: time.process_time() / torch.get_num_threads()


def _optimisation(cell: Cell, study: Study, device: str) -> Optimisation:
    steps = max(1, round(study.steps * cell.time)) if study.steps else 0
    minutes = 0.0 if steps else seconds_of(cell, study, device) / 60
    o = Optimisation(**study.optimisation, steps=steps, minutes=minutes, seed=cell.seed)
    if not cell.adapted:
        return o
    frozen = ARCHITECTURES[cell.network].encoder if cell.tuning == "freeze" else ()
    return replace(o, rate=study.one_shot["rate"], freeze=frozen)


def _batches(cell: Cell, study: Study, scenes: dict[str, Entry], work: Path, o: Optimisation) -> Any:
    pixels = o.scenes * o.patches * (study.patch // 2) ** 2  # most images are halved before the PAN sees them
    if cell.stage in ("A", "C"):
        names = study.no_pretraining[cell.source] if cell.stage == "A" else (study.one_shot["scenes"][cell.adapted],)
        return real_scenes([scenes[name] for name in names if name in scenes], pixels, o)
    tiles = source_tiles(cell.source, study, work)
    if cell.images:
        tiles = tiles[torch.randperm(len(tiles), generator=torch.Generator().manual_seed(cell.seed))[: cell.images]]
    return Pool(tiles, study.patch, o, _simulation(cell, study))


def _simulation(cell: Cell, study: Study) -> Simulation:
    whole = replace(simulation_of({}, study.effect, study.folder), off=cell.off)
    return replace(whole, kernels=PAPER_BLUR) if cell.change == LIGHT else whole


def source_tiles(source: str, study: Study, work: Path) -> Tensor:
    """(n, 4, 256, 256) uint8: the images of one of SOURCES."""
    return torch.cat([_tiles(name, study, work) for name in (MIXED if source == BOTH else (source,))])


def _tiles(name: str, study: Study, work: Path) -> Tensor:
    """(n, 4, 256, 256) uint8: at most ``study.tiles`` of the images of a source, kept in a file in ``work``."""
    paths = tuple(json.dumps(_table(table, study), sort_keys=True) for table in study.sources[name])
    return _read_once(work / f"tiles-{name}.safetensors", paths, study.tiles)


def _table(table: dict[str, Any], study: Study) -> dict[str, Any]:
    whole = table | ({"path": str((study.folder / table["path"]).resolve())} if "path" in table else {})
    return images_of(whole, study.stand_in)


@lru_cache(maxsize=4)
def _read_once(path: Path, tables: tuple[str, ...], most: int) -> Tensor:
    about = {"tables": json.dumps(tables), "most": str(most)}
    if path.is_file():
        with safe_open(path, "pt") as file:
            same = file.metadata() == about
        if same:
            return load_file(path)["tiles"]
    found: list[Tensor] = []
    for table in map(json.loads, tables):
        source = SOURCES[table.pop("kind")](**table)
        found += _read(source, ROOM * most)
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(1))[:most]
    tiles = torch.stack([found[n] for n in order.tolist()])
    save_file({"tiles": tiles}, path, metadata=about)
    return tiles


def _read(source: Source, most: int) -> list[Tensor]:
    """The first tiles of a source, at most about so many."""
    found: list[Tensor] = []
    for part in source.parts():
        for sample in source.samples(part):
            if len(found) >= most:
                return found
            if source.wants(sample.key, held_out=False):
                found += [torch.from_numpy(tile) for tile in sample.read()]
    return found

"""What cells learn from and are validated on: simulated pairs, and real scenes reduced by Wald's protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from cells import BOTH, Cell, Study
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from anypan.dataset import SOURCES, TILE, Source
from anypan.judging import prepare
from anypan.judging.readers.entry import Entry
from anypan.methods.ensemble import TURNS, turned
from anypan.pair.scene import Patch, Scene
from anypan.runtime.claim import drafted
from anypan.simulate.sample import Batch, Simulation, simulate_batch
from anypan.train import Optimisation
from anypan.train.config import simulation_of
from anypan.train.real import CELL, LEAST, InTurn, Judging, RealPatches
from anypan.train.run import Judged

ROOM = 4  # tiles read for each that is kept
MIXED = ("natural", "remote-sensing")
HELD_OUT, BATCHES = 0.05, 8  # of a source's images, and of simulated pairs that validate
HELD_OUT_SEED = 0  # of their pairs, the same for every seed of a training
SHARE = 5  # one part of so many of a single scene validates


class Pool:
    """Batches simulated from windows of ``patch`` x ``patch`` pixels of tiles (n, 4, 256, 256) in memory."""

    def __init__(self, tiles: Tensor, patch: int, o: Optimisation, simulation: Simulation, device: str = "cpu") -> None:
        self.tiles, self.patch, self.o, self.simulation = tiles.to(device), patch, o, simulation
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


class Kept:
    """The first batches of a pool, kept."""

    def __init__(self, pool: Pool, count: int) -> None:
        self.batches = [pool.draw(n) for n in range(count)]

    def __len__(self) -> int:
        return len(self.batches)

    def draw(self, step: int) -> Batch:
        return self.batches[step]


def batches_of(
    cell: Cell, study: Study, scenes: dict[str, Entry], work: Path, o: Optimisation, device: str = "cpu"
) -> tuple[Any, Judged]:
    """What a cell learns from, and what validates it: data of its own that it does not learn from."""
    if cell.arm in ("A", "A*", "C"):
        pixels = o.scenes * o.patches * (study.patch // 2) ** 2  # most images are halved before the PAN sees them
        return _real([scenes[name] for name in learnt(cell, study, scenes)], pixels, o)
    tiles, images = source_tiles(cell.source, study, work)
    held = held_out(images)
    kept, tiles = tiles[held], tiles[~held]
    if cell.images:
        order = torch.randperm(len(tiles), generator=torch.Generator().manual_seed(cell.seed))
        tiles = tiles[order[: cell.images]]
    simulation = simulation_for(cell, study)
    patch = study.paper_like["patch"] if cell.arm == "P" else study.patch
    judging = Pool(kept, patch, replace(o, seed=HELD_OUT_SEED), simulation, device)
    return Pool(tiles, patch, o, simulation, device), Kept(judging, BATCHES)


def held_out(images: Tensor) -> Tensor:
    """(n,) bool: the tiles of the images that validate, none of which shares its image with one that is learnt from."""
    every = torch.unique(images)
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(2))
    return torch.isin(images, every[order[: max(1, round(HELD_OUT * len(every)))]])


def learnt(cell: Cell, study: Study, scenes: dict[str, Entry]) -> list[str]:
    """The real scenes that a cell sees, those that validate among them."""
    if cell.arm == "C":
        return [study.one_shot["scenes"][cell.adapted]]
    if cell.arm == "A":
        return [name for name in study.real[cell.source] if name in scenes]
    if cell.arm == "A*":
        return [name for name, one in scenes.items() if one.sensor != cell.source and name not in study.apart]
    return []


def _real(entries: Sequence[Entry], pixels: int, o: Optimisation) -> tuple[InTurn, Judging]:
    """Of several scenes the last of each sensor that has more validates, else the right part of the only one.

    Scenes that came degraded are no real pairs, and are left out.
    """
    cases = [(entry, prepare(entry, "fr")) for entry in entries]
    whole = [(entry, case.scene) for entry, case in cases if not case.facts["degraded"]]
    held = _last_of_each([entry for entry, _ in whole]) if len(whole) > 1 else ()
    if held:
        learn = [scene for entry, scene in whole if entry.name not in held]
        judge = [scene for entry, scene in whole if entry.name in held]
    else:
        learn, judge = ([part] for part in parted(whole[0][1]))
    batches = list(_patches(learn, pixels, o))
    return InTurn(batches), Judging(list(_patches(judge, pixels, o)))


def _last_of_each(entries: Sequence[Entry]) -> set[str]:
    by_sensor: dict[str, list[str]] = {}
    for entry in entries:
        by_sensor.setdefault(entry.sensor, []).append(entry.name)
    return {names[-1] for names in by_sensor.values() if len(names) > 1} or {entries[-1].name}


def _patches(scenes: Iterable[Scene], pixels: int, o: Optimisation) -> Iterable[RealPatches]:
    """Batches of about as many pixels as those that are simulated."""
    for scene in scenes:
        patches = RealPatches(scene, o)
        patches.o = replace(o, scenes=1, patches=max(1, round(pixels / patches.size**2)))
        yield patches


def parted(scene: Scene) -> tuple[Scene, Scene]:
    """The left part of a scene, and the right part, in which a patch has room once it is reduced."""
    patch, width = scene.whole(), scene.shape[1]
    right = max(width // SHARE, LEAST + 2 * CELL)
    return tuple(
        scene.of(
            Patch(
                patch.pan[..., scene.ratio * start : scene.ratio * end],
                patch.lrms[..., start:end],
                patch.mask[..., scene.ratio * start : scene.ratio * end],
            )
        )
        for start, end in ((0, width - right), (width - right, width))
    )  # type: ignore[return-value]


def simulation_for(cell: Cell, study: Study) -> Simulation:
    """The simulator of a cell: the study's, without what it leaves out; or that of the paper-like recipe."""
    paper = cell.arm == "P"
    general = {key: value for key, value in study.paper_like.items() if key not in ("effect", "patch")} if paper else {}
    effects = study.paper_like["effect"] if paper else study.effect
    whole = simulation_of({key: _keyed(value) for key, value in general.items()}, effects, study.folder)
    return whole if paper else replace(whole, off=cell.off)


def _keyed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def source_tiles(source: str, study: Study, work: Path) -> tuple[Tensor, Tensor]:
    """Tiles (n, 4, 256, 256) uint8 of one of SOURCES, and of which image each is (n,)."""
    parts = [_tiles(name, study, work) for name in (MIXED if source == BOTH else (source,))]
    counts = [0, *(int(images.max()) + 1 for _, images in parts)]
    return torch.cat([tiles for tiles, _ in parts]), torch.cat(
        [images + before for (_, images), before in zip(parts, counts, strict=False)]
    )


def _tiles(name: str, study: Study, work: Path) -> tuple[Tensor, Tensor]:
    """At most ``study.tiles`` tiles of a source, and of which image each is, kept in a file in ``work``."""
    paths = tuple(json.dumps(_table(table, study), sort_keys=True) for table in study.sources[name])
    return _read_once(work / f"tiles-{name}.safetensors", paths, study.tiles)


def _table(table: dict[str, Any], study: Study) -> dict[str, Any]:
    return table | ({"path": str((study.folder / table["path"]).resolve())} if "path" in table else {})


@lru_cache(maxsize=4)
def _read_once(path: Path, tables: tuple[str, ...], most: int) -> tuple[Tensor, Tensor]:
    about = {"tables": json.dumps(tables), "most": str(most), "images": "numbered"}
    if path.is_file():
        with safe_open(path, "pt") as file:
            same = file.metadata() == about
        if same:
            return _both(load_file(path))
    found: list[list[Tensor]] = []
    for table in map(json.loads, tables):
        source = SOURCES[table.pop("kind")](**table)
        found += _read(source, ROOM * most)
    tiles = [(tile, number) for number, image in enumerate(found) for tile in image]
    order = torch.randperm(len(tiles), generator=torch.Generator().manual_seed(1))[:most].tolist()
    kept = {"tiles": torch.stack([tiles[n][0] for n in order]), "images": torch.tensor([tiles[n][1] for n in order])}
    with drafted(path) as draft:
        save_file(kept, draft, metadata=about)
    return _both(kept)


def _both(kept: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    return kept["tiles"], kept["images"]


def _read(source: Source, most: int) -> list[list[Tensor]]:
    """The tiles of each of the first images of a source, at most about so many tiles."""
    found: list[list[Tensor]] = []
    for part in source.parts():
        for sample in source.samples(part):
            if sum(map(len, found)) >= most:
                return found
            if source.wants(sample.key, held_out=False):
                found.append([torch.from_numpy(tile) for tile in sample.read()])
    return found

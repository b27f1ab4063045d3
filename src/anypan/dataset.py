"""Images to simulate from: tar shards of compressed pictures, decoded into tiles of four channels."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from anypan.errors import UserError
from anypan.sensors import Band
from anypan.simulate.landscape import landscape, scene_bands
from anypan.simulate.spectra import responses

TILE = 256  # pixels along a side of a source tile
CAMERA = (("red", 605.0, 695.0), ("green", 515.0, 600.0), ("blue", 430.0, 515.0), ("nir", 770.0, 895.0))  # nm


@dataclass(frozen=True)
class Shard:
    """A tar of ``key.rgb.*`` and optionally ``key.nir.*`` images; ``keys`` (a regular expression) chooses keys.

    ``held_out`` is a regular expression of keys that only validation sees; ``weight`` scales how often it is drawn.
    """

    path: str
    keys: str = ""
    held_out: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class Rendered:
    """Landscapes of the package: ``count`` of ``size`` x ``size`` pixels; the last tenth is held out."""

    count: int
    size: int = 1024
    gsd: tuple[float, ...] = (0.25, 0.5, 1.0)
    seed: int = 1000
    weight: float = 1.0


class TilePool:
    """All tiles of some shards, uint8 in memory, drawn at random by a generator."""

    def __init__(self, tiles: Tensor, weights: Tensor) -> None:
        self.tiles, self.weights = tiles, weights

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """(count, 4, 256, 256) in 0..1: random tiles, flipped and turned at random."""
        chosen = self.tiles[torch.multinomial(self.weights, count, replacement=True, generator=rng)]
        turns = torch.randint(0, 8, (count,), generator=rng).tolist()
        turned = [torch.rot90(t if n < 4 else t.flip(-1), n % 4, (-2, -1)) for t, n in zip(chosen, turns, strict=True)]
        return torch.stack(turned).float() / 255


def read_pool(shards: tuple[Shard, ...], rendered: tuple[Rendered, ...] = (), held_out: bool = False) -> TilePool:
    """Decode the shards and render the landscapes; ``held_out`` chooses what validation sees."""
    tiles: list[np.ndarray] = []
    weights: list[float] = []
    for shard in shards:
        before = len(tiles)
        for key, members in _samples(Path(shard.path)):
            if re.search(shard.keys, key) and bool(shard.held_out and re.search(shard.held_out, key)) == held_out:
                tiles.extend(_cut(_decode(key, members)))
        weights += [shard.weight] * (len(tiles) - before)
    for source in rendered:
        before = len(tiles)
        for picture in _render(source, held_out):
            tiles.extend(_cut(picture))
        weights += [source.weight] * (len(tiles) - before)
    if not tiles:
        kind = "held-out" if held_out else "training"
        raise UserError(f"No {kind} image was found in {[s.path for s in shards]}: check paths and key patterns.")
    return TilePool(torch.from_numpy(np.stack(tiles)), torch.tensor(weights, dtype=torch.float64))


def _render(source: Rendered, held_out: bool) -> Iterator[np.ndarray]:
    """(4, size, size) uint8 landscapes, as a camera for red, green, blue and near infrared would deliver them."""
    bands = [Band(name, low, high, 0.3) for name, low, high in CAMERA]
    kept = source.count - -(-source.count // 10)
    for number in range(kept, source.count) if held_out else range(kept):
        gsd = source.gsd[number % len(source.gsd)]
        scene = landscape((source.size, source.size), source.seed + number, gsd)
        light, _ = scene_bands(scene, responses([*bands, bands[0]]))
        top = light.flatten(1).quantile(0.995, dim=1)[:, None, None]
        yield (255 * (light / top).clamp(0, 1).sqrt()).round().to(torch.uint8).numpy()


def _samples(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(key, {extension: bytes}) of a tar shard; files of one key lie side by side."""
    if not path.is_file():
        raise UserError(f"The shard {path} does not exist: correct the path in the configuration.")
    with tarfile.open(path) as tar:
        current, members = "", {}
        for entry in tar:
            key, _, extension = entry.name.partition(".")
            if key != current and members:
                yield current, members
                members = {}
            current = key
            file = tar.extractfile(entry)
            if file is not None:
                members[extension] = file.read()
        if members:
            yield current, members


def _decode(key: str, members: dict[str, bytes]) -> np.ndarray:
    """(4, H, W) uint8; without a near-infrared picture, a stand-in made of the others, different for each key."""
    pictures = {name.partition(".")[0]: data for name, data in members.items()}
    colour = pictures.get("rgb") or next(iter(pictures.values()))
    rgb = np.asarray(Image.open(io.BytesIO(colour)).convert("RGB")).transpose(2, 0, 1)
    if "nir" in pictures:
        nir = np.asarray(Image.open(io.BytesIO(pictures["nir"])).convert("L"))[None]
    else:
        share = np.random.default_rng(list(key.encode())).dirichlet((0.7, 0.7, 0.7))
        nir = np.clip(np.einsum("c,chw->hw", share, rgb) * 1.2, 0, 255)[None].astype(np.uint8)
    return np.concatenate([rgb, nir])


def _cut(image: np.ndarray) -> Iterator[np.ndarray]:
    """Disjoint 256 x 256 tiles; what is smaller is left out."""
    for row in range(0, image.shape[1] - TILE + 1, TILE):
        for col in range(0, image.shape[2] - TILE + 1, TILE):
            yield image[:, row : row + TILE, col : col + TILE]

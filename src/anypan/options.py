"""What fuse() is told, what it would do and what it did."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from anypan.geometry.grid import Grid
from anypan.models import ARCHITECTURES
from anypan.models.anypan_s import CELL  # cores begin at whole cells, as the networks need
from anypan.pair.align import Pair
from anypan.pair.scene import Scene
from anypan.raster import CACHE
from anypan.runtime.bounds import Bounds
from anypan.runtime.device import check_device
from anypan.weights import available

TILE = 1024  # PAN pixels along a side of a tile's core, unless the fuser asks for more
MEMORY = 9 * 2**28  # bytes that a tile may take
BASE = 400 * 2**20  # bytes of the interpreter and its libraries
# A guess before the method is fitted: PAN pixels of halo, and float32 planes of a tile and band alive at once, at most.
FORMULA, NETWORK, SMALL = (64, 14), (240, 18), (96, 22)  # the last: of networks that say how large their tiles can be


@dataclass(frozen=True)
class Options:
    """How fuse() goes about it.

    ``bands``: MS bands by name or number from 1, in the order wanted. ``sensor``: a name of ``SENSORS``.
    ``register``: correct a misregistration that was measured with confidence. ``tile``: PAN pixels along a side, at
    least 16. A ``device`` or ``tile`` that cannot be raises UserError.
    ``best``: of a network, the mean over all 8 ways to turn and mirror the scene, for 8 times the time.
    ``uncertainty``: a second output, with half-widths for each pixel and band (uncertainty.py).
    ``creation``: GDAL creation options. ``progress``: called with (tiles done, tiles).
    """

    bands: Sequence[str | int] | None = None
    sensor: str | None = None
    register: bool = True
    device: str = "cpu"
    tile: int | None = None
    best: bool = False
    uncertainty: str | PathLike[str] | None = None
    overwrite: bool = False
    allow_vrt: bool = False
    allow_remote: bool = False
    creation: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        check_device(self.device)
        if self.tile is not None:
            Bounds(16).check("tile", self.tile)


@dataclass(frozen=True)
class Report:
    """What was done: ``shift`` (dy, dx) in PAN pixels, ``seconds`` of wall time, ``size`` of the output in bytes."""

    output: str
    method: str
    grid: Grid
    bands: tuple[str, ...]
    ratio: int
    shift: tuple[float, float]
    confidence: float
    registered: bool
    seconds: float
    size: int
    notes: tuple[str, ...]
    uncertainty: str | None = None

    @classmethod
    def of(cls, pair: Pair, outputs: Sequence[str], method: str, seconds: float, size: int) -> Report:
        """The report on finished ``outputs``: the fused image, and half-widths if there are any."""
        found = pair.scene.ratio, pair.shift, pair.confidence, pair.registered
        output, aside = outputs[0], outputs[1] if len(outputs) > 1 else None
        return cls(output, method, pair.grid, pair.scene.bands, *found, seconds, size, pair.notes, aside)


@dataclass(frozen=True)
class Plan:
    """What fuse() would do: ``memory`` resident, ``size`` and ``aside`` of image and half-widths as such, in bytes."""

    method: str
    grid: Grid
    bands: tuple[str, ...]
    dtype: str
    ratio: int
    shift: tuple[float, float]
    confidence: float
    registered: bool
    tiles: int
    memory: int
    size: int
    aside: int
    notes: tuple[str, ...]


def tile_size(scene: Scene, tile: int | None, fuser: object = None) -> int:
    """MS pixels along a side of a tile's core, for ``tile`` PAN pixels, in whole cells of the fuser's ``cell``.

    Unless told, it is what the fuser asks for (its ``tile``), or less where the bands are many: ``MEMORY`` bounds it.
    """
    unit = math.lcm(getattr(fuser, "cell", CELL), scene.ratio) // scene.ratio
    halo, planes = SMALL
    most = math.isqrt(MEMORY // (4 * planes * (len(scene.bands) + 1))) - 2 * halo
    side = tile or max(TILE, min(getattr(fuser, "tile", None) or TILE, most))
    return max(unit, side // scene.ratio // unit * unit)


def plan_of(pair: Pair, method: str, options: Options) -> Plan:
    """The plan for an aligned pair."""
    network = network_of(method)
    bands, size = pair.scene.bands, tile_size(pair.scene, options.tile, network)
    halo, planes = FORMULA if network is None else SMALL if getattr(network, "tile", None) else NETWORK
    side = min(size * pair.scene.ratio, max(pair.grid.shape)) + 2 * halo
    values = math.prod(pair.grid.shape) * len(bands)
    return Plan(
        method=named(method, options),
        grid=pair.grid,
        bands=bands,
        dtype=pair.format.dtype,
        ratio=pair.scene.ratio,
        shift=pair.shift,
        confidence=pair.confidence,
        registered=pair.registered,
        tiles=math.prod(math.ceil(n / size) for n in pair.scene.shape),
        memory=BASE + CACHE + 4 * planes * (len(bands) + 1) * side**2,
        size=values * np.dtype(pair.format.dtype).itemsize,
        aside=0 if options.uncertainty is None else values * np.dtype(np.float32).itemsize,
        notes=pair.notes,
    )


def named(method: str, options: Options) -> str:
    """What the method is called in a report: with a plus if it is the best of 8 ways."""
    return f"{method.removesuffix('+')}+" if options.best else method


def network_of(method: str) -> type[Any] | None:
    """The class of the method's network; of a file, which is not opened for this, any; None of a formula."""
    known = {card.name: ARCHITECTURES[card.architecture].network for card in available()}
    return object if method.endswith(".safetensors") else known.get(method.removesuffix("+"))

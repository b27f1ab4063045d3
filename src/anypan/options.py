"""Options of fuse(), what it would do and what it did."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike

import numpy as np

from anypan.fusing import LARGE, tile_size
from anypan.geometry.grid import Grid
from anypan.methods.base import Fuser
from anypan.methods.resolve import MethodRef
from anypan.metrics.consistency import TOGETHER
from anypan.metrics.strips import strip_bytes
from anypan.pair.opening import Opening, OpeningWords
from anypan.pair.pair import Pair
from anypan.raster import CACHE, ENDINGS
from anypan.runtime.bounds import Bounds
from anypan.runtime.device import check_device
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import number_or_name

BASE = 400 * 2**20  # bytes of the interpreter and its libraries
DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
FORMATS = tuple(ENDINGS)
MOST_BITS = 64
# A guess before the method is fitted: PAN pixels of halo, and float32 planes of a tile and band alive at once, at most.
FORMULA, NETWORK = (64, 14), (240, 18)  # the latter: of networks that ask for no large tiles
OWN_TILES = "tile is for formulas: networks work in tiles of their own, so that every run gives the same bytes."


class FuseOptions(OpeningWords, total=False):
    """The keywords of fuse() and plan(), as ``Options`` explains them."""

    device: str
    tile: int | None
    best: bool
    sharpness: float | None
    uncertainty: str | PathLike[str] | None
    verify: float | None
    overwrite: bool
    dtype: str | None
    out_nodata: float | None
    format: str | None
    creation: Mapping[str, str]
    progress: Callable[[int, int], None] | None


@dataclass(frozen=True, kw_only=True)
class Options(Opening):
    """How fuse() goes about it.

    The pair is opened as ``Opening`` says. ``device``: "cpu", "cuda" or "cuda:1". ``tile``: of formulas, PAN pixels
    along a side, at least 16; networks keep tiles of their own. A ``device`` or ``tile`` that cannot be raises
    UserError.
    ``overwrite``: replace output files that exist; without it they raise UserError.
    ``best``: of a network, the mean over all 8 ways to turn and mirror the scene, for 8 times the time.
    ``sharpness``: of the networks of anypan, from 0, closest to the MS, to 1, closest to the PAN's texture; unless
    given 0.5, as sharp as they take the truth to be.
    ``uncertainty``: a second output, with half-widths for each pixel and band (methods/uncertainty.py).
    ``verify``: the R-ERGAS against its own MS that the written file may have at most; beyond it, or where it cannot be
    measured, the file is kept under another name and fuse() raises Unverified.
    ``dtype``: pixel type of the output, one of uint8, uint16, int16, uint32, int32, float32, float64; unless given the
    MS's. UserError if it cannot hold the MS's values; what sharpening puts beyond it is clipped, as in the MS's own
    type, and counted in a note. ``out_nodata``: nodata value of the output; unless given the MS's.
    ``format``: COG, GTiff, Zarr or VRT-recipe; unless given a COG. ``creation``: GDAL creation options.
    ``progress``: called with (steps done, steps), 100 steps a tile; of formulas with whole tiles only.
    """

    device: str = "cpu"
    tile: int | None = None
    best: bool = False
    sharpness: float | None = None
    uncertainty: str | PathLike[str] | None = None
    verify: float | None = None
    overwrite: bool = False
    dtype: str | None = None
    out_nodata: float | None = None
    format: str | None = None
    creation: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_device(self.device)
        if self.tile is not None:
            Bounds(16).check("tile", self.tile)
        if self.sharpness is not None:
            Bounds(0, 1).check("sharpness", self.sharpness)
        if self.verify is not None:
            Bounds(0).check("verify", self.verify)
        _check_one_of("dtype", self.dtype, DTYPES)
        _check_one_of("format", self.format, FORMATS)
        driver = next((value for key, value in self.creation.items() if key.upper() == "DRIVER"), self.format)
        if self.format and str(driver).upper() != self.format.upper():
            raise UserError(f"The output is asked for as {self.format} and, as its DRIVER, as {driver}: choose one.")

    def tile_of(self, method: MethodRef) -> int | None:
        """The tile that was asked for; None of a network, the last digits of whose sums depend on the tile's shape."""
        return None if method.network else self.tile

    def notes_on(self, method: MethodRef) -> tuple[str, ...]:
        """What there is to say of options that the method does not follow."""
        return () if self.tile == self.tile_of(method) else (OWN_TILES,)

    @property
    def bits(self) -> int | None:
        """The bits of a pixel that the creation options ask for, if they do."""
        given = next((str(value) for key, value in self.creation.items() if key.upper() == "NBITS"), "")
        bits = number_or_name(given)
        return bits if isinstance(bits, int) and bits < MOST_BITS else None  # GDAL says what is wrong with others

    @property
    def stored(self) -> dict[str, str]:
        """GDAL's creation options with the DRIVER that ``format`` names."""
        given = {key: value for key, value in self.creation.items() if key.upper() != "DRIVER" or not self.format}
        return given | ({"DRIVER": self.format} if self.format else {})


def _check_one_of(name: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise UserError(f"{name} is {value!r}: choose from {', '.join(known)}.")


@dataclass(frozen=True)
class Report:
    """What was done: ``shift`` (dy, dx) in PAN pixels, ``seconds`` of wall time, ``size`` of the output in bytes.

    ``explained``: of each band's detail the share that the PAN explains, empty if unknown; ``r_ergas`` of the output
    against its MS. ``resampled``: whether the MS was resampled without a low-pass, and is sharper than its sensor.
    """

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
    explained: tuple[float, ...] = ()
    r_ergas: float | None = None
    resampled: bool = False

    @classmethod
    def of(cls, pair: Pair, outputs: Sequence[str], method: str, seconds: float, size: int) -> Report:
        """The report on finished ``outputs``: the fused image, and half-widths if there are any."""
        found = pair.scene.ratio, pair.shift, pair.confidence, pair.registered
        output, second = outputs[0], outputs[1] if len(outputs) > 1 else None
        return cls(output, method, pair.grid, pair.scene.bands, *found, seconds, size, pair.notes, second)


@dataclass(frozen=True)
class Plan:
    """What fuse() would do: ``memory`` resident, ``size`` and ``halfwidths`` of the two outputs as such, in bytes."""

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
    halfwidths: int
    notes: tuple[str, ...]


def plan_of(pair: Pair, method: MethodRef, options: Options) -> Plan:
    """The plan for an aligned pair."""
    network = method.network
    bands, size = pair.scene.bands, tile_size(pair.reference, options.tile_of(method), network or Fuser)
    halo, planes = FORMULA if network is None else LARGE if network.tile else NETWORK
    side = min(size * pair.scene.ratio, max(pair.grid.shape)) + 2 * halo
    fused = 4 * planes * (len(pair.reference.bands) + 1) * side**2
    judged = strip_bytes(pair.scene, min(len(bands), TOGETHER), pair.scene.sampling.reach)
    values = math.prod(pair.grid.shape) * len(bands)
    return Plan(
        method=method.name,
        grid=pair.grid,
        bands=bands,
        dtype=pair.format.dtype,
        ratio=pair.scene.ratio,
        shift=pair.shift,
        confidence=pair.confidence,
        registered=pair.registered,
        tiles=math.prod(math.ceil(n / size) for n in pair.scene.shape),
        memory=BASE + CACHE + max(fused, judged),
        size=values * np.dtype(pair.format.dtype).itemsize,
        halfwidths=0 if options.uncertainty is None else values * np.dtype(np.float32).itemsize,
        notes=pair.notes,
    )

"""Where the MS pixels lie on the PAN grid: two files, or two arrays, become a Scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray

from anypan import raster
from anypan.geometry.fill import Filled
from anypan.geometry.grid import Grid, Lattice, Placement, coarse_part, lattice_of, place, ratios, stretched_over
from anypan.geometry.tiles import Tile
from anypan.geometry.window import inside
from anypan.optics.sampling import Physical
from anypan.optics.sensors import GENERIC, Band, Sensor, assumption, find, gains, match
from anypan.pair.opening import Opening, OpeningWords
from anypan.pair.registration import register_scene
from anypan.pair.scene import Patch, Scene
from anypan.raster import Format, Raster, Rules
from anypan.runtime.errors import UserError
from anypan.runtime.keywords import options_of

Path = str | PathLike[str]
MIN_RATIO, MAX_RATIO = 1.5, 10.0
SLIVER = 4  # MS pixels along a side that PAN and MS have to share, at least
MAX_SKEW = 1.02  # between the ratios along rows and columns where there is no georeferencing
CHECK_TILE = 1024  # PAN pixels
SLACK = 0.01  # by which a ratio may fall outside of its limits
PAN_LEVELS, MS_LEVELS = 4, 3  # of filling: 40 PAN pixels, 13 MS pixels


@dataclass(frozen=True)
class Pair:
    """A PAN and an MS that lie on each other.

    ``grid`` is the PAN's and the output's; ``place`` says which part of it the scene covers. ``shift`` (dy, dx) is
    the misregistration in PAN pixels that was measured on top of the georeferencing, ``registered`` says whether the
    scene is corrected for it, ``notes`` what was found and assumed.
    """

    scene: Scene
    grid: Grid
    place: Placement
    shift: tuple[float, float]
    confidence: float
    registered: bool
    notes: tuple[str, ...]
    format: Format
    rasters: tuple[Raster, Raster]

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.rasters:
            each.close()

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the PAN file that are (0, 0) of the scene's PAN grid."""
        return self.place.origin

    @property
    def covers_all(self) -> bool:
        """True if the MS covers every pixel of the PAN."""
        return self.place.footprint == ((0, self.grid.shape[0]), (0, self.grid.shape[1]))

    @property
    def maybe_invalid(self) -> bool:
        """True unless every pixel of the output is known to be valid."""
        return not self.covers_all or any(each.maybe_invalid for each in self.rasters)


@dataclass(frozen=True)
class PairSource:
    """Patches of a PAN and an MS raster, filled where they are invalid."""

    pan: Filled
    ms: Filled
    ratio: int
    place: Placement

    def read(self, tile: Tile) -> Patch:
        """The tile with its halo; ``mask`` is true where the PAN is valid and the MS has a valid pixel there."""
        row, col, height, width = tile.padded
        lrms, ms_valid = self.ms.read(row + self.place.start[0], col + self.place.start[1], height, width)
        row, col, height, width = (n * self.ratio for n in (row, col, height, width))
        row, col = row + self.place.origin[0], col + self.place.origin[1]
        pan, mask = self.pan.read(row, col, height, width)
        mask = mask & ms_valid.repeat(self.ratio, 0).repeat(self.ratio, 1)
        (top, bottom), (left, right) = self.place.footprint
        mask &= inside(row, height, bottom, top)[:, None] & inside(col, width, right, left)
        return Patch(torch.from_numpy(pan), torch.from_numpy(lrms), torch.from_numpy(mask), tile.halo)


def pair_of(pan: Path | NDArray[Any], ms: Path | Sequence[Path] | NDArray[Any], opening: Opening) -> Pair:
    """An aligned pair of two arrays or of files; see ``pair_of_arrays`` and ``open_pair``."""
    if isinstance(pan, np.ndarray) and isinstance(ms, np.ndarray):
        if opening.rules != (Rules(), Rules()):
            raise UserError("nodata is for files: mask the pixels of an array that are fill, or make them NaN.")
        return pair_of_arrays(pan, ms, opening.bands, opening.sensor, opening.register)
    if isinstance(pan, np.ndarray) or isinstance(ms, np.ndarray):
        raise UserError("One of PAN and MS is an array, the other is none: give two arrays or files.")
    for each in (pan, *(ms if isinstance(ms, list | tuple) else [ms])):
        if not isinstance(each, str | PathLike):
            kind = type(each).__name__
            raise UserError(f"An image is given as a {kind}: give arrays of NumPy, (H, W) and (B, h, w), or paths.")
    return _opened(pan, ms, opening)


def open_pair(pan: Path, ms: Path | Sequence[Path], **opening: Unpack[OpeningWords]) -> Pair:
    """Open a PAN file and one or several MS files on one grid as an aligned pair; nothing is read but samples.

    ``opening`` are the fields of ``Opening``. Raises UserError for what cannot be a pair.
    """
    return _opened(pan, ms, options_of(Opening, opening, "open_pair()"))


def _opened(pan: Path, ms: Path | Sequence[Path], o: Opening) -> Pair:
    paths = [ms] if isinstance(ms, str | PathLike) else list(ms)
    if not paths:
        raise UserError("No MS file is named: give one or more after the PAN.")
    of_pan, of_ms = o.rules
    pan_raster = raster.open_raster([str(pan)], o.allow_vrt, o.allow_remote, of_pan)
    ms_raster = raster.open_raster([str(path) for path in paths], o.allow_vrt, o.allow_remote, of_ms)
    return pair_of_rasters(pan_raster, ms_raster, o)


def pair_of_rasters(pan: Raster, ms: Raster, opening: Opening) -> Pair:
    """An aligned pair of open rasters. Raises UserError for what cannot be a pair."""
    return _pair(pan, ms, opening.bands, opening.sensor, opening.register)


def pair_of_arrays(
    pan: NDArray[Any],
    ms: NDArray[Any],
    bands: Sequence[str | int] | None = None,
    sensor: str | None = None,
    register: bool = True,
) -> Pair:
    """An aligned pair of arrays: PAN (H, W) and MS (B, h, w) that cover the same extent.

    Masked, NaN and infinite pixels are invalid. Raises UserError for what cannot be a pair.
    """
    if pan.ndim != 2 or ms.ndim != 3:
        raise UserError(f"The arrays have {pan.ndim} and {ms.ndim} axes: give a PAN of (H, W) and an MS of (B, h, w).")
    for name, image in (("PAN", pan), ("MS", ms)):
        if not image.size or image.dtype.kind not in "uif":
            raise UserError(f"The {name} array has shape {image.shape} and holds {image.dtype}: give it real pixels.")
    ms_raster = raster.in_memory(ms, "the MS array")
    pair = _pair(raster.in_memory(pan[None], "the PAN array"), ms_raster, bands, sensor, register)
    return replace(pair, format=replace(pair.format, dtype=ms.dtype.name))


def _pair(pan: Raster, ms: Raster, bands: Sequence[str | int] | None, sensor_name: str | None, register: bool) -> Pair:
    sensor = find(sensor_name) if sensor_name else GENERIC
    _check_pan(pan, ms)
    pan, ms = raster.without_unmarked(pan, "--pan-nodata"), raster.without_unmarked(ms, "--nodata")
    for each in (pan, ms):
        reason = raster.unplaced(each)
        if reason:
            raise UserError(f"{reason}: orthorectify PAN and MS first, for example with gdalwarp -rpc or -tps.")
    ms, names = _pick(ms, bands, sensor)
    form = raster.filled_as(raster.format_of(ms), ms, pan)
    if sensor is not GENERIC:
        form = replace(form, names=names)
    ms, lattice, blur, notes = _on_pan_grid(pan, ms)
    spot, scene = _scene(pan, ms, lattice, names, sensor, blur)
    _check_share(spot, pan, ms, scene.ratio)
    _check_content(scene, pan)
    found = register_scene(scene)
    corrected = register and found.confident
    if corrected:
        spot, scene = _scene(pan, ms, lattice, names, sensor, blur, found.shift)
    said = assumption(sensor, names) if sensor_name else None
    notes = [*pan.notes, *ms.notes, *notes, found.sentence(corrected), *([said] if said else []), *_covered(spot, pan)]
    return Pair(scene, pan.grid, spot, found.shift, found.confidence, corrected, tuple(notes), form, (pan, ms))


def _check_share(spot: Placement, pan: Raster, ms: Raster, ratio: int) -> None:
    """UserError where PAN and MS share a sliver only: no statistics can be had of it, and no network made for it."""
    for what, (first, end), whole in zip(("rows", "columns"), spot.footprint, pan.shape, strict=True):
        if end - first < min(SLIVER * ratio, whole):
            raise UserError(
                f"{pan.name} and {ms.name} overlap by {end - first} PAN {what} only, fewer than {SLIVER} MS pixels: "
                "check that they show the same place."
            )


def _covered(spot: Placement, pan: Raster) -> list[str]:
    (top, bottom), (left, right) = spot.footprint
    share = (bottom - top) * (right - left) / (pan.shape[0] * pan.shape[1])
    return [f"The MS covers {100 * share:.3g} % of the PAN: the rest is nodata."] if share < 1 else []


def _check_pan(pan: Raster, ms: Raster) -> None:
    if len(pan.bands) > 1:
        swapped = len(ms.bands) == 1 and max(ms.shape) > max(pan.shape)
        remedy = "PAN and MS seem to be swapped" if swapped else "give a file with the PAN band alone"
        raise UserError(f"{pan.name} has {len(pan.bands)} bands, but a PAN has one: {remedy}.")


def _pick(ms: Raster, wanted: Sequence[str | int] | None, sensor: Sensor) -> tuple[Raster, tuple[str, ...]]:
    """The raster with the wanted bands only, and their names: the file's, else the sensor's, else "band 1" ..."""
    described = tuple(name or f"band {b + 1}" for b, name in enumerate(raster.format_of(ms).names))
    known = match(sensor, described)
    if not any(sensor.band(name) for name in described):
        named = match(sensor, len(described))
        described = tuple(band.name if band else name for band, name in zip(named, described, strict=True))
        known = named
    if wanted is None:
        return ms, described
    picked = [_index(each, described, known, sensor, ms.name) for each in wanted]
    return replace(ms, bands=tuple(ms.bands[i] for i in picked)), tuple(described[i] for i in picked)


def _index(wanted: str | int, names: Sequence[str], known: Sequence[Band | None], sensor: Sensor, file: str) -> int:
    text = str(wanted).strip()
    if text.isdigit() and 1 <= int(text) <= len(names):
        return int(text) - 1
    by_name = {name.lower(): i for i, name in reversed(list(enumerate(names)))}
    if text.lower() in by_name:
        return by_name[text.lower()]
    band = sensor.band(text)
    if band is not None and band in known:
        return list(known).index(band)
    listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names, 1))
    raise UserError(f"{file} has no band {text!r}: choose from {listed}.")


def _on_pan_grid(pan: Raster, ms: Raster) -> tuple[Raster, Lattice, float, list[str]]:
    """The MS on a lattice of whole ratio: itself if it lies on one, else resampled; own ratio over ratio; notes."""
    notes: list[str] = []
    ms_grid = _locate(pan, ms, notes)
    ratio = max(ratios(pan.grid, ms_grid))
    _check_ratio(ratio, pan, ms)
    lattice = lattice_of(pan.grid, ms_grid)
    if lattice.exact and raster.plane_in(pan.grid, ms.grid, ms_grid):
        _check_overlap(lattice.overlaps(pan.shape), pan, ms)
        return ms, lattice, 1.0, notes
    part = coarse_part(pan.grid, ms_grid, lattice.ratio)
    _check_overlap(part is not None, pan, ms)
    assert part is not None
    grid, lattice = part
    located = replace(ms, grid=ms.grid if ms.grid.georeferenced and pan.grid.georeferenced else ms_grid)
    notes.append(f"The MS (ratio {ratio:.4g}) was resampled to a grid of ratio {lattice.ratio} that fits the PAN's.")
    blur = ratio / lattice.ratio
    return raster.resampled(located, grid, blur), lattice, blur, notes


def _locate(pan: Raster, ms: Raster, notes: list[str]) -> Grid:
    """The MS grid in the PAN's CRS; over the PAN's extent where georeferencing is missing."""
    if pan.grid.georeferenced and ms.grid.georeferenced:
        if bool(pan.grid.crs) != bool(ms.grid.crs):
            notes.append("Only one of PAN and MS names a CRS: it was taken for both.")
        return raster.in_crs_of(pan.grid, ms.grid)
    without = " and ".join(each.name for each in (pan, ms) if not each.grid.georeferenced)
    notes.append(f"No georeferencing in {without}: PAN and MS were taken to cover the same extent.")
    rows, cols = (p / m for p, m in zip(pan.shape, ms.shape, strict=True))
    if max(rows, cols) > MAX_SKEW * min(rows, cols):
        raise UserError(f"{ms.name} has other proportions than {pan.name}: without georeferencing, crop both alike.")
    return stretched_over(pan.grid, ms.shape)


def _check_ratio(ratio: float, pan: Raster, ms: Raster) -> None:
    if ratio < 1 - SLACK:
        raise UserError(f"{pan.name} has larger pixels than {ms.name}: PAN and MS seem to be swapped.")
    if not MIN_RATIO - SLACK <= ratio <= MAX_RATIO + SLACK:
        limits = f"the ratio must lie from {MIN_RATIO} to {MAX_RATIO:.0f}"
        raise UserError(f"A pixel of {ms.name} is {ratio:.3g} pixels of {pan.name} wide: {limits}, so check the files.")


def _check_overlap(overlap: bool, pan: Raster, ms: Raster) -> None:
    if not overlap:
        raise UserError(f"{ms.name} does not overlap {pan.name}: check that they show the same place.")


def _scene(
    pan: Raster,
    ms: Raster,
    lattice: Lattice,
    names: tuple[str, ...],
    sensor: Sensor,
    blur: float,
    shift: tuple[float, float] = (0.0, 0.0),
) -> tuple[Placement, Scene]:
    spot = place(lattice, pan.shape, shift)
    assert spot is not None
    source = PairSource(Filled(pan, PAN_LEVELS), Filled(ms, MS_LEVELS), lattice.ratio, spot)
    band_gains = tuple(gain ** (blur**2) for gain in gains(sensor, names))
    sampling = Physical(lattice.ratio, spot.phase)
    return spot, Scene(source, spot.shape, names, sampling, band_gains, sensor.pan.gnyq, sensor.name)


def _check_content(scene: Scene, pan: Raster) -> None:
    """Read until two valid PAN values differ."""
    first = None
    for tile in scene.tiles(CHECK_TILE // scene.ratio):
        patch = scene.read(tile)
        values = patch.pan[0][patch.mask]
        if values.numel():
            first = values[0] if first is None else first
            if (values != first).any():
                return
    if first is None:
        raise UserError(f"{pan.name} and its MS have no pixel that is valid in both: check nodata values and masks.")
    raise UserError(f"{pan.name} is constant, {first.item():g} throughout: there is no detail to fuse, so check it.")

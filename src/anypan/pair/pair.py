"""A PAN and an MS that lie on each other: two files, or two arrays, become a Scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from anypan import raster
from anypan.geometry.grid import Grid, Placement, place
from anypan.optics.sampling import Physical
from anypan.optics.sensors import GENERIC, Sensor, find, gains
from anypan.pair.align import Aligned, align
from anypan.pair.bands import pick_bands
from anypan.pair.check import check_content, check_pan, check_precision, check_share
from anypan.pair.fill import source_of
from anypan.pair.notes import cover_notes, registration_note, sensor_notes
from anypan.pair.opening import Opening, OpeningWords
from anypan.pair.product import described, opened_product
from anypan.pair.registration import register_scene
from anypan.pair.scene import Scene
from anypan.pair.wrong import check_likeness
from anypan.raster import Format, Raster, Rules
from anypan.runtime.errors import UserError
from anypan.runtime.keywords import options_of

Path = str | PathLike[str]


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


def pair_of(pan: Path | NDArray[Any], ms: Path | Sequence[Path] | NDArray[Any], opening: Opening) -> Pair:
    """An aligned pair of two arrays, (H, W) and (B, h, w), or of files; see ``pair_of_arrays`` and ``open_pair``.

    Raises UserError for what cannot be a pair.
    """
    if isinstance(pan, np.ndarray) and isinstance(ms, np.ndarray):
        if opening.rules != (Rules(), Rules()):
            raise UserError("nodata is for files: mask the pixels of an array that are fill, or make them NaN.")
        return pair_of_arrays(pan, ms, opening.bands, opening.sensor, opening.register, opening.force)
    if isinstance(pan, np.ndarray) or isinstance(ms, np.ndarray):
        raise UserError("One of PAN and MS is an array, the other is none: give two arrays or files.")
    for each in (pan, *(ms if isinstance(ms, list | tuple) else [ms])):
        if not isinstance(each, str | PathLike):
            kind = type(each).__name__
            raise UserError(f"An image is given as a {kind}: give arrays of NumPy, (H, W) and (B, h, w), or paths.")
    return _opened(pan, ms, opening)


def open_pair(pan: Path, ms: Path | Sequence[Path], **opening: Unpack[OpeningWords]) -> Pair:
    """Open a PAN file and one or several MS files on one grid as an aligned pair; nothing is read but samples.

    Without MS files ``pan`` is a product: a folder or an archive as an operator ships it.
    ``opening`` are the fields of ``Opening``. Raises UserError for what cannot be a pair.
    """
    return _opened(pan, ms, options_of(Opening, opening, "open_pair()"))


def _opened(pan: Path, ms: Path | Sequence[Path], o: Opening) -> Pair:
    paths = [ms] if isinstance(ms, str | PathLike) else list(ms)
    if not paths:
        pan_raster, ms_raster, o, product = opened_product(pan, o)
        pair = pair_of_rasters(pan_raster, ms_raster, o)
        return replace(pair, format=described(pair.format, pair.scene.bands, product))
    of_pan, of_ms = o.rules
    pan_raster = raster.open_raster([str(pan)], o.allow_vrt, o.allow_remote, of_pan)
    ms_raster = raster.open_raster([str(path) for path in paths], o.allow_vrt, o.allow_remote, of_ms)
    return pair_of_rasters(pan_raster, ms_raster, o)


def pair_of_rasters(pan: Raster, ms: Raster, opening: Opening) -> Pair:
    """An aligned pair of open rasters. Raises UserError for what cannot be a pair."""
    return _pair(pan, ms, opening.bands, opening.sensor, opening.register, opening.force)


def pair_of_arrays(
    pan: NDArray[Any],
    ms: NDArray[Any],
    bands: Sequence[str | int] | None = None,
    sensor: str | None = None,
    register: bool = True,
    force: bool = False,
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
    pair = _pair(raster.in_memory(pan[None], "the PAN array"), ms_raster, bands, sensor, register, force)
    return replace(pair, format=replace(pair.format, dtype=ms.dtype.name))


def _pair(
    pan: Raster, ms: Raster, bands: Sequence[str | int] | None, sensor_name: str | None, register: bool, force: bool
) -> Pair:
    sensor = find(sensor_name) if sensor_name else GENERIC
    check_pan(pan, ms)
    pan, ms = raster.without_unmarked(pan, "--pan-nodata"), raster.without_unmarked(ms, "--nodata")
    for each in (pan, ms):
        reason = raster.unplaced(each)
        if reason:
            raise UserError(f"{reason}: orthorectify PAN and MS first, for example with gdalwarp -rpc or -tps.")
    every, (ms, names) = ms, pick_bands(ms, bands, sensor)
    form = raster.filled_as(raster.format_of(ms), ms, pan)
    if sensor is not GENERIC:
        form = replace(form, names=names)
    aligned = align(pan, raster.thinned(ms))
    spot, scene = _scene(pan, aligned, names, sensor)
    check_share(spot, pan, aligned.ms, scene.ratio)
    check_content(scene, pan)
    check_precision(scene, pan, aligned.ms)
    held = _held(scene)
    found = register_scene(held if bands is None else _held(_of_all_bands(pan, every, sensor)))
    doubts = check_likeness(held, found, force)
    corrected = register and found.confident
    if corrected:
        spot, scene = _scene(pan, aligned, names, sensor, found.shift)
    partly = raster.partly_fill(ms)
    notes = (*pan.notes, *aligned.ms.notes, *partly, *aligned.notes, registration_note(found, corrected), *doubts)
    notes += (*sensor_notes(sensor, names, bool(sensor_name)), *cover_notes(spot, pan))
    rasters = pan, aligned.ms
    return Pair(scene, pan.grid, spot, found.shift, found.confidence, corrected, notes, form, rasters)


def _held(scene: Scene) -> Scene:
    """The scene to measure on: a handful of pixels far beyond all others moves no shift and no likeness."""
    return scene.limits.hold(scene)


def _of_all_bands(pan: Raster, ms: Raster, sensor: Sensor) -> Scene:
    """The scene of all bands, on which the shift is measured: which of them are fused does not move it."""
    return _scene(pan, align(pan, raster.thinned(ms)), pick_bands(ms, None, sensor)[1], sensor)[1]


def _scene(
    pan: Raster, aligned: Aligned, names: tuple[str, ...], sensor: Sensor, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[Placement, Scene]:
    lattice = aligned.lattice
    spot = place(lattice, pan.shape, shift)
    assert spot is not None
    source = source_of(pan, aligned.ms, lattice.ratio, spot)
    band_gains = tuple(gain ** (aligned.blur**2) for gain in gains(sensor, names))
    sampling = Physical(lattice.ratio, spot.phase)
    return spot, Scene(source, spot.shape, names, sampling, band_gains, sensor.pan.gnyq, sensor.name)

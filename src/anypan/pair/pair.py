"""A PAN and an MS that are aligned: two files, or two arrays, become a Scene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from anypan import raster
from anypan.geometry import window
from anypan.geometry.grid import Grid, Placement, place
from anypan.optics.sampling import Physical
from anypan.optics.sensors import GENERIC, Sensor, find, gains
from anypan.pair.align import Aligned, align
from anypan.pair.apart import apart_notes
from anypan.pair.bands import Wanted, choose_bands
from anypan.pair.check import check_content, check_pan, check_precision, check_share
from anypan.pair.fill import source_of
from anypan.pair.notes import cover_notes, reference_notes, registration_notes
from anypan.pair.opening import NO_ALPHA, Opening, OpeningWords
from anypan.pair.product import described, opened_product
from anypan.pair.registration import register_scene
from anypan.pair.scene import Scene, select
from anypan.pair.stretched import stretch_notes
from anypan.pair.wrong import check_likeness
from anypan.raster import Format, Raster
from anypan.runtime.errors import UserError
from anypan.runtime.keywords import options_of

Path = str | PathLike[str]


@dataclass(frozen=True)
class Pair:
    """A PAN and an MS that are aligned.

    ``reference`` is the scene that methods are fitted to and fuse; ``chosen`` says which of its bands are written, in
    which order, and ``scene`` is the same with these bands only.
    ``grid`` is the PAN's and the output's; ``place`` says which part of it the scene covers. ``shift`` (dy, dx) is
    the misregistration in PAN pixels that was measured on top of the georeferencing, ``registered`` says whether the
    scene is corrected for it, ``notes`` what was found and assumed.
    """

    reference: Scene
    chosen: tuple[int, ...]
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

    @cached_property
    def scene(self) -> Scene:
        """The scene of the bands that are written: what they are judged by."""
        every = tuple(range(len(self.reference.bands)))
        return self.reference if self.chosen == every else select(self.reference, self.chosen)

    def written(self, image: Tensor) -> Tensor:
        """Of an image (B, H, W) of all reference bands those that are written, in their order."""
        return image if self.scene is self.reference else image[list(self.chosen)]

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the PAN file that are (0, 0) of the scene's PAN grid."""
        return self.place.origin

    def on_pan(self, image: Tensor) -> Tensor:
        """An image (B, H, W) on the scene's PAN grid, on that of the PAN (B, rows, columns); NaN beyond the scene."""
        part = (-self.origin[0], -self.origin[1], *self.grid.shape)
        return window.read(image, *part).where(window.inside_of(image.shape[-2:], *part), math.nan)

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
        if opening.alpha is not None:
            raise UserError(NO_ALPHA)
        return _of_arrays(pan, ms, opening)
    if isinstance(pan, np.ndarray) or isinstance(ms, np.ndarray):
        raise UserError("One of PAN and MS is an array, the other is none: give two arrays or files.")
    return _opened(pan, ms, opening)


def open_pair(pan: Path, ms: Path | Sequence[Path], **opening: Unpack[OpeningWords]) -> Pair:
    """Open a PAN file and one or several MS files on one grid as an aligned pair; nothing is read but samples.

    Without MS files ``pan`` is a product: a folder or an archive as an operator ships it.
    ``opening`` are the fields of ``Opening``. Raises UserError for what cannot be a pair.
    """
    return _opened(pan, ms, options_of(Opening, opening, "open_pair()"))


def _opened(pan: Path, ms: Path | Sequence[Path], o: Opening) -> Pair:
    for each in (pan, *(ms if isinstance(ms, list | tuple) else [ms])):
        if not isinstance(each, str | PathLike):
            kind = type(each).__name__
            arrays = "to fuse(), plan() and adapt() both as arrays of NumPy, (H, W) and (B, h, w)"
            raise UserError(f"An image is given as a {kind}: give PAN and MS as paths, or {arrays}.")
    paths = [ms] if isinstance(ms, str | PathLike) else list(ms)
    if not paths:
        pan_raster, ms_raster, o, product = opened_product(pan, o)
        pair = pair_of_rasters(pan_raster, ms_raster, o)
        return replace(pair, format=described(pair.format, pair.scene.bands, product))
    return pair_of_rasters(*o.opened([str(pan)], [str(path) for path in paths]), o)


def pair_of_rasters(pan: Raster, ms: Raster, opening: Opening) -> Pair:
    """An aligned pair of open rasters. Raises UserError for what cannot be a pair, and closes them."""
    with ExitStack() as stack:
        for each in (pan, ms):
            stack.callback(each.close)
        pair = _pair(pan, ms, opening)
        stack.pop_all()
    return pair


def pair_of_arrays(
    pan: NDArray[Any],
    ms: NDArray[Any],
    bands: Wanted = None,
    sensor: str | None = None,
    register: bool = True,
    force: bool = False,
) -> Pair:
    """An aligned pair of arrays: PAN (H, W) and MS (B, h, w) that cover the same extent.

    Masked, NaN and infinite pixels are invalid. Raises UserError for what cannot be a pair.
    """
    return _of_arrays(pan, ms, Opening(bands=bands, sensor=sensor, register=register, force=force))


def _of_arrays(pan: NDArray[Any], ms: NDArray[Any], opening: Opening) -> Pair:
    if pan.ndim != 2 or ms.ndim != 3:
        raise UserError(f"The arrays have {pan.ndim} and {ms.ndim} axes: give a PAN of (H, W) and an MS of (B, h, w).")
    for name, image in (("PAN", pan), ("MS", ms)):
        if not image.size or image.dtype.kind not in "uif":
            raise UserError(f"The {name} array has shape {image.shape} and holds {image.dtype}: give it real pixels.")
    pan, ms = (each if isinstance(each, np.ma.MaskedArray) else np.asarray(each) for each in (pan, ms))
    of_pan, of_ms = opening.rules
    ms_raster = raster.in_memory(ms, "the MS array", of_ms)
    pair = pair_of_rasters(raster.in_memory(pan[None], "the PAN array", of_pan), ms_raster, opening)
    return replace(pair, format=raster.typed(pair.format, ms.dtype.name))


def _pair(pan: Raster, ms: Raster, opening: Opening) -> Pair:
    sensor = find(opening.sensor) if opening.sensor else GENERIC
    check_pan(pan, ms)
    pan, ms = raster.without_unmarked(pan, "--pan-nodata"), raster.without_unmarked(ms, "--nodata")
    bands = choose_bands(ms, opening.bands, opening.reference_bands, sensor)
    partly = (*raster.nodata_notes(pan), *raster.nodata_notes(bands.ms))
    if opening.orthorectify is not False:
        model = None if opening.orthorectify is True else str(opening.orthorectify)
        pan, ms = raster.orthorectified(pan, bands.ms, model, opening.allow_vrt, opening.allow_remote)
        bands = replace(bands, ms=ms)
    for each in (pan, ms):
        reason = raster.unplaced(each)
        if reason:
            raise UserError(f"{reason}.")
    form = raster.filled_as(bands.format(sensor is not GENERIC), bands.ms, pan)
    thin, names = raster.thinned(bands.ms), bands.names
    aligned = align(pan, thin)
    spot, scene = _scene(pan, aligned, names, sensor)
    check_share(spot, pan, aligned.ms, scene.ratio)
    check_content(scene, pan)
    check_precision(scene, pan, aligned.ms)
    held = scene.limits.hold(scene)  # a handful of pixels far beyond all others moves no shift and no likeness
    found = register_scene(held)
    doubts = check_likeness(held, found, opening.force)
    corrected = opening.register and found.confident
    if corrected:
        spot, scene = _scene(pan, aligned, names, sensor, found.shift)
    partly = (*partly, *scene.limits.notes(scene, ms.name), *raster.coarse_notes(pan), *raster.coarse_notes(thin))
    notes = (*pan.notes, *aligned.ms.notes, *partly, *aligned.notes, *registration_notes(found, corrected), *doubts)
    notes += (
        *apart_notes(scene.limits.hold(scene), aligned.ms.name),
        *stretch_notes(scene, pan, aligned.ms),
        *reference_notes(len(names), len(bands.written)),
    )
    notes += bands.notes
    found_there = found.shift, found.confidence, corrected, (*notes, *cover_notes(spot, pan))
    return Pair(scene, bands.written, pan.grid, spot, *found_there, form, (pan, aligned.ms))


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

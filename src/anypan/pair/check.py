"""What a PAN and an MS must be to make a pair; each check raises UserError."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anypan.geometry.grid import Placement
from anypan.pair.limits import BEYOND
from anypan.pair.scene import Scene
from anypan.raster import Format, Raster
from anypan.runtime.errors import UserError

MIN_RATIO, MAX_RATIO = 1.5, 10.0
SLACK = 0.01  # by which a ratio may fall outside of its limits
SLIVER = 4  # MS pixels along a side that PAN and MS have to share, at least
CHECK_TILE = 1024  # PAN pixels
STRIP = 256  # rows
LEVELS = 100  # whole numbers over which the values of a band spread at least
WIDE = {"int32", "uint32", "int64", "uint64", "float64"}  # pixel types finer than the 32-bit floats of the work
JUDGED = WIDE | {"float32"}  # those of which what they hold may be lost in the work
ROUNDED = " in 32-bit floats"  # of types that hold more
BLIND = 2**24  # beyond it 32-bit floats do not hold every whole number
COARSE = 2**12  # times its spread that a value may lie from zero: 32-bit floats then tell 4,096 levels of it
FLAT = 2**20  # the same, of 32-bit floats that differ by their rounding only: a constant
TINY = 1e-15  # spread of values whose squares statistics can still tell from nothing


def check_pan(pan: Raster, ms: Raster) -> None:
    """A PAN has one band, and is none of the MS."""
    own, theirs = ({os.path.realpath(d.name) for d in each.datasets if os.path.isfile(d.name)} for each in (pan, ms))
    if own & theirs:
        raise UserError(f"{pan.name} is named as the PAN and as the MS: name the file of the other.")
    if len(pan.bands) > 1:
        swapped = len(ms.bands) == 1 and max(ms.shape) > max(pan.shape)
        remedy = "PAN and MS seem to be swapped" if swapped else "give a file with the PAN band alone"
        raise UserError(f"{pan.name} has {len(pan.bands)} bands, but a PAN has one: {remedy}.")


def check_ratio(ratio: float, pan: Raster, ms: Raster) -> None:
    """The ratio lies from MIN_RATIO to MAX_RATIO."""
    if ratio < 1 - SLACK:
        raise UserError(f"{pan.name} has larger pixels than {ms.name}: PAN and MS seem to be swapped.")
    if not MIN_RATIO - SLACK <= ratio <= MAX_RATIO + SLACK:
        if ratio < 1 + SLACK:
            raise UserError(
                f"{ms.name} has pixels as small as those of {pan.name}, as if it had been enlarged: give it in the "
                "pixels that it was taken in, for example by gdalwarp -tr and -r average."
            )
        limits = f"the ratio must lie from {MIN_RATIO} to {MAX_RATIO:.0f}"
        raise UserError(f"A pixel of {ms.name} is {ratio:.3g} pixels of {pan.name} wide: {limits}, so check the files.")


def check_overlap(overlap: bool, pan: Raster, ms: Raster) -> None:
    """The two have a pixel in common: ``overlap``."""
    if not overlap:
        raise UserError(f"{ms.name} does not overlap {pan.name}: check that they show the same place.")


def check_share(spot: Placement, pan: Raster, ms: Raster, ratio: int) -> None:
    """PAN and MS share more than a sliver: no statistics can be had of it, and no network is made for it."""
    for what, (first, end), whole in zip(("rows", "columns"), spot.footprint, pan.shape, strict=True):
        if end - first < min(SLIVER * ratio, whole):
            raise UserError(
                f"{pan.name} and {ms.name} overlap by {end - first} PAN {what} only, fewer than {SLIVER} MS pixels: "
                "check that they show the same place."
            )


def check_content(scene: Scene, pan: Raster) -> None:
    """The PAN has detail: read until two valid values differ."""
    first = None
    for tile in scene.tiles(CHECK_TILE // scene.ratio):
        patch = scene.read(tile)
        values = patch.pan[0][patch.mask]
        if values.numel():
            first = values[0] if first is None else first
            if (values != first).any():
                return
    if first is None:
        raise UserError(
            f"{pan.name} and its MS have no pixel that is valid in both: check nodata values, masks and alpha; where "
            "one band is nodata throughout, pass --nodata-all-bands, or leave it out with --reference-bands."
        )
    where = ROUNDED if WIDE & {*pan.dtypes} else ""
    raise UserError(
        f"{pan.name} is constant, {first.item():g} throughout{where}: there is no detail to fuse, so check it."
    )


def check_holds(ms: Raster, bands: Mapping[int, str], form: Format) -> None:
    """Pixels of ``form`` hold every valid value of the MS's ``bands``, and whole numbers all but a hundredth."""
    safe = form.floating or all(np.can_cast(own, form.dtype, "safe") for own in ms.dtypes)
    if safe and form.nbits is None:
        return  # float32 is what the work is done in
    (lowest, highest), whole = form.limits, form.floating or all(np.dtype(own).kind != "f" for own in ms.dtypes)
    held = f"{form.dtype} of {form.nbits} bits" if form.nbits else form.dtype
    least, most = _extremes(ms)
    for index, name in bands.items():
        low, high = least[index], most[index]
        if low < lowest or high > highest:
            raise UserError(
                f"{_titled(name)} of {ms.name} holds values from {low:g} to {high:g}, which {held} cannot hold: "
                "choose a wider --dtype or more bits, or leave it out for that of the MS."
            )
        if not whole and high - low < LEVELS:
            raise UserError(
                f"{_titled(name)} of {ms.name} holds fractions from {low:g} to {high:g}, of which whole numbers keep "
                "next to nothing: choose --dtype float32, or multiply the MS first."
            )


def _titled(name: str) -> str:
    """A band's name at the beginning of a sentence: Band nir, Band 1."""
    return f"Band {name.removeprefix('band ')}"


def _extremes(ms: Raster) -> tuple[NDArray[Any], NDArray[Any]]:
    """(B,) each: the least and the greatest valid value of every band."""
    least, most = np.full(len(ms.bands), np.inf), np.full(len(ms.bands), -np.inf)
    for row in range(0, ms.shape[0], STRIP):
        values, valid = ms.read(row, 0, min(STRIP, ms.shape[0] - row), ms.shape[1])
        seen = values[:, valid]
        if seen.size:
            least, most = np.minimum(least, seen.min(1)), np.maximum(most, seen.max(1))
    return least, most


def check_precision(scene: Scene, pan: Raster, ms: Raster) -> None:
    """What varies little far from zero would be rounded by the 32-bit floats of the work: none of it is fused."""
    if not JUDGED & {*pan.dtypes, *ms.dtypes}:
        return
    limits = scene.limits
    names = [pan.name, *(f"band {name} of {ms.name}" for name in scene.bands)]
    kinds = [pan.dtypes, *[ms.dtypes] * len(scene.bands)]
    most = torch.cat([limits.pan_high - BEYOND * limits.pan_spread, limits.high - BEYOND * limits.spread]).abs()
    spread = torch.cat([limits.pan_spread, limits.spread])
    for name, kind, far, wide in zip(names, kinds, most.tolist(), spread.tolist(), strict=True):
        if JUDGED & {*kind} and 0 < wide < TINY:
            raise UserError(
                f"The values of {name} differ by {wide:.3g} only, whose squares are nothing in 32-bit floats: multiply "
                "them first, for example with gdal_calc.py."
            )
        finer = bool(WIDE & {*kind})
        blurred = 0 < COARSE * wide < far and (finer or FLAT * wide > far)
        if JUDGED & {*kind} and (blurred or (finer and wide == 0 and far > BLIND)):
            raise UserError(
                f"The values of {name} lie around {far:.3g} and differ by {wide:.3g} only, which 32-bit floats cannot "
                "tell apart: subtract a constant from them first, for example with gdal_calc.py, and add it afterwards."
            )

"""Which pixels of a file are image and which are fill: nodata, masks, alpha, and numbers that are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

ALPHA_LOOK = 512  # pixels along a side of the overview that tells an alpha band from data
LEAST_OPAQUE = 0.02  # of the pixels that an alpha with feathered edges shows as they are
ALPHA_SHARE = 0.5  # of the pixels that are not quite transparent hold an alpha band's one greatest value
RAMP = 0.35  # bends over slopes, which a band of an image has .8 of at least
LEAST = 25  # pixels with four neighbours that bends are measured on

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """What a user says of a file's fill; the defaults leave it to the file.

    ``nodata`` replaces the nodata value of the header. ``all_bands``: a pixel is fill only if all of its bands are.
    ``alpha``: the number of the alpha band, whatever is labelled so, 0 for none. ``image``: numbers of bands that are
    named as bands of the image. ``said``: the option that says which band is alpha, if there is one. ``named``: whether
    the user has named ``nodata``, or the metadata of a product.
    """

    nodata: float | None = None
    all_bands: bool = False
    alpha: int | None = None
    image: frozenset[int] = frozenset()
    said: str = field(default="", compare=False)
    named: bool = field(default=True, compare=False)


FILE = Rules()


def alpha_of(dataset: Any) -> int:
    """The number of the alpha band, 0 if there is none.

    The one rule: a band labelled alpha is one if more than half of its pixels that are not 0 hold one value, the
    greatest, or if some are opaque, which is the greatest value of its type, and what lies between is a ramp, as of
    feathered edges. GDAL labels the fourth band of any 8-bit image alpha, and a near infrared band holds many values,
    which go up and down, or, over plain ground, are far from opaque.
    """
    if ColorInterp.alpha not in (colours := dataset.colorinterp):
        return 0
    band = colours.index(ColorInterp.alpha) + 1
    look = tuple(min(side, ALPHA_LOOK) for side in dataset.shape)
    values = dataset.read(band, out_shape=look)
    shown = values[values > 0]
    if not shown.size or (shown == shown.max()).mean() > ALPHA_SHARE:
        return band
    opaque = 1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max
    ramp = bends(values, (values > 0) & (values < shown.max())) < RAMP
    return band if ramp and (shown == opaque).mean() >= LEAST_OPAQUE else 0


def bends(image: NDArray[Any], counts: Bools) -> float:
    """Mean second difference over mean slope of an image (h, w), where a pixel and its neighbours ``counts``.

    Not a number if these are few, or all alike. A ramp has next to no bends, and detail as fine as pixels has many.
    """
    image, inside = image.astype(np.float64), counts[1:-1, 1:-1]
    rest = slice(1, -1)
    sides = [(slice(0, -2), rest), (slice(2, None), rest), (rest, slice(0, -2)), (rest, slice(2, None))]
    for side in sides:
        inside = inside & counts[side]
    if inside.sum() < LEAST:
        return np.nan
    middle, up, down, left, right = (np.where(inside, image[at], 0) for at in [(rest, rest), *sides])
    slope = (np.abs(up - down) + np.abs(left - right)).sum() / 2
    return float(np.abs(4 * middle - up - down - left - right).sum() / slope) if slope > 0 else np.nan


@dataclass(frozen=True)
class Marks:
    """How a dataset marks fill: by a mask for all bands, ``masked``, or one for each, ``apart``, or by ``valued``.

    ``valued``: by a nodata value of some band.
    """

    masked: bool
    apart: bool
    valued: bool

    @classmethod
    def of(cls, dataset: Any) -> Marks:
        """To be asked once a dataset: GDAL tells it band by band."""
        every = dataset.mask_flag_enums
        masked = any(MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags for flags in every)
        apart = not all(every)  # GDAL has no flag for it
        return cls(masked, apart, any(MaskFlags.nodata in flags for flags in every))

    def any(self, rules: Rules) -> bool:
        """Whether some pixel may be fill."""
        return rules.nodata is not None or self.masked or self.apart or self.valued


def fill_of(
    dataset: Any, marks: Marks, indexes: Sequence[int], values: NDArray[Any], window: Window, rules: Rules
) -> Bools | None:
    """Where ``values`` (C, h, w), the bands ``indexes`` of a window, are fill, band by band; None if nowhere.

    A mask and a nodata value both count. GDAL has the one replace the other, and takes 12.5 for 12 in whole numbers.
    """
    if not marks.any(rules):
        return None
    fill = np.zeros(values.shape, bool)
    for place, band, index in zip(fill, values, indexes, strict=True):
        nodata = dataset.nodatavals[index - 1] if rules.nodata is None else rules.nodata
        if nodata is not None:
            place |= equals(band, nodata)
    near = values.dtype.kind == "f" and rules.nodata is None  # GDAL's comparison of floats allows for their rounding
    if marks.masked and not marks.apart:
        fill |= dataset.read_masks(indexes[0], window=window) == 0
    elif marks.masked or marks.apart or near:
        fill |= dataset.read_masks(list(indexes), window=window) == 0
    return fill


def equals(values: NDArray[Any], nodata: float) -> Bools:
    """Where an array (...) of any type holds ``nodata``, not a number included, as its type can hold it."""
    if np.isnan(nodata):
        return np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
    if values.dtype.kind == "f":
        return values == values.dtype.type(nodata)
    known = np.iinfo(values.dtype)
    holds = np.isfinite(nodata) and nodata == int(nodata) and known.min <= nodata <= known.max
    return values == values.dtype.type(int(nodata)) if holds else np.zeros(values.shape, bool)


def nodata_of(dataset: Any, rules: Rules) -> float | None:
    """The nodata value that holds for a dataset."""
    return dataset.nodata if rules.nodata is None else float(rules.nodata)

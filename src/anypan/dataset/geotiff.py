"""Collections of GeoTIFF files, read window by window."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from anypan.dataset.pixels import TILE, Broken, corners, deep, stand_in
from anypan.dataset.source import Names, Sample, Source, files_below, found
from anypan.raster import Raster, environment, open_raster
from anypan.runtime.bounds import Bounds
from anypan.runtime.errors import UserError

RASTERS = (".tif", ".tiff", ".jp2", ".img")
LOOKS = 9  # windows that tell how bright a file is
WHITE = 0.995  # quantile that becomes 1


@dataclass(frozen=True, kw_only=True)
class GeoTiffs(Source):
    """GeoTIFF files below ``path``, or one file, in windows of 256 x 256 pixels, those with invalid pixels left out.

    ``bands``: numbers, from 1, of the red, green, blue and near-infrared bands, of the first three, or of a single one;
    by default the file's first four, three or one. ``white``: the pixel value that becomes 1; by default 255 in 8-bit
    files and the 99.5 % quantile in others. A key is the file's path in the folder and the window: ``a.tif@256,0``.
    """

    limits: ClassVar[dict[str, Bounds]] = {"white": Bounds()}

    path: str
    bands: tuple[int, ...] = ()
    white: float = 0.0

    def parts(self) -> Sequence[str]:
        if self.bands and (len(self.bands) not in (1, 3, 4) or min(self.bands) < 1):
            raise UserError(
                f"bands = {list(self.bands)} of {self.path}: give 1, 3 or 4 numbers from 1 (red, green, blue, nir)."
            )
        if Path(self.path).is_file():
            return [os.path.basename(self.path)]
        return found(Names(files_below(self.path, RASTERS)), self.path, "GeoTIFF file")

    def samples(self, part: str) -> Iterator[Sample]:
        file = self.path if Path(self.path).is_file() else os.path.join(self.path, part)
        try:
            with environment():
                raster = select(open_raster([file]), self.bands)
                white = self.white or brightness(raster)
        except UserError as error:
            yield Sample(part, partial(refuse, str(error)))
            return
        with closing(raster):
            for row, col in corners(raster.shape):
                key = f"{part}@{row},{col}"
                yield Sample(key, partial(_window, raster, key, (row, col), white))


def refuse(reason: str) -> list[Any]:
    """The tiles of an image that could not even be opened."""
    raise Broken(reason)


def select(raster: Raster, numbers: Sequence[int]) -> Raster:
    """The raster with the bands of these numbers alone; without any, its first four, three or one.

    UserError for a band that is not there.
    """
    count = len(raster.bands)
    chosen = numbers or range(1, 1 + (4 if count >= 4 else 3 if count == 3 else 1))
    if max(chosen) > count:
        raise UserError(f"{raster.name} has {count} bands, no band {max(chosen)}.")
    return dataclasses.replace(raster, bands=tuple(raster.bands[number - 1] for number in chosen))


def brightness(raster: Raster) -> float:
    """What becomes 1: 255 for 8 bits, else the 99.5 % quantile of windows spread over the file; 0 if all is invalid."""
    if raster.datasets[0].dtypes[0] == "uint8":
        return 255.0
    every = list(corners(raster.shape))
    looks = [raster.read(*every[n * len(every) // LOOKS], TILE, TILE) for n in range(LOOKS)] if every else []
    values = [pixels[:, valid].ravel() for pixels, valid in looks if valid.any()]
    return float(np.quantile(np.concatenate(values), WHITE)) if values else 0.0


def _window(raster: Raster, key: str, corner: tuple[int, int], white: float) -> list[NDArray[np.uint16]]:
    try:
        with environment():
            pixels, valid = raster.read(*corner, TILE, TILE)
    except UserError as error:
        raise Broken(str(error)) from error
    if not valid.all() or white <= 0 or pixels.max() == pixels.min():
        return []
    image = np.clip(pixels / white, 0, 1)
    rgb = image[:3] if len(image) >= 3 else np.repeat(image, 3, 0)
    nir = image[3] if len(image) == 4 else stand_in(key, rgb)
    return [deep(np.concatenate([rgb, nir[None]]))]

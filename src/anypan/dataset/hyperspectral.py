"""Imaging spectrometers' cubes, with all of their channels."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from anypan.dataset.archive import opened
from anypan.dataset.geotiff import LOOKS, WHITE, refuse
from anypan.dataset.pixels import TILE, Broken, corners, cut, deep
from anypan.dataset.source import Names, Sample, Source, files_below, found
from anypan.raster import Raster, descriptions_of, environment, open_raster
from anypan.raster.archive import BROKEN
from anypan.runtime.bounds import Bounds
from anypan.runtime.errors import UserError
from anypan.simulate.cubes import Cube

CUBES = (".npz", ".hdr", ".tif", ".tiff")
PAN = (450.0, 800.0)  # nm, the widest usual
REACH = 0.5  # share of it that a cube has to cover
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Hyperspectral(Source):
    """Cubes below ``path`` or in a tar: ENVI, GeoTIFF, or npz with ``cube`` (B, H, W) and ``wavelength_nm`` (B,).

    The wavelengths of a GeoTIFF are ``wavelengths_nm``, or the numbers in its band names. Images smaller than a tile
    but not than ``smallest`` are continued by their mirror image. The 99.5 % quantile of each channel becomes 1;
    channels without light are left out.
    """

    spectral: ClassVar[bool] = True
    limits: ClassVar[dict[str, Bounds]] = {"smallest": Bounds(1, TILE), "wavelengths_nm": Bounds(300, 3000)}

    path: str
    wavelengths_nm: tuple[float, ...] = ()
    smallest: int = 64

    def parts(self) -> Sequence[str]:
        if Path(self.path).is_file():
            return [self.path]
        names = (os.path.join(self.path, name) for name in files_below(self.path, CUBES))
        return found(Names(names), self.path, "cube (npz, ENVI header or GeoTIFF)")

    def samples(self, part: str) -> Iterator[Sample]:
        suffix = Path(part).suffix.lower()
        if suffix == ".tar":
            with opened(part) as members:
                cubes = ((name, load) for name, load in members if name.endswith(".npz"))
                yield from (Sample(name, partial(self._npz, load)) for name, load in cubes)
        elif suffix == ".npz":
            yield Sample(self._key(part), partial(self._npz, Path(part).read_bytes))
        else:
            yield from self._windows(part)

    def _key(self, part: str) -> str:
        return os.path.relpath(part, self.path).replace(os.sep, "/") if part != self.path else os.path.basename(part)

    def _npz(self, load: Any) -> Iterator[Cube]:
        try:
            with np.load(io.BytesIO(load()), allow_pickle=False) as file:
                cube, wavelengths = file["cube"].astype(np.float32), file["wavelength_nm"].astype(np.float64)
        except (KeyError, TypeError, *BROKEN) as error:
            raise Broken(str(error)) from error
        if cube.ndim != 3 or not np.isfinite(cube).all() or not (cube > 0).any():
            raise Broken("its cube is no image of finite numbers, or dark")
        _check(wavelengths, len(cube))
        yield from self._tiles(cube, np.quantile(cube.reshape(len(cube), -1), WHITE, axis=1), wavelengths)

    def _tiles(self, cube: NDArray[Any], white: Array, wavelengths: Array) -> Iterator[Cube]:
        lit = white > 0
        image = self._mirrored(deep(cube[lit] / white[lit, None, None]))
        return (Cube(tile, wavelengths[lit]) for tile in cut(image))

    def _mirrored(self, image: NDArray[np.uint16]) -> NDArray[np.uint16]:
        short = [max(0, TILE - size) for size in image.shape[1:]]
        if min(image.shape[1:]) < self.smallest:
            return image
        return np.pad(image, ((0, 0), (0, short[0]), (0, short[1])), "symmetric")

    def _windows(self, part: str) -> Iterator[Sample]:
        key = self._key(part)
        try:
            with environment():
                raster = open_raster([_pixels_of(part)])
                wavelengths = self._wavelengths(part, raster)
                white = _white(raster)
        except (UserError, Broken) as error:
            yield Sample(key, partial(refuse, str(error)))
            return
        with closing(raster):
            for window in _windows_of(raster):
                name = f"{key}@{window[0]},{window[1]}"
                yield Sample(name, partial(self._read, raster, window, white, wavelengths))

    def _read(self, raster: Raster, window: tuple[int, ...], white: Array, wavelengths: Array) -> list[Cube]:
        try:
            with environment():
                pixels, valid = raster.read(*window)
        except UserError as error:
            raise Broken(str(error)) from error
        return list(self._tiles(pixels, white, wavelengths)) if valid.all() and white.any() else []

    def _wavelengths(self, part: str, raster: Raster) -> Array:
        if part.lower().endswith(".hdr"):
            found_there = header_wavelengths(Path(part).read_text(encoding="latin-1"))
        else:
            named = [re.search(r"\d+\.?\d*", name or "") for name in descriptions_of(raster.datasets[0])]
            found_there = list(self.wavelengths_nm) or [float(match[0]) for match in named if match]
        return _check(np.array(found_there), len(raster.bands))


def _check(wavelengths: Array, count: int) -> Array:
    """The same; Broken if they are not those of ``count`` channels that see at least half of what a PAN does."""
    if wavelengths.shape != (count,):
        raise Broken(f"{wavelengths.size} wavelengths are known for its {count} bands")
    low, high = wavelengths.min(), wavelengths.max()
    if not min(high, PAN[1]) - max(low, PAN[0]) >= REACH * (PAN[1] - PAN[0]):
        raise Broken(f"its {low:.0f} to {high:.0f} nm do not cover half of a PAN's {PAN[0]:.0f} to {PAN[1]:.0f} nm")
    return wavelengths


def _white(raster: Raster) -> Array:
    """(B,) 99.5 % quantiles of the channels over windows spread over the cube."""
    every = _windows_of(raster)
    looks = (raster.read(*every[n * len(every) // LOOKS]) for n in range(LOOKS))
    values = [pixels[:, valid] for pixels, valid in looks if valid.any()]
    return (
        np.quantile(np.concatenate(values, 1), WHITE, axis=1).astype(float) if values else np.zeros(len(raster.bands))
    )


def _windows_of(raster: Raster) -> list[tuple[int, int, int, int]]:
    """(row, col, height, width) of the whole tiles; where a side is shorter than a tile, one window along it."""
    size = (min(TILE, raster.shape[0]), min(TILE, raster.shape[1]))
    padded = (max(TILE, raster.shape[0]), max(TILE, raster.shape[1]))
    return [(*corner, *size) for corner in corners(padded)]


def _pixels_of(part: str) -> str:
    """The file of pixels that an ENVI header describes; any other file is its own."""
    if not part.lower().endswith(".hdr"):
        return part
    stem = part[:-4]
    for suffix in ("", ".dat", ".img", ".raw", ".bsq", ".bil", ".bip", ".bin"):
        if os.path.isfile(stem + suffix):
            return stem + suffix
    raise Broken("the file of pixels is not beside the header")


def header_wavelengths(text: str) -> list[float]:
    """Centres in nm from the text of an ENVI header; none if it does not tell. Broken if they are no numbers."""
    listed = re.search(r"^\s*wavelength\s*=\s*\{([^}]*)\}", text, re.MULTILINE | re.IGNORECASE)
    words = listed[1].replace("\n", " ").split(",") if listed else []
    try:
        values = [float(word) for word in words if word.strip()]
    except ValueError as problem:
        raise Broken("the wavelengths in its header are no numbers") from problem
    micrometres = re.search(r"^\s*wavelength units\s*=\s*(micro|um)", text, re.MULTILINE | re.IGNORECASE)
    return [1000 * value for value in values] if micrometres or (values and max(values) < 100) else values

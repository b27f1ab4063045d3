"""Imaging spectrometers' cubes, seen through the response curves of bands."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from anypan.dataset.archive import opened
from anypan.dataset.geotiff import LOOKS, WHITE, refuse
from anypan.dataset.landscapes import CAMERA
from anypan.dataset.pixels import TILE, Broken, corners, cut, deep
from anypan.dataset.source import Names, Sample, Source, files_below, found
from anypan.errors import UserError
from anypan.raster import Raster, environment, open_raster
from anypan.sensors import Band, find
from anypan.simulate.spectra import WAVELENGTHS, responses

CUBES = (".npz", ".hdr", ".tif", ".tiff")
REACH = 0.5  # share of a band's response that a cube has to cover
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Hyperspectral(Source):
    """Cubes below ``path`` or in a tar: ENVI, GeoTIFF, or npz with ``cube`` (B, H, W) and ``wavelength_nm`` (B,).

    The wavelengths of a GeoTIFF are ``wavelengths_nm``, or the numbers in its band names. The four bands are a
    camera's; with ``sensor`` four of that sensor's in the order of its file, others for each image. Images smaller
    than a tile but not than ``smallest`` are continued by their mirror image. Each band's 99.5 % quantile becomes 1.
    """

    path: str
    sensor: str = ""
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
                yield from (Sample(name, partial(self._npz, name, load)) for name, load in cubes)
        elif suffix == ".npz":
            yield Sample(self._key(part), partial(self._npz, self._key(part), Path(part).read_bytes))
        else:
            yield from self._windows(part)

    def _key(self, part: str) -> str:
        return os.path.relpath(part, self.path).replace(os.sep, "/") if part != self.path else os.path.basename(part)

    def _npz(self, key: str, load: Any) -> Iterator[NDArray[np.uint16]]:
        try:
            with np.load(io.BytesIO(load()), allow_pickle=False) as file:
                cube, wavelengths = file["cube"].astype(np.float32), file["wavelength_nm"].astype(np.float64)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise Broken(str(error)) from error
        weights = through(wavelengths, self._bands(key, wavelengths))
        bands = np.einsum("cb,bhw->chw", weights, cube)
        white = np.quantile(bands.reshape(len(bands), -1), WHITE, axis=1)
        return cut(self._mirrored(deep(bands / np.maximum(white, 1e-9)[:, None, None])))

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
                weights = through(wavelengths, self._bands(key, wavelengths))
                white = _white(raster, weights)
        except (UserError, Broken) as error:
            yield Sample(key, partial(refuse, str(error)))
            return
        with closing(raster):
            for window in _windows_of(raster):
                name = f"{key}@{window[0]},{window[1]}"
                yield Sample(name, partial(self._read, raster, window, weights, white))

    def _read(self, raster: Raster, window: tuple[int, ...], weights: Array, white: Array) -> list[NDArray[np.uint16]]:
        try:
            with environment():
                pixels, valid = raster.read(*window)
        except UserError as error:
            raise Broken(str(error)) from error
        if not valid.all() or not (white > 0).all():
            return []
        image = np.einsum("cb,bhw->chw", weights, pixels) / white[:, None, None]
        return list(cut(self._mirrored(deep(image))))

    def _bands(self, key: str, wavelengths: Array) -> Sequence[Band]:
        if not self.sensor:
            return CAMERA
        every = [band for band in find(self.sensor).bands if _covered(wavelengths, band) >= REACH]
        if len(every) < 4:
            raise Broken(f"it covers {len(every)} bands of {self.sensor}, and four are needed")
        chosen = np.random.default_rng(list(key.encode())).choice(len(every), 4, replace=False)
        return [every[number] for number in sorted(chosen)]

    def _wavelengths(self, part: str, raster: Raster) -> Array:
        if part.lower().endswith(".hdr"):
            found_there = header_wavelengths(Path(part).read_text(encoding="latin-1"))
        else:
            named = [re.search(r"\d+\.?\d*", name or "") for name in raster.datasets[0].descriptions]
            found_there = list(self.wavelengths_nm) or [float(match[0]) for match in named if match]
        if len(found_there) != len(raster.bands):
            raise Broken(f"{len(found_there)} wavelengths are known for its {len(raster.bands)} bands")
        return np.array(found_there)


def through(wavelengths: Array, bands: Sequence[Band]) -> Array:
    """(C, B) weights that turn a cube's B channels (centres in nm) into bands; each row sums to 1.

    Raises Broken for a band that the cube covers by less than half.
    """
    for band in bands:
        if _covered(wavelengths, band) < REACH:
            raise Broken(f"its {wavelengths.min():.0f} to {wavelengths.max():.0f} nm do not cover {band.name}")
    width = np.abs(np.gradient(wavelengths))
    curves = np.stack([np.interp(wavelengths, WAVELENGTHS, curve, 0, 0) * width for curve in responses(bands)])
    return curves / curves.sum(1, keepdims=True)


def _covered(wavelengths: Array, band: Band) -> float:
    """Share of a band between its half-maximum limits that a cube reaches."""
    low, high = max(wavelengths.min(), band.low_nm), min(wavelengths.max(), band.high_nm)
    return max(0.0, high - low) / (band.high_nm - band.low_nm)


def _white(raster: Raster, weights: Array) -> Array:
    """(C,) 99.5 % quantiles of the bands over windows spread over the cube."""
    every = _windows_of(raster)
    looks = (raster.read(*every[n * len(every) // LOOKS]) for n in range(LOOKS))
    values = [weights @ pixels[:, valid] for pixels, valid in looks if valid.any()]
    return np.quantile(np.concatenate(values, 1), WHITE, axis=1) if values else np.zeros(len(weights))


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
    """Centres in nm from the text of an ENVI header; none if it does not tell."""
    listed = re.search(r"^\s*wavelength\s*=\s*\{([^}]*)\}", text, re.MULTILINE | re.IGNORECASE)
    values = [float(value) for value in listed[1].replace("\n", " ").split(",") if value.strip()] if listed else []
    micrometres = re.search(r"^\s*wavelength units\s*=\s*(micro|um)", text, re.MULTILINE | re.IGNORECASE)
    return [1000 * value for value in values] if micrometres or (values and max(values) < 100) else values

"""A georeferenced pair with its truth from any image: what a known sensor would deliver of it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from affine import Affine
from torch import Tensor

from anypan import raster
from anypan.geometry.grid import Grid
from anypan.optics.sampling import Physical
from anypan.optics.sensors import Sensor
from anypan.runtime.errors import UserError
from anypan.simulate.curves import CAMERA, MARGIN, band_weights
from anypan.simulate.random import Random
from anypan.simulate.render import OVERSAMPLING, Exposure, Shot, recorded

SMALLEST = 16  # MS pixels along a side
OPTICAL = (300.0, 3000.0)  # nm
COLOURS: dict[str, float] = dict(zip(("red", "green", "blue", "nir"), CAMERA, strict=True))
DARK = 0.01  # share of values that may lie below zero, as of noise
BRIGHT = 0.999  # share of the image's values below the one that takes WHITE of the full scale
WHITE = 0.8
NOWHERE = "EPSG:32632", (691_200.0, 5_335_600.0)  # for images without a place: one where a pair may lie
File = str | os.PathLike[str]


@dataclass(frozen=True)
class Picture:
    """An image (C, H, W), 0 for no light, its grid, and the channels' wavelengths in nm, which may be a ``guess``."""

    name: str
    image: Tensor
    grid: Grid
    wavelengths: tuple[float, ...]
    guess: bool = False


def read_picture(path: File, sensor: Sensor, wavelengths: Sequence[float] | slice | None = None) -> Picture:
    """Read a PNG, JPEG or GeoTIFF of 3 bands or more whole.

    Wavelengths are those given (a slice: from the first band's to the last's, evenly spread), else those that the
    bands' names tell, else for 3 or 4 bands red, green, blue (and near infrared), else a guess: the bands of the sensor
    if there are as many, or evenly over its range.
    Raises UserError for files and pixels that cannot be used, and sizes below 16 MS pixels of the sensor.
    """
    opened = raster.open_raster([str(path)])
    try:
        pixels, valid = opened.read(0, 0, *opened.shape)
        names = [name or "" for name in raster.format_of(opened).names]
    finally:
        opened.close()
    if not valid.all():
        raise UserError(f"{path} has pixels without data: cut out a part of it that has none.")
    image = torch.from_numpy(pixels)
    below = float((image < 0).float().mean())
    if below > DARK:
        raise UserError(
            f"{path} holds values below zero in {100 * below:.2g} % of its pixels, which no light has: give digital "
            "numbers or reflectance."
        )
    image = image.clamp_(min=0)
    _check(str(path), image, sensor)
    centres = _given(str(path), len(names), wavelengths) if wavelengths else _centres_named(names)
    return Picture(str(path), image, opened.grid, centres or _guess(len(names), sensor), not centres)


def _check(path: str, image: Tensor, sensor: Sensor) -> None:
    count, height, width = image.shape
    least = SMALLEST * OVERSAMPLING * sensor.ratio
    if not recorded(sensor):
        raise UserError(f"The sensor {sensor.name} has no bands of its own: choose another from 'anypan sensors'.")
    if count < 3:
        raise UserError(f"{path} has {count} band{'s' * (count > 1)}: give an image of 3 bands or more.")
    if min(height, width) < least:
        raise UserError(
            f"{path} has {width} x {height} pixels, too few for {sensor.name}: give an image of {least} a side or more."
        )
    if not float(image.max()) > float(image.min()):
        raise UserError(f"{path} is constant: give an image that shows something.")


def _given(path: str, count: int, given: Sequence[float] | slice) -> tuple[float, ...]:
    values = np.linspace(given.start, given.stop, count).tolist() if isinstance(given, slice) else given
    if len(values) != count:
        raise UserError(f"{path} has {count} bands, but {len(values)} wavelengths are given: give one for each.")
    if not all(OPTICAL[0] <= value <= OPTICAL[1] for value in values):
        raise UserError(f"{path} cannot have bands at these wavelengths: give them in nm, from 300 to 3000.")
    return tuple(values)


def _centres_named(names: Sequence[str]) -> tuple[float, ...]:
    """What the names of the bands tell, or their number; nothing if they do not."""
    numbers = [re.search(r"\d{3,4}(\.\d+)?", name) for name in names]
    if all(match and OPTICAL[0] <= float(match[0]) <= OPTICAL[1] for match in numbers):
        return tuple(float(match[0]) for match in numbers if match)
    if all(name.lower() in COLOURS for name in names):
        return tuple(COLOURS[name.lower()] for name in names)
    return CAMERA[: len(names)] if len(names) in (3, 4) else ()


def _guess(count: int, sensor: Sensor) -> tuple[float, ...]:
    centres = [band.centre_nm for band in recorded(sensor)]
    return tuple(centres if count == len(centres) else np.linspace(min(centres), max(centres), count).tolist())


def observe(picture: Picture, sensor: Sensor, seed: int, exposure: Exposure | None = None) -> Shot:
    """What the sensor records of the picture, whose pixels are half as wide as the PAN's; DN within its full scale.

    Bands and PAN through their response curves and MTF, the MS from the reference (Wald, PE&RS 1997), photon noise.
    UserError for a picture that is black but for a few pixels.
    """
    exposure, bands = exposure or Exposure(), recorded(sensor)
    step = OVERSAMPLING * sensor.ratio
    rows, cols = (extent // step * step for extent in picture.image.shape[-2:])
    weights = torch.from_numpy(band_weights([*bands, sensor.pan], picture.wavelengths)).float()
    sharp = torch.einsum("bc,cij->bij", weights, picture.image[:, :rows, :cols])
    gains = [band.gnyq for band in bands]  # at the Nyquist frequency of the MS, and taken for the reference's as well
    seen = Physical(OVERSAMPLING).degrade(sharp, [*gains, sensor.pan.gnyq])
    bright = float(np.quantile(seen.numpy(), BRIGHT))
    if bright <= 0:
        raise UserError("The picture is black but for a few pixels: choose one with something on it.")
    seen = seen * (WHITE * sensor.full_scale / bright)
    ms = Physical(sensor.ratio).degrade(seen[:-1], gains)
    rng = Random.seeded(seed)
    pan = _recorded(seen[-1], exposure.snr_pan, sensor.full_scale, rng)
    return Shot(
        pan, _recorded(ms, exposure.snr_ms, sensor.full_scale, rng), seen[:-1].clamp(0, sensor.full_scale).round()
    )


def _recorded(signal: Tensor, snr: float, full_scale: int, rng: Random) -> Tensor:
    sigma = torch.sqrt(signal.clamp(min=0) * full_scale) / snr
    return (signal + sigma * rng.normal(1.0, *signal.shape)).round().clamp(0, full_scale)


def blind(picture: Picture, sensor: Sensor) -> list[str]:
    """Names of the sensor's bands that lie beyond what the picture's channels see."""
    low, high = min(picture.wavelengths) - MARGIN, max(picture.wavelengths) + MARGIN
    return [band.name for band in recorded(sensor) if not low <= band.centre_nm <= high]


def write_pair(shot: Shot, picture: Picture, sensor: Sensor, folder: File, overwrite: bool = False) -> dict[str, Path]:
    """Write pan.tif, ms.tif and reference.tif (uint16, the sensor's bands) into ``folder``; paths by those names.

    They lie where the picture lies, or at a place of no meaning with the sensor's pixels. Raises UserError.
    """
    names = tuple(band.name for band in recorded(sensor))
    tags = {"anypan_sensor": sensor.name, "anypan_scene": "simulated, not a real place"}
    images = {"pan": (shot.pan[None], ("pan",)), "ms": (shot.ms, names), "reference": (shot.reference, names)}
    paths = outputs(folder, picture.name, overwrite)
    for name, (image, bands) in images.items():
        pixels, grid = image.numpy().astype(np.uint16), _grid(image, shot.pan.shape[-1], picture, sensor)
        raster.write_array(paths[name], pixels, grid, bands, tags, overwrite=overwrite)
    return paths


def outputs(folder: File, picture: File, overwrite: bool = False) -> dict[str, Path]:
    """Where the three files of a ``picture`` go, the folder made; UserError if they cannot be put there."""
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise UserError(f"{folder} is a file: name a folder for the pair.")
    place.mkdir(parents=True, exist_ok=True)
    paths = {name: place / f"{name}.tif" for name in ("pan", "ms", "reference")}
    for path in paths.values():
        if os.path.realpath(path) == os.path.realpath(picture):
            raise UserError(f"{path} would replace the image that the pair is made of: name another folder.")
        raster.check_output(path, (), overwrite)
    return paths


def _grid(image: Tensor, pan_width: int, picture: Picture, sensor: Sensor) -> Grid:
    step = pan_width / image.shape[-1]
    shape = (image.shape[-2], image.shape[-1])
    if picture.grid.georeferenced:
        return Grid(shape, picture.grid.transform @ Affine.scale(OVERSAMPLING * step), picture.grid.crs)
    crs, (left, top) = NOWHERE
    pixel = sensor.gsd_m * step
    return Grid(shape, Affine(pixel, 0, left, 0, -pixel, top), crs)

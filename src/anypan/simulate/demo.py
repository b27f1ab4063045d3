"""The demonstration scene: a landscape of our own, seen by a WorldView-2 like sensor and written as files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from affine import Affine
from torch import Tensor

from anypan.geometry.grid import Grid
from anypan.optics.sensors import find
from anypan.raster import check_output, write_array
from anypan.runtime.errors import UserError
from anypan.simulate.landscape import landscape
from anypan.simulate.render import OVERSAMPLING, render

SENSOR, SEED, SIZE = "WV2", 3, 1024
BANDS = ("blue", "green", "red", "nir1")
PIXEL = 0.5  # metres of a PAN pixel
CRS, CORNER = "EPSG:32632", (691_200.0, 5_335_600.0)


def make(folder: str | os.PathLike[str], size: int = SIZE, overwrite: bool = False) -> dict[str, Path]:
    """Write ``pan.tif`` (size x size), ``ms.tif`` (4 bands) and ``reference.tif``, 11 bits in uint16, into ``folder``.

    The same pixels every time. The reference is what the MS sensor would see at the PAN's resolution: only a
    simulated scene has one. Returns the paths by the names pan, ms, reference. Raises UserError, also for files of
    these names that are there already, unless ``overwrite``.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"The folder {folder} cannot be made ({problem.strerror}): name another.") from problem
    paths = {name: check_output(place / f"{name}.tif", (), overwrite) for name in ("pan", "ms", "reference")}
    sensor = find(SENSOR)
    bands = [band for name in BANDS if (band := sensor.band(name))]
    ground = landscape((OVERSAMPLING * size, OVERSAMPLING * size), SEED, PIXEL / OVERSAMPLING)
    shot = render(ground, sensor, SEED, bands)
    tags = {"anypan_sensor": sensor.name, "anypan_scene": "simulated, not a real place"}
    images = {"pan": (shot.pan[None], ("pan",)), "ms": (shot.ms, BANDS), "reference": (shot.reference, BANDS)}
    for name, (image, names) in images.items():
        write_array(paths[name], _dn(image), _grid(image, size), names, tags, overwrite=overwrite)
    return paths


def _dn(image: Tensor) -> np.ndarray:
    return np.rint(image.numpy()).astype(np.uint16)


def _grid(image: Tensor, size: int) -> Grid:
    pixel = PIXEL * size / image.shape[-1]
    return Grid((image.shape[-2], image.shape[-1]), Affine(pixel, 0, CORNER[0], 0, -pixel, CORNER[1]), CRS)

"""Small PAN/MS pairs of known geometry, as arrays and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
import torch.nn.functional as F
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from anypan.optics.sampling import Physical

UTM = "EPSG:32633"
NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)  # PAN pixels of 0.5 m


def landscape(
    rows: int, cols: int, bands: int = 3, ratio: int = 4, phase: tuple[float, float] = (0.0, 0.0), seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """PAN (rows, cols) and MS (bands, rows / ratio, cols / ratio) of one random scene, values around 500."""
    generator = torch.Generator().manual_seed(seed)
    fields = torch.zeros(bands, rows, cols)
    for octave, size in enumerate((1, 3, 9, 27)):
        noise = torch.randn(bands, rows // size + 2, cols // size + 2, generator=generator)
        common = torch.randn(1, rows // size + 2, cols // size + 2, generator=generator)
        grown = F.interpolate((0.4 * noise + common)[None], scale_factor=size, mode="nearest")[0]
        fields += grown[:, :rows, :cols] * 10 * (octave + 1)
    hrms = 500 + fields
    lrms = Physical(ratio, phase).degrade(hrms, [0.3] * bands)
    return hrms.mean(0).numpy(), lrms.numpy()


def write(path: Path, image: NDArray[Any], transform: Affine | None = None, **profile: Any) -> Path:
    """A GeoTIFF of an image (H, W) or (B, H, W); ``names`` are its band descriptions, ``mask`` (H, W) its mask."""
    image = image[None] if image.ndim == 2 else image
    names, mask = profile.pop("names", None), profile.pop("mask", None)
    profile = {"driver": "GTiff", "count": len(image), "dtype": image.dtype.name, **profile}
    profile |= {"height": image.shape[1], "width": image.shape[2], "transform": transform}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(image)
        if names:
            dataset.descriptions = names
        if mask is not None:
            dataset.write_mask(mask)
    return path


def write_pair(
    folder: Path, pan: NDArray[Any], ms: NDArray[Any], offset: tuple[float, float] = (0.0, 0.0), **profile: Any
) -> tuple[Path, Path]:
    """Files in UTM; the MS's corner lies ``offset`` PAN pixels (down, right) from the PAN's; profile of both."""
    ratio = profile.pop("ratio", round(pan.shape[-1] / ms.shape[-1]))
    coarse = NORTH_UP * Affine.translation(offset[1], offset[0]) * Affine.scale(ratio)
    pan_file = write(folder / "pan.tif", pan, NORTH_UP, crs=UTM, **profile)
    return pan_file, write(folder / "ms.tif", ms, coarse, crs=UTM, **profile)


def read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as dataset:
        return dataset.read()


def middle(folder: Path, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """PAN and MS of the middle of a scene on disk, at most ``side`` MS pixels along a side."""
    with rasterio.open(folder / "pan.tif") as fine, rasterio.open(folder / "ms.tif") as coarse:
        ratio = round(fine.width / coarse.width)
        height, width = (min(side, n // ratio, m) for n, m in zip(fine.shape, coarse.shape, strict=True))
        row, col = (coarse.height - height) // 2, (coarse.width - width) // 2
        ms = coarse.read(window=Window(col, row, width, height)).astype("f4")
        window = Window(col * ratio, row * ratio, width * ratio, height * ratio)
        return fine.read(1, window=window).astype("f4"), ms


def in_tiles_of(monkeypatch: Any, side: int) -> None:
    """Have the default network work in tiles of ``side`` PAN pixels, as it does of large scenes in larger ones."""
    monkeypatch.setattr("anypan.models.anypan_s.AnypanS.tile", side)
    monkeypatch.setattr("anypan.fusing.LEAST_TILE", 16)

"""Random geometries: a plane in world coordinates, seen by any PAN and MS, comes out as that plane."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from verdict import command, names, refused_or_wrong, said, wrong

TYPES = ("uint8", "uint16", "int16", "float32", "uint32", "float64")
UTM = "EPSG:32633"
BORDER = 9  # MS pixels near the edge of the valid part, where filters read what was filled in


def geometry(rng: random.Random, folder: Path) -> str:
    """A pair of random shapes, ratio, displacement, type, nodata; fused, and compared with what it must give."""
    ratio = rng.choice([2, 3, 4, 4, 5, 6, round(rng.uniform(1.6, 9.5), 3)])
    rows, cols, bands = rng.randint(2, 40), rng.randint(2, 40), rng.choice([1, 2, 3, 4, 8])
    kind = rng.choice(TYPES)
    pan_place = Affine.translation(500_000, 4_000_000) * Affine.scale(0.5, -0.5)
    offset = (rng.choice([0, 0, rng.uniform(-20, 20)]), rng.choice([0, 0, rng.uniform(-20, 20)]))
    ms_place = pan_place * Affine.translation(offset[1], offset[0]) * Affine.scale(ratio)
    shape = (max(1, round(rows * ratio) + rng.randint(-6, 6)), max(1, round(cols * ratio) + rng.randint(-6, 6)))
    top = {"uint8": 200, "int16": 20_000}.get(kind, 40_000)
    slope = _slope(rng, shape, top)
    pan = _plane(pan_place, shape, pan_place, slope) + np.random.default_rng(rng.getrandbits(32)).normal(
        0, top / 50, shape
    )
    ms = np.stack([_plane(ms_place, (rows, cols), pan_place, slope) * (1 - band / 20) for band in range(bands)])
    hole = rng.random() < 0.3
    nodata = 0 if hole else None
    if hole:
        ms[:, rng.randrange(rows), rng.randrange(cols)] = 0
    low = 1 if kind.startswith("u") or kind == "int16" else None
    _write(folder / "pan.tif", _as(pan[None], kind, low), pan_place, None)
    _write(folder / "ms.tif", ms.round().astype(kind), ms_place, nodata)
    before, out = names(folder), folder / "out.tif"
    method = rng.choice(["EXP", "EXP", "GSA", "MTF-GLP-FS", "BDSD-PC", "Brovey"])
    told = command(
        ["fuse", str(folder / "pan.tif"), str(folder / "ms.tif"), str(out), "-m", method, "--no-register", "-q"]
    )
    if told.code:
        return refused_or_wrong(told, folder, before)
    with rasterio.open(out) as file:
        fused, valid = file.read(), file.read_masks(1) > 0
        if file.shape != shape or file.transform != pan_place or set(file.dtypes) != {kind} or file.count != bands:
            return wrong(f"grid or type: {file.shape} {file.dtypes}, wanted {shape} {kind}")
    return _judged(fused, valid, (pan_place, ms_place, (rows, cols), slope), method, kind)


def _judged(fused: np.ndarray, valid: np.ndarray, seen: tuple, method: str, kind: str) -> str:
    pan_place, ms_place, (rows, cols), slope = seen
    true = _plane(pan_place, valid.shape, pan_place, slope)
    xs, ys = np.meshgrid(np.arange(valid.shape[1]) + 0.5, np.arange(valid.shape[0]) + 0.5)
    col, row = ~ms_place * (pan_place * (xs, ys))
    step = 0.51
    outside = (row < -step) | (col < -step) | (row > rows + step) | (col > cols + step)
    if (valid & outside).any():
        return wrong(f"{int((valid & outside).sum())} valid pixels where there is no MS")
    shown = np.where(valid, fused.astype(float), 0)
    if not np.isfinite(shown).all():
        return wrong("a valid pixel is no number")
    inner = valid & (row > BORDER) & (col > BORDER) & (row < rows - BORDER) & (col < cols - BORDER)
    if method == "EXP" and inner.any():
        off = max(float(np.abs(shown[band] - true * (1 - band / 20))[inner].max()) for band in range(len(fused))) / (
            true.max() - true.min() + 1
        )
        if off > 0.06:
            return wrong(f"the plane is off by {off:.3f} of its span ({kind})")
    return said("right")


def _slope(rng: random.Random, shape: tuple[int, int], top: float) -> tuple[float, float, float]:
    a, b = rng.uniform(-1, 1), rng.uniform(-1, 1)
    reach = abs(a) * (shape[0] + 80) + abs(b) * (shape[1] + 80) + 1
    return a * 0.3 * top / reach, b * 0.3 * top / reach, 0.55 * top


def _plane(place: Affine, shape: tuple[int, int], pan_place: Affine, slope: tuple[float, float, float]) -> np.ndarray:
    """The plane at the centres of a grid's pixels, by PAN row and column."""
    xs, ys = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    col, row = ~pan_place * (place * (xs, ys))
    return slope[0] * row + slope[1] * col + slope[2]


def _as(image: np.ndarray, kind: str, low: float | None) -> np.ndarray:
    return (image if low is None else np.maximum(image, low)).round().astype(kind)


def _write(path: Path, image: np.ndarray, place: Affine, nodata: float | None) -> None:
    profile = {"count": len(image), "height": image.shape[1], "width": image.shape[2], "dtype": image.dtype.name}
    with rasterio.open(path, "w", driver="GTiff", transform=place, crs=UTM, nodata=nodata, **profile) as file:
        file.write(image)

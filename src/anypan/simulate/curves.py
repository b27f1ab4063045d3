"""Bands generation through response curves: from cubes of narrow bands, or from the few broad bands of a camera.

The spectrum of a pixel is taken as linear between the channels' centres and constant beyond them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anypan.optics.sensors import SENSORS, Band, Sensor
from anypan.simulate.random import Random
from anypan.simulate.spectra import WAVELENGTHS, responses

CAMERA = (650.0, 557.5, 472.5, 832.5)  # nm, centres of red, green, blue and near infrared of an aerial camera
MARGIN = 60.0  # nm beyond the source's channels up to which a band is still drawn
Array = NDArray[np.float64]


def interpolation(wavelengths: Sequence[float]) -> Array:
    """(201, C) matrix from channels at ``wavelengths`` (nm, in any order) to the spectrum at spectra.WAVELENGTHS."""
    order = np.argsort(wavelengths)
    centres = np.asarray(wavelengths, float)[order]
    matrix = np.empty((len(WAVELENGTHS), len(order)))
    for column, unit in zip(order, np.eye(len(order)), strict=True):
        matrix[:, column] = np.interp(WAVELENGTHS, centres, unit)
    return matrix


def band_weights(bands: Sequence[Band], wavelengths: Sequence[float]) -> Array:
    """(B, C) non-negative weights, of sum 1 for each band, that make the bands of channels at ``wavelengths``."""
    return responses(bands) @ interpolation(wavelengths)


def seen_by_pan(bands: Sequence[Band], pan: Band) -> Array:
    """(B,) how much of the PAN's light falls into each band, of sum 1; 0 for bands outside of its range."""
    curves = responses([*bands, pan])
    shape = curves / curves.max(1, keepdims=True)
    overlap = np.minimum(shape[:-1], shape[-1]).sum(1)
    overlap = np.where(overlap < 0.01 * shape[:-1].sum(1), 0.0, overlap)
    return overlap / overlap.sum() if overlap.sum() > 0 else np.full(len(overlap), 1 / len(overlap))


def perturbed(band: Band, rng: Random, shift_nm: float) -> Band:
    """The band moved by a Gaussian ``shift_nm`` and made narrower or wider by 20 %, within the spectra's range."""
    width = (band.high_nm - band.low_nm) * float(torch.exp(rng.normal(0.2, 1)))
    centre = float(np.clip(band.centre_nm + float(rng.normal(shift_nm, 1)), WAVELENGTHS[0], WAVELENGTHS[-1]))
    return replace(band, low_nm=centre - width / 2, high_nm=centre + width / 2)


def draw_bands(count: int, wavelengths: Sequence[float], rng: Random, shift_nm: float) -> tuple[list[Band], Band]:
    """``count`` bands of one known sensor, perturbed, in their order, and its PAN; made-up bands where it has fewer."""
    low, high = min(wavelengths) - MARGIN, max(wavelengths) + MARGIN
    sensor: Sensor = rng.pick({one: 1.0 for one in SENSORS.values()})
    known = [band for band in sensor.bands if low <= band.centre_nm <= high]
    kept = sorted(rng.order(len(known))[:count].tolist())
    bands = [perturbed(known[index], rng, shift_nm) for index in kept]
    while len(bands) < count:
        centre, width = float(rng.uniform(low, high, 1)), float(rng.log_uniform(20, 120, 1))
        centre = float(np.clip(centre, WAVELENGTHS[0], WAVELENGTHS[-1]))
        bands.append(Band(f"made up {len(bands) + 1}", centre - width / 2, centre + width / 2))
    return bands, perturbed(sensor.pan, rng, shift_nm)


def draw_curves(
    scenes: int, count: int, wavelengths: Sequence[float], rng: Random, shift_nm: float
) -> tuple[Tensor, Tensor]:
    """Weights (G, B, C) of the bands and (G, B) of the PAN, one drawn sensor a scene."""
    mixed, seen = [], []
    for _ in range(scenes):
        bands, pan = draw_bands(count, wavelengths, rng, shift_nm)
        mixed.append(band_weights(bands, wavelengths))
        seen.append(seen_by_pan(bands, pan))
    return tuple(torch.from_numpy(np.stack(part)).float().to(rng.device) for part in (mixed, seen))  # type: ignore[return-value]

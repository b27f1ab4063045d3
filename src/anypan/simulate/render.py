"""What a sensor records of a landscape: response, haze, MTF, noise and quantisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from anypan.optics.sampling import Physical
from anypan.optics.sensors import Band, Sensor
from anypan.simulate import spectra
from anypan.simulate.landscape import Landscape, scene_bands

OVERSAMPLING = 2  # landscape pixels along a PAN pixel


@dataclass(frozen=True)
class Exposure:
    """How the light becomes DN.

    ``white``: reflectance at which a band in the brightest part of the sun's spectrum reaches full scale. ``haze``:
    reflectance of the air at 450 nm, falling with the fourth power of the wavelength. ``snr_pan``, ``snr_ms``: signal
    to noise at full scale; the noise is that of photons, so its standard deviation goes with the root of the signal.
    """

    white: float = 0.75
    haze: float = 0.035
    snr_pan: float = 700.0
    snr_ms: float = 1000.0


class Shot(NamedTuple):
    """pan (H, W) and ms (B, h, w) as recorded, reference (B, H, W) without noise: float32 DN within the full scale.

    H = ratio * h. MS pixel (i, j) covers exactly its ratio x ratio PAN pixels (phase 0).
    """

    pan: Tensor
    ms: Tensor
    reference: Tensor


def recorded(sensor: Sensor) -> tuple[Band, ...]:
    """The sensor's bands that reflected sunlight reaches: all but the thermal ones."""
    return tuple(band for band in sensor.bands if band.centre_nm <= spectra.WAVELENGTHS[-1])


def render(
    landscape: Landscape,
    sensor: Sensor,
    seed: int,
    bands: Sequence[Band] | None = None,
    exposure: Exposure | None = None,
) -> Shot:
    """See a landscape through a sensor; a PAN pixel is two landscape pixels wide.

    The reference is what the MS bands would record at the PAN's resolution, each with its own MTF gain at the PAN's
    Nyquist frequency; the MS is that reference through the MTF of the MS grid (Wald, PE&RS 1997).
    Raises ValueError if the landscape is smaller than one MS pixel.
    """
    exposure = exposure or Exposure()
    bands = tuple(bands) if bands else recorded(sensor)
    every = (*bands, sensor.pan)
    step = OVERSAMPLING * sensor.ratio
    rows, cols = (extent // step * step for extent in landscape.shape)
    if not rows or not cols:
        raise ValueError(f"a landscape of {landscape.shape} pixels is smaller than one MS pixel of {step}")
    sharp = _radiance(landscape, every, sensor.full_scale, exposure)[:, :rows, :cols]
    optics = Physical(OVERSAMPLING)
    fine = torch.cat([optics.degrade(layer[None], [band.gnyq]) for layer, band in zip(sharp, every, strict=True)])
    reference = fine[:-1]
    coarse = Physical(sensor.ratio).degrade(reference, [band.gnyq for band in bands])
    rng = np.random.default_rng((seed, 1))
    pan = _record(fine[-1:], exposure.snr_pan, sensor.full_scale, rng)[0]
    ms = _record(coarse, exposure.snr_ms, sensor.full_scale, rng)
    return Shot(pan, ms, reference.clamp(0, sensor.full_scale))


def _radiance(landscape: Landscape, bands: Sequence[Band], full_scale: int, exposure: Exposure) -> Tensor:
    """DN (B, H, W) before the optics: reflectance and haze in the sunlight of each band, one calibration for all."""
    curves = spectra.responses(bands)
    layers, pan = scene_bands(landscape, curves)
    air = exposure.haze * (450 / spectra.WAVELENGTHS) ** 4
    light = curves @ spectra.sunlight()
    glow = (curves * spectra.sunlight()) @ air / light
    scale = torch.from_numpy(full_scale / exposure.white * light).float()[:, None, None]
    return torch.cat([layers, pan[None]]).add_(torch.from_numpy(glow).float()[:, None, None]).mul_(scale)


def _record(signal: Tensor, snr: float, full_scale: int, rng: np.random.Generator) -> Tensor:
    noise = torch.from_numpy(rng.standard_normal(tuple(signal.shape), dtype=np.float32))
    sigma = torch.sqrt(signal.clamp(min=0) * full_scale) / snr
    return torch.round(signal + sigma * noise).clamp_(0, full_scale)

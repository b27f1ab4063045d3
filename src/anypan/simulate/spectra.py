"""Reflectance spectra of our own making, response curves and light, from 400 to 2400 nm.

The spectra are parametric models of what laboratories measure: absorption features at their textbook wavelengths
(chlorophyll 450 and 675 nm, the red edge near 715 nm, water 970, 1200, 1450 and 1940 nm, iron oxide 500 and 870 nm,
hydroxyl 2200 nm) on smooth continua. They hold no measured table. A spectrum is (201,), reflectance in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anypan.optics.sensors import Band

Array = NDArray[np.float64]
WAVELENGTHS: Array = np.arange(400.0, 2401.0, 10.0)
STEEPNESS = 8  # exponent of the super-Gaussian: edges some 15 % of the width wide, as of interference filters
_NM = WAVELENGTHS


def _dip(centre: float, width: float) -> Array:
    return np.exp(-0.5 * ((_NM - centre) / width) ** 2)


def _rise(centre: float, width: float) -> Array:
    return 1 / (1 + np.exp(-(_NM - centre) / width))


def _liquid_water() -> Array:
    bands = 0.10 * _dip(970, 28) + 0.22 * _dip(1190, 45) + 1.3 * _dip(1450, 65) + 2.0 * _dip(1940, 75)
    return bands + 0.45 * _rise(1340, 30) + 0.55 * _rise(1880, 40) + 0.7 * _rise(2450, 90)


def leaves(green: float, plateau: float, water: float, edge_nm: float = 715.0, chlorophyll: float = 1.0) -> Array:
    """Foliage: reflectance ``green`` at 550 nm, near-infrared ``plateau``, amount of ``water`` and pigment (0..1)."""
    pigment = 1.25 * _dip(440, 45) + 0.55 * _dip(490, 22) + 0.75 * _dip(625, 45) + 1.1 * _dip(675, 18)
    visible = 1.15 * green * np.exp(-chlorophyll * pigment)
    infrared = plateau * np.exp(-water * _liquid_water())
    return visible + (infrared - visible) * _rise(edge_nm, 12.0)


def straw(level: float) -> Array:
    """Dry plants: a steady rise to the near infrared, then cellulose and lignin near 2100 and 2300 nm."""
    continuum = level * (0.28 + 0.75 * (1 - np.exp(-(_NM - 380) / 330)))
    return continuum * np.exp(
        -0.12 * _dip(680, 30) - 0.35 * _dip(1930, 60) - 0.25 * _dip(2100, 60) - 0.3 * _rise(2280, 40)
    )


def soil(level: float, redness: float, moisture: float, clay: float = 0.15) -> Array:
    """Soil of reflectance ``level`` near 1300 nm; ``redness`` is the iron oxide, ``moisture`` darkens water bands."""
    continuum = level * (1 - np.exp(-(_NM - 340) / (260 + 200 * redness)))
    iron = redness * (0.9 * _dip(480, 55) + 0.18 * _dip(870, 60))
    damp = moisture * (0.25 * _dip(1420, 40) + 0.6 * _dip(1930, 55))
    return continuum * np.exp(-iron - damp - clay * _dip(2205, 28) - 0.1 * _rise(2300, 50))


def mineral(start: float, end: float, reach_nm: float, hydroxyl: float = 0.1) -> Array:
    """Stone, asphalt, concrete: from ``start`` at 400 nm towards ``end`` with the constant ``reach_nm``."""
    continuum = end - (end - start) * np.exp(-(_NM - 400) / reach_nm)
    return continuum * np.exp(-0.5 * hydroxyl * _dip(1430, 45) - hydroxyl * _dip(1930, 50) - hydroxyl * _dip(2200, 40))


def clay(start: float, step: float) -> Array:
    """Fired clay: iron oxide's steep rise at 585 nm and its dip at 870 nm."""
    return (start + step * _rise(585, 22) + 0.08 * _rise(1000, 120)) * np.exp(
        -0.13 * _dip(870, 60) - 0.1 * _dip(1930, 60)
    )


def paint(floor: float, peak: float, centre: float, width: float, infrared: float) -> Array:
    """Pigment on metal: a colour ``peak`` and transparency in the near infrared, resin features beyond 1600 nm."""
    colour = floor + peak * _dip(centre, width) + infrared * _rise(780, 35)
    return colour * np.exp(-0.2 * _dip(1720, 30) - 0.35 * _rise(1900, 150))


def whitewash(level: float) -> Array:
    """White paint: titanium dioxide, dark below 410 nm, with the resin's features beyond 1600 nm."""
    return level * (0.25 + 0.75 * _rise(408, 8)) * np.exp(-0.12 * _dip(1720, 30) - 0.5 * _rise(1950, 220))


def metal(level: float) -> Array:
    """Sheet metal: nearly grey, with aluminium's shallow dip at 840 nm."""
    return level * (0.86 + 0.14 * (1 - np.exp(-(_NM - 400) / 500))) * np.exp(-0.09 * _dip(840, 70))


def water(blue: float, sediment: float) -> Array:
    """Open water: scattering that falls with wavelength, and ``sediment`` that peaks near 570 nm."""
    scattering = blue * (400 / _NM) ** 2.5 + sediment * (_dip(565, 70) + 0.55 * _dip(690, 45) + 0.12 * _dip(810, 30))
    return 0.004 + scattering * np.exp(-np.clip((_NM - 690) / 45, 0, 60) * 0.6)


MATERIALS: dict[str, Array] = {
    "grass": leaves(0.115, 0.46, 0.75),
    "crop": leaves(0.095, 0.54, 0.9),
    "young crop": leaves(0.14, 0.42, 0.8, edge_nm=708, chlorophyll=0.75),
    "broadleaf": leaves(0.07, 0.45, 0.8, edge_nm=717),
    "conifer": leaves(0.05, 0.29, 0.85, edge_nm=717),
    "blossom": leaves(0.26, 0.50, 0.8, chlorophyll=0.32) * (0.35 + 0.65 * _rise(520, 12)),
    "straw": straw(0.37),
    "loam": soil(0.30, 0.35, 0.6),
    "dark soil": soil(0.17, 0.2, 1.0),
    "red soil": soil(0.36, 1.0, 0.3, clay=0.3),
    "sand": soil(0.52, 0.4, 0.25),
    "gravel": mineral(0.15, 0.32, 500),
    "asphalt": mineral(0.065, 0.135, 700, hydroxyl=0.03),
    "concrete": mineral(0.17, 0.37, 250, hydroxyl=0.12),
    "red tile": clay(0.09, 0.29),
    "slate": mineral(0.085, 0.12, 600, hydroxyl=0.08),
    "metal": metal(0.40),
    "white paint": whitewash(0.80),
    "blue paint": paint(0.06, 0.22, 465, 42, 0.25),
    "clear water": water(0.055, 0.008),
    "turbid water": water(0.04, 0.075),
}
"""Mean reflectance (201,) of each material at ``WAVELENGTHS``, within 0..1."""


def vary(rng: np.random.Generator, strength: float = 1.0) -> Array:
    """The materials of one place (M, 201): each times a random smooth curve and a random brightness, within 0..1."""
    nodes = np.linspace(_NM[0], _NM[-1], 11)
    bends = rng.normal(0, 0.05 * strength, (len(MATERIALS), len(nodes)))
    brightness = rng.normal(0, 0.12 * strength, (len(MATERIALS), 1))
    smooth = _cosine_interpolation(nodes) @ bends.T
    return np.clip(np.stack(list(MATERIALS.values())) * np.exp(brightness + smooth.T), 0.002, 0.95)


def _cosine_interpolation(nodes: Array) -> Array:
    position = (_NM - nodes[0]) / (nodes[1] - nodes[0])
    distance = np.abs(position[:, None] - np.arange(len(nodes)))
    return np.where(distance < 1, 0.5 + 0.5 * np.cos(np.pi * distance), 0.0)


def responses(bands: Sequence[Band]) -> Array:
    """Response curves (B, 201), each summing to 1: super-Gaussians with the bands' half-maximum limits.

    Raises ValueError for a band that the spectra do not reach (thermal bands).
    """
    curves = []
    for band in bands:
        if not _NM[0] <= band.centre_nm <= _NM[-1]:
            raise ValueError(f"band {band.name} at {band.centre_nm:.0f} nm is outside {_NM[0]:.0f}..{_NM[-1]:.0f} nm")
        half_width = max((band.high_nm - band.low_nm) / 2, 6.0)  # not narrower than the grid resolves
        curve = np.exp(-np.log(2) * np.abs((_NM - band.centre_nm) / half_width) ** STEEPNESS)
        curves.append(curve / curve.sum())
    return np.array(curves)


def sunlight() -> Array:
    """Solar irradiance (201,) relative to its greatest value: Planck's law at 5778 K."""
    metres = _NM * 1e-9
    planck = metres**-5 / np.expm1(1.43878e-2 / (metres * 5778))
    return planck / planck.max()


def skylight() -> Array:
    """Share (201,) of the light on open ground that comes from the sky: what is left in a shadow, and it is blue."""
    return 0.06 + 0.20 * (450 / _NM) ** 4

"""A landscape as an aircraft sees it: parcels, water, ways, buildings, vehicles and trees under one sun.

It is procedural and owes nothing to any image. What an instrument needs of it is linear in its parts, so one
landscape serves any number of band sets: see ``scene_bands``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anypan.simulate import ground, objects, settlement, spectra, trees
from anypan.simulate.canvas import Canvas, blank
from anypan.simulate.parcels import Parcels, divide
from anypan.simulate.texture import Field, fractal, smooth


@dataclass(frozen=True)
class Landscape:
    """(H, W) pixels of ``gsd`` metres: two materials each (numbers in ``spectra.MATERIALS``) and their mixture.

    ``share`` is that of ``second`` (0..1). ``albedo`` multiplies the reflectance (texture). ``sun`` is the direct
    light that the surface receives relative to open level ground: 0 in a shadow, above 1 on a slope that faces it.
    ``reflectance`` (M, 201) are this place's spectra.
    """

    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    share: Field
    albedo: Field
    sun: Field
    reflectance: NDArray[np.float64]
    gsd: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.first.shape[0], self.first.shape[1]


def landscape(shape: tuple[int, int], seed: int, gsd: float = 0.25) -> Landscape:
    """A landscape of ``shape`` pixels of ``gsd`` metres, the same for the same arguments.

    Objects have their natural sizes, so a coarse ``gsd`` shows fields and towns and a fine one roofs and crowns.
    """
    rng = np.random.default_rng(seed)
    canvas, parcels = blank(shape, gsd), divide(shape, gsd, rng)
    uses = ground.assign(parcels, rng)
    ground.cover(canvas, parcels, uses, rng)
    shore, bridged = ground.flood(canvas, rng)
    ground.pave(canvas, parcels, (shore > 0) | ground.bridges(parcels, shore, bridged), rng)
    settlement.settle(canvas, parcels, uses, rng)
    objects.drive(canvas, parcels, rng)
    _grow(canvas, parcels, uses, shore, rng)
    sun = _illuminate(canvas, rng)
    _roughen(canvas, rng)
    reflectance = spectra.vary(rng)
    return Landscape(canvas.first, canvas.second, canvas.share, canvas.albedo, sun, reflectance, gsd)


def _grow(canvas: Canvas, parcels: Parcels, uses: list[str], shore: Field, rng: np.random.Generator) -> None:
    for kind in ("orchard", "vineyard"):
        where = np.isin(parcels.label, [n for n, name in enumerate(uses) if name == kind])
        where &= (parcels.seam > 3) & ~canvas.closed
        if where.any() and canvas.gsd < 1.2:
            trees.orchard(canvas, where, (parcels.u, parcels.v), kind)
    density = np.array([ground.USES[name].trees for name in uses], np.float32)[parcels.label]
    density *= np.clip(1 + 0.5 * fractal(canvas.shape, rng, 60 / canvas.gsd, 0.8, 8.0), 0.15, 3)
    density[parcels.hedge < 1.8] = 0.85
    density[(shore > 1) & (shore < 10)] += 0.35
    avenue = (parcels.road > 1.5) & (parcels.road < 3.0) & (parcels.width > 5) & (parcels.urban[parcels.label] > 0.35)
    density[avenue] = np.maximum(density[avenue], 0.25)
    trees.plant(canvas, density, rng)


def _illuminate(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Direct light (H, W) from a sun of random height: Lambert's law on slopes, cast shadows, a rolling ground."""
    elevation, azimuth = rng.uniform(0.55, 1.1), rng.uniform(0, 2 * np.pi)
    flat = float(1 / np.tan(elevation))
    toward = (float(np.sin(azimuth)), float(np.cos(azimuth)))  # rows, columns
    rise = toward[0] * canvas.slope[0] + toward[1] * canvas.slope[1]
    incidence = (1 - flat * rise) / np.sqrt(1 + canvas.slope[0] ** 2 + canvas.slope[1] ** 2)
    hills = smooth(canvas.shape, rng, max(140 / canvas.gsd, 24)) * np.float32(0.04)
    lit = np.clip(incidence, 0, 2.2) * (1 + hills)
    return (lit * _unshaded(canvas.height, toward, float(np.tan(elevation)) * canvas.gsd)).astype(np.float32)


def _unshaded(height: Field, toward: tuple[float, float], drop: float) -> Field:
    """1 in the sun, 0 in a shadow: the horizon towards the sun by doubling, ``drop`` metres lower a pixel."""
    horizon, reach = _shift(height, toward, 1) - np.float32(drop), 1
    while reach * drop < float(height.max()) and reach < max(height.shape):
        horizon = np.maximum(horizon, _shift(horizon, toward, reach) - np.float32(reach * drop))
        reach *= 2
    softness = np.float32(max(0.35, drop))
    return 1 - np.clip((horizon - height) / softness, 0, 1)


def _shift(field: Field, toward: tuple[float, float], pixels: int) -> Field:
    """The field as seen ``pixels`` further in the direction ``toward``; the border is repeated."""
    rows, cols = (np.clip(np.arange(n) + round(t * pixels), 0, n - 1) for n, t in zip(field.shape, toward, strict=True))
    return field[rows][:, cols]


def _roughen(canvas: Canvas, rng: np.random.Generator) -> None:
    """Texture of every scale on every surface: in brightness, and in the mixture of materials."""
    grain = 0.95 * fractal(canvas.shape, rng, 12, 1.0) + 0.6 * fractal(canvas.shape, rng, 256, 0.9)
    canvas.albedo *= np.exp(canvas.rough * grain)
    canvas.share += 1.8 * canvas.rough * fractal(canvas.shape, rng, 16, 0.9) * (canvas.share > 0)
    np.clip(canvas.share, 0, 1, out=canvas.share)


def scene_bands(landscape: Landscape, responses: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """What the bands and the PAN receive from the landscape, sharp: bands (B, H, W) and pan (H, W), float32.

    ``responses`` (B + 1, 201) sum to 1 in each row, the PAN last. The unit is reflectance: white, level, open
    ground gives 1 in every band. Direct sunlight and skylight are weighed wavelength by wavelength.
    """
    weights = responses * spectra.sunlight()
    weights /= weights.sum(1, keepdims=True)
    sky = spectra.skylight()
    direct, ambient = ((landscape.reflectance @ (weights * light).T).astype(np.float32) for light in (1 - sky, sky))
    first, second = landscape.first.astype(np.intp), landscape.second.astype(np.intp)
    images = np.empty((len(responses), *landscape.shape), np.float32)
    for band, image in enumerate(images):
        lit, dim = (_mix(table[:, band], first, second, landscape.share) for table in (direct, ambient))
        image[:] = landscape.albedo * (lit * landscape.sun + dim)
    stack = torch.from_numpy(images)
    return stack[:-1], stack[-1]


def _mix(values: Field, first: NDArray[np.intp], second: NDArray[np.intp], share: Field) -> Field:
    one, other = values[first], values[second]
    return one + share * (other - one)

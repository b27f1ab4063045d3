"""What stands on the ground: buildings with gabled or flat roofs, and vehicles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anypan.simulate.canvas import INDEX, Box, Canvas, Coat, Mask
from anypan.simulate.parcels import MAIN_ROAD, STREET, Parcels
from anypan.simulate.texture import Field

Places = NDArray[np.float64]  # (N, 3): row, col in pixels, angle of the u axis from the columns
PITCHED = (
    Coat("red tile", "slate", 0.12),
    Coat("red tile", "slate", 0.4),
    Coat("slate"),
    Coat("slate", "red tile", 0.3),
)
FLAT = (Coat("gravel", "concrete", 0.4), Coat("asphalt", "gravel", 0.3), Coat("metal", "concrete", 0.3))
HALLS = (
    *FLAT,
    Coat("metal"),
    Coat("white paint", "metal", 0.4),
    Coat("metal", "slate", 0.6),
    Coat("blue paint", "metal"),
)
BODIES = ("white paint", "metal", "metal", "slate", "asphalt", "asphalt", "red tile", "blue paint")


@dataclass(frozen=True)
class Roof:
    """A roof: its coat, height of the eaves, ``pitch`` (rise per metre; 0 is flat), and whether its ends slope too."""

    coat: Coat
    eaves: float
    pitch: float = 0.0
    hipped: bool = False


def locate(parcels: Parcels, u: Places, v: Places) -> Places:
    """Pixels at the coordinates (u, v), found by fixed-point steps on the curved axes; (N, 3) with the local angle."""
    rows, cols = parcels.u.shape
    (u0, uc, ur), (v0, vc, vr) = (_tangent(axis) for axis in (parcels.u, parcels.v))
    inverse = np.linalg.inv([[ur, uc], [vr, vc]])
    row, col = inverse @ np.stack([u - u0, v - v0])
    for _ in range(12):
        r, c = np.clip(np.rint(row), 0, rows - 1).astype(int), np.clip(np.rint(col), 0, cols - 1).astype(int)
        step = inverse @ np.stack([u - parcels.u[r, c], v - parcels.v[r, c]])
        row, col = r + step[0], c + step[1]
    c = np.clip(c, 0, cols - 2)
    angle = np.arctan2(
        parcels.u[np.minimum(r + 1, rows - 1), c] - parcels.u[r - (r == rows - 1), c],
        parcels.u[r, c + 1] - parcels.u[r, c],
    )
    return np.stack([row, col, angle], 1)


def _tangent(axis: Field) -> tuple[float, float, float]:
    corner = float(axis[0, 0])
    return corner, float(axis[0, -1] - corner) / (axis.shape[1] - 1), float(axis[-1, 0] - corner) / (axis.shape[0] - 1)


def build(canvas: Canvas, box: Box, roof: Roof, rng: np.random.Generator) -> None:
    """Put up a building unless it would stand on a way, in the water or on another building."""
    framed = box.frame(canvas)
    if framed is None:
        return
    window, along, across = framed
    inside = (np.abs(along) < box.half_length) & (np.abs(across) < box.half_width)
    if not inside.any() or canvas.closed[window][inside].any():
        return
    near = (np.abs(along) < box.half_length + 1.2) & (np.abs(across) < box.half_width + 1.2)
    canvas.closed[window] |= near
    coat = roof.coat
    canvas.paint(inside, Coat(coat.first, coat.second, coat.share, float(np.exp(rng.normal(0, 0.14))), 0.05), window)
    _shape_roof(canvas, window, inside, box, roof, (along, across))
    (_roof_tiles if roof.pitch else _roof_fixtures)(canvas, window, inside, (along, across), rng)


def _shape_roof(
    canvas: Canvas, window: tuple[slice, slice], inside: Mask, box: Box, roof: Roof, position: tuple[Field, Field]
) -> None:
    along, across = position
    rise_a = roof.pitch * (box.half_length - np.abs(along)) if roof.hipped else np.float32(1e3)
    rise_q = roof.pitch * (box.half_width - np.abs(across))
    end = rise_a < rise_q
    slope_p = np.where(end, -roof.pitch * np.sign(along), 0)
    slope_q = np.where(end, 0, -roof.pitch * np.sign(across))
    cos, sin = np.cos(box.angle), np.sin(box.angle)
    canvas.height[window][inside] = (roof.eaves + np.minimum(rise_a, rise_q))[inside]
    canvas.slope[0][window][inside] = (sin * slope_p + cos * slope_q)[inside]
    canvas.slope[1][window][inside] = (cos * slope_p - sin * slope_q)[inside]


def _roof_tiles(
    canvas: Canvas, window: tuple[slice, slice], inside: Mask, position: tuple[Field, Field], rng: np.random.Generator
) -> None:
    """Courses of tiles, a bright ridge, a chimney or a skylight."""
    along, across = position
    albedo = canvas.albedo[window]
    albedo[inside] *= (1 + 0.05 * np.cos(2 * np.pi * across / 0.9))[inside] if canvas.gsd < 0.4 else 1.0
    albedo[inside & (np.abs(across) < 0.55 * canvas.gsd + 0.1)] *= 1.12
    for _ in range(rng.integers(0, 3)):
        spot = inside & (np.abs(along - rng.uniform(-4, 4)) < 0.6) & (np.abs(across - rng.uniform(-3, 3)) < 0.5)
        canvas.paint(spot, Coat("slate") if rng.random() < 0.5 else Coat("metal", "clear water", 0.5), window)
        canvas.height[window][spot] += 0.7 * float(rng.random() < 0.5)


def _roof_fixtures(
    canvas: Canvas, window: tuple[slice, slice], inside: Mask, position: tuple[Field, Field], rng: np.random.Generator
) -> None:
    """A parapet, seams or rows of skylights, and machinery."""
    along, across = position
    length, breadth = np.abs(along[inside]).max(), np.abs(across[inside]).max()
    rim = inside & ((np.abs(along) > length - 0.5) | (np.abs(across) > breadth - 0.5))
    canvas.albedo[window][rim] *= 1.2
    canvas.height[window][rim] += 0.5
    bay = rng.uniform(4, 9)
    lights = inside & (np.mod(along, bay) < 1.1) & (np.abs(across) < 0.75 * breadth) & bool(rng.random() < 0.4)
    canvas.paint(lights, Coat("white paint", "metal", 0.5, 0.8), window)
    canvas.albedo[window][inside] *= (1 + 0.04 * np.sign(np.sin(2 * np.pi * along / (bay / 2))))[inside]
    for _ in range(rng.poisson(length * breadth / 60)):
        at, size = (rng.uniform(-0.8, 0.8) * length, rng.uniform(-0.8, 0.8) * breadth), rng.uniform(0.6, 2.0)
        unit = inside & (np.abs(along - at[0]) < size) & (np.abs(across - at[1]) < 0.7 * size)
        canvas.paint(
            unit, Coat("metal" if rng.random() < 0.6 else "concrete", albedo=float(rng.uniform(0.7, 1.3))), window
        )
        canvas.height[window][unit] += 1.4


def park_car(canvas: Canvas, row: float, col: float, angle: float, rng: np.random.Generator) -> None:
    """A car, or now and then a lorry, along ``angle``."""
    lorry = rng.random() < 0.06
    box = Box(row, col, 4.5 if lorry else rng.uniform(2.0, 2.4), 1.25 if lorry else 0.9, angle)
    framed = box.frame(canvas)
    if framed is None:
        return
    window, along, across = framed
    body = (np.abs(along) < box.half_length) & (np.abs(across) < box.half_width)
    canvas.paint(body, Coat(str(rng.choice(BODIES)), albedo=float(rng.uniform(0.6, 1.25)), rough=0.02), window)
    canvas.height[window][body] = 3.0 if lorry else 1.3
    if lorry:
        return
    glass = body & (((along > 0.45) & (along < 1.1)) | ((along > -1.75) & (along < -1.2)))
    canvas.paint(glass, Coat("slate", albedo=0.5, rough=0.02), window)
    roof = body & (along > -1.2) & (along < 0.45)
    canvas.height[window][roof] = 1.5


def drive(canvas: Canvas, parcels: Parcels, rng: np.random.Generator) -> None:
    """Vehicles in the lanes of paved ways, and along the kerbs of streets."""
    paved = (parcels.road < -1.2) & (parcels.width >= STREET) & (canvas.first == INDEX["asphalt"])
    candidates = np.flatnonzero(paved)
    if not len(candidates) or canvas.gsd > 1.2:
        return
    count = rng.poisson(len(candidates) * canvas.gsd**2 / 420)
    for pixel in rng.choice(candidates, count):
        row, col = np.unravel_index(pixel, canvas.shape)
        lane = 1.9 if parcels.width[row, col] >= MAIN_ROAD else 1.5
        if abs(parcels.lateral[row, col] - lane) > 0.5:
            continue
        coordinate = (parcels.v, parcels.u)[parcels.axis[row, col]]
        park_car(canvas, float(row), float(col), _direction(coordinate, row, col), rng)


def _direction(coordinate: Field, row: int, col: int) -> float:
    r, c = max(int(row), 1), max(int(col), 1)
    return float(np.arctan2(coordinate[r, c] - coordinate[r - 1, c], coordinate[r, c] - coordinate[r, c - 1]))

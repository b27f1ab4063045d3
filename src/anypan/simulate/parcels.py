"""How land is divided: a tree of cuts along two gently curved axes, whose cuts are roads, tracks or mere seams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anypan.simulate.texture import Field, smooth

MAIN_ROAD, STREET, TRACK = 8.5, 6.0, 3.2  # widths, m


@dataclass(frozen=True)
class Cut:
    """A node of the tree: ``axis`` 0 cuts u, 1 cuts v, at ``at`` metres, with a way of ``width`` metres on it."""

    axis: int
    at: float
    width: float
    hedge: bool
    low: int
    high: int


@dataclass(frozen=True)
class Parcels:
    """Division of an (H, W) image. All lengths are metres; ``u, v`` (H, W) are the curved axes of the place.

    ``label`` (H, W) numbers the parcels, ``rects`` (L, 4) are their u0, u1, v0, v1 and ``urban`` (L,) their closeness
    to a town, 0..1. ``seam`` (H, W) is the distance to the parcel's edge, ``hedge`` the same to edges with a hedge;
    ``road`` the distance to the rim of the nearest way (negative on it), ``lateral`` to its middle, ``along`` the
    position along it, ``width`` its width; ``axis`` is 0 where it runs along v,
    and ``way`` its number (-1 without any).
    """

    u: Field
    v: Field
    label: NDArray[np.int32]
    rects: Field
    urban: Field
    seam: Field
    hedge: Field
    road: Field
    lateral: Field
    along: Field
    width: Field
    axis: NDArray[np.uint8]
    way: NDArray[np.int32]


@dataclass
class _Division:
    rng: np.random.Generator
    towns: NDArray[np.float64]  # (T, 3): u, v, radius
    block: float
    town_block: float
    cuts: list[Cut | None]
    rects: list[tuple[float, float, float, float]]
    urban: list[float]

    def urbanity(self, u: float, v: float) -> float:
        far = np.hypot(self.towns[:, 0] - u, self.towns[:, 1] - v) / self.towns[:, 2]
        return float(np.exp(-(far**4)).max()) if len(far) else 0.0

    def divide(self, rect: tuple[float, float, float, float]) -> int:
        """Cut a rectangle until it is as small as its place wants; returns the node's number, < 0 for a parcel."""
        u0, u1, v0, v1 = rect
        sides, urban = (u1 - u0, v1 - v0), self.urbanity((u0 + u1) / 2, (v0 + v1) / 2)
        usual = self.town_block if urban > 0.35 else 1.25 * self.block
        if max(sides) < usual * self.rng.uniform(0.8, 1.5) and self.cuts:
            self.rects.append(rect)
            self.urban.append(urban)
            return -len(self.rects)
        axis = int(sides[1] > sides[0] * self.rng.uniform(0.8, 1.25))
        share = self.rng.uniform(0.36, 0.64)
        at = (rect[0] + share * sides[0]) if axis == 0 else (rect[2] + share * sides[1])
        number = len(self.cuts)
        self.cuts.append(None)
        low = self.divide((u0, at, v0, v1) if axis == 0 else (u0, u1, v0, at))
        high = self.divide((at, u1, v0, v1) if axis == 0 else (u0, u1, at, v1))
        width = self._way(max(sides), urban, usual)
        self.cuts[number] = Cut(axis, at, width, width < STREET and self.rng.random() < 0.3, low, high)
        return number

    def _way(self, side: float, urban: float, usual: float) -> float:
        if side > 5.5 * usual and self.rng.random() < 0.9:
            return MAIN_ROAD
        if urban > 0.3 and side > 1.6 * usual:
            return STREET
        return TRACK if self.rng.random() < (0.55 if side > 2.2 * usual else 0.12) else 0.0


def divide(shape: tuple[int, int], gsd: float, rng: np.random.Generator) -> Parcels:
    """Divide an image of ``shape`` pixels of ``gsd`` metres. Parcels are never smaller than some 30 pixels."""
    u, v = _axes(shape, gsd, rng)
    bounds = (float(u.min()) - 1, float(u.max()) + 1, float(v.min()) - 1, float(v.max()) + 1)
    block = max(float(rng.uniform(70, 170)), 36 * gsd)
    division = _Division(rng, _towns(bounds, block, rng), block, max(0.55 * block, 64.0), [], [], [])
    root = division.divide(bounds)
    return _rasterise(u, v, root, division)


def _axes(shape: tuple[int, int], gsd: float, rng: np.random.Generator) -> tuple[Field, Field]:
    angle = rng.uniform(0, np.pi)
    rows = (np.arange(shape[0], dtype=np.float32) * np.float32(gsd))[:, None]
    cols = (np.arange(shape[1], dtype=np.float32) * np.float32(gsd))[None, :]
    bend = max(260.0, 150 * gsd)
    warp = [smooth(shape, rng, bend / gsd) * np.float32(bend * rng.uniform(0.02, 0.07)) for _ in range(2)]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * cols + sin * rows + warp[0], cos * rows - sin * cols + warp[1]


def _towns(bounds: tuple[float, float, float, float], block: float, rng: np.random.Generator) -> NDArray[np.float64]:
    u0, u1, v0, v1 = bounds
    count = rng.poisson(0.65 + (u1 - u0) * (v1 - v0) / (14 * block) ** 2)
    radius = block * rng.uniform(1.1, 3.0, count)
    return np.stack([rng.uniform(u0, u1, count), rng.uniform(v0, v1, count), radius], 1)


def _rasterise(u: Field, v: Field, root: int, division: _Division) -> Parcels:
    """Walk every pixel down the tree, noting the nearest seam, hedge and way on the way."""
    far = np.float32(1e6)
    seam, hedge, road, lateral = (np.full(u.shape, far) for _ in range(4))
    along, width, axis = np.zeros_like(u), np.zeros_like(u), np.zeros(u.shape, np.uint8)
    label, way = np.zeros(u.shape, np.int32), np.full(u.shape, -1, np.int32)
    stack = [(root, np.arange(u.size))]
    flat = [a.reshape(-1) for a in (u, v, seam, hedge, road, lateral, along, width, axis, way, label)]
    while stack:
        node, pixels = stack.pop()
        cut = division.cuts[node] if node >= 0 else None
        if cut is None:
            flat[-1][pixels] = -node - 1
            continue
        offset = flat[cut.axis][pixels] - np.float32(cut.at)
        _note_cut((node, cut), pixels, np.abs(offset), flat)
        stack += [(cut.low, pixels[offset < 0]), (cut.high, pixels[offset >= 0])]
    rects, urban = (np.asarray(values, np.float32) for values in (division.rects, division.urban))
    return Parcels(u, v, label, rects, urban, seam, hedge, road, lateral, along, width, axis, way)


def _note_cut(numbered: tuple[int, Cut], pixels: NDArray[np.intp], distance: Field, flat: list[NDArray]) -> None:
    number, cut = numbered
    _, _, seam, hedge, road, lateral, along, width, axis, way, _ = flat
    seam[pixels] = np.minimum(seam[pixels], distance)
    if cut.hedge:
        hedge[pixels] = np.minimum(hedge[pixels], distance)
    if not cut.width:
        return
    nearer = distance - np.float32(cut.width / 2) < road[pixels]
    won, distance = pixels[nearer], distance[nearer]
    road[won], lateral[won] = distance - np.float32(cut.width / 2), distance
    along[won], width[won], axis[won], way[won] = flat[1 - cut.axis][won], cut.width, cut.axis, number

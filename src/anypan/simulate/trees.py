"""Trees: where they stand, their crowns as bumps in the height, their leaves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anypan.simulate.canvas import INDEX, Canvas
from anypan.simulate.texture import Field, fractal

SPACING = 4.6  # metres between the places where a tree could stand
CLASSES = 5  # sizes that crowns are stamped in
CHUNK = 400_000  # pixels stamped at once


def candidates(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, 3) row, col, crown radius in pixels of places on a shaken grid; crowns are at least two pixels wide."""
    spacing = max(SPACING, 3.4 * canvas.gsd) / canvas.gsd
    rows, cols = (np.arange(-0.5, extent / spacing + 0.5) for extent in canvas.shape)
    grid = np.stack(np.meshgrid(rows, cols, indexing="ij"), -1).reshape(-1, 2)
    place = (grid + rng.uniform(-0.45, 0.45, grid.shape)) * spacing
    radius = spacing * np.clip(np.exp(rng.normal(-0.42, 0.26, len(grid))), 0.35, 1.1)
    return np.column_stack([place, radius])


def plant(canvas: Canvas, density: Field, rng: np.random.Generator) -> None:
    """Let a tree grow with probability ``density`` (H, W) at each place that is not closed; conifers in stands."""
    trees = candidates(canvas, rng)
    at = tuple(np.clip(np.rint(trees[:, k]).astype(int), 0, canvas.shape[k] - 1) for k in (0, 1))
    stand = fractal(canvas.shape, rng, 150 / canvas.gsd, 0.6, 16 / canvas.gsd if canvas.gsd < 16 else 1.0)
    keep = (rng.random(len(trees)) < density[at]) & ~canvas.closed[at]
    dark = (stand[at] + rng.normal(0, 0.5, len(trees)) > 0.9)[keep]
    crown, winner = _stamp(canvas, trees[keep], dark)
    covered = np.flatnonzero(crown.ravel() > 0)
    of_tree = winner.ravel()[covered]
    _leaf(canvas, covered, of_tree, dark, rng)
    _bulge(canvas, crown, covered, rng)


def _stamp(canvas: Canvas, trees: NDArray[np.float64], dark: NDArray[np.bool_]) -> tuple[Field, NDArray[np.int32]]:
    """Crowns as caps of height (H, W), metres, 0 without a tree, and the number of the tree that is on top."""
    crown, winner = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, np.int32)
    order = np.argsort(trees[:, 2])
    for part in np.array_split(order, CLASSES):
        reach = int(np.ceil(trees[part, 2].max())) + 1 if len(part) else 0
        step = max(1, CHUNK // (2 * reach + 1) ** 2)
        for start in range(0, len(part), step):
            some = part[start : start + step]
            _stamp_some(crown, winner, trees[some], some, (reach, canvas.gsd, dark[some]))
    return crown, winner


def _stamp_some(
    crown: Field,
    winner: NDArray[np.int32],
    trees: NDArray[np.float64],
    numbers: NDArray[np.intp],
    how: tuple[int, float, NDArray[np.bool_]],
) -> None:
    reach, gsd, dark = how
    offset = np.arange(-reach, reach + 1)
    row = np.rint(trees[:, 0]).astype(int)[:, None, None] + offset[None, :, None]
    col = np.rint(trees[:, 1]).astype(int)[:, None, None] + offset[None, None, :]
    radius = trees[:, 2, None, None]
    far = np.hypot(row - trees[:, 0, None, None], col - trees[:, 1, None, None]) / radius
    dome = np.sqrt(np.clip(1 - far**2, 0, None)) * 0.9 + 0.9
    cone = np.clip(1 - far, 0, None) * 2.2 + 0.9
    height = np.where(dark[:, None, None], cone, dome) * radius * gsd + 0.8
    row, col = np.broadcast_arrays(row, col)
    inside = (far < 1) & (row >= 0) & (row < crown.shape[0]) & (col >= 0) & (col < crown.shape[1])
    pixels = (row * crown.shape[1] + col)[inside]
    height = height[inside].astype(np.float32)
    number = np.broadcast_to(numbers[:, None, None], inside.shape)[inside]
    np.maximum.at(crown.reshape(-1), pixels, height)
    top = crown.reshape(-1)[pixels] == height
    winner.reshape(-1)[pixels[top]] = number[top]


def _leaf(
    canvas: Canvas,
    covered: NDArray[np.intp],
    of_tree: NDArray[np.int32],
    dark: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    bright = np.exp(rng.normal(0, 0.16, len(dark))).astype(np.float32)
    mixed = rng.beta(1.2, 3.5, len(dark)).astype(np.float32)
    leaf = np.where(dark, INDEX["conifer"], INDEX["broadleaf"]).astype(np.uint8)
    other = rng.choice([INDEX["crop"], INDEX["grass"], INDEX["straw"]], len(dark), p=(0.6, 0.3, 0.1)).astype(np.uint8)
    canvas.first.reshape(-1)[covered] = leaf[of_tree]
    canvas.second.reshape(-1)[covered] = other[of_tree]
    canvas.share.reshape(-1)[covered] = mixed[of_tree]
    canvas.albedo.reshape(-1)[covered] = bright[of_tree]
    canvas.rough.reshape(-1)[covered] = 0.13


def _bulge(canvas: Canvas, crown: Field, covered: NDArray[np.intp], rng: np.random.Generator) -> None:
    """Boughs and the slopes of the crowns, so that light falls on one side of them."""
    bough = fractal(canvas.shape, rng, max(2.0, 1.8 / canvas.gsd), 0.8)
    crown = np.where(crown > 0, crown + np.float32(0.22) * bough * min(canvas.gsd, 1.0) / 0.25, 0)
    for axis in (0, 1):
        slope = np.gradient(crown, canvas.gsd, axis=axis)
        canvas.slope[axis].reshape(-1)[covered] = np.clip(slope, -1.6, 1.6).reshape(-1)[covered]
    canvas.height.reshape(-1)[covered] = np.maximum(canvas.height, crown).reshape(-1)[covered]


def orchard(canvas: Canvas, where: NDArray[np.bool_], axes: tuple[Field, Field], kind: str) -> None:
    """Rows of small trees 5 m x 4 m apart, or of vines every 2.2 m, along the first of the ``axes`` (u, v)."""
    along, across = axes[0][where], axes[1][where]
    if kind == "vineyard":
        bump = 0.55 - np.abs(np.mod(across, 2.2) - 1.1)
        height, leaf = np.where(bump > 0, 1.5, 0), "crop"
    else:
        far = np.hypot(np.mod(along, 4.5) - 2.25, np.mod(across, 5.5) - 2.75) / 1.7
        height, leaf = np.where(far < 1, 1.2 + 2.2 * np.sqrt(np.clip(1 - far**2, 0, None)), 0), "broadleaf"
    pixels = np.flatnonzero(where.ravel())[height > 0]
    canvas.height.reshape(-1)[pixels] = height[height > 0]
    canvas.first.reshape(-1)[pixels] = INDEX[leaf]
    canvas.share.reshape(-1)[pixels] *= 0.3
    canvas.rough.reshape(-1)[pixels] = 0.12

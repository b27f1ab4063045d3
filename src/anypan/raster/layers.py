"""Which of several files are the tiles of one image, and which are its bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from anypan.raster.read import Sheet, band_in_name, descriptions_of
from anypan.raster.validity import FILE, fill_of
from anypan.runtime.errors import UserError

APART = 0.05  # of its pixels that a tile may share with its neighbours, whatever they hold
MOSTLY = 0.5  # of its pixels that a band shares with the others at least
OVERLAP = 0.9  # of its pixels that a tile may share with its neighbours where both hold the same
LOOK, ALIKE = 256, 0.9  # pixels along a side of what is compared, and the share of equal ones in tiles of one image

Layer = Sequence[Sheet]


def layers_of(sheets: Sequence[Sheet]) -> list[list[Sheet]]:
    """Sheets that lie side by side, together; each other sheet by itself. Raises UserError for bands far apart."""
    layers: list[list[Sheet]] = []
    for sheet in sheets:
        home = next((layer for layer in layers if all(_side_by_side(sheet, other) for other in layer)), None)
        if home is None:
            layers.append([sheet])
        else:
            home.append(sheet)
    spans = [common(layers, axis) for axis in (0, 1)]
    shared = math.prod(max(0, end - first) for first, end in spans)
    for layer in layers:
        size = math.prod(end - first for first, end in (common([layer], axis) for axis in (0, 1)))
        if 0 < shared < MOSTLY * size:
            raise UserError(
                f"{layer[0].dataset.name} shares {100 * shared / size:.2g} % of its pixels with the other files: give "
                "bands of one extent; tiles of one image need a mosaic first (gdalbuildvrt, and --allow-vrt)."
            )
    return layers


def common(layers: Sequence[Layer], axis: int) -> tuple[int, int]:
    """What all layers cover along an axis: first and end."""
    firsts = [min(s.corner[axis] for s in layer) for layer in layers]
    ends = [max(s.corner[axis] + s.dataset.shape[axis] for s in layer) for layer in layers]
    return max(firsts), min(ends)


def layer_notes(name: str, layers: Sequence[Layer]) -> list[str]:
    """What was made of the files."""
    notes: list[str] = []
    if any(len(layer) > 1 for layer in layers):
        count = sum(len(layer) for layer in layers)
        notes.append(f"{count} files side by side were taken for the tiles of {len(layers)} image(s): a mosaic.")
    gap = max(map(_gap, layers))
    if gap:
        notes.append(
            f"The tiles of {name} and others leave {100 * gap:.2g} % of their extent empty, which is nodata: check "
            "whether one is missing."
        )
    if len({tuple(common([layer], axis) for axis in (0, 1)) for layer in layers}) > 1:
        notes.append(f"The files of {name} and others differ in extent: their common part was taken.")
    seen = [sheet.dataset.name for layer in layers for sheet in layer]
    notes += [
        f"{twice} is named {seen.count(twice)} times." for twice in sorted({s for s in seen if seen.count(s) > 1})
    ]
    return notes


def _gap(layer: Layer) -> float:
    """The share of the smallest rectangle around a layer's tiles that none of them covers."""
    corners, shapes = (np.array([pick(s) for s in layer]) for pick in (lambda s: s.corner, lambda s: s.dataset.shape))
    ends = corners + shapes
    rows, cols = (np.unique(np.concatenate([corners[:, axis], ends[:, axis]])) for axis in (0, 1))
    covered = np.zeros((len(rows) - 1, len(cols) - 1), bool)
    for (top, left), (bottom, right) in zip(corners, ends, strict=True):
        covered |= np.outer((rows[:-1] >= top) & (rows[1:] <= bottom), (cols[:-1] >= left) & (cols[1:] <= right))
    areas = np.outer(np.diff(rows), np.diff(cols))
    return float(areas[~covered].sum() / areas.sum())


def _side_by_side(one: Sheet, other: Sheet) -> bool:
    """True for tiles of one image: they hardly overlap, or hold the same where they do."""
    if one.dataset.count != other.dataset.count or one.dataset.dtypes != other.dataset.dtypes:
        return False
    if _in_another_order(one.dataset, other.dataset) or _scaled(one.dataset) != _scaled(other.dataset):
        return False
    spans = _overlap(one, other)
    shared = math.prod(max(0, end - first) for first, end in spans)
    size = min(math.prod(sheet.dataset.shape) for sheet in (one, other))
    return shared <= APART * size or (shared < OVERLAP * size and _alike(one, other, spans))


def _in_another_order(one: Any, other: Any) -> bool:
    """True for files of one band that are named as different bands, and for files of the same bands turned round."""
    if one.count == 1:
        ends = [(band_in_name(dataset) or "").lower() for dataset in (one, other)]
        return all(ends) and ends[0] != ends[1]
    names = [[(name or "").lower() for name in descriptions_of(dataset)] for dataset in (one, other)]
    return names[0] != names[1] and sorted(names[0]) == sorted(names[1])


def _scaled(dataset: Any) -> tuple[float, ...]:
    return (*dataset.scales, *dataset.offsets)


def _overlap(one: Sheet, other: Sheet) -> list[tuple[int, int]]:
    return [
        (max(a, b), min(a + n, b + m))
        for a, n, b, m in zip(one.corner, one.dataset.shape, other.corner, other.dataset.shape, strict=True)
    ]


def _alike(one: Sheet, other: Sheet, spans: Sequence[tuple[int, int]]) -> bool:
    """True if two sheets hold the same in the middle of what they share, where both are valid."""
    sizes = [min(end - first, LOOK) for first, end in spans]
    row, col = ((first + end - size) // 2 for (first, end), size in zip(spans, sizes, strict=True))
    parts = [_part(sheet, row, col, *sizes) for sheet in (one, other)]
    both = parts[0][1] & parts[1][1]
    return not both.any() or bool((parts[0][0] == parts[1][0]).all(0)[both].mean() >= ALIKE)


def _part(sheet: Sheet, row: int, col: int, height: int, width: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels (C, height, width) of a sheet and where they are valid (height, width)."""
    data = sheet.dataset
    window = Window(col - sheet.corner[1], row - sheet.corner[0], width, height)  # type: ignore[call-arg]
    values = data.read(window=window)
    fill = fill_of(data, sheet.marks, data.indexes, values, window, FILE)
    invalid = np.isnan(values) if fill is None else fill
    return values, np.logical_not(invalid.any(0))

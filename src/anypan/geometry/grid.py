"""Grid: shape, affine transform and CRS of a raster, without pixels; and where MS pixels lie on a PAN grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine

TIE = 1e-6  # PAN pixels
IDENTITY = Affine.identity()
MAX_SKEW = 1.02  # between the ratios along rows and columns that count as one
MAX_APART = 0.5  # PAN pixels that an image's georeferencing may differ from the PAN's
DRIFT = 0.05  # PAN pixels that a ratio taken as whole may accumulate over the whole image


@dataclass(frozen=True)
class Grid:
    """``shape`` is (rows, columns); ``transform`` maps (column, row) of pixel corners to the CRS.

    ``crs`` is "EPSG:..." or WKT, and "" if unknown.
    """

    shape: tuple[int, int]
    transform: Affine = IDENTITY
    crs: str = ""

    @property
    def georeferenced(self) -> bool:
        """True if the transform says where the pixels lie on the ground."""
        return self.transform != IDENTITY


@dataclass(frozen=True)
class Lattice:
    """Where the pixels of an MS file of ``shape`` lie on a PAN grid.

    The upper-left corner of MS pixel (0, 0) is ``offset`` PAN pixels (row, column) from that of PAN pixel (0, 0).
    ``ratio`` is whole; ``exact`` is false where the MS has to be resampled to get there.
    """

    ratio: int
    offset: tuple[float, float]
    shape: tuple[int, int]
    exact: bool = True

    def overlaps(self, pan_shape: tuple[int, int]) -> bool:
        """True if it shares a pixel with a PAN of ``pan_shape`` (H, W)."""
        return place(self, pan_shape) is not None


@dataclass(frozen=True)
class Placement:
    """The part of a lattice that a scene consists of.

    ``start``: the MS pixel that is the scene's (0, 0), ``shape``: MS pixels; ``origin``: the PAN pixel that is (0, 0)
    of the scene's PAN grid; ``phase``: see ``Sampling``. ``footprint``: rows and columns (first, end) of the PAN file
    that the MS covers by its georeferencing; only these are valid. A shift moves the lattice, not the footprint,
    unless they come to differ by more than an MS pixel.
    """

    start: tuple[int, int]
    shape: tuple[int, int]
    origin: tuple[int, int]
    phase: tuple[float, float]
    footprint: tuple[tuple[int, int], tuple[int, int]]


def pixels_apart(grid: Grid, other: Grid) -> float:
    """How far the corners of two grids in one CRS are apart, in pixels of the first; 0 where one has no place."""
    if not (grid.georeferenced and other.georeferenced):
        return 0.0
    step, ends = ~grid.transform @ other.transform, [((0, 0), (0, 0)), (other.shape[::-1], grid.shape[::-1])]
    return max(abs(a - b) for theirs, own in ends for a, b in zip(step @ theirs, own, strict=True))


def ratios(pan: Grid, ms: Grid) -> tuple[float, float]:
    """PAN pixels per MS pixel along rows and columns, for grids in one CRS."""
    step = ~pan.transform @ ms.transform
    return math.hypot(step.e, step.b), math.hypot(step.a, step.d)


def lattice_of(pan: Grid, ms: Grid) -> Lattice:
    """The lattice of an MS grid in the PAN's CRS: exact if the ratio is whole and the axes are parallel."""
    step = ~pan.transform @ ms.transform
    ratio = max(2, math.ceil(max(ratios(pan, ms)) - 0.5))
    rows, cols = ms.shape
    drifts = (step.e - ratio) * rows, (step.a - ratio) * cols, step.b * rows, step.d * cols
    exact = max(abs(d) for d in drifts) < DRIFT
    offset = (step.f + drifts[0] / 2, step.c + drifts[1] / 2)
    return Lattice(ratio, offset, ms.shape, exact)


def whole_ratio(pan: tuple[int, int], ms: tuple[int, int]) -> int | None:
    """The whole ratio at which MS pixels, but for a part of one at the end, cover a PAN of a shape; None without."""
    ratio = max(2, round(max(p / m for p, m in zip(pan, ms, strict=True))))
    fits = all(m in (p // ratio, -(-p // ratio)) for p, m in zip(pan, ms, strict=True))
    return ratio if fits else None


def stretched_over(pan: Grid, shape: tuple[int, int]) -> Grid:
    """The grid of an MS of ``shape`` without georeferencing: it is taken to cover the PAN's extent.

    Where whole pixels do so, but for a part of one on the right and below, they begin where the PAN does.
    """
    high, wide = (size / count for size, count in zip(pan.shape, shape, strict=True))
    ratio = whole_ratio(pan.shape, shape)
    scale = Affine.scale(ratio) if ratio else Affine.scale(wide, high)
    return Grid(shape, pan.transform @ scale, pan.crs)


def coarse_part(pan: Grid, ms: Grid, ratio: int) -> tuple[Grid, Lattice] | None:
    """The MS grid that is aligned to the PAN's, ``ratio`` times coarser, where ``ms`` (in the PAN's CRS) covers it.

    None if they do not overlap.
    """
    step = ~pan.transform @ ms.transform
    rows, cols = ms.shape
    points = [step @ corner for corner in ((0, 0), (cols, 0), (0, rows), (cols, rows))]
    spans = []
    for axis, size in ((1, pan.shape[0]), (0, pan.shape[1])):
        low, high = (bound(p[axis] for p in points) / ratio for bound in (min, max))
        spans.append((max(0, math.floor(low + 1e-6)), min(math.ceil(size / ratio), math.ceil(high - 1e-6))))
    (top, bottom), (left, right) = spans
    if top >= bottom or left >= right:
        return None
    transform = pan.transform @ Affine.translation(left * ratio, top * ratio) @ Affine.scale(ratio)
    shape = bottom - top, right - left
    return Grid(shape, transform, pan.crs), Lattice(ratio, (top * ratio, left * ratio), shape)


def place(lattice: Lattice, pan_shape: tuple[int, int], shift: tuple[float, float] = (0.0, 0.0)) -> Placement | None:
    """The whole MS pixels that cover PAN and MS alike, with the lattice moved by ``shift``; None without overlap."""
    rows, cols = (
        _place_axis(lattice.ratio, lattice.offset[k], shift[k], lattice.shape[k], pan_shape[k]) for k in (0, 1)
    )
    if rows is None or cols is None:
        return None
    return Placement(*zip(rows, cols, strict=True))  # type: ignore[arg-type]


def _place_axis(
    ratio: int, offset: float, shift: float, size: int, pan_size: int
) -> tuple[int, int, int, float, tuple[int, int]] | None:
    first = max(0, math.ceil(offset - 0.5 - TIE))  # pixels whose centres the MS covers, its edge included
    end = min(pan_size, math.floor(offset + ratio * size - 0.5 + TIE) + 1)
    base = math.ceil(offset + shift - 0.5 - TIE)
    first, end = max(first, base - ratio), min(end, base + ratio * (size + 1))
    if first >= end:
        return None
    start = (first - base) // ratio
    count = -((base - end) // ratio) - start
    return start, count, base + ratio * start, offset + shift - base, (first, end)

"""Fill that no header marks: told by exact repetition and by a jump to what lies beside it, never by darkness alone.

Three kinds are taken for fill. A frame: one value in all bands around the image, from a corner inwards, with a jump to
the image at its inner edge, or with straight edges. A value far off all others, such as -9999 or 65535 in 11-bit data,
in any band. 0 in all bands at once, where nothing is less or near it, with a jump beside it. Water that was cut at 0
has values of 1 and 2 beside it, saturated cloud and a shore have soft edges, as the instrument saw them: these are no
fill.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from anypan.raster.edges import after, beside, holds, soft
from anypan.raster.frame import LEAST_FRAME, MOST_LINES, Frame
from anypan.raster.read import Raster

CORNER = 32  # pixels along a side of what is looked at in the corners
LEAST_FAR, LEAST_ZERO = 4, 64  # pixels that hold a value far off, and 0
USUAL = {-999.0, -9999.0, -99999.0, -32767.0, -32768.0, 55537.0, 65535.0, float(np.finfo(np.float32).min)}  # as fill
LEAST_INSIDE = 0.01  # of the pixels, of a frame whose value the image has, too
SAMPLE, WINDOW = 2**19, 64  # values that statistics are taken of, and pixels along a side of their windows
STRIP = 2**22  # values that are read at once
SEARCHED = 2**27  # values that are searched through; of larger images evenly spread strips
NEAR, STEPS = 0.02, 2  # of a band's range, and steps between its levels: as near as the image's own values lie
ELSEWHERE = 4  # pixels in the image with a frame's value, for each of the frame, of a frame that a jump shows
REACHED, SPAN = 0.5, 0.5  # of the way to a saturated value that others go; of a side, of a frame of such a value
EDGE = 0.1  # of the pixels at a frame's inner edge that may be near its value
ALIKE = 0.02  # pixels near 0, for each that holds it
OUTER, GAP = 10, 3  # interquartile ranges off the median; the gap over the image's own range on that side
BETWEEN = 0.25  # pixels in the gap, for each with the value: fill that was resampled has some
MOST_FAR, MOST_VALUES = 8, 10_000  # values that are tried as fill, and that are counted
MOST_ALONE = 8  # bands with a value of their own in a corner that are looked at for a frame of their own
SOFT = 0.2  # of an edge that may be soft

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Unmarked(Raster):
    """A raster with its unmarked fill invalid: in ``frames``; ``anywhere``, in any band, or in all where the rules
    say so; ``zero``: where all of the bands ``searched`` are 0 at once."""

    frames: tuple[Frame, ...] = ()
    anywhere: tuple[float, ...] = ()
    zero: bool = False
    searched: tuple[tuple[int, int], ...] = ()

    @property
    def maybe_invalid(self) -> bool:
        """True: it has fill."""
        return True

    @property
    def filler(self) -> float | None:
        """The value of its fill, the first that was found, as its pixels hold it."""
        found = [*self.anywhere, *(float(f.value[0]) for f in self.frames if (f.value == f.value[0]).all())]
        found += [0.0] if self.zero else []
        return _held(found[0], self.dtypes[0]) if found else None

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Floats, Bools]:
        """See Raster.read: (C, height, width) and (height, width)."""
        image, valid = _plain(self).read(row, col, height, width)
        for frame in self.frames:
            valid = valid & ~frame.covers(row, col, height, width)
        for value in self.anywhere:
            held = image == np.float32(value)
            valid = valid & ~(held.all(0) if self.rules.all_bands else held.any(0))
        if self.zero:
            every = (
                image if self.bands == self.searched else _plain(self, self.searched).read(row, col, height, width)[0]
            )
            valid = valid & ~(every == 0).all(0)
        return image, valid


def without_unmarked(raster: Raster, option: str) -> Raster:
    """The raster with what is evidently fill invalid, and a note on it; itself if there is none.

    ``option`` names in the note how the user can say so. A raster whose fill the user names is left as it is.
    """
    if raster.rules.nodata is not None or min(raster.shape) < 2:
        return raster
    corners = _corners(raster)
    image = _sample(raster, corners)
    if image.shape[1] < LEAST_FRAME:
        return raster
    frames = tuple(frame for value in corners if (frame := _frame(raster, value, image)) is not None)
    framed = _with(raster, frames=frames)
    anywhere, zero = _inside(framed, image)
    partly = [*_of_saturated(framed, corners, image, option), *_of_one_band(framed, image, option)]
    if not (frames or anywhere or zero):
        return replace(raster, notes=(*raster.notes, *partly))
    found = _with(raster, frames=frames, anywhere=anywhere, zero=zero)
    return replace(found, notes=(*raster.notes, *_notes(found, option), *partly))


def _with(raster: Raster, **changes: object) -> Unmarked:
    known = {f.name: getattr(raster, f.name) for f in fields(raster)}
    return Unmarked(**{"searched": raster.bands} | known | changes)  # type: ignore[arg-type]


def _plain(raster: Raster, bands: tuple[tuple[int, int], ...] | None = None) -> Raster:
    return Raster(raster.name, raster.grid, raster.layers, bands or raster.bands, raster.rules)


def _held(value: float, dtype: str) -> float:
    """A value that was read as float32, as pixels of a type can hold it."""
    kind = np.dtype(dtype)
    return value if kind.kind == "f" else float(min(max(value, np.iinfo(kind).min), np.iinfo(kind).max))


def _notes(found: Unmarked, option: str) -> Iterator[str]:
    """One sentence for each kind and value."""
    said = f"which no header marks: taken for fill; {option} names it, and {option} nan says that there is none."
    dtype, every = found.dtypes[0], found.shape[0] * found.shape[1]
    for frame in found.frames:
        where = f"in a frame of {100 * frame.size / every:.2g} % of its pixels"
        yield f"{found.name} holds {_held(float(frame.value[0]), dtype):.10g} {where}, {said}"
    for value in found.anywhere:
        yield f"{found.name} holds {_held(value, dtype):.10g} in several pixels, far off all other values, {said}"
    if found.zero:
        yield f"{found.name} holds 0 in all bands of many pixels and nothing near it, {said}"


def _of_saturated(raster: Unmarked, corners: list[Floats], image: Floats, option: str) -> Iterator[str]:
    """Notes on corners with the image's brightest value, which a roof has, too, and that are not taken for a frame."""
    for value in corners:
        if _saturated(value, image) and not any(np.array_equal(value, frame.value) for frame in raster.frames):
            held = f"{_held(float(value[0]), raster.dtypes[0]):.10g}"
            yield (
                f"{raster.name} holds {held} in a corner, its brightest value, as saturated ground does: left as it "
                f"is; if it is fill, pass {option} {held}."
            )


def _of_one_band(raster: Unmarked, image: Floats, option: str) -> Iterator[str]:
    """Notes on frames in some bands only, which dark water has, too: they are left to the user."""
    looks, tried = _looks(raster) if len(raster.bands) > 1 else [], 0
    for number, band in enumerate(raster.bands):
        alone, values = replace(raster, bands=(band,)), _repeated(looks, slice(number, number + 1))
        tried += bool(values)
        for value in values if tried <= MOST_ALONE else ():
            frame = _frame(alone, value, image[number : number + 1])
            if frame is not None:
                held = f"{_held(float(value[0]), raster.dtypes[0]):.10g}"
                share = f"{100 * frame.size / (raster.shape[0] * raster.shape[1]):.2g} %"
                yield (
                    f"Band {number + 1} of {raster.name} holds {held} in a frame of {share} of its pixels, other bands "
                    f"do not: left as it is; if it is fill, pass {option} {held}."
                )


def _corners(raster: Raster) -> list[Floats]:
    """The pixels (B,) of the corners that repeat around there."""
    return _repeated(_looks(raster), slice(None))


def _looks(raster: Raster) -> list[tuple[Floats, Bools]]:
    """The four corners, each turned so that its outermost pixel is the first: (B, h, w) and validity (h, w)."""
    height, width = (min(CORNER, n) for n in raster.shape)
    found = []
    for row, down in ((0, 1), (raster.shape[0] - height, -1)):
        for col, across in ((0, 1), (raster.shape[1] - width, -1)):
            image, valid = raster.read(row, col, height, width)
            found.append((image[:, ::down, ::across], valid[::down, ::across]))
    return found


def _repeated(looks: list[tuple[Floats, Bools]], bands: slice) -> list[Floats]:
    """The outermost pixels (B,) of corners, of some bands, that repeat there."""
    found: list[Floats] = []
    for image, valid in looks:
        value = image[bands, 0, 0]
        repeated = int((holds(image[bands], value) & valid).sum()) >= LEAST_FRAME
        if valid[0, 0] and repeated and not any(np.array_equal(value, other) for other in found):
            found.append(value)
    return found


def _sample(raster: Raster, without: list[Floats]) -> Floats:
    """Valid pixels (B, N) of evenly spread windows, less those that hold a value of ``without``."""
    count = max(1, SAMPLE // (WINDOW**2 * len(raster.bands)))
    sides = [min(max(1, math.isqrt(count)), -(-n // WINDOW)) for n in raster.shape]
    starts = [
        [max(0, n - WINDOW) * k // max(1, side - 1) for k in range(side)]
        for n, side in zip(raster.shape, sides, strict=True)
    ]
    pixels = []
    for row in starts[0]:
        for col in starts[1]:
            image, valid = raster.read(row, col, *(min(WINDOW, n) for n in raster.shape))
            for value in without:
                valid = valid & ~holds(image, value)
            pixels.append(image[:, valid])
    return np.concatenate(pixels, 1)


def _frame(raster: Raster, value: Floats, image: Floats) -> Frame | None:
    """The frame of ``value``, if it is one against the rest of the image (B, N)."""
    frame, edge, held = _traced(raster, value)
    if frame.size < LEAST_FRAME or not edge.shape[-1]:
        return None
    near = _near(image)
    first, jump = edge[0] - value[:, None], edge[1] - value[:, None]
    jumps = (np.abs(first) <= near[:, None]).all(0).mean() <= EDGE and held <= (1 + ELSEWHERE) * frame.size
    if _saturated(value, image) and frame.span < SPAN:
        return None
    if jumps and (soft(first, jump, near) <= SOFT or frame.straight()):
        return frame
    large = frame.size > LEAST_INSIDE * raster.shape[0] * raster.shape[1]
    return frame if large and frame.straight(MOST_LINES + 1) else None  # of a value that the image has, too


def _saturated(value: Floats, image: Floats) -> bool:
    """Whether a value (B,) is the brightest, and others of the image (B, N) come near to it."""
    most, median = image.max(1), np.median(image, 1)
    return bool(((value >= most) & (most >= median + REACHED * (value - median))).all())


def _traced(raster: Raster, value: Floats) -> tuple[Frame, Doubles, int]:
    """The runs of ``value`` from the borders inwards, the pixels at which they end and two deeper (2, B, N), and how
    many hold it anywhere."""
    height, width = raster.shape
    left, right, top = np.zeros(height, int), np.zeros(height, int), np.zeros(width, int)
    last, under, alive = np.full(width, -1), np.zeros((2, len(value), width)), np.ones(width, bool)
    edge, held = [], 0
    for row, image, valid in _strips(raster, every=True):
        same = holds(image, value) & valid
        held += int(same.sum())
        rows = slice(row, row + len(same))
        left[rows], right[rows] = _lead(same, 1), _lead(same[:, ::-1], 1)
        for run, way in ((left[rows], image), (right[rows], image[:, :, ::-1])):
            edge.append(after(way.swapaxes(1, 2), run, (run > 0) & (run < width)))
        lead = _lead(same, 0)
        top[alive] += lead[alive]
        edge.append(after(image, lead, alive & (lead < len(same)) & (top > 0)))
        alive &= lead == len(same)
        below = _lead(same[::-1], 0)
        seen = below < len(same)
        last[seen], under[..., seen] = row + len(same) - 1 - below[seen], after(image[:, ::-1], below, seen)
    bottom = height - 1 - last
    edge.append(under[..., (bottom > 0) & (last >= 0)])
    return Frame(value, left, right, top, bottom), np.concatenate(edge, 2), held


def _lead(same: Bools, axis: int) -> Counts:
    """How many are true from the start of an axis on, without a break."""
    return np.where(same.all(axis), same.shape[axis], np.argmin(same, axis))


def _inside(raster: Raster, image: Floats) -> tuple[tuple[float, ...], bool]:
    """Values far off the image (B, N), which are fill in any band; whether 0 in all of them is fill."""
    median, wide, near = np.median(image, 1), OUTER * _iqr(image), _near(image)
    outer: list[dict[float, int]] = [{} for _ in median]
    zeros, alike, edges = 0, 0, []
    for _, pixels, valid in _strips(raster):
        values = pixels if valid.all() else pixels[:, valid]
        for known, band, centre, width in zip(outer, values, median, wide, strict=True):
            _count(known, band[(band < centre - width) | (band > centre + width)])
        close = values[:, values[0] <= near[0]]
        close = close[:, (close <= near[:, None]).all(0)]
        dark = int((close == 0).all(0).sum())
        zeros, alike = zeros + dark, alike + close.shape[1] - dark
        edges.append(beside(pixels, valid, np.zeros_like(median)))
    anywhere = {value for known, band in zip(outer, image, strict=True) for value in _far(known, band)}
    enough = zeros >= LEAST_ZERO // min(4, len(median)) and alike <= ALIKE * zeros
    first, deeper = np.concatenate(edges, 2)
    return tuple(sorted(anywhere)), enough and soft(first, deeper, near) <= SOFT


def _count(known: dict[float, int], values: Floats) -> None:
    """Add how often each value occurs; of very many those that occurred once are forgotten."""
    for value, count in zip(*np.unique(values, return_counts=True), strict=True):
        known[float(value)] = known.get(float(value), 0) + int(count)
    if len(known) > MOST_VALUES:
        for value in [value for value, count in known.items() if count == 1]:
            del known[value]


def _far(known: dict[float, int], band: Floats) -> Iterator[float]:
    """Repeated values, of those ``known`` to lie outside of a band's own (N,), that have a wide gap beside them."""
    often = [v for v, n in known.items() if (n >= LEAST_FAR or v in USUAL) and v != 0]
    often = sorted(often, key=lambda v: -known[v])[:MOST_FAR]
    own = band[~np.isin(band, np.array(often, np.float32))].astype(np.float64)
    if len(own) < LEAST_FRAME:
        return
    median = float(np.median(own))
    for value in often:
        end = float(np.quantile(own, 0.0001 if value < median else 0.9999))
        beyond = value < end if value < median else value > end
        between = sum(n for v, n in known.items() if v not in often and min(value, end) < v < max(value, end))
        apart = max(GAP * abs(end - median), STEPS if (own == np.rint(own)).all() else 0)
        if beyond and abs(value - end) > apart and between <= BETWEEN * known[value]:
            yield value


def _strips(raster: Raster, every: bool = False) -> Iterator[tuple[int, Floats, Bools]]:
    """First row, pixels and validity of strips of whole rows, all or spread over ``SEARCHED`` values."""
    rows, cols = raster.shape
    values = cols * len(raster.bands)
    height = max(1, STRIP // values)
    starts = range(0, rows, height)
    step = 1 if every else max(1, -(-rows * values // SEARCHED))
    for row in starts[::step]:
        yield row, *raster.read(row, 0, min(height, rows - row), cols)


def _near(image: Floats) -> Doubles:
    """How far from one another the image's own values (B, N) may lie and still be near: (B,)."""
    low, high = np.quantile(image, (0.01, 0.99), 1)
    steps = STEPS * np.array([_step(band) for band in image])
    return np.maximum(NEAR * (high - low), np.where(high - low > 2 * steps, steps, 0)).astype(np.float64)


def _step(band: Floats) -> float:
    """From one level of a band (N,) to the next: 1 of whole numbers, more where they were stretched over a range."""
    levels, counts = np.unique(band, return_counts=True)
    if len(levels) < 2:
        return 0.0
    gaps = np.diff(levels)
    order = np.argsort(gaps)
    return float(gaps[order][np.searchsorted(counts[:-1][order].cumsum(), counts[:-1].sum() / 2)])


def _iqr(image: Floats) -> Doubles:
    """The range (B,) of the middle half of the values (B, N); not quite 0 where they are all alike."""
    quarter, half, rest = np.quantile(image, (0.25, 0.5, 0.75), 1).astype(np.float64)
    return np.maximum(rest - quarter, 0.01 * np.abs(half) + 1e-12)

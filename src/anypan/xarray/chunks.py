"""A fused image as an array of Dask: a chunk for each tile, so that the pixels are those of the file."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import dask.array
from dask.delayed import delayed

from anypan.fusing import fused_tile, tile_size
from anypan.methods.base import Fuser
from anypan.methods.guard import guarded
from anypan.methods.resolve import MethodRef
from anypan.options import Options
from anypan.pair.pair import Pair

Span = tuple[int, int, int | None]  # first and end on the output's grid, and which tile it is of, if any


class Work:
    """What all tasks of one fusion share; no dataclass, into which Dask would look for arrays of its own."""

    def __init__(self, pair: Pair, method: MethodRef, device: str) -> None:
        self.pair, self.scene, self.form = pair, pair.reference, pair.format
        self.method, self.device = method, device

    def fitted(self) -> Fuser:
        """The method, fitted to the scene."""
        return guarded(self.method.fit, self.scene)

    def chunk(self, fuser: Fuser, size: int, number: int, rows: tuple[int, int], cols: tuple[int, int]) -> Any:
        """The pixels of tile ``number`` of tiles of ``size``, cut to rows and columns of it: (B, h, w)."""
        tile = list(self.scene.tiles(size, fuser.halo))[number]
        _, (image,), mask = fused_tile(self.scene, fuser.to(self.device), tile)
        part = slice(*rows), slice(*cols)
        return self.form.encode(self.pair.written(image).numpy()[:, *part], mask.numpy()[part])


def fused_chunks(pair: Pair, method: MethodRef, settings: Options) -> Any:
    """The fused image (B, H, W) in the pixel type of the MS, on the PAN's grid; nothing is fitted or fused yet."""
    scene, form, ratio = pair.reference, pair.format, pair.reference.ratio
    size = tile_size(scene, settings.tile_of(method), method.network or Fuser)
    work = delayed(Work(pair, method, settings.device), pure=False)
    fuser = work.fitted()
    rows, cols = (
        _spans(start, count * ratio, size * ratio, whole)
        for start, count, whole in zip(pair.origin, scene.shape, pair.grid.shape, strict=True)
    )
    across = -(-scene.shape[1] // size)

    def chunk(row: Span, col: Span) -> Any:
        shape = (len(form.names), row[1] - row[0], col[1] - col[0])
        if row[2] is None or col[2] is None:
            return dask.array.full(shape, form.filler, dtype=form.dtype, chunks=shape)
        inner = (_inside(span, start, size * ratio) for span, start in zip((row, col), pair.origin, strict=True))
        made = work.chunk(fuser, size, row[2] * across + col[2], *inner)
        return dask.array.from_delayed(made, shape, dtype=form.dtype)

    return dask.array.block([[[chunk(row, col) for col in cols] for row in rows]])


def _inside(span: Span, start: int, step: int) -> tuple[int, int]:
    """The span as pixels of its tile; tiles of ``step`` pixels begin at ``start``."""
    first, end, tile = span
    corner = start + (tile or 0) * step
    return first - corner, end - corner


def _spans(start: int, count: int, step: int, whole: int) -> list[Span]:
    """Where an axis of ``whole`` pixels is cut: at the tiles of ``count`` pixels from ``start`` on, and around them."""
    edges = [*range(start, start + count, step), start + count]
    inside = [(max(a, 0), min(b, whole), n) for n, (a, b) in enumerate(pairwise(edges))]
    spans: list[Span] = [span for span in inside if span[0] < span[1]]
    before, after = (0, spans[0][0], None), (spans[-1][1], whole, None)
    return [span for span in (before, *spans, after) if span[0] < span[1]]

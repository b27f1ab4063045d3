"""What a nodata value does not do as meant: pixels that are fill in some bands only, and a value that none holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from anypan.raster.read import Raster

STRIP, SEARCHED = 2**22, 2**26  # values that are read at once, and in all: of larger images evenly spread strips


def nodata_notes(raster: Raster) -> tuple[str, ...]:
    """Notes on pixels that are fill or no number in some of their bands only, and on a value that no pixel holds.

    The raster is one as stored, on the grid of its files.
    """
    given = raster.rules.nodata is not None
    if not raster.maybe_invalid or not (given or len(raster.bands) > 1):
        return ()
    rows, cols = raster.shape
    height = max(1, STRIP // (cols * len(raster.bands)))
    step = max(1, -(-rows * cols * len(raster.bands) // SEARCHED))
    partly = broken = held = seen = 0
    for row in range(0, rows, height)[::step]:
        image, _, fill = raster.read_bands(row, 0, min(height, rows - row), cols)
        none = ~np.isfinite(image)
        partly += 0 if fill is None else _some(fill | none) - _some(none)
        broken += _some(none)
        held += 0 if fill is None else int(np.count_nonzero(fill))
        seen += min(height, rows - row) * cols
    named = given and raster.rules.named and raster.rules.nodata == raster.rules.nodata  # NaN says that there is none
    return (*_partly(raster, partly, broken, seen), *_unheld(raster, named and not held))


def _some(empty: NDArray[np.bool_]) -> int:
    """The pixels of (B, H, W) that are so in some bands only."""
    return int(np.count_nonzero(empty.any(0) & ~empty.all(0)))


def _partly(raster: Raster, partly: int, broken: int, seen: int) -> Iterator[str]:
    every = raster.shape[0] * raster.shape[1] / seen
    if partly > 0 and not raster.rules.all_bands:
        yield (
            f"{round(partly * every):,} pixels of {raster.name} ({100 * partly / seen:.2g} %) are nodata in some bands "
            "only, and were left out: if nodata is image there, such as dark water, pass --nodata-all-bands."
        )
    if broken:
        yield (
            f"{round(broken * every):,} pixels of {raster.name} ({100 * broken / seen:.2g} %) are no number in some "
            "bands only, and were left out."
        )


def _unheld(raster: Raster, unheld: bool) -> Iterator[str]:
    if unheld:
        yield (
            f"No pixel of {raster.name} that was looked at holds the nodata value {raster.rules.nodata:g} that was "
            "given: all were taken for image, so check it."
        )

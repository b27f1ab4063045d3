"""Pixels that are nodata in some bands only: one dark band loses them in all, so their number is said."""

from __future__ import annotations

import numpy as np

from anypan.raster.read import Raster

STRIP, SEARCHED = 2**22, 2**26  # values that are read at once, and in all: of larger images evenly spread strips


def partly_fill(raster: Raster) -> tuple[str, ...]:
    """A note on pixels that the header's or the user's nodata value takes out for some of their bands only."""
    if len(raster.bands) < 2 or raster.rules.all_bands or not raster.maybe_invalid:
        return ()
    rows, cols = raster.shape
    height = max(1, STRIP // (cols * len(raster.bands)))
    step = max(1, -(-rows * cols * len(raster.bands) // SEARCHED))
    partly = seen = 0
    for row in range(0, rows, height)[::step]:
        _, _, fill = raster.read_bands(row, 0, min(height, rows - row), cols)
        if fill is not None:
            partly += int(np.count_nonzero(fill.any(0) & ~fill.all(0)))
        seen += min(height, rows - row) * cols
    if not partly:
        return ()
    count, share = round(partly * rows * cols / seen), 100 * partly / seen
    return (
        f"{count:,} pixels of {raster.name} ({share:.2g} %) are nodata in some bands only, and were left out: if they "
        "are image, such as dark water, pass --nodata-all-bands.",
    )

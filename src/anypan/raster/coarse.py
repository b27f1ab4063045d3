"""Images that are coarser than their pixels: enlarged by interpolation, or by repeating pixels."""

from __future__ import annotations

from anypan.raster.read import Raster
from anypan.raster.thinned import repeated
from anypan.raster.validity import bends

LOOK = 256  # pixels along a side of the window that is looked at
ENLARGED = 0.7  # bends over slopes: less in most of what was enlarged twofold; .9 and more in real images


def coarse_notes(raster: Raster) -> tuple[str, ...]:
    """Notes on an image, or on bands of it, that has no detail as fine as its pixels."""
    (row, height), (col, width) = ((max(0, (n - LOOK) // 2), min(n, LOOK)) for n in raster.shape)
    image, valid = raster.read(row, col, height, width)
    blocks = [repeated(band[None], valid) for band in image]
    if min(blocks) > 1:
        found = f"{blocks[0]} x {blocks[0]}"
        return (
            f"Every pixel of {raster.name} is repeated {found} times, so that its detail is in blocks: shrink it to "
            "its own pixels first, for example by gdalwarp -tr.",
        )
    smooth = [bends(band, valid) for band in image]
    if max(smooth) < ENLARGED:  # not of numbers that are none
        return (
            f"{raster.name} has no detail as fine as its pixels, as if it had been enlarged: give it in the pixels "
            "that it was taken in, for example by gdalwarp -tr and -r average.",
        )
    return tuple(
        f"Band {number} of {raster.name} is in blocks of {block} x {block} equal pixels, other bands are not: fuse it "
        f"apart from them, with --reference-bands {number}."
        for number, block in enumerate(blocks, 1)
        if block > 1
    )

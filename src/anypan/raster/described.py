"""What metadata outside of the image files add to the output's format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rasterio.enums import ColorInterp

from anypan.raster.format import Format

# GDAL 3.10 has more of them, which older readers of the output would not know.
_COLOURS = {"red": ColorInterp.red, "green": ColorInterp.green, "blue": ColorInterp.blue}


def described(
    form: Format, names: Sequence[str], colours: Sequence[str | None], tags: Mapping[str, str], **band_tags: Any
) -> Format:
    """The format with band names, colours (red, green, blue or another word), tags, and tags of each band."""
    known = tuple(_COLOURS.get(colour or "", ColorInterp.undefined) for colour in colours)
    grey = known if any(each != ColorInterp.undefined for each in known) else (ColorInterp.gray, *known[1:])
    each = zip(form.band_tags, *band_tags.values(), strict=True)
    merged = tuple(
        {**own, **{key: value for key, value in zip(band_tags, values, strict=True) if value is not None}}
        for own, *values in each
    )
    return replace(form, names=tuple(names), colours=grey, tags={**form.tags, **tags}, band_tags=merged)

"""Whether a file holds what it says: GDAL reads zeros beyond the end of a raw file, and turns some colours into RGB."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from anypan.raster.imagine import end_of
from anypan.runtime.errors import UserError

CONVERTED = ("CMYK", "CIELAB")  # of 8 bits, which GDAL gives as red, green, blue and an alpha that is 255
SECTOR = 512  # bytes of a block of a PCIDSK file, whose header counts its own


def check_stored(path: str, dataset: Any) -> None:
    """UserError where GDAL would give other values than the file holds, or make some up."""
    space = dataset.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE", "")
    if space in CONVERTED:
        raise UserError(
            f"{path} is labelled {space}, which GDAL turns into RGB: write its bands anew without that label "
            "(PHOTOMETRIC=MINISBLACK), or convert the picture to RGB."
        )
    if not os.path.isfile(path):  # within an archive, whose sums tell what is whole
        return
    said, held = _size(path, dataset), os.path.getsize(path)
    if said is None or said == held:
        return
    if dataset.driver == "ENVI" and held > said:
        raise UserError(
            f"{path} holds {held:,} bytes, and the header beside it (.hdr) describes {said:,}: it is not that header's "
            "file, or the header is wrong, so check both."
        )
    if held < said:
        raise UserError(f"{path} holds {held:,} bytes of {said:,}: it is cut off, so fetch it again.")


def _size(path: str, dataset: Any) -> int | None:
    """Bytes that a file has at least by its header; None of others, which GDAL finds out about."""
    if dataset.driver == "PCIDSK":
        with open(path, "rb") as file:
            blocks = file.read(32)[16:].strip()
        return SECTOR * int(blocks) if blocks.isdigit() else None
    if dataset.driver == "HFA":
        return end_of(path) or None
    if dataset.driver != "ENVI":
        return None
    header = dataset.tags(ns="ENVI")
    offset, packed = header.get("header_offset", "0"), header.get("file_compression", "0")
    if packed.strip() != "0" or not offset.strip().isdigit():
        return None
    return int(offset) + math.prod(dataset.shape) * dataset.count * np.dtype(dataset.dtypes[0]).itemsize

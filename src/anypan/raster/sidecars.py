"""Files beside a raster that GDAL opens without being asked: overviews, masks, metadata.

GDAL takes them of any format, a VRT included, which can point at any other file or at the network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioError

from anypan.runtime.errors import UserError

PICTURES = (".ovr", ".msk", ".aux", ".rrd")
METADATA = ".aux.xml"
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"EHFA_HEADER_TAG")
MOST = 2**24  # bytes of metadata that are looked through
POINTERS = (b"OVERVIEW_FILE", b"<VRTDataset", b"SourceFilename")


def check_sidecars(path: str) -> None:
    """UserError if a file beside ``path``, or the file itself, makes GDAL open one that nobody named."""
    if _points_elsewhere(path):
        raise UserError(
            f"{path} names another file as its overviews: rewrite it without, for example as a new GeoTIFF."
        )
    for side in _beside(Path(path)):
        lower = side.name.lower()
        if not side.is_file():  # GDAL would wait for a pipe
            raise UserError(f"{side} lies beside the image and is no plain file: remove it.")
        if lower.endswith(METADATA):
            harmful = _holds_pointers(side)
        else:
            harmful = not _is_picture(side) or _points_elsewhere(str(side))
        if harmful:
            remedy = "remove it, or pass --allow-vrt (allow_vrt=True in Python)"
            raise UserError(f"{side} lies beside the image and points at other files: {remedy}.")


def _beside(path: Path) -> Iterator[Path]:
    """Sidecars of a file, and sidecars of those."""
    name, stem = path.name.lower(), path.stem.lower()
    try:
        others = os.listdir(path.absolute().parent)
    except OSError:
        return
    for other in others:
        lower = other.lower()
        if lower != name and lower.startswith((f"{name}.", f"{stem}.")) and lower.endswith((*PICTURES, METADATA)):
            yield path.parent / other


def _is_picture(side: Path) -> bool:
    try:
        with open(side, "rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return any(head.startswith(signature) for signature in SIGNATURES) or not head


def _holds_pointers(side: Path) -> bool:
    try:
        with open(side, "rb") as file:
            text = file.read(MOST + 1)
    except OSError:
        return False
    return len(text) > MOST or any(pointer in text for pointer in POINTERS)


def _points_elsewhere(path: str) -> bool:
    """True if a TIFF's own metadata names a file of overviews."""
    alone: dict[str, Any] = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
    try:
        with rasterio.Env(**alone), rasterio.open(path, driver="GTiff") as dataset:
            return bool(dataset.tags(ns="OVERVIEWS")) or any(
                dataset.tags(b, ns="OVERVIEWS") for b in dataset.indexes[:1]
            )
    except (RasterioError, UnicodeError):
        return False

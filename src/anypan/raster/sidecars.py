"""Files beside a raster that GDAL opens without being asked: overviews, masks, metadata.

GDAL takes them of any format, a VRT included, which can point at any other file or at the network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioError

from anypan.runtime.errors import UserError

PICTURES = (".ovr", ".msk", ".aux", ".rrd")
METADATA = ".aux.xml"
POLYNOMIALS = ("_RPC.TXT", "_rpc.txt", ".RPB", ".rpb")
PLACES = (".hdr", ".tfw", ".wld", ".j2w", ".jgw", ".pgw", ".prj")  # headers and world files
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"EHFA_HEADER_TAG")
MOST = 2**24  # bytes of metadata that are looked through
POINTERS = (b"OVERVIEW_FILE", b"<VRTDataset", b"SourceFilename")


def check_sidecars(path: str) -> None:
    """UserError if a file beside ``path``, or the file itself, makes GDAL open one that nobody named."""
    if _points_elsewhere(path):
        raise UserError(
            f"{path} names another file as its overviews: rewrite it without, for example as a new GeoTIFF."
        )
    try:
        others = os.listdir(Path(path).absolute().parent)
    except OSError:  # within an archive
        return
    for other in sidecars_of(Path(path).name, others):
        side = Path(path).parent / other
        if not side.is_file():  # GDAL would wait for a pipe
            raise UserError(f"{side} lies beside the image and is no plain file: remove it.")
        check_sidecar(str(side), lambda most, side=side: _head(side, most))


def read_with(path: str) -> list[str]:
    """What GDAL reads with a file: its place, names, masks and overviews, where they lie beside it."""
    stem = os.path.splitext(path)[0]
    asked = [f"{base}{end}" for base in (path, stem) for end in (*PICTURES, METADATA)]
    asked += [f"{stem}{end}" for end in (*PLACES, *POLYNOMIALS)]
    return [side for side in dict.fromkeys(asked) if side != path and os.path.isfile(side)]


def sidecars_of(name: str, others: Iterable[str]) -> list[str]:
    """Those of the names of a folder that are sidecars of a file, and sidecars of those."""
    own, stem = name.lower(), Path(name).stem.lower()
    return [
        other
        for other in others
        if other.lower() != own
        and other.lower().startswith((f"{own}.", f"{stem}."))
        and other.lower().endswith((*PICTURES, METADATA))
    ]


def check_sidecar(side: str, head: Callable[[int], bytes]) -> None:
    """UserError if a sidecar is not what its name says, or points at other files; ``head``: so many bytes of it."""
    if side.lower().endswith(METADATA):
        text = head(MOST + 1)
        harmful = len(text) > MOST or any(pointer in text for pointer in POINTERS)
    else:
        start = head(4096)
        picture = any(start.startswith(signature) for signature in SIGNATURES) or not start
        if not picture and not any(pointer in start for pointer in POINTERS):
            raise UserError(f"{side} lies beside the image, would be opened with it, and is no picture: remove it.")
        harmful = not picture or _points_elsewhere(side)
    if harmful:
        remedy = "remove it, or pass --allow-vrt (allow_vrt=True in Python)"
        raise UserError(f"{side} lies beside the image and points at other files: {remedy}.")


def _head(side: Path, most: int) -> bytes:
    """The first bytes of a file, which is no picture and no metadata if they cannot be read."""
    try:
        with open(side, "rb") as file:
            return file.read(most)
    except OSError:
        return b"?"


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

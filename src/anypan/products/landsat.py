"""Landsat 7, 8 and 9, Collection 2 Level-1: *_MTL.txt beside one GeoTIFF a band."""

from __future__ import annotations

import re

from anypan.products.metadata import flat, groups, number
from anypan.products.product import Group, Product, bands_of, only, sensor_of
from anypan.products.shelf import Shelf
from anypan.runtime.errors import UserError

PAN = "8"
DEEPEST = 65535  # value of a pixel
REFLECTIVE = ("B1", "B2", "B3", "B4", "B5", "B6", "B7")  # of Landsat 7 without B6, which is thermal


def read(shelf: Shelf) -> Product | None:
    """A scene by its MTL file; None if there is none. Fill is 0 and no header says so (C2 L1 format control book).

    Raises UserError.
    """
    found = shelf.named(r"L[A-Z]0[789]_.*_MTL\.txt")
    if not found:
        return None
    metadata = only(found, "MTL files of Landsat", shelf.name)
    table = flat(groups(shelf, metadata))
    files = {key.removeprefix("FILE_NAME_BAND_"): name for key, name in table.items() if "FILE_NAME_BAND_" in key}
    if PAN not in files:
        raise UserError(f"{shelf.path(metadata)} names no band 8, the PAN: Level-2 has none, so take Level-1.")
    level = table.get("PROCESSING_LEVEL", "")
    if level.startswith("L2") and shelf.look(metadata, files[PAN]) is None:
        raise UserError(f"{shelf.path(metadata)} is of {level}, which has no band 8, the PAN: take Level-1.")
    pan = shelf.path(shelf.beside(metadata, files.pop(PAN)))
    named = {f"B{key}": name for key, name in files.items() if re.fullmatch(r"\d+(_VCID_\d)?", key)}
    members = {band: shelf.look(metadata, name) for band, name in named.items()}
    paths, absent = bands_of({band: shelf.path(m) if m else None for band, m in members.items()}, named)
    default = tuple(band for band in named if band in REFLECTIVE)
    group = Group((pan,), tuple(paths.values()), tuple(paths), default, absent, tuple(named))
    sensor = sensor_of(table.get("SPACECRAFT_ID", "").replace("LANDSAT_", "Landsat"))
    day, hour = table.get("DATE_ACQUIRED"), table.get("SCENE_CENTER_TIME", "")
    gains = {band: (number(table.get(f"RADIANCE_MULT_BAND_{band[1:]}")), _bias(table, band)) for band in named}
    return Product(
        name=shelf.name,
        family="Landsat",
        sensor=sensor.name,
        groups=(group,),
        nodata=0.0,
        bits=int(min(max(1, number(table.get("QUANTIZE_CAL_MAX_BAND_8")) or DEEPEST), DEEPEST)).bit_length(),
        acquired=f"{day}T{hour[:8]}Z" if day and hour else day,
        gains={band: (gain, bias) for band, (gain, bias) in gains.items() if gain is not None},
    )


def _bias(table: dict[str, str], band: str) -> float:
    return number(table.get(f"RADIANCE_ADD_BAND_{band[1:]}")) or 0.0

"""Gaofen 1, 2, 6 and 7: <scene>-PAN1.tiff and <scene>-MSS1.tiff (or -MUX), each with its .xml and .rpb."""

from __future__ import annotations

import posixpath

from anypan.products.metadata import word, xml
from anypan.products.product import Group, Product, only, sensor_of
from anypan.products.shelf import Shelf

BANDS = ("blue", "green", "red", "nir")
STEM = r"GF\d\w*_.*[-_](BWD[-_]?)?"  # Gaofen-7 looks backward, with its MS, and forward


def read(shelf: Shelf) -> Product | None:
    """A scene by its file names, the rest by the MS's XML if it is there; None if no file is named so."""
    pans, colours = (shelf.named(rf"{STEM}{kind}\d?\.tiff?") for kind in ("PAN", "(MSS|MUX)"))
    if not pans and not colours:
        return None
    pan, ms = (only(found, what, shelf.name) for found, what in ((pans, "PAN files"), (colours, "MS files")))
    stem = posixpath.splitext(ms)[0]
    found = shelf.look(ms, f"{posixpath.basename(stem)}.xml")
    root = xml(shelf, found) if found else None
    satellite = posixpath.basename(ms).split("_")[0]
    said = word(root, ".//CenterTime") if root is not None else ""
    sensor = sensor_of(satellite, satellite[:3])
    group = Group((shelf.path(pan),), (shelf.path(ms),), BANDS)
    time = f"{said[:19].replace(' ', 'T')}Z" if said else None
    return Product(shelf.name, "Gaofen", sensor.name, (group,), 0.0, sensor.bits, time)

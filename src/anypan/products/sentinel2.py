"""Sentinel-2 SAFE, Level-1C and 2A: a 10 m band is the PAN of coarser ones, the one that they follow best."""

from __future__ import annotations

import posixpath
import re

from anypan.products.metadata import number, word, xml
from anypan.products.product import Group, Product, only, sensor_of
from anypan.products.shelf import Shelf
from anypan.runtime.errors import UserError

IMAGE = re.compile(r"(?P<tile>T\d\d[A-Z]{3}_\d{8}T\d{6})_(?P<band>B\d[\dA])(_(?P<metres>\d0)m)?\.jp2", re.I)
# Guide, metres and bands: red edge follows near infrared, short waves follow red (docs/howto/sentinel-2.md).
SETS = (
    ("B08", "20", ("B05", "B06", "B07", "B8A")),
    ("B04", "20", ("B11", "B12")),
    ("B02", "60", ("B01",)),
    ("B08", "60", ("B09", "B10")),
)


def read(shelf: Shelf) -> Product | None:
    """A product of one tile by its MTD file; None if there is none. Fill is 0 (SPECIAL_VALUE NODATA).

    Raises UserError.
    """
    found = shelf.named(r"MTD_MSIL(1C|2A)\.xml")
    if not found:
        return None
    metadata = only(found, "MTD files of Sentinel-2", shelf.name)
    root = xml(shelf, metadata)
    files = _images(shelf)
    groups = []
    for guide, metres, wanted in SETS:
        names = tuple(name for name in wanted if (name, metres) in files)
        if not names:
            continue
        missing = {name: f"*_{name}*.jp2" for name in wanted if name not in names and metres == "20"}
        ms = tuple(shelf.path(files[name, metres]) for name in names)
        if (guide, "10") in files:
            groups.append(Group((shelf.path(files[guide, "10"]),), ms, names, absent=missing, order=wanted))
        elif metres == "20":  # every Level has it
            raise UserError(f"{shelf.name} has no {guide} of 10 m, which guides {', '.join(names)}: fetch it again.")
    if not groups:
        raise UserError(f"{shelf.name} has no 10 m bands with coarser ones beside them: fetch the product again.")
    sensor = sensor_of(word(root, ".//SPACECRAFT_NAME"), "Sentinel-2")
    time = word(root, ".//DATATAKE_SENSING_START") or word(root, ".//PRODUCT_START_TIME")
    about = shelf.name, "Sentinel-2", sensor.name, tuple(groups), _nodata(root), None, time or None
    return Product(*about, tags=_scaling(root))


def _images(shelf: Shelf) -> dict[tuple[str, str], str]:
    """Files by band and metres: those of the name in Level-2A, the band's own in Level-1C. UserError for two tiles."""
    own = {"B02": "10", "B03": "10", "B04": "10", "B08": "10", "B01": "60", "B09": "60", "B10": "60"}
    found = {member: IMAGE.fullmatch(posixpath.basename(member)) for member in shelf.members}
    named = {member: match for member, match in found.items() if match and "IMG_DATA" in member}
    only(sorted({match["tile"] for match in named.values()}), "tiles of images", shelf.name)
    return {
        (match["band"].upper(), match["metres"] or own.get(match["band"].upper(), "20")): member
        for member, match in named.items()
    }


def _scaling(root) -> dict[str, str]:
    """How pixel values become reflectance, (DN + offset) / quantification, where all bands have the same."""
    found = {}
    for key in ("BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE", "BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"):
        values = {(node.text or "").strip() for node in root.iterfind(f".//{key}")}
        found |= {key: values.pop()} if len(values) == 1 else {}
    return found


def _nodata(root) -> float:
    for node in root.iterfind(".//Special_Values"):
        if word(node, "SPECIAL_VALUE_TEXT").upper() == "NODATA":
            return number(word(node, "SPECIAL_VALUE_INDEX")) or 0.0
    return 0.0

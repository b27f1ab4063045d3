"""Planet SkySat: *_ssc<n>_*_panchromatic.tif beside *_ssc<n>_*_analytic.tif, or both with _dn."""

from __future__ import annotations

import re

from anypan.products.product import Group, Product, only, sensor_of
from anypan.products.shelf import Shelf

BANDS = ("blue", "green", "red", "nir")


def read(shelf: Shelf) -> Product | None:
    """A collect or a scene by its file names; None if no PAN is named so."""
    found = [
        shelf.named(rf".*_ssc\d+.*_{kind}(_dn)?(_clip)?(_file_format)?\.tiff?") for kind in ("panchromatic", "analytic")
    ]
    if not found[0]:
        return None
    pan, ms = (
        only(names, f"SkySat {what} files", shelf.name) for names, what in zip(found, ("PAN", "MS"), strict=True)
    )
    group = Group((shelf.path(pan),), (shelf.path(ms),), BANDS)
    when = re.search(r"(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_ssc", ms)
    time = "{}-{}-{}T{}:{}:{}Z".format(*when.groups()) if when else None
    return Product(shelf.name, "SkySat", sensor_of("SkySat").name, (group,), 0.0, acquired=time)

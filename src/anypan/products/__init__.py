"""Products as operators ship them: a small reader for each family, from metadata to files, bands and sensor."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from anypan.products import bands, dimap, gaofen, landsat, maxar, sentinel2, skysat
from anypan.products.product import Group, Product
from anypan.products.shelf import Shelf, open_shelf
from anypan.runtime.errors import UserError

__all__ = ["FAMILIES", "Family", "Group", "Product", "files_of", "find_product", "holds_product"]


IMAGE = re.compile(r"\.(tiff?|jp2|jpe?g|png|img|ntf|ovr|pdf|zip|tar|gz|tgz)$", re.IGNORECASE)


@dataclass(frozen=True)
class Family:
    """``read`` gives the product on a shelf, None if it is of another family; ``sought`` is what it looks for."""

    read: Callable[[Shelf], Product | None]
    sought: str


FAMILIES: dict[str, Family] = {
    "Landsat": Family(landsat.read, "L*_MTL.txt"),
    "DIMAP": Family(dimap.read, "DIM_*.XML"),
    "Maxar": Family(maxar.read, "*.IMD or its XML"),
    "SkySat": Family(skysat.read, "*_ssc*_panchromatic.tif"),
    "CBERS-4A WPM": Family(bands.CBERS.read, "CBERS_4A_WPM_*_BAND0.tif"),
    "Gaofen": Family(gaofen.read, "GF*-PAN*.tiff"),
    "KOMPSAT-3": Family(bands.KOMPSAT.read, "K3*_L1G_P.tif"),
    "Sentinel-2": Family(sentinel2.read, "MTD_MSIL*.xml"),
}


def holds_product(path: str | os.PathLike[str]) -> bool:
    """True for a folder or an archive that a family takes for its own, be it incomplete or broken."""
    try:
        shelf = open_shelf(path)
        return shelf is not None and any(family.read(shelf) is not None for family in FAMILIES.values())
    except UserError:
        return True


def files_of(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The files that a folder's product is read from: images, and the metadata and sidecars beside them, sorted.

    Images of no band and of other products are left out; of a folder without a sound product nothing is.
    """
    shelf = open_shelf(path)
    if shelf is None:
        return (os.fspath(path),)
    every = {shelf.path(member) for member in shelf.members}
    try:
        groups = find_product(path).groups
    except UserError:
        return tuple(sorted(every))
    used = {name for group in groups for name in (*group.pan, *group.ms)}
    return tuple(sorted(name for name in every if name in used or not IMAGE.search(name)))


def find_product(path: str | os.PathLike[str]) -> Product:
    """The product in a folder, a .zip, a .tar, or beside a metadata file. UserError if none is known there."""
    shelf = open_shelf(path)
    if shelf is None:
        if not os.path.exists(path):
            raise UserError(f"{os.fspath(path)} does not exist: check the path.")
        raise UserError(
            f"{os.fspath(path)} is neither a folder nor an archive of a product: name the files of PAN and MS."
        )
    for family in FAMILIES.values():
        product = family.read(shelf)
        if product is not None:
            return product
    sought = ", ".join(f"{family.sought} ({name})" for name, family in FAMILIES.items())
    raise UserError(
        f"{shelf.name} holds no product that is known: looked for {sought}; else name the files of PAN and MS, or try "
        "'anypan batch' on it."
    )

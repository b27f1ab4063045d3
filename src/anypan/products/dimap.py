"""Airbus DIMAP 2: Pleiades, Pleiades Neo, SPOT 6 and 7. A DIM_*.XML for the PAN and one for the MS name their tiles."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from anypan.products.metadata import bits_of, number, word, xml
from anypan.products.product import Group, Product, only, sensor_of
from anypan.products.shelf import Shelf

NAMES = {"B0": "blue", "B1": "green", "B2": "red", "B3": "nir"}
NAMES |= {"DB": "coastal", "B": "blue", "G": "green", "R": "red", "RE": "rededge", "NIR": "nir"}
SHOWN = ("RED_CHANNEL", "GREEN_CHANNEL", "BLUE_CHANNEL")


@dataclass(frozen=True)
class _Component:
    metadata: str
    root: Element

    @property
    def kind(self) -> str:
        """P, MS or another word for what the image holds."""
        said = word(self.root, ".//SPECTRAL_PROCESSING").upper()
        single = word(self.root, ".//NBANDS") == "1"
        return said or ("P" if single else "MS")


def read(shelf: Shelf) -> Product | None:
    """A bundle by its DIM files; None if there are none. UserError if the PAN or the MS is not among them."""
    found = shelf.named(r"DIM_.*\.XML")
    if not found:
        return None
    every = [_Component(member, xml(shelf, member)) for member in found]
    by_kind = {
        "PAN": {each.metadata: each for each in every if each.kind in ("P", "PAN")},
        "MS": {each.metadata: each for each in every if each.kind == "MS" or each.kind.startswith("MS-")},
    }
    pan, ms = (kinds[only(list(kinds), f"DIM files of {what}", shelf.name)] for what, kinds in by_kind.items())
    group = Group(_files(shelf, pan), _files(shelf, ms), _bands(ms.root))
    mission, index = word(ms.root, ".//MISSION"), word(ms.root, ".//MISSION_INDEX")
    day, hour = word(ms.root, ".//IMAGING_DATE"), word(ms.root, ".//IMAGING_TIME")
    return Product(
        name=shelf.name,
        family="DIMAP",
        sensor=sensor_of(mission + index, mission).name,
        groups=(group,),
        nodata=_nodata(ms.root),
        bits=bits_of(word(ms.root, ".//Dynamic_Range/PRODUCT_RANGE") or word(ms.root, ".//ACQUISITION_RANGE")),
        acquired=f"{day}T{hour[:8]}Z" if day and hour else day or None,
        gains=_gains(ms.root),
    )


def _files(shelf: Shelf, component: _Component) -> tuple[str, ...]:
    paths = [node.get("href", "") for node in component.root.iterfind(".//Data_Files/Data_File/DATA_FILE_PATH")]
    return tuple(shelf.path(shelf.beside(component.metadata, path)) for path in paths)


def _bands(root: Element) -> tuple[str, ...]:
    """Names in the order of the files: by the index list of each set of files, else red, green, blue and the rest."""
    lists = [node for node in root.iterfind(".//Raster_Index_List") if node.find("Raster_Index") is not None]
    if lists:
        orders = [sorted(each.iterfind("Raster_Index"), key=_index) for each in lists]
        keys = [word(node, "BAND_ID") for order in orders for node in order]
    else:
        shown = [word(root, f".//Band_Display_Order/{channel}") for channel in SHOWN]
        known = [word(node, "BAND_ID") for node in root.iterfind(".//Band_Radiance")]
        keys = [*dict.fromkeys([key for key in (*shown, *known) if key])]
    return tuple(NAMES.get(key.upper(), key) for key in keys)


def _index(node: Element) -> float:
    return number(word(node, "BAND_INDEX")) or 0.0


def _nodata(root: Element) -> float | None:
    for node in root.iterfind(".//Special_Value"):
        if word(node, "SPECIAL_VALUE_TEXT").upper() == "NODATA":
            return number(word(node, "SPECIAL_VALUE_COUNT"))
    return None


def _gains(root: Element) -> dict[str, tuple[float, float]]:
    """The format defines radiance = DN / GAIN + BIAS."""
    found = {}
    for node in root.iterfind(".//Band_Radiance"):
        gain, name = number(word(node, "GAIN")), word(node, "BAND_ID")
        if gain:
            found[NAMES.get(name.upper(), name)] = (1 / gain, number(word(node, "BIAS")) or 0.0)
    return found

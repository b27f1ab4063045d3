"""Maxar (WorldView, GeoEye, QuickBird): a PAN and a MUL part, each with .IMD or .XML, .TIL and tiles R1C1, R1C2 ..."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from anypan.products.metadata import bits_of, groups, number, xml
from anypan.products.product import Group, Product, only, sensor_of
from anypan.products.shelf import Shelf

NAMES = {"C": "coastal", "B": "blue", "G": "green", "Y": "yellow", "R": "red", "RE": "rededge", "N": "nir"}
NAMES |= {"N2": "nir2", "P": "pan"}
TIFF, TILE = r".*\.tiff?", r"([-_]?R\d+C\d+)?\.tiff?"
SHORT_WAVE = r"S\d"  # bands of a part of its own, coarser than the MS


@dataclass(frozen=True)
class _Part:
    """One image: its metadata file and its tables."""

    metadata: str
    table: dict[str, Any]
    tiles: tuple[str, ...]

    @property
    def bands(self) -> dict[str, dict[str, str]]:
        """Short names of the bands in the order of the file, with their tables."""
        found = {key[5:].upper(): value for key, value in self.table.items() if key.upper().startswith("BAND_")}
        return {key: value for key, value in found.items() if isinstance(value, dict)}

    @property
    def short_wave(self) -> bool:
        """Whether it is the short-wave infrared part of a WorldView-3 order."""
        return self.first("bandId") == "All-S" or all(re.fullmatch(SHORT_WAVE, name) for name in self.bands)

    def first(self, key: str) -> str:
        """A value wherever it stands."""
        for table in (self.table, *(value for value in self.table.values() if isinstance(value, dict))):
            for name, value in table.items():
                if name.lower() == key.lower() and isinstance(value, str):
                    return value
        return ""


def read(shelf: Shelf) -> Product | None:
    """An order by its IMD files, or XML files of the same content; None if there are none."""
    found = {posixpath.splitext(member)[0]: member for member in shelf.named(r".*\.IMD")}
    for member in shelf.named(r".*\.XML"):
        stem = posixpath.splitext(member)[0]
        if stem not in found and b"<isd" in shelf.text(member)[:4096]:
            found[stem] = member
    if not found:
        return None
    parts = [_part(shelf, member) for member in found.values()]
    pans = {each.metadata: each for each in parts if list(each.bands) == ["P"] or each.first("bandId") == "P"}
    sharpened = {each.metadata for each in parts if each.first("panSharpenAlgorithm").lower() not in ("", "none")}
    colours = {each.metadata: each for each in parts if each.metadata not in (pans.keys() | sharpened)}
    colours = {name: each for name, each in colours.items() if not each.short_wave} or colours
    pan = pans[only(list(pans), "metadata files of a PAN", shelf.name)]
    ms = colours[only(list(colours), "metadata files of an MS", shelf.name)]
    names = {key: NAMES.get(key, key.lower()) for key in ms.bands}
    if "N2" in names:
        names["N"] = "nir1"
    return Product(
        name=shelf.name,
        family="Maxar",
        sensor=sensor_of(ms.first("satId")).name,
        groups=(Group(pan.tiles, ms.tiles, tuple(names.values())),),
        nodata=0.0,
        bits=bits_of(ms.first("bitsPerPixel")),
        acquired=ms.first("firstLineTime") or None,
        gains={names[key]: gain for key, table in ms.bands.items() if (gain := _gain(table))},
    )


def _part(shelf: Shelf, metadata: str) -> _Part:
    table = groups(shelf, metadata) if metadata.upper().endswith(".IMD") else _as_table(xml(shelf, metadata))
    stem = posixpath.splitext(metadata)[0]
    lists = [m for m in shelf.named(r".*\.TIL") if posixpath.splitext(m)[0] == stem]
    if lists:
        tiles = [each for each in groups(shelf, lists[0]).values() if isinstance(each, dict)]
        members = [shelf.beside(lists[0], str(tile.get("filename", ""))) for tile in tiles]
    elif "TILES" in table:
        members = [shelf.beside(metadata, name) for name in table["TILES"]]
    else:
        folder = posixpath.dirname(metadata)
        every = [m for m in shelf.named(TIFF) if posixpath.dirname(m) == folder]
        own = [m for m in every if re.fullmatch(re.escape(stem) + TILE, m, re.I)]
        members = own or [m for m in every if m.startswith(stem)] or every
    return _Part(metadata, table, tuple(map(shelf.path, members)))


def _as_table(root: Element) -> dict[str, Any]:
    """The IMD of an XML file as the .IMD would say it; its tiles under TILES."""
    image = root.find("IMD")
    table: dict[str, Any] = {}
    for node in image if image is not None else ():
        table[node.tag] = {inner.tag: (inner.text or "").strip() for inner in node} if len(node) else node.text or ""
    tiles = [(node.text or "").strip() for node in root.iterfind("TIL/TILE/FILENAME")]
    return table | ({"TILES": tiles} if tiles else {})


def _gain(table: dict[str, str]) -> tuple[float, float] | None:
    """Radiance = absCalFactor / effectiveBandwidth * DN."""
    lower = {key.lower(): value for key, value in table.items()}
    factor, width = number(lower.get("abscalfactor")), number(lower.get("effectivebandwidth"))
    return (factor / width, 0.0) if factor and width else None

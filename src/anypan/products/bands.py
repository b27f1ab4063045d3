"""Products of one file a band, told by their names: CBERS-4A WPM and KOMPSAT-3 and 3A."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from anypan.products.metadata import word, xml
from anypan.products.product import Group, Product, only, sensor_of
from anypan.products.shelf import Shelf
from anypan.runtime.errors import UserError


@dataclass(frozen=True)
class Naming:
    """``pattern``: of a file's name, with groups scene and band, and ``sharpened`` of bands that were fused already;
    ``bands``: their letters, the PAN's first."""

    family: str
    pattern: str
    bands: dict[str, str]

    def read(self, shelf: Shelf) -> Product | None:
        """The scene whose files are named so; None if there are none. UserError for several scenes, or no PAN."""
        found = {member: re.fullmatch(self.pattern, posixpath.basename(member), re.I) for member in shelf.members}
        named = {member: match for member, match in found.items() if match}
        if not named:
            return None
        scene = only(sorted({match["scene"] for match in named.values()}), f"{self.family} scenes", shelf.name)
        plain_last = sorted(named.items(), key=lambda each: not each[1].groupdict().get("sharpened"))
        by_band = {self.bands[match["band"].upper()]: member for member, match in plain_last}
        names = [name for name in self.bands.values() if name in by_band and name != "pan"]
        if "pan" not in by_band or not names:
            raise UserError(f"{shelf.name} has no PAN, or no MS, of {scene}: name the folder that holds both.")
        order = tuple(name for name in self.bands.values() if name != "pan")
        absent = {name: f"{scene}_*{key}.tif" for key, name in self.bands.items() if name not in by_band}
        pan = (shelf.path(by_band["pan"]),)
        group = Group(pan, tuple(shelf.path(by_band[name]) for name in names), tuple(names), absent=absent, order=order)
        sensor = sensor_of(*_spelt(scene))
        time = _time(shelf, scene) or _dated(scene)
        return Product(shelf.name, self.family, sensor.name, (group,), 0.0, sensor.bits, time)


CBERS = Naming(
    "CBERS-4A WPM",
    r"(?P<scene>CBERS_4A_WPM_\d{8}_\d+_\d+\w*?_L\w+?)_BAND(?P<band>[0-4])(_GRID_SURFACE)?\.tiff?",
    {"0": "pan", "1": "blue", "2": "green", "3": "red", "4": "nir"},
)
KOMPSAT = Naming(
    "KOMPSAT-3",
    r"(?P<scene>K3A?_\d{8,14}_\d+_\d+_L1[GO])_((?P<sharpened>P)|M)?(?P<band>[PBGRN])\.tiff?",
    {"P": "pan", "B": "blue", "G": "green", "R": "red", "N": "nir"},
)


def _spelt(scene: str) -> Sequence[str]:
    """Names of the sensor that a scene's name begins with: CBERS_4A_WPM or K3A."""
    parts = scene.split("_")
    return "-".join(parts[:2]), parts[0]


def _dated(scene: str) -> str | None:
    found = re.search(r"_(\d{4})(\d\d)(\d\d)((\d\d)(\d\d)(\d\d))?_", scene)
    if not found:
        return None
    day = f"{found[1]}-{found[2]}-{found[3]}"
    return f"{day}T{found[5]}:{found[6]}:{found[7]}Z" if found[4] else day


def _time(shelf: Shelf, scene: str) -> str | None:
    """The centre time of INPE's XML, if there is one."""
    beside = shelf.named(rf"{re.escape(scene)}_BAND\d\.xml")
    said = word(xml(shelf, beside[0]), ".//timestamp/center") if beside else ""
    return f"{said[:19]}Z" if said else None

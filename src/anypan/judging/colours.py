"""Which bands a picture shows as red, green and blue, and how that is known: a reader is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from anypan.optics.sensors import GENERIC, SENSORS, Band, match

EYE = replace(GENERIC, bands=(Band("red", 600, 700), Band("green", 510, 600), Band("blue", 440, 510)))
GUESS = "a guess: the MS does not say which bands they are, --sensor does"


class Colours(NamedTuple):
    """``bands``: indices of the bands shown as red, green and blue; ``words``: a sentence that says so and why."""

    bands: tuple[int, int, int]
    words: str


def colours_of(names: Sequence[str], sensor: str = "generic", stated: Sequence[str] = ()) -> Colours:
    """By wavelength where the sensor is known, else by name, else as the file colours its bands (``stated``, a word
    each), else a guess: of eight bands the fifth, third and second, of four and more the third, second and first."""
    ways = (
        (_by_wavelength(names, sensor), "by the sensor's wavelengths"),
        (_by_name(names), "by their names"),
        (_by_name(stated), "as the file colours its bands"),
        (_by_place(len(names)), GUESS if len(names) > 1 else "the only band"),
    )
    bands, why = next((found, why) for found, why in ways if found)
    return Colours(bands, f"Red, green and blue are {', '.join(names[band] for band in bands)} ({why}).")


def _by_wavelength(names: Sequence[str], sensor: str) -> tuple[int, int, int] | None:
    bands = match(SENSORS.get(sensor, GENERIC), names)
    known = {index: band.centre_nm for index, band in enumerate(bands) if band}
    if len(known) < 3:
        return None
    red, green, blue = (min(known, key=lambda index: abs(known[index] - band.centre_nm)) for band in EYE.bands)
    return red, green, blue


def _by_name(names: Sequence[str]) -> tuple[int, int, int] | None:
    found = [band.name if (band := EYE.band(name)) else "" for name in names]
    if not {band.name for band in EYE.bands} <= set(found):
        return None
    red, green, blue = (found.index(band.name) for band in EYE.bands)
    return red, green, blue


def _by_place(count: int) -> tuple[int, int, int]:
    if count == 8:  # coastal, blue, green, yellow, red, ...: WorldView-2 and -3; nearly so PlanetScope
        return 4, 2, 1
    return (2, 1, 0) if count > 3 else (0, min(1, count - 1), count - 1)

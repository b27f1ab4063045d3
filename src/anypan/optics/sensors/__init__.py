"""Sensors as data: bands, half-maximum limits and MTF gains from ``sensors/*.toml``, each with its source.

No code asks which sensor it has before it: a sensor is its numbers. A file of unknown origin is ``GENERIC``, whose
gains are the usual defaults .30 (bands) and .15 (PAN), the practice of the reference toolbox for any sensor without
published gains (GaoFen-2 among them).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

from anypan.runtime.errors import UserError
from anypan.runtime.foreign import MOST_TOML, text_of, toml_of

GNYQ, GNYQ_PAN = 0.30, 0.15
MOST_GAIN = 0.95  # at the Nyquist frequency: a Gaussian of 1 is no filter
_SHORT = {"c": "coastal", "b": "blue", "g": "green", "y": "yellow", "r": "red", "re": "rededge", "n": "nir"}
_SHORT |= {"n1": "nir1", "n2": "nir2", "nearinfrared": "nir"}


@dataclass(frozen=True)
class Band:
    """A spectral band: half-maximum limits in nm and MTF gain at the Nyquist frequency of its own pixels."""

    name: str
    low_nm: float
    high_nm: float
    gnyq: float = GNYQ
    aliases: tuple[str, ...] = ()

    @property
    def centre_nm(self) -> float:
        """Middle of the half-maximum limits, nm."""
        return (self.low_nm + self.high_nm) / 2


@dataclass(frozen=True)
class Sensor:
    """A PAN/MS instrument. ``four`` names the bands that a file of four holds; ``gsd_m`` is the PAN pixel at nadir."""

    name: str
    title: str
    ratio: int
    bands: tuple[Band, ...]
    pan: Band
    bits: int
    source: str
    aliases: tuple[str, ...] = ()
    gsd_m: float = 1.0
    four: tuple[str, ...] = field(default=(), repr=False)

    @property
    def full_scale(self) -> int:
        """The largest DN."""
        return 2**self.bits - 1

    @property
    def gnyq(self) -> tuple[float, ...]:
        """MTF gain at the MS Nyquist frequency, band by band."""
        return tuple(band.gnyq for band in self.bands)

    @property
    def published(self) -> bool:
        """Whether any of its gains is known, rather than the toolbox's default."""
        return self.pan.gnyq != GNYQ_PAN or any(gain != GNYQ for gain in self.gnyq)

    def band(self, name: str) -> Band | None:
        """The band of that name, short name (``R``, ``N1``) or alias; ``nir`` also finds ``nir1``; None if absent."""
        key = _key(name)
        key = _SHORT.get(key, key)
        by_name = {_key(n): band for band in self.bands for n in (band.name, *band.aliases)}
        return by_name.get(key) or by_name.get({"nir": "nir1", "nir1": "nir"}.get(key, key))


PAN_ANY = Band("pan", 450.0, 900.0, GNYQ_PAN)
GENERIC = Sensor(
    "generic", "any sensor", 4, (), PAN_ANY, 16, "Gains: the reference toolbox's default for any sensor (Vivone 2021)."
)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _band(table: dict[str, Any]) -> Band:
    return Band(**{**table, "aliases": tuple(table.get("aliases", ()))})


def _sensor(text: str, where: str = "A sensor", remedy: str = "correct its file") -> Sensor:
    table = toml_of(text, where, remedy)
    table |= {"bands": tuple(map(_band, table["bands"])), "pan": _band(table["pan"]), "source": table["source"].strip()}
    table |= {"aliases": tuple(table["aliases"]), "four": tuple(table.get("four", ()))}
    return Sensor(**table)


def _load() -> dict[str, Sensor]:
    folder = files(__name__)
    entries = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    every = [_sensor((folder / name).read_text(encoding="utf-8")) for name in entries]
    return {sensor.name: sensor for sensor in sorted(every, key=lambda s: s.name.lower())}


SENSORS: dict[str, Sensor] = _load()
_BY_ALIAS = {_key(n): sensor for sensor in (*SENSORS.values(), GENERIC) for n in (sensor.name, *sensor.aliases)}


def find(name: str) -> Sensor:
    """The sensor of that name or alias, whatever the case and punctuation (``WorldView-3``, ``worldview3``, ``WV3``).

    A name that ends in .toml is a sensor file. Raises UserError that lists the names, or for a file that is none.
    """
    if name.lower().endswith(".toml"):
        return read_sensor(name)
    sensor = _BY_ALIAS.get(_key(name))
    if sensor is None:
        known = ", ".join([*SENSORS, GENERIC.name])
        raise UserError(f"No sensor is called {name!r}: choose one of {known}, or name a sensor file (.toml).")
    return sensor


def read_sensor(path: str) -> Sensor:
    """The sensor of a file in the form of those here. Its name is the path, by which it is found again.

    Raises UserError if it is none: not there, no TOML, keys missing or unknown, or gains that cannot be.
    """
    remedy = "write one with anypan inspect --save"
    try:
        sensor = _sensor(text_of(path, remedy, MOST_TOML), f"{path} is no sensor file: it", remedy)
        wrong = [
            b.name for b in (*sensor.bands, sensor.pan) if not (0 < b.gnyq <= MOST_GAIN and 0 < b.low_nm < b.high_nm)
        ]
        if wrong or not sensor.bands:
            raise ValueError(f"the gain or the limits of {', '.join(wrong) or 'its bands'} cannot be")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is no sensor file ({error}): {remedy}.") from error
    return replace(sensor, name=path)


def match(sensor: Sensor, bands: int | Sequence[str]) -> tuple[Band | None, ...]:
    """Which of the sensor's bands the bands at hand are, given their number or their names; None where unknown.

    Names decide if any of them is known to the sensor. Else the number does: all the sensor's bands in order, or the
    ``four`` of them that a file of four holds.
    """
    count = bands if isinstance(bands, int) else len(bands)
    named = (None,) * count if isinstance(bands, int) else tuple(sensor.band(name) for name in bands)
    if any(named):
        return named
    if count == len(sensor.bands):
        return sensor.bands
    if count == len(sensor.four):
        return tuple(sensor.band(name) for name in sensor.four)
    return named


def gains(sensor: Sensor, bands: int | Sequence[str]) -> tuple[float, ...]:
    """MTF gains at the MS Nyquist frequency of the bands at hand (number or names); .30 where ``match`` knows none."""
    return tuple(band.gnyq if band else GNYQ for band in match(sensor, bands))


def assumption(sensor: Sensor, bands: int | Sequence[str]) -> str | None:
    """One sentence that says what ``gains`` assumed, None if it assumed nothing."""
    matched = match(sensor, bands)
    unknown = [i for i, band in enumerate(matched) if band is None]
    if unknown:
        which = "all bands" if len(unknown) == len(matched) else "band " + ", ".join(str(i + 1) for i in unknown)
        return f"MTF gain .30 assumed for {which}: {sensor.title} has no bands of such names, or of this number."
    if isinstance(bands, int) or not any(sensor.band(name) for name in bands):
        names = ", ".join(band.name for band in matched if band)
        return f"The {len(matched)} bands were taken as {sensor.title}'s {names}, in this order."
    return None

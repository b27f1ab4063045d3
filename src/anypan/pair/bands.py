"""Which bands of the MS are fused, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from anypan import raster
from anypan.optics.sensors import Band, Sensor, match
from anypan.raster import Raster
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import number_or_name


def pick_bands(ms: Raster, wanted: Sequence[str | int] | None, sensor: Sensor) -> tuple[Raster, tuple[str, ...]]:
    """The raster with the wanted bands only, and their names: the file's, else the sensor's, else "band 1" ...

    ``wanted``: names or numbers from 1, in the order wanted; None: all. Raises UserError for a band that is not there.
    """
    described = tuple(name or f"band {b + 1}" for b, name in enumerate(raster.format_of(ms).names))
    known = match(sensor, described)
    if not any(sensor.band(name) for name in described):
        named = match(sensor, len(described))
        described = tuple(band.name if band else name for band, name in zip(named, described, strict=True))
        known = named
    if wanted is None:
        return ms, described
    picked = [_index(each, described, known, sensor, ms.name) for each in wanted]
    return replace(ms, bands=tuple(ms.bands[i] for i in picked)), tuple(described[i] for i in picked)


def _index(wanted: str | int, names: Sequence[str], known: Sequence[Band | None], sensor: Sensor, file: str) -> int:
    text = str(wanted).strip()
    number = number_or_name(text)
    if isinstance(number, int) and 1 <= number <= len(names):
        return number - 1
    by_name = {name.lower(): i for i, name in reversed(list(enumerate(names)))}
    if text.lower() in by_name:
        return by_name[text.lower()]
    band = sensor.band(text)
    if band is not None and band in known:
        return list(known).index(band)
    listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names, 1))
    raise UserError(f"{file} has no band {text!r}: choose from {listed}.")

"""Which bands of the MS methods are fitted to, which of them are written, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anypan import raster
from anypan.optics.sensors import GENERIC, Band, Sensor, assumption, match
from anypan.raster import Format, Raster
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import number_or_name

COLOURS = ("red", "green", "blue")
NEAR_NM = 50.0  # by which a wavelength may be off that of a sensor's band
Wanted = Sequence[str | int] | None


@dataclass(frozen=True)
class Chosen:
    """``ms`` with the bands that methods are fitted to, in the file's order, and their ``names``.

    ``written``: which of them are written, in the order wanted; ``notes`` on what was taken for which of the sensor's.
    """

    ms: Raster
    names: tuple[str, ...]
    written: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def format(self, named: bool) -> Format:
        """What the output takes over from the bands that are written; with names where they have none if ``named``."""
        form = raster.format_of(replace(self.ms, bands=tuple(self.ms.bands[i] for i in self.written)))
        names = (own or self.names[i] for own, i in zip(form.names, self.written, strict=True))
        return replace(form, names=tuple(names)) if named else form


def choose_bands(ms: Raster, wanted: Wanted, reference: Wanted, sensor: Sensor) -> Chosen:
    """The bands to fit to, ``reference`` or all, and those to write, ``wanted`` or the same.

    Bands are named by the file, else by the sensor, else "band 1" ...; ``wanted`` and ``reference`` hold names or
    numbers: of a single file its own, of several files from 1. Raises UserError for a band that is not there.
    """
    form = raster.format_of(ms)
    numbers = [band if len(ms.layers) == 1 else rank for rank, (_, band) in enumerate(ms.bands, 1)]
    own = tuple(name or f"band {number}" for number, name in zip(numbers, form.names, strict=True))
    known, said = _identified(form, own, sensor)
    named = any(sensor.band(name) for name in own)
    described = own if named else tuple(band.name if band else name for band, name in zip(known, own, strict=True))
    index = _Index(described, known, sensor, ms.name, form.colour_names, numbers)
    find = [[index(each) for each in _listed(some)] for some in (reference, wanted)]
    seen = range(len(described)) if reference is None else sorted({*find[0]})
    written = seen if wanted is None else find[1]
    for place in written:
        if place not in seen:
            raise UserError(
                f"Band {described[place]} of {ms.name} is to be written, but is none of the reference bands: name it "
                "with --reference-bands (reference_bands), too."
            )
    fitted = replace(ms, bands=tuple(ms.bands[i] for i in seen))
    rank = {place: number for number, place in enumerate(seen)}
    names, notes = tuple(described[i] for i in seen), () if said is None else (said,)
    return Chosen(fitted, names, tuple(rank[i] for i in written), notes)


def _identified(form: Format, names: Sequence[str], sensor: Sensor) -> tuple[tuple[Band | None, ...], str | None]:
    """Which of the sensor's bands a file's are, and what there is to say of that: by names, wavelengths, or colours.

    If the file tells none of these, its bands are taken in the order of the sensor's.
    """
    if sensor is GENERIC or any(sensor.band(name) for name in names):
        return match(sensor, names), None if sensor is GENERIC else assumption(sensor, names)
    for how, found in (("wavelengths", _by_wavelength(form, sensor)), ("colours", _by_colour(form, sensor))):
        if found and found != match(sensor, len(names)):
            listed = ", ".join(band.name if band else "none of them" for band in found)
            return found, f"By the file's {how} the bands were taken as {sensor.title}'s {listed}."
    return match(sensor, len(names)), assumption(sensor, len(names))


def _by_wavelength(form: Format, sensor: Sensor) -> tuple[Band | None, ...]:
    """The nearest band of the sensor for each of a file that tells all its wavelengths; nothing if two are the same."""
    found = []
    for centre in form.wavelengths_nm:
        apart = {abs(band.centre_nm - centre): band for band in sensor.bands} if centre else {}
        nearest = min(apart, default=NEAR_NM)
        found.append(apart.get(nearest) if nearest <= NEAR_NM else None)
    return tuple(found) if all(found) and len(set(found)) == len(found) else ()


def _by_colour(form: Format, sensor: Sensor) -> tuple[Band | None, ...]:
    """Of a file that labels one band each as red, green and blue; a single other one is the one that is left.

    Of 8 bits GDAL labels the first three so by itself, which says nothing.
    """
    colours = list(form.colour_names)
    if form.dtype == "uint8" or any(colours.count(colour) != 1 or sensor.band(colour) is None for colour in COLOURS):
        return ()
    found = [sensor.band(colour) if colour in COLOURS else None for colour in colours]
    left = [band for band in match(sensor, len(colours)) if band and band not in found]
    if len(left) == found.count(None) == 1:
        found[found.index(None)] = left[0]
    return tuple(found)


def _listed(some: Wanted) -> list[str | int]:
    """What a caller names. UserError for none."""
    if some is not None and not len(some):
        raise UserError(f"bands is {some!r}: give a list of names or numbers, as [3, 2, 1], or leave it out for all.")
    return [] if some is None else [each if isinstance(each, str) else int(each) for each in some]


class _Index:
    """Finds the place of a band in a file by number, name or what the sensor calls it."""

    def __init__(
        self,
        names: Sequence[str],
        known: Sequence[Band | None],
        sensor: Sensor,
        file: str,
        colours: Sequence[str],
        numbers: Sequence[int],
    ) -> None:
        self._names, self._bands, self._sensor, self._file = names, list(known), sensor, file
        self._numbers = list(numbers)
        self._colours = list(colours)  # as the file displays them
        self._by_name = {name.lower(): i for i, name in reversed(list(enumerate(names)))}

    def __call__(self, wanted: str | int) -> int:
        text = str(wanted).strip()
        number = number_or_name(text)
        if isinstance(number, int) and number in self._numbers:
            place = self._numbers.index(number)
            named = self._by_name.get(text.lower(), place)
            if named != place:
                raise UserError(
                    f"{text} is the number of one band of {self._file} and the name of another, band "
                    f"{self._numbers[named]}: name the bands otherwise in the file, for example B4."
                )
            return place
        if text.lower() in self._by_name:
            return self._only(text)
        band = self._sensor.band(text)
        if band is not None and band in self._bands:
            return self._bands.index(band)
        if text.lower() in COLOURS and self._colours.count(text.lower()) == 1:
            return self._colours.index(text.lower())
        listed = ", ".join(f"{i} ({name})" for i, name in zip(self._numbers, self._names, strict=True))
        raise UserError(f"{self._file} has no band {text!r}: choose from {listed}.")

    def _only(self, name: str) -> int:
        """The place of the one band that is called so."""
        places = [place for place, own in enumerate(self._names) if own.lower() == name.lower()]
        if len(places) > 1:
            numbers = " and ".join(str(self._numbers[place]) for place in places)
            raise UserError(f"Bands {numbers} of {self._file} are called {name}: give a number.")
        return places[0]

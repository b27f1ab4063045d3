"""Which bands of the MS methods are fitted to, which of them are written, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anypan import raster
from anypan.optics.sensors import Band, Sensor, match
from anypan.raster import Format, Raster
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import number_or_name

COLOURS = ("red", "green", "blue")
Wanted = Sequence[str | int] | None


@dataclass(frozen=True)
class Chosen:
    """``ms`` with the bands that methods are fitted to, in the file's order, and their ``names``.

    ``written``: which of them are written, in the order wanted.
    """

    ms: Raster
    names: tuple[str, ...]
    written: tuple[int, ...]

    def format(self, named: bool) -> Format:
        """What the output takes over from the bands that are written; with the names that they go by if ``named``."""
        form = raster.format_of(replace(self.ms, bands=tuple(self.ms.bands[i] for i in self.written)))
        return replace(form, names=tuple(self.names[i] for i in self.written)) if named else form


def choose_bands(ms: Raster, wanted: Wanted, reference: Wanted, sensor: Sensor) -> Chosen:
    """The bands to fit to, ``reference`` or all, and those to write, ``wanted`` or the same.

    Bands are named by the file, else by the sensor, else "band 1" ...; ``wanted`` and ``reference`` hold names or
    numbers from 1. Raises UserError for a band that is not there.
    """
    described = tuple(name or f"band {b + 1}" for b, name in enumerate(raster.format_of(ms).names))
    known = match(sensor, described)
    if not any(sensor.band(name) for name in described):
        named = match(sensor, len(described))
        described = tuple(band.name if band else name for band, name in zip(named, described, strict=True))
        known = named
    index = _Index(described, known, sensor, ms.name, raster.format_of(ms).colour_names)
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
    return Chosen(fitted, tuple(described[i] for i in seen), tuple(rank[i] for i in written))


def _listed(some: Wanted) -> list[str | int]:
    """What a caller names. UserError for none."""
    if some is not None and not len(some):
        raise UserError(f"bands is {some!r}: give a list of names or numbers, as [3, 2, 1], or leave it out for all.")
    return [] if some is None else [each if isinstance(each, str) else int(each) for each in some]


class _Index:
    """Finds the place of a band in a file by number, name or what the sensor calls it."""

    def __init__(
        self, names: Sequence[str], known: Sequence[Band | None], sensor: Sensor, file: str, colours: Sequence[str]
    ) -> None:
        self._names, self._bands, self._sensor, self._file = names, list(known), sensor, file
        self._colours = list(colours)  # as the file displays them
        self._by_name = {name.lower(): i for i, name in reversed(list(enumerate(names)))}

    def __call__(self, wanted: str | int) -> int:
        text = str(wanted).strip()
        number = number_or_name(text)
        if isinstance(number, int) and 1 <= number <= len(self._names):
            named = self._by_name.get(text.lower(), number - 1)
            if named != number - 1:
                raise UserError(
                    f"{text} is the number of one band of {self._file} and the name of another, band {named + 1}: name "
                    "the bands otherwise in the file, for example B4."
                )
            return number - 1
        if text.lower() in self._by_name:
            return self._only(text)
        band = self._sensor.band(text)
        if band is not None and band in self._bands:
            return self._bands.index(band)
        if text.lower() in COLOURS and self._colours.count(text.lower()) == 1:
            return self._colours.index(text.lower())
        listed = ", ".join(f"{i} ({name})" for i, name in enumerate(self._names, 1))
        raise UserError(f"{self._file} has no band {text!r}: choose from {listed}.")

    def _only(self, name: str) -> int:
        """The place of the one band that is called so."""
        numbers = [str(number) for number, own in enumerate(self._names, 1) if own.lower() == name.lower()]
        if len(numbers) > 1:
            raise UserError(f"Bands {' and '.join(numbers)} of {self._file} are called {name}: give a number.")
        return int(numbers[0]) - 1

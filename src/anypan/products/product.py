"""What a product says of itself, whichever operator ships it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from anypan.optics.sensors import GENERIC, Sensor, find
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import number_or_name


@dataclass(frozen=True)
class Group:
    """Bands on one lattice and the PAN for them.

    ``pan`` and ``ms`` are paths of files, ``names`` those of the MS bands in the order of the files. ``default`` are
    the bands that are taken if nobody names any, all if empty. ``absent``: bands whose file is missing, with its name;
    ``order``: all bands, also those, where some may be missing.
    """

    pan: tuple[str, ...]
    ms: tuple[str, ...]
    names: tuple[str, ...]
    default: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def named(self, number: int) -> str | None:
        """The band that a number means: the one that bears it, as B4 does, else the one at that place; None if none."""
        every = self.order or self.names
        own = {int(found[1]): name for name in every if (found := re.fullmatch(r"B(\d+)", name))}
        if own:
            return own.get(number)
        return every[number - 1] if 1 <= number <= len(every) else None


@dataclass(frozen=True)
class Product:
    """``sensor``: a name of SENSORS or "generic". ``bits`` of the pixel values, ``nodata`` of PAN and MS.

    ``acquired``: ISO 8601. ``gains``: of a band, gain and bias with radiance = gain * DN + bias. ``tags``: what
    else the operator says of pixel values, by its own names.
    """

    name: str
    family: str
    sensor: str
    groups: tuple[Group, ...]
    nodata: float | None = None
    bits: int | None = None
    acquired: str | None = None
    gains: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def choose(self, wanted: Sequence[str | int] | None) -> tuple[Group, Sequence[str | int] | None]:
        """The group that has the bands, and the bands to take of it. UserError if none has them all."""
        if not wanted:
            group = self.groups[0]
            asked = group.default or (*group.names, *group.absent)
            self._check_there(group, asked)
            return group, list(group.default) or None
        for group in self.groups:
            named = [_name_in(group, each) for each in wanted]
            if all(name is not None and self._has(group, name) for name in named):
                self._check_there(group, [str(name) for name in named])
                return group, [str(name) for name in named]
        listed = "; ".join(", ".join((*group.names, *group.absent)) for group in self.groups)
        names = ", ".join(map(str, wanted))
        raise UserError(f"{self.name} has no bands {names} that can be fused together: choose from {listed}.")

    def _has(self, group: Group, text: str) -> bool:
        names = {name.lower() for name in (*group.names, *group.absent)}
        band = find(self.sensor).band(text)
        alike = {found.name.lower() for name in names if (found := find(self.sensor).band(name))}
        return text.lower() in names or bool(band and band.name.lower() in alike)

    def _check_there(self, group: Group, names: Sequence[str]) -> None:
        sensor = find(self.sensor)
        keys = {(band.name if (band := sensor.band(name)) else name).lower() for name in names}
        for name, file in group.absent.items():
            if (band.name if (band := sensor.band(name)) else name).lower() in keys:
                raise UserError(
                    f"{file} of band {name} is not there: fetch the product again, or name other bands with --bands."
                )


def _name_in(group: Group, wanted: str | int) -> str | None:
    """The name of a band that was asked for by name or by number; None for a number that none has."""
    found = number_or_name(str(wanted))
    return group.named(found) if isinstance(found, int) else found


def sensor_of(*names: str) -> Sensor:
    """The first sensor that one of the names finds; the generic one if none does."""
    for name in names:
        try:
            return find(name)
        except UserError:
            continue
    return GENERIC


def only(found: Sequence[str], what: str, where: str) -> str:
    """The one that was found. UserError if there are none or several."""
    if not found:
        raise UserError(f"{where} has no {what}: name the folder that holds PAN and MS.")
    if len(found) > 1:
        listed = ", ".join(found[:3])
        raise UserError(f"{where} has {len(found)} of {what} ({listed}): name the folder of one scene.")
    return found[0]


def bands_of(paths: Mapping[str, str | None], missing: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Bands that have a file, with it, and bands that have none, with the name that it should have."""
    there = {name: path for name, path in paths.items() if path is not None}
    return there, {name: missing[name] for name in paths if name not in there}

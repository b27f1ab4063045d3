"""What a product says of itself, whichever operator ships it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from anypan.optics.sensors import GENERIC, Sensor, find
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import number_or_name


@dataclass(frozen=True)
class Group:
    """Bands on one lattice and the PAN for them.

    ``pan`` and ``ms`` are paths of files, ``names`` those of the MS bands in the order of the files. ``default`` are
    the bands that are taken if nobody names any, all if empty. ``absent``: bands whose file is missing, with its name.
    """

    pan: tuple[str, ...]
    ms: tuple[str, ...]
    names: tuple[str, ...]
    default: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """``sensor``: a name of SENSORS or "generic". ``bits`` of the pixel values, ``nodata`` of PAN and MS.

    ``acquired``: ISO 8601. ``gains``: of a band, gain and bias with radiance = gain * DN + bias.
    """

    name: str
    family: str
    sensor: str
    groups: tuple[Group, ...]
    nodata: float | None = None
    bits: int | None = None
    acquired: str | None = None
    gains: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def choose(self, wanted: Sequence[str | int] | None) -> tuple[Group, Sequence[str | int] | None]:
        """The group that has the bands, and the bands to take of it. UserError if none has them all."""
        if not wanted:
            group = self.groups[0]
            asked = group.default or (*group.names, *group.absent)
            self._check_there(group, asked)
            return group, list(group.default) or None
        for group in self.groups:
            if all(self._has(group, each) for each in wanted):
                self._check_there(group, [str(each) for each in wanted])
                return group, list(wanted)
        listed = "; ".join(", ".join((*group.names, *group.absent)) for group in self.groups)
        names = ", ".join(map(str, wanted))
        raise UserError(f"{self.name} has no bands {names} that can be fused together: choose from {listed}.")

    def _has(self, group: Group, wanted: str | int) -> bool:
        text = str(wanted).strip()
        if isinstance(number := number_or_name(text), int):
            return 1 <= number <= len(group.names)
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

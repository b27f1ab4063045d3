"""How a pair is read: the options that commands which open PAN and MS have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from anypan.cli.names import complete_sensors
from anypan.runtime.foreign import number_or_name


def _bands(_: click.Context, __: click.Parameter, listed: str | None) -> list[str | int] | None:
    """The names and numbers in a list such as 3,2,1 or red,green,blue."""
    if listed is None:
        return None
    names = [name.strip() for name in listed.split(",") if name.strip()]
    if not names:
        raise click.BadParameter("it is empty: give numbers from 1 or names, for example 3,2,1")
    return [number_or_name(name) for name in names]


def _terrain(_: click.Context, __: click.Parameter, model: str | None) -> bool | str:
    """Whether to orthorectify, or with which elevation model."""
    return model or model is not None


_ORTHORECTIFY = (
    "Warp PAN and MS by their RPC to a map first, with an elevation model (--orthorectify=DEM.tif) or at one height."
)


def _alpha(_: click.Context, __: click.Parameter, given: str | None) -> int | None:
    """A number from 1, or 0 for none."""
    if given is None:
        return None
    number = 0 if given.lower() == "none" else number_or_name(given)
    if not isinstance(number, int) or (given.lower() != "none" and number < 1):
        raise click.BadParameter(f"{given!r} is neither the number of a band, from 1, nor none")
    return number


_BANDS = "MS bands wanted, in this order, by number from 1 or by name: 3,2,1 or red,green,blue."
_REFERENCE = "MS bands that shift and method are fitted to, whichever are written.  [default: all]"
_SENSOR = "Use the bands and MTF gains of this sensor, see 'anypan sensors', or of a sensor file (.toml)."
_ALPHA = "The MS band that is alpha (transparency), or none, whatever the labels say.  [default: one that looks so]"
_NODATA = "Nodata value of the MS, whatever its files say."
_NO_REGISTER = "Take PAN and MS as they lie: measure and correct no shift."
_OPTIONS = (
    click.option("-b", "--bands", metavar="LIST", callback=_bands, help=_BANDS),
    click.option("--reference-bands", metavar="LIST", callback=_bands, help=_REFERENCE),
    click.option("--sensor", metavar="NAME", help=_SENSOR, shell_complete=complete_sensors),
    click.option("--no-register", "register", is_flag=True, flag_value=False, default=True, help=_NO_REGISTER),
    click.option("--allow-vrt", is_flag=True, help="Read VRT files, which can point at any other file."),
    click.option(
        "--allow-remote", is_flag=True, help="Read URLs, and /vsi paths but those of members of local archives."
    ),
    click.option("--nodata", type=float, metavar="VALUE", help=_NODATA),
    click.option("--pan-nodata", type=float, metavar="VALUE", help="Nodata value of the PAN, whatever its file says."),
    click.option("--nodata-all-bands", is_flag=True, help="An MS pixel is fill only if all of its bands are."),
    click.option(
        "--orthorectify", is_flag=False, flag_value="", metavar="[DEM]", callback=_terrain, help=_ORTHORECTIFY
    ),
    click.option("--alpha", callback=_alpha, metavar="N|none", help=_ALPHA),
    click.option("--force", is_flag=True, help="Take PAN and MS for a pair though they show nothing in common."),
)


OPENING = (
    "bands",
    "reference_bands",
    "sensor",
    "register",
    "allow_vrt",
    "allow_remote",
    "nodata",
    "pan_nodata",
    "nodata_all_bands",
    "alpha",
    "force",
    "orthorectify",
)  # the fields of pair.opening.Opening, which is slow to import


def opening_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of OPENING, --no-register as ``register``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command

"""Names that a shell completes: methods and sensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def complete_methods(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """The methods whose name begins so, whatever the case; by their names without spaces where they have some."""
    from anypan.methods import METHODS
    from anypan.methods.resolve import ALIASES

    short = {name: alias for alias, name in ALIASES.items()}
    return _beginning([short.get(name, name) for name in METHODS], begun)


def complete_sensors(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """The sensors whose name begins so, whatever the case."""
    from anypan.optics.sensors import GENERIC, SENSORS

    return _beginning([*SENSORS, GENERIC.name], begun)


def method_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds --method, the default network unless given."""
    return click.option(
        "-m",
        "--method",
        metavar="NAME",
        default="anypan-s",
        show_default=True,
        help=text,
        shell_complete=complete_methods,
    )


def _beginning(names: list[str], begun: str) -> list[str]:
    return [name for name in names if name.lower().startswith(begun.lower())]

"""``rio anypan``: anypan fuse as a plug-in of rasterio's command."""

from __future__ import annotations

from typing import Any

import click

from anypan.cli.failures import EXIT_UNVERIFIED, EXIT_USER
from anypan.cli.fuse import fuse
from anypan.runtime.errors import Unverified, UserError


class Mistake(click.ClickException):
    """A user's mistake."""

    exit_code = EXIT_USER


class NotVerified(click.ClickException):
    """A result that --verify does not let pass."""

    exit_code = EXIT_UNVERIFIED


def _fused(**options: Any) -> Any:
    """Fuse; a user's mistake becomes what rio knows how to show: one sentence and an exit code."""
    try:
        return click.get_current_context().invoke(fuse, **options)
    except UserError as error:
        kind = NotVerified if isinstance(error, Unverified) else Mistake
        raise kind(str(error)) from error


anypan = click.Command(
    "anypan",
    callback=_fused,
    params=fuse.params,
    help=(fuse.help or "").replace("anypan fuse", "rio anypan"),
    short_help="Sharpen an MS image with a PAN image.",
)

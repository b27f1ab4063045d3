"""--stac: a STAC item beside an output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from anypan.runtime.claim import check_free

STAC = "Also write a STAC item beside the output, with the ending .json."
_DATETIME = "With --stac: when the images were acquired, as 2024-05-01T10:30:00Z."


def stac_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --stac and --datetime."""
    for option in (
        click.option("--datetime", "acquired", metavar="TIME", help=_DATETIME),
        click.option("--stac", is_flag=True, help=STAC),
    ):
        command = option(command)
    return command


def check_item(out: str, scene: tuple[str | None, str, Sequence[str]], overwrite: bool) -> str | None:
    """When a scene was acquired, of (the time given, PAN or product, MS).

    UserError, before the work, for an item that could not be written after it.
    """
    from anypan.batch.catalogue import library
    from anypan.batch.item import acquired, item_path
    from anypan.batch.jobs import time_of

    library()
    when = time_of(*scene)
    acquired(when)
    check_free(item_path(out), overwrite)
    return when


def write_item(done: Any, inputs: Sequence[str], when: str | None) -> None:
    """The item of a finished fusion."""
    from anypan.batch.item import about, write_item

    write_item(done.output, when, about(done.method, done.ratio, done.notes, inputs))

"""Where the work is done: --device and --threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def device_option(_: click.Context, __: click.Parameter, name: str) -> str:
    """The device called ``name`` if torch can use it here; "auto" takes a GPU if there is one."""
    from anypan.runtime.device import check_device

    if name == "auto":
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    check_device(name)
    return name


def _threads(_: click.Context, __: click.Parameter, count: int | None) -> None:
    """Let torch use ``count`` CPU threads."""
    if count is not None:
        import torch

        torch.set_num_threads(count)


_DEVICE = "cpu, cuda, cuda:1; auto takes a GPU if there is one."
on_device = click.option(
    "--device", metavar="NAME", default="auto", show_default=True, callback=device_option, help=_DEVICE
)
_OPTIONS = (
    on_device,
    click.option("--threads", type=click.IntRange(1, 1024), expose_value=False, callback=_threads, help="CPU threads."),
)


def working_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --device and --threads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command

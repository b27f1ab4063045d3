"""Where the work is done: --device and --threads."""

from __future__ import annotations

import click


def device_option(_: click.Context, __: click.Parameter, name: str) -> str:
    """The device called ``name`` if torch can use it here; "auto" takes a GPU if there is one."""
    if name == "cpu":
        return name
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with the device
        raise click.BadParameter(f"{name!r} cannot be used on this machine: choose auto or cpu") from error
    return name


def threads_option(_: click.Context, __: click.Parameter, count: int | None) -> None:
    """Let torch use ``count`` CPU threads."""
    if count is not None:
        import torch

        torch.set_num_threads(count)

"""Whether torch can work on a device here."""

from __future__ import annotations

from anypan.runtime.errors import UserError


def check_device(name: str) -> None:
    """UserError unless torch can use the device called ``name`` on this machine."""
    if name == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:  # torch asserts that it was built with the device
        raise UserError(
            f"The device {name!r} cannot be used on this machine: choose cpu, or cuda with a GPU."
        ) from error

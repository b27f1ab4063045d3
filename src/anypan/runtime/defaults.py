"""What a caller set in torch for all of the process: nothing that anypan computes depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from anypan.runtime.shared import Shared


@contextmanager
def _plain() -> Iterator[None]:
    theirs = torch.get_default_dtype()
    if theirs is torch.float32:
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(theirs)


plain = Shared(_plain)
"""New tensors are of float32 inside, whatever the caller's are by default; also a decorator of functions."""


def full_precision(tensor: torch.Tensor) -> AbstractContextManager[object]:
    """No autocast on the device of a tensor (...): for what three figures are not enough for."""
    device = tensor.device.type
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


@contextmanager
def learning() -> Iterator[None]:
    """As ``plain``, and with gradients, though the caller works without them."""
    with torch.inference_mode(False), torch.enable_grad(), plain():
        yield

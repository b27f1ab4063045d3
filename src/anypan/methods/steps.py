"""How far a network is within a tile: the layers that were passed, of all that it has."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook

from anypan.methods.base import Around, Fuser

STEPS = 100  # of a tile, as progress counts them
TRIAL = 64  # PAN pixels along a side of the image that layers are counted on
QUICK = 256  # PAN pixels along a side of a tile, with its halo, that is done before anybody looks


@contextmanager
def within(fuser: Fuser, pan: Tensor, lrms: Tensor, step: Callable[[int], None] | None) -> Iterator[None]:
    """While the fuser works on pan (1, H, W) and lrms (B, h, w), ``step`` is told how many of ``STEPS`` are done.

    Layers count alike. A fuser without layers, as a formula is, tells nothing, and nothing is told of a small tile:
    they are quick.
    """
    if step is None or pan[0].numel() <= QUICK**2:
        yield
        return
    expected, passed, here = _layers(fuser, pan, lrms), 0, threading.get_ident()

    def hook(*_: object) -> None:
        nonlocal passed
        if threading.get_ident() == here:
            passed += 1
            step(min(STEPS - 1, STEPS * passed // expected))

    watched = register_module_forward_hook(hook) if expected else None
    try:
        yield
    finally:
        if watched:
            watched.remove()


def _layers(fuser: Fuser, pan: Tensor, lrms: Tensor) -> int:
    """The layers that one call passes, counted on a corner of the images."""
    count, here, ratio = 0, threading.get_ident(), pan.shape[-1] // lrms.shape[-1]

    def hook(*_: object) -> None:
        nonlocal count
        count += threading.get_ident() == here

    bare = fuser.fuser if isinstance(fuser, Around) else fuser  # no guard counts what is of no image
    side = math.ceil(TRIAL / math.lcm(fuser.cell, ratio)) * math.lcm(fuser.cell, ratio)
    watched = register_module_forward_hook(hook)
    try:
        with torch.inference_mode():
            bare(pan[:, :side, :side], lrms[:, : side // ratio, : side // ratio])
    finally:
        watched.remove()
    return count

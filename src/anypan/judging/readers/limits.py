"""What a file may claim: damaged and hostile files state sizes that they do not hold."""

from __future__ import annotations

from math import prod
from pathlib import Path

from anypan.runtime.errors import UserError

MOST = 2**30  # bytes of one image
DEFLATE = 1032  # times that deflate can shrink anything, at most


def check_claim(path: Path, shape: tuple[int, ...], itemsize: int, stored: int) -> None:
    """Raise UserError if an image of that shape is larger than MOST, or than ``stored`` bytes can unpack to."""
    claimed = prod(shape) * itemsize
    if not shape or min(shape) < 1 or claimed > MOST or claimed > stored:
        size = " x ".join(f"{n:,}" for n in shape)
        raise UserError(f"{path} claims an image of {size} values, more than it can hold: fetch the file again.")

"""The numbers that a setting may be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from anypan.runtime.errors import UserError

MOST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Bounds:
    """From ``low`` to ``high``; with ``above``, more than ``low``."""

    low: float = 0
    high: float = math.inf
    above: bool = False

    def check(self, what: str, value: Any) -> None:
        """UserError unless a number, both ends of a range, or the keys of a table of weights lie within.

        ``what`` names the setting, as "rate in [train]".
        """
        if isinstance(value, str):
            raise UserError(f"{what} is {value!r}, which is a text: give a number {self}.")
        several = isinstance(value, Iterable)
        numbers = list(value) if several else [value]
        if not all(self.low <= one <= self.high and not (self.above and one == self.low) for one in numbers):
            shown = numbers if several else value
            raise UserError(
                f"{what} is {shown}, which is out of range: give {'numbers' if several else 'a number'} {self}."
            )

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"above {self.low:g}" if self.above else f"of {self.low:g} or more"
        return f"above {self.low:g}, at most {self.high:g}" if self.above else f"from {self.low:g} to {self.high:g}"

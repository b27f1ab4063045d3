"""A method as a value: what a caller names becomes a MethodRef here, and names are read nowhere else."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from anypan.methods import METHODS
from anypan.methods.base import Method
from anypan.methods.ensemble import best_of
from anypan.methods.guard import above_zero, steady
from anypan.methods.neural import neural
from anypan.models import ARCHITECTURES
from anypan.optics.sensors import GENERIC
from anypan.runtime.digest import sha256
from anypan.runtime.errors import UserError
from anypan.weights import PREFIX, SUFFIX, available, stored
from anypan.weights.hub import fetched

BEST = "+"  # how the name of the mean over the 8 ways ends
ALIASES = {"MTF-GLP-FS+C": "MTF-GLP-FS + consistency"}  # names without spaces, for those that have some


@dataclass(frozen=True)
class MethodRef:
    """A method by what decides its result; it can be sent to another process.

    ``name`` as reports and rows have it. Of a network ``weights``, a name in the package or the path of a file, and
    ``ensemble``: whether it is the mean over all 8 ways to turn and mirror a scene; ``sharpness`` as in ``Options``.
    """

    name: str
    weights: str | None = None
    ensemble: bool = False
    sharpness: float | None = None

    @property
    def fit(self) -> Method:
        """What fits it to a scene."""
        if self.weights is None:
            return above_zero(steady(METHODS[self.name]))
        method = neural(self.weights, self.sharpness)
        return above_zero(best_of(method) if self.ensemble else method)

    @property
    def weights_sha256(self) -> str | None:
        """The SHA-256 of the weights, None of a formula. UserError if the file cannot be read."""
        if self.weights is None:
            return None
        pinned = {card.name: card.sha256 for card in available()}
        return pinned[self.weights] if self.weights in pinned else sha256(Path(self.weights))

    @property
    def network(self) -> type[Any] | None:
        """The class of its network, None of a formula. UserError if the weight file cannot be read."""
        if self.weights is None:
            return None
        known = {card.name: card.architecture for card in available()}
        found = known.get(self.weights) or stored(self.weights).architecture
        return ARCHITECTURES[found].network

    def notes_on(self, sensor: str, ratio: int) -> tuple[str, ...]:
        """What to tell who fuses a scene of ``sensor`` with weights that were adapted to others."""
        if self.weights is None or self.weights in {card.name for card in available()}:
            return ()
        header = stored(self.weights).header
        sensors, ratios = (header.get(key, "").split("; ") for key in ("sensor", "ratio"))
        of_another = sensor != GENERIC.name and sensor not in sensors and not {"", GENERIC.name} & set(sensors)
        if not of_another and (str(ratio) in ratios or "" in ratios):
            return ()
        taught = f"{' and '.join(sensors)} scenes at ratio {' and '.join(ratios)}"
        return (f"{self.name} was adapted to {taught}, and this one is of {sensor} at ratio {ratio}: compare the result"
                " with that of the weights it began with.",)  # fmt: skip

    @property
    def best(self) -> MethodRef:
        """The same network as the mean over all 8 ways. UserError of a formula."""
        if self.weights is None:
            raise UserError(
                f"{self.name} is no network, as 'best' needs: leave it out, or choose a network as the method."
            )
        return self if self.ensemble else replace(self, name=self.name + BEST, ensemble=True)

    def sharpened(self, sharpness: float) -> MethodRef:
        """The same network at a sharpness from 0 to 1. UserError of a formula, and of a network that takes none."""
        if not getattr(self.network, "takes_sharpness", False):
            raise UserError(f"{self.name} takes no sharpness: leave it out, or choose anypan-s as the method.")
        return replace(self, sharpness=sharpness)


def spelt(name: str) -> str:
    """The name as it stands in METHODS, whatever its case, spaces and hyphens, or by alias; else as it is."""
    return name if name in METHODS else _spellings().get(_key(name), name)


def _spellings() -> dict[str, str]:
    names = {**ALIASES, **{name: name for name in METHODS}}
    return {_key(each): name for each, name in names.items()}


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def resolve(name: str | PathLike[str], others: str = "a .safetensors file") -> MethodRef:
    """The method called ``name``: of METHODS, however spelt, a weight file by its path, or ``hf:owner/name@commit``.

    A network's name may end in +.

    UserError if there is none; it lists the names, and ``others`` that could be given.
    """
    if not isinstance(name, str | PathLike):
        raise UserError(f"The method is {name!r}: give a name of 'anypan methods', or the path of a weight file.")
    text = spelt(os.fspath(name))
    plain = text.removesuffix(BEST)
    if plain.startswith(PREFIX):
        return MethodRef(text, str(fetched(plain)), plain != text)
    if plain in {card.name for card in available()} or plain.endswith(SUFFIX):
        return MethodRef(text, plain, plain != text)
    if text not in METHODS:
        raise UserError(f"No method is called {text!r}: choose from {', '.join(METHODS)}, or give {others}.")
    return MethodRef(text)


def usable(name: str) -> bool:
    """True if ``name`` can be fused with here: it is a method, and its weight file exists."""
    try:
        found = resolve(name)
    except UserError:
        return False
    return found.weights in (None, *(card.name for card in available())) or Path(str(found.weights)).is_file()

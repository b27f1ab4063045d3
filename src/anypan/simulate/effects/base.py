"""What an effect of the simulator is: a frozen dataclass of its settings, with their ranges, and what it does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, ClassVar, Self, get_type_hints

from torch import Tensor

from anypan.runtime.bounds import Bounds
from anypan.runtime.errors import UserError
from anypan.simulate.random import Random

Range = tuple[float, float]
Share = Annotated[float, Bounds(0, 1)]
GAIN, SNR, PIXELS = Bounds(0.01, 0.95), Bounds(1, 10**6), Bounds(0, 8)


@dataclass(frozen=True)
class Effect:
    """Settings of one effect; its first sentence says what it does, its fields are the keys of its table in a recipe.

    ``share``, from 0 (never) to 1: of what ``of`` names. ``stage``: where the simulator applies it, in the order of
    the registry; an effect without one is part of how a stage draws. ``selects``: apply() itself draws its share.
    Raises UserError for a number that is out of range.
    """

    name: ClassVar[str]
    of: ClassVar[str] = "scenes"
    stage: ClassVar[str] = ""
    selects: ClassVar[bool] = False

    share: Share = 0.0

    def __post_init__(self) -> None:
        for key, bounds in bounds_of(type(self)).items():
            bounds.check(f"{key} in [effect.{toml_key(self.name)}]", getattr(self, key))

    def never(self) -> Self:
        """The same with a share of 0."""
        return replace(self, share=0.0)

    def apply(self, image: Tensor, rng: Random) -> Tensor:
        """The image (G, K, C, H, W), of G scenes of K patches, changed; handed are those alone that it is drawn for.

        As it is where the effect is part of how a stage draws.
        """
        return image


@lru_cache
def bounds_of(effect: type[Effect]) -> dict[str, Bounds]:
    """What the numbers of an effect's fields may be; of a range, both ends, and of a table of weights, the keys."""
    hints = get_type_hints(effect, include_extras=True)
    found = {key: getattr(hint, "__metadata__", ()) for key, hint in hints.items()}
    return {key: one for key, extras in found.items() for one in extras if isinstance(one, Bounds)}


def what(effect: type[Effect]) -> str:
    """What an effect does, in a few words: the first sentence of its docstring, as it stands in a table."""
    assert effect.__doc__
    words = effect.__doc__.split(".\n")[0].strip().removesuffix(".")
    return words if words[1].isupper() else words[0].lower() + words[1:]


def toml_key(name: str) -> str:
    """A name as TOML spells it in the heading of a table."""
    return name if name.replace("-", "").isalnum() else f'"{name}"'


def check_known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """UserError, which lists the ``known``, for one of the ``names`` that is not among them."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UserError(
                f"The simulation's {what} names {name!r}, which is unknown: choose from {', '.join(known)}."
            )

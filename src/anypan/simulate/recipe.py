"""A recipe of the simulator: the instruments and effects that it draws from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from anypan.runtime.bounds import Bounds
from anypan.simulate.blur import KERNELS
from anypan.simulate.effects import EFFECTS
from anypan.simulate.effects.archive import FamilyNoise
from anypan.simulate.effects.base import GAIN, Effect, Range, check_known
from anypan.simulate.noise import NOISES

Kind = TypeVar("Kind", bound=Effect)
FAMILIES = tuple(f"{name} noise" for name in NOISES)  # that can be off, too, each by itself
LIMITS: dict[str, Bounds] = {
    "ratios": Bounds(2, 6),
    "bands": Bounds(1, 64),
    "reductions": Bounds(1, 8),
    "pan_gain": GAIN,
    "reference_gain": GAIN,
    "ms_gain": GAIN,
}
"""What the numbers of a Simulation may be; of a table of weights, its keys."""


@dataclass(frozen=True)
class Simulation:
    """What the simulator draws from; gains are responses at the Nyquist frequency of their grid.

    ``effects``: those whose settings are not the default ones; ``off``: names of EFFECTS and FAMILIES that never occur.
    Raises UserError for unknown names and for what is beyond its LIMITS.
    """

    ratios: dict[int, float] = field(default_factory=lambda: {4: 0.55, 2: 0.3, 3: 0.1, 6: 0.05})
    bands: dict[int, float] = field(default_factory=lambda: {3: 0.1, 4: 0.55, 6: 0.2, 8: 0.15})
    reductions: dict[int, float] = field(default_factory=lambda: {2: 0.75, 3: 0.15, 1: 0.1})
    kernels: dict[str, float] = field(default_factory=lambda: {"mtf": 1.0})  # names of blur.KERNELS
    pan_gain: Range = (0.08, 0.5)
    reference_gain: Range = (0.2, 0.42)
    ms_gain: Range = (0.18, 0.42)
    off: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        check_known("off", self.off, (*EFFECTS, *FAMILIES))
        check_known("kernels", self.kernels, KERNELS)
        for name, bounds in LIMITS.items():
            bounds.check(f"{name} in [simulation]", getattr(self, name))

    def __getitem__(self, kind: type[Kind]) -> Kind:
        """The settings of an effect."""
        found = next((one for one in self.effects if type(one) is kind), None)
        return kind() if found is None else found  # type: ignore[return-value]

    def having(self, *effects: Effect) -> Simulation:
        """The same with these effects as they are given."""
        changed = {type(one) for one in effects}
        return replace(self, effects=(*effects, *(one for one in self.effects if type(one) not in changed)))

    def effective(self) -> Simulation:
        """The same with the share of everything that is off at 0."""
        never = [self[EFFECTS[name]].never() for name in self.off if name in EFFECTS]
        families = [] if FamilyNoise.name in self.off else [self[FamilyNoise].without(self.off)]
        return replace(self.having(*never, *families), off=())

    def always(self) -> list[str]:
        """The effects that every scene has: those that a History leaves out."""
        drawn = self.effective()
        return [name for name, kind in EFFECTS.items() if kind.of != "displaced scenes" and drawn[kind].share == 1]

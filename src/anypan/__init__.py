"""Pansharpening for any satellite: ``anypan.fuse(pan, ms)``, with a network that ships with the package."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anypan.api import fit, fuse, plan
    from anypan.fusing import fuse_scene
    from anypan.judging.show import show
    from anypan.options import Plan, Report
    from anypan.pair.pair import Pair, open_pair
    from anypan.pair.scene import Scene
    from anypan.runtime.errors import Note, Unverified, UserError
    from anypan.train.adapt import Adapted, adapt
    from anypan.weights import Card, load
    from anypan.weights import available as available_models

__version__ = "1.0.0rc1"
__all__ = [
    "Adapted",
    "Card",
    "Note",
    "Pair",
    "Plan",
    "Report",
    "Scene",
    "Unverified",
    "UserError",
    "__version__",
    "adapt",
    "available_models",
    "fit",
    "fuse",
    "fuse_scene",
    "load",
    "open_pair",
    "plan",
    "show",
]

_HOMES = {
    "Adapted": ("anypan.train.adapt", "Adapted"),
    "Card": ("anypan.weights", "Card"),
    "Note": ("anypan.runtime.errors", "Note"),
    "Pair": ("anypan.pair.pair", "Pair"),
    "Plan": ("anypan.options", "Plan"),
    "Report": ("anypan.options", "Report"),
    "Scene": ("anypan.pair.scene", "Scene"),
    "Unverified": ("anypan.runtime.errors", "Unverified"),
    "UserError": ("anypan.runtime.errors", "UserError"),
    "adapt": ("anypan.train.adapt", "adapt"),
    "available_models": ("anypan.weights", "available"),
    "fit": ("anypan.api", "fit"),
    "fuse": ("anypan.api", "fuse"),
    "fuse_scene": ("anypan.fusing", "fuse_scene"),
    "load": ("anypan.weights", "load"),
    "open_pair": ("anypan.pair.pair", "open_pair"),
    "plan": ("anypan.api", "plan"),
    "show": ("anypan.judging.show", "show"),
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: ``anypan --version`` must not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'anypan' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)

"""Pansharpening for any satellite: ``anypan.fuse(pan, ms)``, with a network that ships with the package."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anypan.adapt import adapt
    from anypan.fuse import fuse
    from anypan.scene import Scene
    from anypan.weights import available as available_models
    from anypan.weights import load

__version__ = "0.1.0"
__all__ = ["Scene", "__version__", "adapt", "available_models", "fuse", "load"]

_HOMES = {
    "adapt": ("anypan.adapt", "adapt"),
    "fuse": ("anypan.fuse", "fuse"),
    "load": ("anypan.weights", "load"),
    "available_models": ("anypan.weights", "available"),
    "Scene": ("anypan.scene", "Scene"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: ``anypan --version`` must not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'anypan' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


class _Package(ModuleType):
    """``anypan.fuse`` is the function, also after the module of that name was imported, which would shadow it."""

    def __setattr__(self, name: str, value: Any) -> None:
        shadows = isinstance(value, ModuleType) and name in _HOMES
        super().__setattr__(name, getattr(value, name) if shadows else value)


sys.modules[__name__].__class__ = _Package

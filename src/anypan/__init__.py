"""Pansharpening for any satellite: ``anypan.fuse(pan, ms)``, with a network that ships with the package."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anypan.api import fuse
    from anypan.pair.scene import Scene
    from anypan.train.adapt import adapt
    from anypan.weights import available as available_models
    from anypan.weights import load

__version__ = "0.1.0"
__all__ = ["Scene", "__version__", "adapt", "available_models", "fuse", "load"]

_HOMES = {
    "adapt": ("anypan.train.adapt", "adapt"),
    "fuse": ("anypan.api", "fuse"),
    "load": ("anypan.weights", "load"),
    "available_models": ("anypan.weights", "available"),
    "Scene": ("anypan.pair.scene", "Scene"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: ``anypan --version`` must not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'anypan' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)

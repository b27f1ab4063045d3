"""How processes for work side by side are started."""

from __future__ import annotations

import sys
from multiprocessing import get_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext


def starting(module: str) -> SpawnContext | ForkServerContext:
    """A context whose processes begin with ``module`` imported: on Linux forks of one server that has imported it.

    To import torch takes 1.5 s of a core, a fork some milliseconds; the server runs nothing else, so that no thread and
    no open file is lost by forking. Elsewhere, and where the server runs already, each process imports for itself.
    """
    if sys.platform != "linux":
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([module])
    return context

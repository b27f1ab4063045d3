"""Adapters behind the blocks learn, and nothing else (Houlsby et al., ICML 2019; see ``models/adapters.py``).

The paper has two in each layer, before its sums, and also trains normalisations and the last layer, which are tied to
its tasks; here there is one behind each block, and all that was there stays.
"""

from __future__ import annotations

from torch import nn

from anypan.models import Architecture, adapters
from anypan.runtime.errors import UserError
from anypan.train.tunings.base import Tuning

NARROW = 8  # features inside


def prepare(network: nn.Module, architecture: Architecture) -> None:
    """Adapters behind every block, unless the network has some already, which go on learning.

    UserError if it says of no block what it returns.
    """
    if adapters.inserted(network):
        return
    places = adapters.places(network, architecture.adapters)
    if not places:
        raise UserError("This network says nowhere that it takes adapters: choose another tuning, such as lora.")
    adapters.insert(network, places, NARROW)


ADAPTER = Tuning("small networks added behind its blocks learn", lambda _: (rf"^(?!.*\b{adapters.CHILD}\.)",), prepare)

"""The provider: which algorithms there are."""

from __future__ import annotations

from qgis.core import QgsProcessingProvider

from .algorithms import Pair, Product


class Provider(QgsProcessingProvider):
    """``anypan:pansharpen`` and ``anypan:pansharpenproduct``."""

    def id(self) -> str:
        """As it stands in names of algorithms."""
        return "anypan"

    def name(self) -> str:
        """As it stands in the toolbox."""
        return "anypan"

    def loadAlgorithms(self) -> None:
        """Add them."""
        for algorithm in (Pair(), Product()):
            self.addAlgorithm(algorithm)

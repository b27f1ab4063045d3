"""What an output file says of itself, in its tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from anypan import __version__
from anypan.metrics.consistency import r_ergas_of
from anypan.pair.pair import Pair
from anypan.raster import Raster

USE = "Fused: the detail is the PAN's, the colour of what is smaller than an MS pixel is an estimate."


@dataclass
class Account:
    """Tags of the image that ``method`` made of a pair with MTF ``gains``; ``r_ergas`` is known once they were made.

    With ``whole`` it is that of the whole image, else that of strips of a large one.
    """

    pair: Pair
    method: str
    weights: str | None
    gains: Sequence[float]
    whole: bool = False
    r_ergas: float | None = field(default=None, init=False)

    def __call__(self, image: Raster, masked: float) -> dict[str, str]:
        """Version, method and weights, shift and gains applied, share of invalid pixels, R-ERGAS, honest use."""
        pair = self.pair
        self.r_ergas = r_ergas_of(image, pair, self.whole)
        shift = pair.shift if pair.registered else (0.0, 0.0)
        known = {
            "VERSION": __version__,
            "METHOD": self.method,
            "WEIGHTS_SHA256": self.weights,
            "SHIFT": "{:+.3f} {:+.3f} PAN pixels (rows, columns)".format(*shift),
            "GAINS": " ".join(f"{gain:.4g}" for gain in self.gains),
            "MASKED": f"{100 * masked:.4g} %",
            "R_ERGAS": None if self.r_ergas is None else f"{self.r_ergas:.4g}",
            "USE": USE,
        }
        return {f"ANYPAN_{name}": value for name, value in known.items() if value is not None}

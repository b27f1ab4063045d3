"""What a landscape is painted on: two materials a pixel and their shares, brightness, roughness, height and slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anypan.simulate.spectra import MATERIALS
from anypan.simulate.texture import Field

Mask = NDArray[np.bool_]
INDEX = {name: number for number, name in enumerate(MATERIALS)}


@dataclass(frozen=True)
class Coat:
    """A surface: material names, the ``share`` of the second one, brightness factor and roughness (relative std)."""

    first: str
    second: str = ""
    share: float = 0.0
    albedo: float = 1.0
    rough: float = 0.04


@dataclass
class Canvas:
    """All arrays (H, W). ``share`` is that of ``second``; ``height`` and ``slope`` (rise per metre along rows and
    columns) in metres; ``closed`` is true where nothing may grow or be built (ways, water, buildings)."""

    gsd: float
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    share: Field
    albedo: Field
    rough: Field
    height: Field
    slope: tuple[Field, Field]
    closed: Mask

    @property
    def shape(self) -> tuple[int, int]:
        return self.first.shape[0], self.first.shape[1]

    def paint(self, where: Mask, coat: Coat, window: tuple[slice, slice] = (slice(None), slice(None))) -> None:
        """Cover the pixels of ``window`` that ``where`` (of the window's shape) marks."""
        self.first[window][where] = INDEX[coat.first]
        self.second[window][where] = INDEX[coat.second or coat.first]
        self.share[window][where] = coat.share
        self.albedo[window][where] = coat.albedo
        self.rough[window][where] = coat.rough


def blank(shape: tuple[int, int], gsd: float) -> Canvas:
    """A flat canvas of the first material, pixels of ``gsd`` metres."""

    def zeros() -> Field:
        return np.zeros(shape, np.float32)

    first, second = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    closed = np.zeros(shape, bool)
    return Canvas(gsd, first, second, zeros(), zeros() + 1, zeros() + 0.05, zeros(), (zeros(), zeros()), closed)


@dataclass(frozen=True)
class Box:
    """A rectangle from above: centre in pixels, half sizes in metres, ``angle`` of its length from the columns."""

    row: float
    col: float
    half_length: float
    half_width: float
    angle: float

    def frame(self, canvas: Canvas, margin: float = 0.0) -> tuple[tuple[slice, slice], Field, Field] | None:
        """(window, along, across): metres along and across the box for the pixels of its window; None if outside."""
        reach = (np.hypot(self.half_length, self.half_width) + margin) / canvas.gsd + 1
        rows, cols = canvas.shape
        top, bottom = max(0, int(self.row - reach)), min(rows, int(self.row + reach) + 1)
        left, right = max(0, int(self.col - reach)), min(cols, int(self.col + reach) + 1)
        if top >= bottom or left >= right:
            return None
        down = ((np.arange(top, bottom, dtype=np.float32) - np.float32(self.row)) * np.float32(canvas.gsd))[:, None]
        over = ((np.arange(left, right, dtype=np.float32) - np.float32(self.col)) * np.float32(canvas.gsd))[None, :]
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        return (slice(top, bottom), slice(left, right)), cos * over + sin * down, cos * down - sin * over

"""From the bytes of an image to tiles of four channels: red, green, blue and near infrared.

Tiles are uint8 from 0 to 255 or uint16 from 0 to 65535, both the full scale of what is a reflectance from 0 to 1.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

TILE = 256  # pixels along a side of a source tile
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff")
_DAMAGE = (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError)  # what decoders raise
Load = Callable[[], bytes]


class Broken(Exception):
    """An image that cannot be used; the message says why."""


def photograph(key: str, colour: Load, nir: Load | None = None) -> Iterator[NDArray[np.uint8]]:
    """Tiles (4, 256, 256) of an image file, and of its near-infrared picture if there is one. Raises Broken.

    Without one its place takes a mixture of the other channels, different for each key.
    """
    rgb = _decode(colour, "RGB").transpose(2, 0, 1)
    other = (
        (255 * stand_in(key, rgb / np.float32(255)))[None].astype(np.uint8) if nir is None else _decode(nir, "L")[None]
    )
    if other.shape[1:] != rgb.shape[1:]:
        raise Broken(f"the near infrared has {other.shape[1:]} pixels, the colours {rgb.shape[1:]}")
    return cut(np.concatenate([rgb, other]))


def _decode(load: Load, mode: str) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(load())) as picture:
            return np.asarray(picture.convert(mode))
    except UnidentifiedImageError as error:  # whose message is an address in memory
        raise Broken("it is no image of a known format") from error
    except _DAMAGE as error:
        raise Broken(str(error) or type(error).__name__) from error


def stand_in(key: str, rgb: NDArray[Any]) -> NDArray[Any]:
    """(H, W) in 0..1 for a near infrared that is missing: a mixture of the three channels, a little brighter."""
    share = np.random.default_rng(list(key.encode())).dirichlet((0.7, 0.7, 0.7)).astype(np.float32)
    return np.clip(np.tensordot(share, rgb, 1) * 1.2, 0, 1)


def deep(image: NDArray[np.floating]) -> NDArray[np.uint16]:
    """(..., H, W) in 0..1 as 16-bit integers; what lies outside is cut off."""
    return np.rint(65535 * np.clip(image, 0, 1)).astype(np.uint16)


def cut(image: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Disjoint 256 x 256 tiles of (C, H, W); what is smaller is left out."""
    for row, col in corners(image.shape[-2:]):
        yield image[:, row : row + TILE, col : col + TILE]


def corners(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """First row and column of each whole tile of a grid."""
    for row in range(0, shape[0] - TILE + 1, TILE):
        for col in range(0, shape[1] - TILE + 1, TILE):
            yield row, col

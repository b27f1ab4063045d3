"""Arrays to pictures: one stretch for all layers of a scene, encoding as data URIs, and where to look closely."""

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

SAMPLES = 1_000_000
GAMMA = 1 / 1.4  # lifts the shadows, where weak texture is lost first
HIGHPASS = 9
ERROR_COLOURS = ((12, 8, 38), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))  # dark to bright
Array = NDArray[np.generic]


@dataclass(frozen=True)
class Layer:
    """Pixels (H, W) or (3, H, W; red, green, blue) and how they are stretched.

    `shared`: with the limits of the scene's MS, as all colour layers. `own`: with its own percentiles, as the PAN.
    `signed`: zero is mid grey, as a difference.
    """

    pixels: Array
    kind: Literal["shared", "own", "signed"]


Given = Array | Layer | Callable[[], Array | Layer]
Layers = Mapping[str, Given]


def layer(given: Given) -> Layer:
    """What was given as an array (2-D: own stretch, 3-D: shared), a Layer, or a function that makes either."""
    made = given() if callable(given) else given
    if isinstance(made, Layer):
        return made
    pixels = np.asarray(made)
    if pixels.ndim == 3 and pixels.shape[0] == 1:
        pixels = pixels[0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[0] != 3):
        raise ValueError(f"a layer is (H, W) or (3, H, W), not {pixels.shape}")
    return Layer(pixels, "own" if pixels.ndim == 2 else "shared")


def limits(pixels: Array, low: float = 0.5, high: float = 99.5) -> NDArray[np.float64]:
    """(bands, 2) percentiles of the finite pixels, of a regular sample where there are many."""
    bands = _bands(pixels)
    step = max(1, int(np.ceil(np.sqrt(bands[0].size / SAMPLES))))
    found = []
    for band in bands[:, ::step, ::step]:
        valid = band[np.isfinite(band)]
        found.append(np.percentile(valid, (low, high)) if valid.size else (0.0, 1.0))
    return np.asarray(found, dtype=np.float64)


def signed_limits(pixels: Array) -> NDArray[np.float64]:
    """(bands, 2) limits around zero that hold 99 % of the pixels, the same for every band."""
    bound = float(limits(np.abs(_bands(pixels)), 0, 99)[:, 1].max())
    return np.tile([-bound, bound], (len(_bands(pixels)), 1))


def stretch(bands: Array, bounds: NDArray[np.float64], gamma: float = 1.0) -> NDArray[np.uint8]:
    """(H, W) or (3, H, W) to 8 bits, (H, W) or (H, W, 3): `bounds` (bands, 2) to 0 and 255; invalid pixels black."""
    stack = _bands(bands).astype(np.float32)
    low, high = (bounds[:, side, None, None].astype(np.float32) for side in (0, 1))
    scaled = (stack - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
    shown = np.clip(np.nan_to_num(scaled, nan=0.0), 0, 1) ** gamma
    eight = np.rint(255 * shown).astype(np.uint8)
    return eight[0] if len(eight) == 1 else np.moveaxis(eight, 0, -1)


def picture(shown: Layer, shared: NDArray[np.float64] | None) -> NDArray[np.uint8]:
    """A layer (H, W, ...) as 8 bits, with the scene's limits where it is a colour layer."""
    if shown.kind == "signed":
        return stretch(shown.pixels, signed_limits(shown.pixels))
    fits = shown.kind == "shared" and shared is not None and len(shared) == len(_bands(shown.pixels))
    return stretch(shown.pixels, cast(NDArray[np.float64], shared) if fits else limits(shown.pixels), GAMMA)


def error_picture(error: Array, bound: float) -> NDArray[np.uint8]:
    """(H, W) of 0 to `bound` as (H, W, 3) from dark to bright; invalid pixels as 0."""
    share = np.clip(np.nan_to_num(error.astype(np.float32), nan=0.0) / max(bound, 1e-12), 0, 1)
    stops = np.linspace(0, 1, len(ERROR_COLOURS))
    bands = [np.interp(share, stops, channel) for channel in zip(*ERROR_COLOURS, strict=True)]
    return np.rint(np.stack(bands, -1)).astype(np.uint8)


def lossy(image: NDArray[np.uint8], quality: int = 80, chroma: bool = True) -> str:
    """AVIF of (H, W, 3) as a data URI, a third smaller than JPEG of the same error, which stands in without it.

    With full `chroma`, as a halved one would hide what pansharpening is about.
    """
    if features.check("avif"):
        return _uri(image, "avif", quality=quality, subsampling="4:4:4" if chroma else "4:2:0", speed=10)
    return _uri(image, "jpeg", quality=quality + 8, subsampling=0 if chroma else 2)


def lossless(image: NDArray[np.uint8]) -> str:
    """Lossless WebP of (H, W, 3) as a data URI: every pixel as computed, a quarter smaller than PNG."""
    return _uri(image, "webp", lossless=True, quality=60, method=3)


def _uri(image: NDArray[np.uint8], form: str, **options: object) -> str:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, form, **options)
    return f"data:image/{form};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _bands(pixels: Array) -> Array:
    return pixels if pixels.ndim == 3 else pixels[None]


def places(pan: Array, size: int) -> dict[str, tuple[int, int]]:
    """Where to look at 1:1: {what: (row, col)} of size x size windows with strong and weak texture and a bright target.

    Texture is the energy of the PAN less its 9 x 9 mean. Windows do not overlap; a small image has fewer of them.
    """
    image = np.nan_to_num(_bands(pan).astype(np.float64).mean(0))
    detail = image - _box(image, HIGHPASS)
    rows, cols = (_starts(length, size) for length in image.shape)
    corners = [(row, col) for row in rows for col in cols]
    windows = [(slice(row, row + size), slice(col, col + size)) for row, col in corners]
    energy = np.array([float(np.square(detail[window]).mean()) for window in windows])
    contrast = np.array([float(image[window].max() - np.median(image[window])) for window in windows])
    wanted = {
        "Bright target": np.argsort(-contrast),
        "Strong texture": np.argsort(-energy),
        "Weak texture": np.argsort(np.abs(energy - np.percentile(energy[energy > 0], 5)) if energy.any() else energy),
    }
    taken: dict[str, tuple[int, int]] = {}
    for what, order in wanted.items():
        free = (corners[one] for one in order if _apart(corners[one], taken.values(), size))
        place = next(free, None)
        if place is not None:
            taken[what] = place
    return taken


def _apart(corner: tuple[int, int], others: object, size: int) -> bool:
    row, col = corner
    return all(abs(row - r) >= size or abs(col - c) >= size for r, c in cast("list[tuple[int, int]]", others))


def _starts(length: int, size: int) -> list[int]:
    last = max(length - size, 0)
    return sorted({*range(0, last + 1, max(size // 2, 1)), last})


def _box(image: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    half = width // 2
    padded = np.pad(image, ((half + 1, half), (half + 1, half)), mode="edge")
    total = padded.cumsum(0).cumsum(1)
    return (
        total[width:, width:] - total[:-width, width:] - total[width:, :-width] + total[:-width, :-width]
    ) / width**2

"""What is to be seen of one scene under one protocol: pictures, error maps, spectra."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anypan.report.pictures import Array, Layers

LEVELS = 255
STRIDES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
LEAST_BITS = 2.0  # nobody's spectra pack into fewer bits a value; spares vain attempts


@dataclass(frozen=True)
class Spectra:
    """All bands of the layers: name -> (B, H, W) on the layers' grid, in units of the image; EXP first.

    bands: their names. centres: their wavelengths in nm, empty where they are not known.
    """

    cubes: Mapping[str, Array]
    bands: Sequence[str]
    centres: Sequence[float] = ()


@dataclass(frozen=True)
class Look:
    """Layers to swipe between and what goes with them.

    errors: layer -> (H, W) distance from the truth, as a share of the signal; all have one scale, to what 99 % of
    the pixels of the middle layer keep below.
    spectra: for the profile of a pixel. close: the layers to show as lossless crops, None for all.
    colours: a sentence that says which bands are red, green and blue.
    """

    layers: Layers
    title: str = ""
    errors: Mapping[str, Array] = field(default_factory=dict)
    spectra: Spectra | None = None
    close: Sequence[str] | None = None
    colours: str = ""


def looks(given: Layers | Look | Sequence[Look]) -> list[Look]:
    """What was given for a scene as a list of looks."""
    if isinstance(given, Look):
        return [given]
    return [Look(given)] if isinstance(given, Mapping) else list(given)


def packed(spectra: Spectra, corner: tuple[int, int], shape: tuple[int, int], room: int) -> dict[str, Any] | None:
    """The spectra of a window as something for JSON of at most `room` bytes, or None if that is impossible.

    Every n-th pixel of every n-th row is kept, n as small as fits. Each band has 256 levels between its least and its
    largest value, at squares of even steps, so that dark pixels keep their digits: no value is off by more than 0.4 %
    of the band's range. `unpack` in viewer.js undoes it.
    """
    part = (slice(None), *(slice(start, start + count) for start, count in zip(corner, shape, strict=True)))
    cubes = np.stack([np.nan_to_num(cube[part].astype(np.float32)) for cube in spectra.cubes.values()])
    low, high = cubes.min((0, 2, 3)), cubes.max((0, 2, 3))
    codes = _codes(cubes, low, high)
    for stride in STRIDES:
        kept = codes[:, :, stride // 2 :: stride, stride // 2 :: stride]
        if not kept.size or kept.size * LEAST_BITS / 8 > room:
            continue
        made = {
            "names": list(spectra.cubes), "bands": list(spectra.bands), "centres": list(spectra.centres),
            "low": low.tolist(), "high": high.tolist(), "stride": stride, "shape": list(kept.shape[2:]),
            "packed": base64.b64encode(zlib.compress(_deltas(kept).tobytes(), 6)).decode("ascii"),
        }  # fmt: skip
        if len(json.dumps(made)) <= room:
            return made
    return None


def _codes(cubes: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.uint8]:
    span = np.where(high > low, high - low, 1)[:, None, None]
    return np.rint(LEVELS * np.sqrt((cubes - low[:, None, None]) / span)).astype(np.uint8)


def _deltas(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The first layer against its left neighbour, the others against the first, modulo 256: small numbers pack well."""
    made = codes.copy()
    made[1:] -= codes[0]
    made[0, :, :, 1:] -= codes[0, :, :, :-1]
    return made

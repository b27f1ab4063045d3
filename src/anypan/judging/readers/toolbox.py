"""The .mat files of the reference toolbox and of the codes that grew from it: one scene a file.

``I_PAN`` (H, W) and ``I_MS_LR`` (h, w, C); ``I_MS`` is the same where it is small, and EXP (not used) where it has the
PAN's size; ``I_GT`` is the truth. ``sensor``, ``ratio`` and ``L`` (bits) are in some files. Other codes say ``pan``,
``lrms`` or ``ms``, and ``gt``, in DN or from 0 to 1. Files with a truth are degraded as the toolbox does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anypan.judging.readers import mat
from anypan.judging.readers.entry import About, Entry, Images, Layout
from anypan.judging.readers.files import below, sensor_in
from anypan.runtime.errors import UserError

PAN, MS, TRUTH = ("I_PAN", "pan"), ("I_MS_LR", "I_MS", "lrms", "ms"), ("I_GT", "gt")
STATED = ("sensor", "L", "ratio")
Found = Mapping[str, NDArray[Any] | str]


def _find(root: Path, split: str) -> Iterator[Entry]:
    for path in below(root, (".mat",)):
        inside = path.name if path == root else path.relative_to(root).as_posix()
        stem = inside.removesuffix(path.suffix)
        yield Entry(f"{LAYOUT.name}/{stem}", LAYOUT.name, sensor_in(inside), partial(_read, path, sensor_in(inside)))


def _read(path: Path, named: str) -> Images:
    found = mat.read(path, (*PAN, *MS, *TRUTH, *STATED))
    pan = _image(path, found, PAN)
    if pan is None or len(pan) != 1:
        raise UserError(f"{path} has no array {PAN[0]} of one band: it is no scene of the toolbox.")
    ms = next((each for key in MS if (each := _image(path, found, (key,))) is not None and _small(each, pan)), None)
    if ms is None:
        raise UserError(f"{path} has no MS smaller than its PAN: it should be called {MS[0]}.")
    _check_ratio(path, found, pan, ms)
    truth = _image(path, found, TRUTH)
    sensor = found.get("sensor")
    scale = _full_scale(found, (pan, ms) if truth is None else (pan, ms, truth))
    phase = "unknown" if truth is None else "toolbox"
    return Images(pan[0], ms, truth, About(sensor if isinstance(sensor, str) else named, (), scale, phase))


def _image(path: Path, found: Found, names: tuple[str, ...]) -> NDArray[Any] | None:
    name = next((name for name in names if name in found), None)
    return None if name is None else mat.bands_first(path, name, found[name])


def _small(ms: NDArray[Any], pan: NDArray[Any]) -> bool:
    return ms.shape[1] < pan.shape[1]


def _check_ratio(path: Path, found: Found, pan: NDArray[Any], ms: NDArray[Any]) -> None:
    stated = _number(found, "ratio")
    if stated and (pan.shape[1] != stated * ms.shape[1] or pan.shape[2] != stated * ms.shape[2]):
        raise UserError(f"{path} states the ratio {stated:g}, but its images have another: fetch the published file.")


def _full_scale(found: Found, images: tuple[NDArray[Any], ...]) -> float | None:
    """1 where no value is larger; else what ``L`` bits can hold, or nothing if the file does not tell."""
    if max(float(np.nanmax(image)) for image in images) <= 1:
        return 1.0
    bits = _number(found, "L")
    return 2.0**bits - 1 if bits and 1 <= bits <= 16 else None


def _number(found: Found, name: str) -> float | None:
    value = found.get(name)
    return float(value.ravel()[0]) if isinstance(value, np.ndarray) and value.size else None


LAYOUT = Layout(
    "toolbox",
    "the reference toolbox's .mat files",
    _find,
    ("all",),
    ".mat files with I_PAN, I_MS_LR and, if known, I_GT",
    "https://github.com/liangjiandeng/DLPan-Toolbox",
    "code GPL-3; images: none stated",
)

"""PanCollection (Deng et al., IEEE GRSM 2022): WorldView-3, QuickBird, GaoFen-2 and WorldView-2 in stacks.

``train_S.h5``, ``valid_S.h5``, ``test_S_multiExm1.h5`` (reduced) and ``test_S_OrigScale_multiExm1.h5`` (full) hold
``gt`` (not in full), ``ms``, ``lms`` and ``pan`` as N x C x H x W in DN. The MS of the reduced ones is ``gt`` through
the reference toolbox's kernels, sampled at ``ratio * i + ratio / 2``. The tests exist as .mat files of one image each,
too, whose full-resolution images are not all the same as the stacks'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from anypan.judging.readers import hdf5, mat
from anypan.judging.readers.entry import About, Entry, Images, Layout, Protocol, failing
from anypan.judging.readers.files import below, number
from anypan.optics.sensors import SENSORS
from anypan.runtime.errors import UserError

KEYS = ("pan", "ms", "gt")
REDUCED: tuple[Protocol, ...] = ("rr",)
FULL: tuple[Protocol, ...] = ("fr",)
SPLITS = ("test", "valid", "train")
_STACK = re.compile(r"(train|valid|test)_(wv3|qb|gf2|wv2)(_OrigScale)?(_multiExm\d+)?\.h5", re.IGNORECASE)
_SINGLE = re.compile(r"Test\(HxWxC\)_(wv3|qb|gf2|wv2)_data(_fr)?(\d+)\.mat", re.IGNORECASE)


def _find(root: Path, split: str) -> Iterator[Entry]:
    for path in below(root, (".h5", ".mat")):
        yield from _single(path, split)
        named = _STACK.fullmatch(path.name)
        if named and named[1].lower() == split:
            hdf5.require(path)
            yield from _stack(path, split, named[2].lower(), bool(named[3]))


def _single(path: Path, split: str) -> Iterator[Entry]:
    """The entry of a file of one image, none if it is another file. Their numbers are their own, so is their name."""
    named = _SINGLE.fullmatch(path.name)
    if named and split == "test":
        sensor, full = named[1].upper(), bool(named[2])
        name = f"{LAYOUT.name}/{named[1].lower()}/{'full' if full else 'reduced'}-mat/{number(named[3])}"
        read = partial(_read_single, path, sensor, full)
        yield Entry(name, LAYOUT.name, sensor, read, split, FULL if full else REDUCED)


def _read_single(path: Path, sensor: str, full: bool) -> Images:
    found = {key: mat.bands_first(path, key, value) for key, value in mat.read(path, KEYS).items()}
    return _images(path, found, sensor, full)


def _stack(path: Path, split: str, sensor: str, full: bool) -> Iterator[Entry]:
    """One entry for each image of a stack, numbered from 1; a single one that fails if it cannot be opened."""
    part = ("full" if full else "reduced") if split == "test" else split
    stem, sensor = f"{LAYOUT.name}/{sensor}/{part}", sensor.upper()
    try:
        names = [(f"{stem}/{index + 1:04d}", partial(_read, path, index, sensor, full)) for index in _range(path)]
    except UserError as problem:
        names = [(stem, failing(problem))]
    for name, read in names:
        yield Entry(name, LAYOUT.name, sensor, read, split, FULL if full else REDUCED)


def _range(path: Path) -> range:
    return range(hdf5.count(path, "pan"))


def _read(path: Path, index: int, sensor: str, full: bool) -> Images:
    return _images(path, hdf5.at(path, KEYS, index), sensor, full)


def _images(path: Path, found: Mapping[str, NDArray[Any]], sensor: str, full: bool) -> Images:
    missing = [key for key in (KEYS[:2] if full else KEYS) if key not in found]
    if missing or found["pan"].shape[0] != 1:
        what = f"has no {missing[0]}" if missing else f"has {found['pan'].shape[0]} bands as pan"
        raise UserError(f"{path} {what}: fetch the published file.")
    about = About(sensor, (), SENSORS[sensor].full_scale, "centred" if full else "toolbox")
    return Images(found["pan"][0], found["ms"], None if full else found["gt"], about)


LAYOUT = Layout(
    "pancollection",
    "PanCollection",
    _find,
    SPLITS,
    "test_wv3_multiExm1.h5, test_wv3_OrigScale_multiExm1.h5 and the like",
    "https://github.com/liangjiandeng/PanCollection",
    "none stated",
)

"""HDF5 files, and MATLAB's since version 7.3, read as untrusted: plain numeric arrays inside the file and no more."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anypan.judging.readers.limits import DEFLATE, MOST, check_claim
from anypan.runtime.errors import UserError


def require(path: Path) -> None:
    """Raise UserError if h5py is not installed."""
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise UserError(f"{path} is an HDF5 file: pip install 'anypan[benchmark]' to read it.") from error


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The open file. UserError for whatever HDF5 cannot read inside the block."""
    require(path)
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        raise UserError(f"{path} cannot be read as HDF5: it is damaged or cut off, so fetch it again.") from error


def array(file: Any, key: str, axes: tuple[int, ...]) -> Any:
    """The dataset ``key`` as it lies in the file, unread; None if nothing has that name. ``axes``: counts allowed.

    Refused are links, also to other files, virtual and external storage, what is not a number, other counts of axes,
    and sizes that the file cannot hold. Raises UserError.
    """
    import h5py

    path = Path(file.filename)
    link = file.get(key, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink) or file.get(key, getclass=True) is not h5py.Dataset:
        raise UserError(f"{path} keeps {key} as a link or group, not as an array: fetch the published file.")
    found = file[key]
    if found.is_virtual or found.external:
        raise UserError(f"{path} keeps {key} in other files, which are not read: fetch the published file.")
    if found.dtype.kind not in "uif" or found.ndim not in axes:
        said = f"{found.ndim} axes of {found.dtype}"
        raise UserError(f"{path} holds {said} as {key}, not {axes[0]} of numbers: fetch the published file.")
    _check(path, found)
    return found


def count(path: Path, key: str) -> int:
    """How many images the stack ``key`` (N, C, H, W) has. Raises UserError."""
    with opened(path) as file:
        found = array(file, key, (4,))
        if found is None:
            raise UserError(f"{path} has no array {key}: fetch the published file.")
        return found.shape[0]


def at(path: Path, keys: Sequence[str], index: int) -> dict[str, NDArray[Any]]:
    """Image ``index`` (C, H, W) of each of the stacks ``keys`` that the file has; no other image is read.

    Raises UserError.
    """
    with opened(path) as file:
        found = {key: array(file, key, (4,)) for key in keys}
        if any(each is not None and index >= each.shape[0] for each in found.values()):
            raise UserError(f"{path} has fewer images of one kind than of another: fetch the published file.")
        return {key: np.asarray(each[index]) for key, each in found.items() if each is not None}


def matlab(path: Path, wanted: Collection[str]) -> dict[str, NDArray[Any] | str]:
    """The variables called ``wanted`` that a MATLAB 7.3 file has: arrays (H, W, C, ...), texts as str."""
    with opened(path) as file:
        found = {name: array(file, name, (3, 2)) for name in wanted if not _passed_over(file, name)}
        return {name: _value(each) for name, each in found.items() if each is not None}


def _passed_over(file: Any, name: str) -> bool:
    """True for structures and the like, and for empty arrays, of which MATLAB writes the shape as their content."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return False
    return file.get(name, getclass=True) is not h5py.Dataset or "MATLAB_empty" in file[name].attrs


def _value(found: Any) -> NDArray[Any] | str:
    values = np.asarray(found[()]).transpose()
    text = found.attrs.get("MATLAB_class", b"") in (b"char", "char")
    return "".join(map(chr, values.ravel())) if text else values


def _check(path: Path, found: Any) -> None:
    """A stack's single image, and each of its chunks, must fit; the whole must be unpackable from the file."""
    if not found.size:
        raise UserError(f"{path} holds an empty array {found.name[1:]}: fetch the file again.")
    size, item = path.stat().st_size, found.dtype.itemsize
    stored = size * (1 if found.chunks is None else DEFLATE)
    one = found.shape[1:] if found.ndim == 4 else found.shape
    check_claim(path, one, item, MOST)
    check_claim(path, found.chunks or (1,), item, MOST)
    if found.size * item > stored or found.id.get_storage_size() > size or not found.id.get_storage_size():
        shape = " x ".join(f"{n:,}" for n in found.shape)
        raise UserError(f"{path} claims {shape} values but is cut off or damaged: fetch the file again.")

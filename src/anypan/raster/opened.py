"""Files to rasters: which may be opened, and how several become one image."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from anypan.geometry.grid import IDENTITY, Grid
from anypan.raster import archive
from anypan.raster.layers import common, layer_notes, layers_of
from anypan.raster.place import corners_by_rpc, grid_of, in_crs_of, plane_in
from anypan.raster.read import NO_NETWORK, Raster, Sheet, blaming, descriptions_of
from anypan.raster.sidecars import check_sidecars
from anypan.raster.stored import check_stored
from anypan.raster.validity import FILE, Rules, alpha_of
from anypan.runtime.errors import UserError, printable

# Those that know their files by a signature come first: the others take any file with a fitting header beside it.
DRIVERS = ("GTiff", "JP2OpenJPEG", "HFA", "NITF", "PCIDSK", "PNG", "JPEG", "ENVI", "EHdr")
MAX_SIDE = 1_000_000  # pixels
MAX_BANDS = 4096
MOST_PAGES = 16  # of a file, that are looked at
MAX_BLOCK = 2**30  # bytes that one read has to decode at least
FAR = 1e12  # coordinates beyond are no place on Earth in any unit
FINE = 1e-12  # of its coordinates that a pixel measures at least
FINER = 1.25  # times as fine that pixels are those of a PAN rather than of another band
NEAR = 0.01  # pixels that grids taken for one lattice may differ by
_TILE = re.compile(r"R\d+C\d+", re.IGNORECASE)
PACKED = (".gz", ".bz2", ".xz", ".7z", ".rar")
_REMOTE = re.compile(r"^(/vsi|[a-z][a-z0-9+.-]+:/|[A-Z0-9_]{3,}:)", re.ASCII)


def open_raster(
    paths: Sequence[str | Path], allow_vrt: bool = False, allow_remote: bool = False, rules: Rules = FILE
) -> Raster:
    """Open one file, or several on one lattice, with all their bands but alpha.

    Files side by side are the tiles of one image; others are its bands, of which the common part is taken. Raises
    UserError if a file is missing, refused, damaged, or lies on another lattice than the first.
    """
    names = [str(path) for path in paths]
    opened: list[Any] = []
    try:
        for name in names:
            with blaming(name):
                opened.append(_open(name, allow_vrt, allow_remote))
        with blaming(names[0]):
            return _joined(names, opened, rules)
    except BaseException:
        for dataset in opened:
            dataset.close()
        raise


def _joined(names: Sequence[str], datasets: Sequence[Any], rules: Rules) -> Raster:
    notes: list[str] = []
    grids = [grid_of(dataset) for dataset in datasets]
    alphas = [_alpha(name, dataset, rules, notes) for name, dataset in zip(names, datasets, strict=True)]
    corners = corners_by_rpc(datasets) or [
        _corner(name, names[0], grid, grids[0]) for name, grid in zip(names, grids, strict=True)
    ]
    _check_tiles(names, datasets, corners)
    sheets = [Sheet(*each) for each in zip(datasets, corners, alphas, strict=True)]
    layers = layers_of(sheets)
    notes += layer_notes(names[0], layers)
    (top, bottom), (left, right) = (common(layers, axis) for axis in (0, 1))
    if top >= bottom or left >= right:
        raise UserError(
            f"{names[-1]} and {names[0]} share no pixel and are no tiles of one image, whose bands have the same "
            "names, types and scales in the same order: give bands of one extent, or tiles alike."
        )
    place = grids[0].transform @ Affine.translation(left, top) if grids[0].georeferenced else IDENTITY
    grid = Grid((bottom - top, right - left), place, grids[0].crs)
    moved = tuple(
        tuple(Sheet(s.dataset, (s.corner[0] - top, s.corner[1] - left), s.alpha) for s in layer) for layer in layers
    )
    bands = tuple(
        (number, index)
        for number, layer in enumerate(moved)
        for index in layer[0].dataset.indexes
        if index != layer[0].alpha
    )
    if not bands:
        raise UserError(f"{names[0]} has no band but alpha: name a file with an image.")
    notes += [note for name, dataset in zip(names, datasets, strict=True) for note in _file_notes(name, dataset)]
    if len({dataset.dtypes[0] for dataset in datasets}) > 1:
        kinds = " and ".join(sorted({dataset.dtypes[0] for dataset in datasets}))
        notes.append(f"The files hold {kinds}: the output is of the type that can hold both.")
    return Raster(names[0], grid, moved, bands, rules, tuple(notes))


def _file_notes(name: str, dataset: Any) -> Iterator[str]:
    """What a file holds that is not read."""
    if not descriptions_of(dataset):
        yield f"The names of the bands of {name} are no UTF-8 and were left out: bands go by their numbers."
    if dataset.subdatasets:
        yield f"{name} holds {len(dataset.subdatasets)} images, of which the first was taken."


def _check_tiles(names: Sequence[str], datasets: Sequence[Any], corners: Sequence[tuple[int, int]]) -> None:
    """UserError for tiles by their names that only the polynomials of the whole image place: bands lie as they do."""
    if any(data.transform != IDENTITY for data in datasets) or len(set(corners)) > 1:
        return
    tiles = {found[0].upper() for name in names if (found := _TILE.search(os.path.basename(name)))}
    if len(tiles) > 1:
        raise UserError(
            f"{names[0]} and others are tiles that nothing in them places: write them as one file, for example with "
            "gdal_translate from the product's .TIL."
        )


def _alpha(name: str, dataset: Any, rules: Rules, notes: list[str]) -> int:
    """The alpha band, as the user says or by the rule, and what was decided where a band is labelled so."""
    if rules.alpha is not None:
        if rules.alpha > dataset.count:
            raise UserError(f"{name} has no band {rules.alpha} that could be alpha: it has {dataset.count}.")
        return rules.alpha
    labelled = [n for n, colour in enumerate(dataset.colorinterp, 1) if colour == ColorInterp.alpha]
    if labelled == [dataset.count] and dataset.count in rules.image:
        return 0
    try:
        alpha = alpha_of(dataset)
    except RasterioIOError as error:
        raise UserError(f"{name} cannot be read to its end: it is damaged or cut off, so fetch it again.") from error
    if labelled:
        taken, other = ("transparency", "none") if alpha else ("an image band", labelled[0])
        said = f"Band {labelled[0]} of {name} is labelled alpha and was taken for {taken}"
        notes.append(f"{said}: if it is not, pass {rules.said} {other}." if rules.said else f"{said}.")
    return alpha


def _corner(name: str, first: str, grid: Grid, lattice: Grid) -> tuple[int, int]:
    """Row and column of a grid's first pixel on the lattice of the first file, whatever both call their CRS."""
    located = _in_crs_of(lattice, grid)
    step = ~lattice.transform @ (located or grid).transform
    drift = max(abs(step.a - 1) * grid.shape[1], abs(step.e - 1) * grid.shape[0], abs(step.b) * grid.shape[0])
    drift = max(drift, abs(step.d) * grid.shape[1], abs(step.f - round(step.f)), abs(step.c - round(step.c)))
    blind = not lattice.georeferenced and grid.shape != lattice.shape
    if drift > NEAR or blind or located is None:
        size = 1.0 if blind or located is None else abs(step.a)
        if not 1 / FINER < size < FINER:
            fine, coarse = (name, first) if size < 1 else (first, name)
            raise UserError(
                f"{fine} has finer pixels than {coarse}: if it is the PAN, name it first and once; else resample the "
                "files of the MS onto one grid."
            )
        raise UserError(f"{name} does not lie on the pixel grid of {first}: resample it onto that grid first.")
    return round(step.f), round(step.c)


def _in_crs_of(lattice: Grid, grid: Grid) -> Grid | None:
    """The grid in the CRS of the lattice; None where it is no plane grid there, or there is no way."""
    try:
        located = in_crs_of(lattice, grid)
        return located if plane_in(lattice, grid, located) else None
    except UserError:  # its words are of a PAN and an MS
        return None


def _open(path: str, allow_vrt: bool, allow_remote: bool) -> Any:
    try:
        local = os.path.exists(path) and not path.startswith("/vsi")
    except ValueError as error:
        raise UserError(f"{path!r} is no path: check it.") from error
    if not path:
        raise UserError("A file's name is empty, as of a variable that is not set: name the file.")
    packed = archive.split(path)
    absent = packed[1] not in archive.members(packed[0]) if packed else archive.names_archive(path)
    if absent:
        raise UserError(f"{path} does not exist: check the path.")
    if not local and not packed and not allow_remote:
        if path.startswith("/vsigzip/"):
            raise UserError(f"{path} is packed, and is not read in its place: unpack it.")
        if _REMOTE.match(path):
            raise UserError(
                f"{path} is not a plain file: copy it here, or pass --allow-remote (allow_remote=True in Python)."
            )
        raise UserError(f"{path} does not exist: check the path.")
    if local and not os.path.isfile(path) and not os.path.isdir(path):
        raise UserError(f"{path} is a pipe or a device: write the image to a file first.")
    if (local or packed) and not allow_vrt:
        check_sidecars(path)
    if packed and not allow_vrt:
        archive.check_beside(*packed)
    settings = {} if allow_remote else NO_NETWORK
    with warnings.catch_warnings(), rasterio.Env(**settings):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        place = os.path.abspath(path) if local else path  # a name such as s3:x.tif is no address, if there is a file
        dataset = _first_to_open(place, (*DRIVERS, "VRT") if allow_vrt else DRIVERS)
    if dataset is None:
        raise UserError(_unreadable(path, allow_vrt))
    try:
        _check(path, dataset)
    except BaseException:
        dataset.close()
        raise
    return dataset


def _first_to_open(path: str, drivers: Sequence[str]) -> Any:
    """Opened by name of the driver, as GDAL would guess a VRT whatever the extension."""
    for driver in drivers:
        with suppress(RasterioError, UnicodeError):
            return rasterio.open(path, driver=driver)
    return None


def _unreadable(path: str, allow_vrt: bool) -> str:
    if not allow_vrt and _is_vrt(path):
        remedy = "convert it to GeoTIFF, or pass --allow-vrt (allow_vrt=True in Python)"
        return f"{path} is a VRT, which can point at any other file: {remedy}."
    if path != printable(path):
        return f"{path} has a name that is no UTF-8, which GDAL does not take: rename the file or its folder."
    if Path(path).is_dir():
        return f"{path} is a folder, not a raster file: name the file in it."
    if os.path.exists(path) and not os.access(path, os.R_OK):
        return f"{path} may not be read by you: ask for the permission, or copy it to where you may."
    if _REMOTE.match(path) and not path.startswith(tuple(archive.PREFIXES)):
        return f"{path} cannot be fetched, or is no raster file: check the address, or copy the file here."
    if path.lower().endswith(PACKED):
        return f"{path} is packed: unpack it, and name the file in it."
    if path.startswith("/vsitar/"):
        return f"{path} cannot be read within its archive, by GDAL: unpack it, or pack the files as a .zip."
    return (
        f"{path} cannot be read as a raster file: it is damaged or of an unsupported format, so convert it to GeoTIFF."
    )


def _is_vrt(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"<VRTDataset" in file.read(4096)
    except OSError:
        return path.lower().endswith(".vrt")


def _check(path: str, dataset: Any) -> None:
    if not dataset.count:
        raise UserError(f"{path} holds no bands of its own: name one of its subdatasets as a GeoTIFF.")
    check_stored(path, dataset)
    _check_mask(path, dataset)
    _check_pages(path, dataset)
    if dataset.count > MAX_BANDS:
        raise UserError(
            f"{path} claims {dataset.count:,} bands, of which {MAX_BANDS:,} are the most: write fewer to a file."
        )
    kinds = set(dataset.dtypes)
    if any(kind.startswith("complex") or np.dtype(kind).kind not in "uif" for kind in kinds):
        raise UserError(f"{path} holds {dataset.dtypes[0]} pixels: convert it to integers or floats.")
    if len(kinds) > 1:
        raise UserError(f"{path} holds bands of {' and '.join(sorted(kinds))}: convert them to one type.")
    if max(dataset.shape) > MAX_SIDE:
        size = " x ".join(f"{n:,}" for n in dataset.shape)
        raise UserError(f"{path} claims {size} pixels: it is damaged, or else cut it into parts.")
    if any(_indexed(dataset, n) for n, c in enumerate(dataset.colorinterp, 1) if c == ColorInterp.palette):
        remedy = "expand it first, for example with gdal_translate -expand"
        raise UserError(f"{path} holds indexes of a colour table, no brightness: {remedy}.")
    if not _places(dataset):
        raise UserError(f"{path} has a broken geotransform, its pixels have no size: mend it, or remove it.")
    block = math.prod(dataset.block_shapes[0]) * np.dtype(dataset.dtypes[0]).itemsize
    if dataset.interleaving is not None and dataset.interleaving.value == "PIXEL":
        block *= dataset.count
    if block > MAX_BLOCK:
        raise UserError(f"{path} is stored in blocks of {block / 2**30:.1f} GiB: rewrite it as a tiled GeoTIFF.")


def _check_mask(path: str, dataset: Any) -> None:
    """UserError for a mask beside a file, of another size: GDAL would read it pixel for pixel, or fail midway."""
    side = f"{path}.msk"
    used = any(MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags for flags in dataset.mask_flag_enums)
    if not used or not os.path.isfile(side):
        return
    with suppress(RasterioError), rasterio.open(side, driver="GTiff") as mask:
        if mask.shape != dataset.shape:
            raise UserError(f"{side}, the mask of {path}, is of another size than it: remove it, or make it anew.")


def _check_pages(path: str, dataset: Any) -> None:
    """Further images of another size, as previews, are left; those of the same may be the other bands."""
    for other in dataset.subdatasets[1:MOST_PAGES]:
        try:
            with rasterio.open(other) as page:
                same = page.shape == dataset.shape
        except RasterioError:
            continue
        if same:
            count = len(dataset.subdatasets)
            raise UserError(
                f"{path} holds {count} images of one size, of which GDAL reads the first only: write them as the bands "
                "of one image, or give each as a file of its own."
            )


def _places(dataset: Any) -> bool:
    """True if the geotransform gives pixels a place and a size that 64-bit coordinates can tell apart."""
    transform, (rows, cols) = dataset.transform, dataset.shape
    if transform.is_degenerate or not np.isfinite(transform).all():
        return False
    corners = np.array([transform @ corner for corner in ((0, 0), (cols, 0), (0, rows), (cols, rows))])
    steps = math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)
    farthest = np.abs(corners).max() if np.isfinite(corners).all() else np.inf
    return bool(farthest < FAR and min(steps) > FINE * farthest)


def _indexed(dataset: Any, band: int) -> bool:
    """True if the band's values are the numbers of colours; a table in which each is its own grey says nothing."""
    return any(colour[:3] != (number,) * 3 for number, colour in dataset.colormap(band).items())

"""Rasters out: written beside their place window by window, then renamed, so that only complete files ever appear."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from anypan.geometry.grid import IDENTITY, Grid
from anypan.raster.creation import (
    BLOCK,
    COG_DEFAULTS,
    ZARR,
    check_creation,
    creation_options,
    is_store,
    place_of,
    store,
    writing,
)
from anypan.raster.format import Format
from anypan.raster.place import rpc_in_common
from anypan.raster.read import Raster, Sheet, environment
from anypan.raster.sidecars import POLYNOMIALS
from anypan.runtime.claim import Claim, check_free, put_in_place
from anypan.runtime.errors import UserError, printable

DRAFT_BYTES, LEAST_DRAFT = 2**24, 64  # of a block of the draft, and pixels along a side at least
SIDECARS = (".aux.xml", ".msk", ".ovr")
BESIDE_IT: dict[str, Any] = {"GDAL_DISABLE_READDIR_ON_OPEN": "FALSE"}  # else GDAL would not find the draft's mask
KEPT = ("count", "shape", "dtypes", "transform", "crs", "nodatavals", "scales", "offsets", "units", "descriptions")


def check_output(path: str | os.PathLike[str], inputs: Sequence[Raster], overwrite: bool = False) -> Path:
    """The path, if a new file can be put there; else UserError."""
    if not isinstance(path, str | os.PathLike):
        raise UserError(f"The output is given as a {type(path).__name__}: give the path of a file.")
    if not str(path):
        raise UserError("The output's name is empty, as of a variable that is not set: name a file.")
    if str(path) != printable(str(path)):
        raise UserError(f"{path} is a name that is no UTF-8, which GDAL does not take: name another file.")
    if str(path).startswith("/vsi") or "://" in str(path):
        raise UserError(f"{path} is not a plain file: write to a local path and copy the result.")
    if str(path).endswith(("/", os.sep)):
        raise UserError(f"{path} is a folder by its name: name a file in it for the output.")
    place = place_of(path)
    folder = place.parent
    if not folder.is_dir():
        raise UserError(f"The folder {folder} of the output does not exist: create it first.")
    used = {os.path.realpath(name) for raster in inputs for name in raster.files}
    if str(place) in used:
        raise UserError(f"{path} is one of the inputs: name another file for the output.")
    _check_points(place, inputs)
    check_free(path, overwrite)
    if not os.access(folder, os.W_OK):
        raise UserError(f"The folder {folder} of the output is not writable: choose another.")
    return Path(path)


class Canvas:
    """Collects windows like a Writer, in memory; what no window covers is invalid. ``clipped`` is counted as there."""

    def __init__(self, shape: tuple[int, int], form: Format) -> None:
        self._form = form
        self.pixels = np.full((len(form.names), *shape), form.filler, form.dtype)
        self._valid = np.zeros(shape, bool)
        self.clipped = 0

    @property
    def hides(self) -> bool:
        """Whether some pixels are invalid and hold a number all the same."""
        return not (self._form.floating or self._valid.all())

    @property
    def masked(self) -> np.ma.MaskedArray:
        """The pixels with the invalid ones masked."""
        return np.ma.MaskedArray(self.pixels, np.broadcast_to(~self._valid, self.pixels.shape).copy())

    def write(self, row: int, col: int, fused: NDArray[Any], valid: NDArray[np.bool_]) -> None:
        """See Writer.write: (C, height, width) and (height, width)."""
        rows, cols = _inside((row, col), valid.shape, self._valid.shape)
        to_rows, to_cols = (slice(row + rows.start, row + rows.stop), slice(col + cols.start, col + cols.stop))
        self._valid[to_rows, to_cols] = valid[rows, cols]
        self.clipped += self._form.beyond(fused[:, rows, cols], valid[rows, cols])
        self.pixels[:, to_rows, to_cols] = self._form.encode(fused[:, rows, cols], valid[rows, cols])


class Writer:
    """Writes a raster window by window and, closed, puts it in place on ``finish()``; leaving early leaves no trace.

    ``options`` are GDAL creation options on top of the defaults; ``DRIVER`` chooses COG (default), GTiff or Zarr.
    ``clipped`` counts valid values beyond those that the pixel type holds, which became its least or greatest.
    """

    def __init__(
        self,
        path: Path,
        like: Raster,
        form: Format,
        options: Mapping[str, str],
        masked: bool,
        overwrite: bool = False,
    ) -> None:
        self._path, self._form, self._overwrite, self.clipped = place_of(path), form, overwrite, 0
        check_creation(path, form, options, masked, like)
        self._options = creation_options(form, options)
        _check_space(path, math.prod(like.shape) * len(form.names) * np.dtype(form.dtype).itemsize)
        self._masked, self._invalid, self._valid = masked and form.nodata is None, False, 0
        with writing(path):
            self._claim = Claim(self._path)
        self._draft = self._claim.folder / "draft.tif"
        try:
            with writing(path):
                self._dataset = rasterio.open(self._draft, "w", **self._profile(like))
                self._describe(like)
        except BaseException:
            self._claim.release()
            raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RasterioError, CPLE_BaseError):  # on the way out of an error already, or finished
            self._dataset.close()
        self._claim.release()

    def write(self, row: int, col: int, fused: NDArray[Any], valid: NDArray[np.bool_]) -> None:
        """Put fused (B, h, w) with its validity at a row and column of the output grid; what is outside is dropped."""
        rows, cols = _inside((row, col), valid.shape, self._dataset.shape)
        fused, valid = fused[:, rows, cols], valid[rows, cols]
        if not valid.size:
            return
        window = Window(col + cols.start, row + rows.start, valid.shape[1], valid.shape[0])  # type: ignore[call-arg]
        with writing(self._path):
            self._dataset.write(self._form.encode(fused, valid), window=window)
            if self._masked and not self._form.floating:
                self._dataset.write_mask(valid, window=window)
        self.clipped += self._form.beyond(fused, valid)
        self._invalid |= not valid.all()
        self._valid += int(valid.sum())

    def close(self, complete: bool) -> None:
        """Close the draft, without a mask if nothing of it is invalid; ``complete``: windows covered the whole grid."""
        with writing(self._path):
            if self._masked and self._form.floating and complete and not self._invalid:
                self._dataset.nodata = None
            self._dataset.close()
            _verify(self._draft)
            if complete and not self._invalid:
                self._draft.with_suffix(".tif.msk").unlink(missing_ok=True)

    def tag(self, account: Callable[[Raster, float], Mapping[str, str]]) -> None:
        """Write the tags that ``account`` makes of the closed image and of the share of its pixels that are invalid."""
        masked = 1 - self._valid / (self._dataset.width * self._dataset.height)
        with rasterio.Env(**BESIDE_IT), rasterio.open(self._draft, "r+") as dataset:
            bands = tuple((0, index) for index in dataset.indexes)
            image = Raster(str(self._path), Grid(dataset.shape, dataset.transform), ((Sheet(dataset),),), bands)
            dataset.update_tags(**account(image, masked))

    def finish(self, path: Path | None = None) -> int:
        """Make the final file of the closed draft and rename that into place; bytes written.

        ``path``: of another name than was asked for.
        """
        final, place = self._claim.folder / "final.tif", place_of(path) if path else self._path
        with writing(self._path):
            self._make(final)
            put_in_place(final, place, self._overwrite)
            for suffix in SIDECARS:
                _take_along(f"{final}{suffix}", f"{place}{suffix}")
        return sum(file.stat().st_size for file in (place, *place.rglob("*")) if file.is_file())

    def _make(self, final: Path) -> None:
        """The final file of the draft."""
        options = dict(self._options)
        driver = options.pop("DRIVER")
        if driver == ZARR:
            store(self._draft, final)
            return
        if driver == "COG":
            self._coarser(options)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, **BESIDE_IT):  # only one file is put in place
            rasterio.shutil.copy(self._draft, final, driver=driver, **options)
            _verify(final)
            _check_same(self._draft, final)

    def _coarser(self, options: Mapping[str, str]) -> None:
        """Overviews of the draft, for a COG to take over: made of what is not compressed they cost less.

        They are those that the COG driver makes, where sides halve without a rest; it makes them where there is a mask
        or an option on them.
        """
        given = {key: value for key, value in options.items() if "OVERVIEW" in key or "BLOCK" in key}
        if given != COG_DEFAULTS or self._draft.with_suffix(".tif.msk").exists():
            return
        with rasterio.open(self._draft, "r+") as dataset:
            side, factors = max(dataset.shape), []
            while side >> len(factors) > BLOCK:
                factors.append(2 ** (len(factors) + 1))
            dataset.build_overviews(factors, Resampling.average)

    def _profile(self, like: Raster) -> dict[str, Any]:
        form = self._form
        nodata = np.nan if form.floating and self._masked else form.nodata
        profile = {"driver": "GTiff", "height": like.shape[0], "width": like.shape[1], "count": len(form.names)}
        profile |= {
            "dtype": form.dtype,
            "nodata": nodata,
            **({} if _by_points(like) else {"transform": like.grid.transform, "crs": _crs(like)}),
        }
        side = _draft_block(len(form.names) * np.dtype(form.dtype).itemsize)
        return profile | {"tiled": True, "blockxsize": side, "blockysize": side, "BIGTIFF": "IF_SAFER"}

    def _describe(self, like: Raster) -> None:
        form, dataset, source = self._form, self._dataset, like.datasets[0]
        dataset.colorinterp = form.colours
        dataset.scales, dataset.offsets = form.scales, form.offsets
        dataset.update_tags(**{**form.tags, "TIFFTAG_SOFTWARE": "anypan"})
        if source.tags().get("AREA_OR_POINT"):
            dataset.update_tags(AREA_OR_POINT=source.tags()["AREA_OR_POINT"])
        if source.gcps[0] and _of_one_file(like):
            dataset.gcps = source.gcps
        if like.as_stored and (rpc := rpc_in_common(like)):
            dataset.rpcs = rpc
        for band, imagery in enumerate(form.imagery, 1):
            dataset.update_tags(band, ns="IMAGERY", **imagery)
        for band, (name, tags, unit) in enumerate(zip(form.names, form.band_tags, form.units, strict=True), 1):
            if name:
                dataset.set_band_description(band, name)
            if unit:
                dataset.set_band_unit(band, unit)
            dataset.update_tags(band, **tags)


def _check_points(place: Path, inputs: Sequence[Raster]) -> None:
    """UserError where GDAL would take another file's polynomials (RPC) for those of an output that is on a map."""
    if not inputs or inputs[0].as_stored:
        return
    sides = [place.with_name(f"{place.stem}{end}") for end in POLYNOMIALS]
    found = next((side for side in sides if side.exists()), None)
    if found:
        raise UserError(f"GDAL would place {place}, which is on a map, by {found} beside it: name another output.")


def _take_along(made: str, beside: str) -> None:
    """What GDAL has put beside the final file, as a CRS that GeoTIFF has no keys for; else nothing may lie there."""
    if os.path.exists(made):
        os.replace(made, beside)
    elif os.path.lexists(beside):
        os.unlink(beside)


def _check_same(draft: Path, final: Path) -> None:
    """Raise where what a driver or its options made of the draft has lost what places it, or tells what is image."""
    with rasterio.open(draft) as one, rasterio.open(final) as two:
        lost = [name for name in KEPT if repr(getattr(one, name)) != repr(getattr(two, name))]
        lost += ["gcps"] * (len(one.gcps[0]) != len(two.gcps[0])) + ["rpcs"] * (bool(one.rpcs) != bool(two.rpcs))
        lost += ["mask"] * (one.mask_flag_enums != two.mask_flag_enums)
    if lost:
        raise OSError(f"its {' and '.join(lost)} would be others")


def _by_points(raster: Raster) -> bool:
    """True if ground control points place the file: with a transform beside them they would be lost."""
    return _of_one_file(raster) and raster.datasets[0].transform == IDENTITY and bool(raster.datasets[0].gcps[0])


def _of_one_file(raster: Raster) -> bool:
    """True if its rows and columns are those of the file that describes it, and not of a mosaic."""
    return raster.as_stored and len(raster.layers[0]) == 1


def _crs(raster: Raster) -> Any:
    return raster.datasets[0].crs if _of_one_file(raster) else raster.grid.crs or None


def _inside(start: tuple[int, int], count: tuple[int, ...], size: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of a window at ``start`` that lie inside an image of ``size``."""
    ends = zip(start, count, size, strict=True)
    rows, cols = (slice(min(n, max(0, -at)), max(0, min(n, end - at))) for at, n, end in ends)
    return rows, cols


def _draft_block(pixel: int) -> int:
    """The side of the draft's blocks, of ``pixel`` bytes a pixel: a strip of many bands costs few bytes."""
    side = BLOCK
    while side > LEAST_DRAFT and side**2 * pixel > DRAFT_BYTES:
        side //= 2
    return side


def _check_space(path: Path, size: int) -> None:
    free = shutil.disk_usage(path.absolute().parent).free
    if free < 2 * size:
        needed = f"{2 * size / 2**20:,.1f} MiB free, it has {free / 2**20:,.1f}"
        raise UserError(f"The disk of {path} needs {needed}: free some space or write elsewhere.")


def is_whole(path: Path) -> bool:
    """False for a file that is not there, or damaged or cut off as far as its header tells; of Zarr what is there."""
    if is_store(path):
        return True
    try:
        with environment():
            _verify(path)
    except (OSError, RasterioError, CPLE_BaseError):
        return False
    return True


def _verify(path: Path) -> None:
    """Raise unless the file has what its directory says: GDAL does not report every failed write."""
    with rasterio.open(path) as dataset:
        last = [(n - 1) // b for n, b in zip(dataset.shape, dataset.block_shapes[0], strict=True)]
        place = [
            dataset.get_tag_item(f"BLOCK_{what}_{last[1]}_{last[0]}", "TIFF", bidx=dataset.count)
            for what in ("OFFSET", "SIZE")
        ]
    if all(place) and sum(int(p) for p in place) > path.stat().st_size:
        raise OSError("the file is short")

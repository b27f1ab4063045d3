"""How an output is stored: the kinds of files, GDAL's creation options, and what cannot be written as asked."""

from __future__ import annotations

import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from mimetypes import MimeTypes
from pathlib import Path
from typing import Any
from uuid import uuid4

import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.drivers import raster_driver_extensions
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from anypan.geometry.grid import IDENTITY
from anypan.raster.format import Format
from anypan.raster.read import Raster
from anypan.runtime.claim import real_place
from anypan.runtime.errors import UserError

BLOCK = 512
EACH = {"scale_factor": "scales", "add_offset": "offsets"}  # attributes with one value, and one for each band
PADDING = "clipped to fit"  # GDAL says it of what it pads the blocks of a trial with, which is blank
TRIAL = 64  # pixels along a side of the image that creation options are tried on
DEFAULTS = {"COMPRESS": "DEFLATE", "PREDICTOR": "YES", "BIGTIFF": "IF_SAFER"}
COG_DEFAULTS = {"BLOCKSIZE": str(BLOCK), "OVERVIEW_RESAMPLING": "AVERAGE"}
GTIFF_DEFAULTS = {"TILED": "YES", "BLOCKXSIZE": str(BLOCK), "BLOCKYSIZE": str(BLOCK), "PREDICTOR": "2"}
LEVELS = {"COG": {"LEVEL": "3"}, "GTiff": {"ZLEVEL": "3"}}  # of DEFLATE: half the time of 6, 7 % more bytes
WHOLE_BITS = (None, 8, 16, 32, 64)  # of samples that a predictor can work on
BLOCK_SIZES = ("BLOCKSIZE", "BLOCKXSIZE", "BLOCKYSIZE")
LEAST_BLOCK, MOST_BLOCK = 16, 8192
MOVING = {"TILING_SCHEME", "TARGET_SRS", "RES", "EXTENT", "ZOOM_LEVEL", "ZOOM_LEVEL_STRATEGY", "ALIGNED_LEVELS"}
BESIDE = {"PROFILE", "TFW", "WORLDFILE", "RPB", "RPCTXT"}  # all but one profile leave names or places to other files
ZARR, RECIPE = "Zarr", "VRT-recipe"
ENDINGS = {"COG": ".tif", "GTiff": ".tif", ZARR: ".zarr", RECIPE: ".vrt"}
"""Kinds of outputs, and how their names end."""
_STORE = ("zarr.json", ".zgroup")


def place_of(path: str | os.PathLike[str]) -> Path:
    """Where an output of this name lies: a file, or the folder of a Zarr store. UserError for any other folder."""
    place = Path(os.path.realpath(path))
    return place if is_store(place) else real_place(path)


def is_store(place: Path) -> bool:
    """True for the folder of a Zarr store, which may be replaced as a whole."""
    return os.path.isdir(place) and any((place / name).is_file() for name in _STORE)


def check_creation(
    path: Path, form: Format, options: Mapping[str, str], masked: bool = False, like: Raster | None = None
) -> None:
    """UserError where the creation options are wrong: GDAL only warns, and at the end of the work. No file is made.

    ``masked``: pixels may be invalid. ``like``: what has its place.
    """
    kind = _driver(options)
    check_ending(path, kind)
    _check_keys(options)
    if kind == ZARR:
        _check_store(path, form, options, masked)
        if like is not None and like.as_stored and any(map(_placed_apart, like.datasets)):
            raise UserError(
                f"{path} is to be a Zarr store, which keeps no control points and no polynomials (RPC): choose another "
                "--format."
            )
        return
    wanted = creation_options(form, options)
    with writing(path):  # an error bound may be no number
        lossy = _lossy(wanted)
    if masked and form.nodata is not None and lossy:
        raise UserError(
            f"COMPRESS={wanted['COMPRESS']} changes values, and with them the nodata value {form.nodata:g}: choose a "
            "compression without loss, such as DEFLATE."
        )
    _try(path, form, wanted)


def _placed_apart(dataset: Any) -> bool:
    """Whether points or polynomials place a file, rather than a transform."""
    return dataset.transform == IDENTITY and bool(dataset.gcps[0] or dataset.rpcs)


def _try(path: Path, form: Format, wanted: dict[str, str]) -> None:
    """UserError for options with which a blank image cannot be written, or is read back with other bands."""
    trial = f"/vsimem/anypan-{uuid4().hex}.tif"
    size = {"width": TRIAL, "height": TRIAL, "count": len(form.names), "dtype": form.dtype}
    with writing(path), rasterio.open("", "w+", driver="MEM", **size) as blank, _warnings() as said:
        blank.colorinterp = form.colours
        rasterio.shutil.copy(blank, trial, driver=wanted.pop("DRIVER"), **wanted)
        with rasterio.open(trial) as made:
            same = made.count == blank.count and ColorInterp.alpha not in made.colorinterp
        rasterio.shutil.delete(trial)
        warned = [each for each in said if PADDING not in each]
        if warned:
            raise OSError(warned[0])
    if not same:
        raise UserError(f"{path} would be read with a band as alpha: leave PHOTOMETRIC and ALPHA out of -co.")


def _lossy(wanted: Mapping[str, str]) -> bool:
    """Whether a compression gives other values than were written."""
    kind, no = wanted.get("COMPRESS", "").upper(), ("NO", "FALSE", "OFF", "0")
    if kind.startswith("LERC"):
        return any(float(wanted.get(name, 0) or 0) != 0 for name in ("MAX_Z_ERROR", "MAX_Z_ERROR_OVERVIEW"))
    if kind == "WEBP":
        return wanted.get("WEBP_LOSSLESS", wanted.get("QUALITY", "NO")).upper() not in ("YES", "TRUE", "ON", "1", "100")
    return kind == "JPEG" or (kind == "JXL" and wanted.get("JXL_LOSSLESS", "YES").upper() in no)


def _check_keys(options: Mapping[str, str]) -> None:
    """UserError for options with which the output would lie elsewhere, or would need a file beside it."""
    for key, value in options.items():
        if key.upper() in MOVING:
            raise UserError(f"-co {key} would move the output off the PAN's grid: warp it afterwards, with gdalwarp.")
        if key.upper() in BESIDE and value.upper() not in ("NO", "FALSE", "OFF", "0", "GDALGEOTIFF"):
            raise UserError(
                f"With -co {key}={value} what belongs to the output would lie in other files: leave it out."
            )


def check_ending(path: Path, kind: str) -> None:
    """UserError where the name promises another kind of file, or standard output."""
    ending, suffix = ENDINGS[kind], path.suffix.lower()
    known = raster_driver_extensions().get(suffix.lstrip("."), "GTiff")
    other, packed = MimeTypes().guess_type(path.name)  # what every system knows, whatever this one does
    tiff = ending == ".tif" and known == "GTiff" and suffix != ".zarr" and not packed and other in (None, "image/tiff")
    if not (tiff or suffix == ending) or path.name == "-":
        what = "a GeoTIFF" if ending == ".tif" else f"a {kind}"
        raise UserError(f"{path} would be {what} under a name of another kind: name a file that ends in {ending}.")


def _check_store(path: Path, form: Format, options: Mapping[str, str], masked: bool) -> None:
    if len(options) > 1:
        raise UserError(f"{path} is to be a Zarr store, which takes none of GDAL's creation options: leave -co out.")
    if any(importlib.util.find_spec(name) is None for name in ("rioxarray", "zarr")):
        raise UserError("Zarr needs rioxarray and zarr: pip install 'anypan[xarray]'.")
    if masked and form.nodata is None and not form.floating:
        raise UserError(
            f"{path} is to be a Zarr store, which has no mask for invalid pixels: name their value with --out-nodata."
        )


def store(draft: Path, final: Path) -> None:
    """Make a Zarr store of a GeoTIFF, in version 2, which GDAL reads, too: the variable ``fused`` (band, y, x)."""
    import rioxarray

    blocks, whole = {"band": -1, "y": BLOCK, "x": BLOCK}, {"scale_factor": (1.0,), "add_offset": (0.0,)}
    with warnings.catch_warnings(), rasterio.open(draft) as known:
        warnings.simplefilter("ignore", UserWarning)  # rioxarray's own words where scales differ
        each = {"scale_factor": known.scales, "add_offset": known.offsets}
        with rioxarray.open_rasterio(draft, chunks=blocks, mask_and_scale=False) as image:  # type: ignore[union-attr]
            attrs: dict[str, Any] = image.attrs  # type: ignore[union-attr]
            for name in (*each, *EACH.values()):
                attrs.pop(name, None)
            values = {name: tuple(dict.fromkeys(of_bands)) for name, of_bands in each.items()}
            if all(len(of_bands) == 1 for of_bands in values.values()):  # what readers decode by
                attrs |= {name: of_bands[0] for name, of_bands in values.items()} if values != whole else {}
            else:
                attrs |= {EACH[name]: list(of_bands) for name, of_bands in each.items()}
            image.to_dataset(name="fused").to_zarr(final, mode="w", zarr_format=2)  # type: ignore[union-attr]


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """What GDAL warns of meanwhile."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("rasterio._env")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def creation_options(form: Format, options: Mapping[str, str]) -> dict[str, str]:
    """All of GDAL's creation options: the defaults, the bits of the format, what is asked for, and the DRIVER.

    UserError for an option that cannot be.
    """
    asked = {key.upper(): str(value) for key, value in options.items()}
    driver = _driver(options)
    if driver == ZARR:
        return {"DRIVER": driver}
    special = {"COG": COG_DEFAULTS, "GTiff": GTIFF_DEFAULTS}[driver]
    nbits = {"NBITS": str(form.nbits)} if form.nbits else {}
    level = {} if "COMPRESS" in asked else LEVELS[driver]
    plain = {} if form.nbits in WHOLE_BITS else {"PREDICTOR": {"COG": "NO", "GTiff": "1"}[driver]}
    for name in BLOCK_SIZES:
        _check_block(name, asked)
    if asked.get("PREDICTOR", "") in ("3", "FLOATING_POINT") and not form.floating:
        raise UserError(
            f"PREDICTOR={asked['PREDICTOR']} is of floating-point pixels, the output has {form.dtype}: leave it out."
        )
    return DEFAULTS | special | plain | level | nbits | asked | {"DRIVER": driver}


def _driver(options: Mapping[str, str]) -> str:
    asked = next((str(value) for key, value in options.items() if key.upper() == "DRIVER"), "COG")
    found = next((kind for kind in ENDINGS if kind.upper() == asked.upper() and kind != RECIPE), None)
    if found is None:
        raise UserError(f"The output cannot be written as {asked}: choose DRIVER=COG or DRIVER=GTiff.")
    return found


def _check_block(name: str, asked: Mapping[str, str]) -> None:
    """Raise before GDAL takes a size that eats all memory, or never ends."""
    value = asked.get(name)
    strips = name == "BLOCKYSIZE" and asked.get("TILED", "").upper() in ("NO", "FALSE", "OFF", "0")
    least = 1 if strips else LEAST_BLOCK
    whole = value is None or (value.isascii() and value.isdigit() and least <= int(value[:9]) <= MOST_BLOCK)
    if not whole or (value and int(value) % least):
        limits = f"a {'whole number' if strips else f'multiple of {LEAST_BLOCK}'} up to {MOST_BLOCK:,}"
        raise UserError(f"{name}={value} is no size of a block: give {limits}, for example {name}=512.")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """UserError for whatever GDAL or the disk refuses meanwhile."""
    try:
        yield
    except (OSError, RasterioError, CPLE_BaseError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise UserError(
            f"{path} cannot be written ({reason}): check the free space and the creation options."
        ) from error

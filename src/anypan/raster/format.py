"""What an output file takes over from the MS file, and how fused values become its pixels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from anypan.raster.read import Raster, band_in_name, descriptions_of
from anypan.raster.validity import nodata_of
from anypan.runtime.errors import UserError

_PLAIN: dict[Any, Any] = {
    ColorInterp.alpha: ColorInterp.undefined,
    ColorInterp.palette: ColorInterp.gray,
}  # what is data after all
# What described the MS's own pixels or layout, and would be wrong of the output's.
_STALE = {"AREA_OR_POINT", "TIFFTAG_IMAGEDESCRIPTION", "TIFFTAG_SOFTWARE", "TIFFTAG_DATETIME", "METADATATYPE"}
_STALE |= {"NODATA_VALUES", "LAYER_TYPE", "min", "max", "valid_min", "valid_max", "valid_range", "actual_range"}
_STALE_STARTS = (
    "STATISTICS_",
    "TIFFTAG_MINSAMPLEVALUE",
    "TIFFTAG_MAXSAMPLEVALUE",
    "NITF_IGEOLO",
    "NITF_ICORDS",
    "NITF_ABPP",
    "ANYPAN_",
    "OVR_",
    "TIFFTAG_XRESOLUTION",
    "TIFFTAG_YRESOLUTION",
    "TIFFTAG_RESOLUTIONUNIT",
)
HALF = 16  # bits of a float that GDAL stores as half of one
_NUMBERED = re.compile(r"Band_\d+")  # of an ENVI file: another band may have the number now


@dataclass(frozen=True)
class Format:
    """Pixel type, nodata value and metadata of a file; the tuples hold one entry a band.

    ``imagery``: wavelengths, as GDAL keeps them apart from other tags.
    """

    dtype: str
    nodata: float | None = None
    nbits: int | None = None
    names: tuple[str | None, ...] = ()
    colours: tuple[ColorInterp, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    band_tags: tuple[dict[str, str], ...] = ()
    imagery: tuple[dict[str, str], ...] = ()
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    units: tuple[str | None, ...] = ()

    @property
    def floating(self) -> bool:
        """True if pixels are floating-point numbers."""
        return np.dtype(self.dtype).kind == "f"

    @property
    def colour_names(self) -> tuple[str, ...]:
        """The bands' colours as words: red, green, blue, gray, undefined..."""
        return tuple(colour.name for colour in self.colours)

    @property
    def wavelengths_nm(self) -> tuple[float | None, ...]:
        """Of each band the centre that the file tells, as GDAL or ENVI writes it; None if it does not."""
        every = zip(self.imagery, self.band_tags, strict=True)
        return tuple(_centre_nm(imagery, tags) for imagery, tags in every)

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest value that a pixel can take."""
        if self.floating:
            known = np.finfo("float16" if self.nbits == HALF else self.dtype)
            return float(known.min), float(known.max)
        low, high = int(np.iinfo(self.dtype).min), int(np.iinfo(self.dtype).max)
        return low, (min(high, 2**self.nbits - 1) if self.nbits and low == 0 else high)

    def encode(self, fused: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
        """Fused (B, H, W) as pixels: rounded, within the limits, never nodata where valid and always nodata elsewhere.

        Without a nodata value, invalid pixels hold NaN in floats and 0 in integers. Raises UserError if a valid pixel
        is no finite number: it could become any number.
        """
        finite = np.isfinite(fused).all(0)
        if not finite.all():
            wrong = int((valid & ~finite).sum())
            if wrong:
                remedy = "look for damaged values in PAN and MS, or use another method, for example EXP"
                raise UserError(
                    f"The fusion gave no finite number in {wrong:,} valid pixels, so nothing is written: {remedy}."
                )
            fused = np.where(finite, fused, 0)
        low, high = self.limits
        short = np.dtype(self.dtype).itemsize <= 2  # whole numbers that float32 holds
        values = fused.clip(low, high) if short else fused.astype(np.float64).clip(low, high)
        out = values.astype(self._held_as) if self.floating else _whole(values, np.dtype(self.dtype), low, high)
        if self.nodata is not None:
            out[out == self.nodata] = self._beside_nodata()
        if not valid.all():
            out[:, ~valid] = self.filler
        return out.astype(self.dtype, copy=False)

    def beyond(self, fused: NDArray[Any], valid: NDArray[np.bool_]) -> int:
        """How many values of fused (B, H, W) in valid pixels (H, W) ``encode`` clips by more than it rounds."""
        low, high = self.limits
        if not valid.all():
            fused = fused[:, valid]
        if self.floating and self.nbits is None:
            return 0
        return int(((fused < low - 0.5) | (fused > high + 0.5)).sum())

    @property
    def filler(self) -> float:
        """The value of invalid pixels."""
        if self.nodata is not None:
            return self.nodata
        return np.nan if self.floating else 0

    @property
    def _held_as(self) -> np.dtype[Any]:
        """The type of the values that a file holds: half floats are written from longer ones."""
        return np.dtype("float16" if self.floating and self.nbits == HALF else self.dtype)

    def _beside_nodata(self) -> float:
        assert self.nodata is not None
        if self.floating:
            kind = self._held_as.type
            return float(np.nextafter(kind(self.nodata), kind(1 if self.nodata == 0.5 else 0.5)))
        return self.nodata + 1 if self.nodata < self.limits[1] else self.nodata - 1


def _whole(values: NDArray[Any], kind: np.dtype[Any], low: float, high: float) -> NDArray[Any]:
    """Rounded; the ends of 64-bit types are no float64 values, and would wrap around."""
    rounded = np.rint(values)
    with np.errstate(invalid="ignore"):
        out = rounded.astype(kind)
    if kind.itemsize < 8:
        return out
    out[rounded >= high], out[rounded <= low] = int(high), int(low)
    return out


def halfwidths_of(form: Format, share: float) -> Format:
    """That of a file with half-widths in the units of another's bands: float32, NaN where invalid."""
    count = len(form.names)
    return replace(
        form,
        dtype="float32",
        nodata=None,
        nbits=None,
        names=tuple(f"half-width of {name or f'band {n}'}" for n, name in enumerate(form.names, 1)),
        colours=(ColorInterp.gray, *(ColorInterp.undefined,) * (count - 1)),
        tags=form.tags | {"HALFWIDTH_SHARE": str(share)},
        offsets=(0.0,) * count,
    )


def format_of(raster: Raster) -> Format:
    """What an output with this raster's bands takes over."""
    datasets = raster.datasets
    first = datasets[raster.bands[0][0]]

    def each(attribute: str) -> tuple[Any, ...]:
        values = [getattr(dataset, attribute) for dataset in datasets]
        return tuple(values[n][b - 1] for n, b in raster.bands)

    described = [descriptions_of(dataset) or (None,) * dataset.count for dataset in datasets]
    dtype = np.result_type(*raster.dtypes).name if len(set(raster.dtypes)) > 1 else first.dtypes[0]
    nodata = _representable(nodata_of(first, raster.rules), dtype)
    bits = _bits(raster, dtype)
    return Format(
        dtype=dtype,
        nodata=nodata,
        nbits=None if bits and nodata is not None and nodata > 2**bits - 1 else bits,
        names=_names(raster, tuple(described[n][b - 1] for n, b in raster.bands)),
        colours=tuple(_PLAIN.get(c, c) for c in each("colorinterp")),
        tags=first.tags(ns="IMAGERY") | {k: v for k, v in first.tags().items() if not _stale(k)},  # satellite and time
        band_tags=tuple(_band_tags(datasets[n], b) for n, b in raster.bands),
        imagery=tuple(datasets[n].tags(b, ns="IMAGERY") for n, b in raster.bands),
        scales=each("scales"),
        offsets=each("offsets"),
        units=each("units"),
    )


def _bits(raster: Raster, dtype: str) -> int | None:
    """Bits of a pixel that is a whole number: the most of any file, None where one has all that its type has."""
    own = [(sheet.dataset, band) for n, band in raster.bands for sheet in raster.layers[n]]
    said = [dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS") for dataset, band in own]
    same = np.dtype(dtype).kind == "u" and all(dataset.dtypes[0] == dtype for dataset, _ in own)
    return max(int(bits) for bits in said if bits) if same and all(said) else None


def typed(form: Format, dtype: str) -> Format:
    """The format with another pixel type, and its nodata value if that type holds it."""
    return replace(form, dtype=dtype, nodata=_representable(form.nodata, dtype))


def in_arrays(form: Format) -> Format:
    """The format with what invalid pixels of an array hold: NaN if it can."""
    return replace(form, nodata=None) if form.floating else form


def in_files(form: Format) -> Format:
    """The format with a pixel type that files have: float16 becomes float32, floats wider than 64 bits float64."""
    kind = np.dtype(form.dtype)
    if kind.kind != "f" or kind.itemsize in (4, 8):
        return form
    return replace(form, dtype="float32" if kind.itemsize < 4 else "float64")


def asked(form: Format, dtype: str | None, nodata: float | None, nbits: int | None = None) -> Format:
    """The format in another pixel type, with another nodata value, of fewer bits.

    UserError for a nodata value that pixels cannot hold then.
    """
    kind = form.dtype if dtype is None else dtype
    value = form.nodata if nodata is None else float(nodata)
    if (value is not None and _representable(value, kind) is None) or _overflows(value, kind):
        remedy = "choose another --out-nodata" if nodata is not None else "name one that it can with --out-nodata"
        raise UserError(f"Pixels of {kind} cannot hold the nodata value {value:g}: {remedy}, or another --dtype.")
    if nbits == HALF and np.dtype(kind).kind == "f":
        if value is not None and np.isfinite(value) and float(np.float16(value)) != value:
            raise UserError(
                f"Half floats (NBITS={HALF}) cannot hold the nodata value {value:g}: name one that they can with "
                "--out-nodata, such as 0."
            )
        return replace(form, dtype=kind, nodata=value, nbits=nbits)
    if nbits is not None and np.dtype(kind).kind == "u":
        if value is not None and value > 2**nbits - 1:
            raise UserError(
                f"Pixels of {nbits} bits cannot hold the nodata value {value:g}: name one with --out-nodata."
            )
        return replace(form, dtype=kind, nodata=value, nbits=nbits)
    bits = form.nbits if kind == form.dtype else None
    return replace(form, dtype=kind, nodata=value, nbits=None if bits and value and value > 2**bits - 1 else bits)


def _overflows(value: float | None, dtype: str) -> bool:
    """True for a finite value beyond the floats of a type."""
    if value is None or np.dtype(dtype).kind != "f" or not np.isfinite(value):
        return False
    return abs(value) > float(np.finfo(dtype).max)


def filled_as(form: Format, *rasters: Raster) -> Format:
    """With the value of unmarked fill as nodata, the first raster's that has some, if it has no nodata value."""
    found = (_representable(raster.filler, form.dtype) for raster in rasters)
    return form if form.nodata is not None else replace(form, nodata=next((v for v in found if v is not None), None))


def _names(raster: Raster, described: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """The raster's own; else the bands' descriptions; of files with one band each and none, what their names say."""
    if raster.described:
        return tuple(raster.described.get(band) for band in raster.bands)
    if any(described) or len(raster.datasets) < 2 or any(d.count > 1 for d in raster.datasets):
        return described
    found = [band_in_name(d) for d in raster.datasets]
    return tuple(found[n] for n, _ in raster.bands)


def _centre_nm(imagery: Mapping[str, str], tags: Mapping[str, str]) -> float | None:
    units = {"nanometers": 1.0, "nanometres": 1.0, "nm": 1.0, "micrometers": 1e3, "micrometres": 1e3, "um": 1e3}
    said = imagery.get("CENTRAL_WAVELENGTH_UM"), "um"
    if said[0] is None:
        lower = {key.lower(): value for key, value in tags.items()}
        said = lower.get("wavelength"), lower.get("wavelength_units", "nanometers").lower()
    try:
        found = float(said[0] or "nan") * units[said[1]]
    except (ValueError, KeyError):
        return None
    return found if math.isfinite(found) else None


def _stale(tag: str) -> bool:
    return tag in _STALE or tag.startswith(_STALE_STARTS) or bool(_NUMBERED.fullmatch(tag))


def _band_tags(dataset: Any, band: int) -> dict[str, str]:
    return {k: v for k, v in dataset.tags(band).items() if not _stale(k)}


def _representable(nodata: float | None, dtype: str) -> float | None:
    kind = np.dtype(dtype)
    if nodata is None or kind.kind == "f":
        return nodata
    whole = nodata == int(nodata) if np.isfinite(nodata) else False
    return nodata if whole and np.iinfo(kind).min <= nodata <= np.iinfo(kind).max else None

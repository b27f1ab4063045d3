"""What an output file takes over from the MS file, and how fused values become its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from anypan.raster.read import Raster

_PLAIN: dict[Any, Any] = {
    ColorInterp.alpha: ColorInterp.undefined,
    ColorInterp.palette: ColorInterp.gray,
}  # what is data after all


@dataclass(frozen=True)
class Format:
    """Pixel type, nodata value and metadata of a file; the tuples hold one entry a band."""

    dtype: str
    nodata: float | None = None
    nbits: int | None = None
    names: tuple[str | None, ...] = ()
    colours: tuple[ColorInterp, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    band_tags: tuple[dict[str, str], ...] = ()
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    units: tuple[str | None, ...] = ()

    @property
    def floating(self) -> bool:
        """True if pixels are floating-point numbers."""
        return np.dtype(self.dtype).kind == "f"

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest value that a pixel can take."""
        if self.floating:
            return float(np.finfo(self.dtype).min), float(np.finfo(self.dtype).max)
        low, high = np.iinfo(self.dtype).min, np.iinfo(self.dtype).max
        return low, (min(high, 2**self.nbits - 1) if self.nbits and low == 0 else high)

    def encode(self, fused: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
        """Fused (B, H, W) as pixels: rounded, within the limits, never nodata where valid and always nodata elsewhere.

        Without a nodata value, invalid pixels hold NaN in floats and 0 in integers.
        """
        low, high = self.limits
        values = fused.astype(np.float64).clip(low, high)
        out = (values if self.floating else np.rint(values)).astype(self.dtype)
        if self.nodata is not None:
            out[out == self.nodata] = self._beside_nodata()
        out[:, ~valid] = self.filler
        return out

    @property
    def filler(self) -> float:
        """The value of invalid pixels."""
        if self.nodata is not None:
            return self.nodata
        return np.nan if self.floating else 0

    def _beside_nodata(self) -> float:
        assert self.nodata is not None
        if self.floating:
            return float(np.nextafter(np.dtype(self.dtype).type(self.nodata), np.dtype(self.dtype).type(0.5)))
        return self.nodata + 1 if self.nodata < self.limits[1] else self.nodata - 1


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
    first = raster.datasets[0]

    def each(attribute: str) -> tuple[Any, ...]:
        return tuple(getattr(raster.datasets[n], attribute)[b - 1] for n, b in raster.bands)

    nbits = first.tags(raster.bands[0][1], ns="IMAGE_STRUCTURE").get("NBITS")
    return Format(
        dtype=first.dtypes[0],
        nodata=_representable(first.nodata, first.dtypes[0]),
        nbits=int(nbits) if nbits else None,
        names=each("descriptions"),
        colours=tuple(_PLAIN.get(c, c) for c in each("colorinterp")),
        tags={k: v for k, v in first.tags().items() if k != "AREA_OR_POINT"},
        band_tags=tuple(_band_tags(raster.datasets[n], b) for n, b in raster.bands),
        scales=each("scales"),
        offsets=each("offsets"),
        units=each("units"),
    )


def _band_tags(dataset: Any, band: int) -> dict[str, str]:
    return {k: v for k, v in dataset.tags(band).items() if not k.startswith("STATISTICS_")}


def _representable(nodata: float | None, dtype: str) -> float | None:
    kind = np.dtype(dtype)
    if nodata is None or kind.kind == "f":
        return nodata
    whole = nodata == int(nodata) if np.isfinite(nodata) else False
    return nodata if whole and np.iinfo(kind).min <= nodata <= np.iinfo(kind).max else None

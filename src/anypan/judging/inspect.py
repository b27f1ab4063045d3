"""What a pair or a product is before it is fused: grid, ratio, shift, gains, noise, fill, and what is doubtful."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Unpack

from anypan import raster
from anypan.geometry.grid import Grid
from anypan.optics.sensors import GENERIC, PAN_ANY, find, match
from anypan.pair.explained import resampling_notes
from anypan.pair.gain import measure_gain
from anypan.pair.opening import OpeningWords
from anypan.pair.pair import Pair, open_pair
from anypan.pair.quality import Quality, measure_quality
from anypan.pair.registration import NOTHING

File = str | PathLike[str]
CLOSE = 1.6  # times by which a measured gain may differ from the sensor's
FOLLOWED = 0.5  # of a band's detail that the PAN has to explain for the band to be called followed
QUIET = 30.0  # mean over noise below which a band is called noisy
FULL = 0.01  # share of pixels at one greatest value above which a band is called saturated
FAR = 0.5  # of an MS pixel


@dataclass(frozen=True)
class Inspection:
    """``shift`` (dy, dx) in PAN pixels; ``sensor_gains`` are those that fuse() would take; ``warnings``: sentences."""

    grid: Grid
    bands: tuple[str, ...]
    dtype: str
    nodata: float | None
    ratio: int
    shift: tuple[float, float]
    confidence: float
    sensor: str
    sensor_gains: tuple[float, ...]
    quality: Quality
    covered: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def table(self) -> dict[str, Any]:
        """What ``--json`` prints: plain values, None for what could not be measured."""
        measured = self.quality
        columns = {"gain": measured.gains, "sensor_gain": self.sensor_gains, "explained": measured.explained,
                   "mean": measured.means, "noise": measured.noise, "snr": measured.snr,
                   "saturated": measured.saturated}  # fmt: skip
        bands = [
            {"name": name, **{key: _plain(values[index]) for key, values in columns.items()}}
            for index, name in enumerate(self.bands)
        ]
        pan = {"mean": measured.pan_mean, "noise": measured.pan_noise, "snr": measured.pan_snr}
        grid = {"shape": self.grid.shape, "transform": list(self.grid.transform)[:6], "crs": str(self.grid.crs)}
        plain = {key: getattr(self, key) for key in ("dtype", "nodata", "ratio", "shift", "confidence", "sensor")}
        return {"grid": grid, **plain, "valid": measured.valid, "covered": self.covered, "bands": bands,
                "pan": {key: _plain(value) for key, value in pan.items()},
                "notes": self.notes, "warnings": self.warnings}  # fmt: skip


def inspect_pair(pan: File, ms: File | Sequence[File] = (), **opening: Unpack[OpeningWords]) -> Inspection:
    """Open a pair, or without MS a product, as fuse() does, and measure it; nothing is fused or written.

    Raises UserError for what cannot be a pair.
    """
    with raster.environment(), open_pair(pan, ms, **opening) as pair:
        quality = measure_quality(pair.scene.limits.hold(pair.scene))
        found = pair.scene.sensor, pair.scene.gnyq, quality, pair.covers_all, pair.notes
        form = pair.format.dtype, pair.format.nodata
        shift = pair.shift, pair.confidence
        return Inspection(
            pair.grid, pair.scene.bands, *form, pair.scene.ratio, *shift, *found, tuple(_doubts(pair, quality))
        )


def _doubts(pair: Pair, quality: Quality) -> Iterator[str]:
    yield from _of_place(pair)
    yield from _of_gains(pair, quality)
    for index, name in enumerate(pair.scene.bands):
        if quality.explained[index] < FOLLOWED:
            share = f"{quality.explained[index]:.0%}"
            yield f"The PAN explains {share} of the detail of {name}: its gain is uncertain, its detail too."
        if quality.snr[index] < QUIET:
            yield f"{name} is noisy: its mean is {quality.snr[index]:.0f} times the noise."
        if quality.saturated[index] > FULL:
            yield f"{quality.saturated[index]:.1%} of {name} have its greatest value: saturated, or stretched."
    yield from resampling_notes(pair.scene, measure_gain(pair.scene.limits.hold(pair.scene)))
    if quality.valid < 1:
        rim = ", as rows or columns at the rim do after such a shift" if math.hypot(*pair.shift) > NOTHING else ""
        yield f"{1 - quality.valid:.1%} of the MS pixels that were looked at are fill, or lie outside of the PAN{rim}."


def _of_place(pair: Pair) -> Iterator[str]:
    if pair.confidence <= 0 or not (pair.registered or math.hypot(*pair.shift) < FAR * pair.scene.ratio):
        yield "The shift between PAN and MS could not be measured and corrected: look for coloured fringes."
    elif math.hypot(*pair.shift) > FAR * pair.scene.ratio:
        yield f"PAN and MS are {math.hypot(*pair.shift):.1f} PAN pixels off each other: look at the corners, too."


def _of_gains(pair: Pair, quality: Quality) -> Iterator[str]:
    """Measured gains far from those that are used, and what that may mean: a sentence for those below, one for those
    above. They are no better ones: with them fusions of most scenes at hand are worse."""
    bands = zip(pair.scene.bands, quality.gains, pair.scene.gnyq, quality.explained, strict=True)
    seen = [(name, gain, known) for name, gain, known, explained in bands if explained >= FOLLOWED]
    below = [each for each in seen if each[1] <= each[2] / CLOSE]
    above = [each for each in seen if each[1] >= each[2] * CLOSE]
    for far, means in ((below, "the PAN was sharpened on the ground"), (above, "the PAN is soft, or the MS resampled")):
        if far:
            names, gains, used = zip(*far, strict=True)
            yield (f"Against the PAN the gain of {', '.join(names)} is {_range(gains)}, where {_range(used)} is used:"
                   f" {means}, or the sensor is another one.")  # fmt: skip


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def sensor_text(found: Inspection, name: str) -> str:
    """A sensor file (TOML) with the measured gains, which ``--sensor`` takes.

    Limits are those of the sensor that the pair was opened with; of bands that it does not know they are spread evenly
    over 450 to 900 nm in their order, and the file says so.
    """
    sensor = GENERIC if found.sensor == GENERIC.name else find(found.sensor)
    known = match(sensor, found.bands)
    step = (PAN_ANY.high_nm - PAN_ANY.low_nm) / len(found.bands)
    lines = []
    for index, (band, own) in enumerate(zip(found.bands, known, strict=True)):
        low = own.low_nm if own else PAN_ANY.low_nm + index * step
        high = own.high_nm if own else low + step
        lines.append(f"  {{ name = {_quoted(band)}, low_nm = {low:g}, high_nm = {high:g}, gnyq = "
                     f"{found.quality.gains[index]:.3f} }},")  # fmt: skip
    limits = f"of {sensor.title}" if all(known) else "not known for every band, spread evenly where not"
    pan, pixel = sensor.pan, raster.metres(found.grid) if sensor is GENERIC else None
    return "\n".join([
        f"name = {_quoted(name)}", f"title = {_quoted(name)}", "aliases = []", f"ratio = {found.ratio}",
        f"gsd_m = {pixel or sensor.gsd_m:.4g}", f"bits = {sensor.bits}",
        f'source = "Gains: measured on a pair by anypan inspect. Limits: {limits}."',
        f'pan = {{ name = "pan", low_nm = {pan.low_nm:g}, high_nm = {pan.high_nm:g}, gnyq = {pan.gnyq:g} }}',
        "bands = [", *lines, "]", "",
    ])  # fmt: skip


def _quoted(text: str) -> str:
    kept = "".join(letter for letter in text if letter.isprintable()).replace("\\", "").replace('"', "'")
    return f'"{kept}"'


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

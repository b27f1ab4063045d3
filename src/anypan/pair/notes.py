"""What a person is told of how a pair was opened, one sentence a note."""

from __future__ import annotations

from collections.abc import Sequence

from anypan.geometry.grid import MAX_SKEW, Placement
from anypan.pair.registration import NOTHING, Registration
from anypan.raster import Raster

RECIPE_NOTE = "GDAL makes the pixels when they are read: by its own filters, without anypan's, and from PAN and MS."
ONE_CRS = "Only one of PAN and MS names a CRS: it was taken for both."


def without_place(pan: Raster, ms: Raster) -> str:
    """For files of which one says not where it lies."""
    without = " and ".join(each.name for each in (pan, ms) if not each.grid.georeferenced)
    return f"No georeferencing in {without}: PAN and MS were taken to cover the same extent."


def resampled(own: tuple[float, float], ratio: int) -> str:
    """For an MS whose ``own`` ratios (PAN pixels high, wide) are not whole, or that lies on no lattice of the PAN's."""
    high, wide = own
    if max(own) <= MAX_SKEW * min(own):
        where = f"a grid of ratio {ratio} that fits the PAN's"
        return (
            f"The MS (ratio {max(own):.4g}) was resampled to {where}; up to half an MS pixel at its edges is left out."
        )
    return (
        f"An MS pixel is {high:.4g} PAN pixels high and {wide:.4g} wide: the MS was resampled to a grid of ratio "
        f"{ratio} that fits the PAN's, and the detail that it has beyond that along its finer axis is lost."
    )


def coarse_note(bands: Sequence[str]) -> tuple[str, ...]:
    """For ``bands`` that were resampled from a coarser grid than the others, if there are any."""
    what = "anypan-s gives them no detail, formulas do"
    return (f"Resampled from a coarser grid than the others: {', '.join(bands)}; {what}.",) if bands else ()


def sharp_note(gain: float, given: float) -> str:
    """For an MS whose measured ``gain`` at its Nyquist frequency is far above the one ``given``."""
    return (
        f"The MS is sharper than its sensor's MTF lets through (gain {gain:.2f} at the Nyquist frequency, {given:.2f} "
        "expected): it was resampled without a low-pass. Networks follow it, formulas do not."
    )


def sharper_note(times: float) -> str:
    """For an MS that looks so many ``times`` as sharp as its gains say, but not as if it had been resampled."""
    what = "edges may be sharpened beyond the truth, so look at them beside --method MTF-GLP-FS"
    return f"At its finest detail the MS looks {times:.2g} times as sharp as the gains that are used say: {what}."


def reference_notes(fitted: int, written: int) -> tuple[str, ...]:
    """Of how many bands those that are written were chosen, if not of all."""
    if written >= fitted:
        return ()
    return (
        f"Fitted to {fitted} bands, of which {written} are written: fewer of --reference-bands (in Python "
        "reference_bands) take less time.",
    )


def cover_notes(spot: Placement, pan: Raster) -> tuple[str, ...]:
    """How much of the PAN the MS covers, if not all."""
    (top, bottom), (left, right) = spot.footprint
    share = (bottom - top) * (right - left) / (pan.shape[0] * pan.shape[1])
    return (f"The MS covers {100 * share:.3g} % of the PAN: beyond it there is nothing to fuse.",) if share < 1 else ()


def clipped_note(count: int, dtype: str) -> str:
    """For values that sharpening has put beyond a pixel type that was asked for."""
    return f"{count:,} values lay beyond what {dtype} holds after sharpening, and became its least or greatest."


def registration_note(found: Registration, corrected: bool) -> str:
    """What was measured of the misregistration, and what was done about it."""
    sure = f"(confidence {found.confidence:.2f})"
    if not found.confident:
        return f"PAN and MS could not be registered {sure}: left where they are, so look for coloured fringes."
    if found.none:
        return f"PAN and MS are aligned to {NOTHING} PAN pixels {sure}."
    dy, dx = found.shift
    return f"The MS is off by ({dy:+.2f}, {dx:+.2f}) PAN pixels {sure}: {_done(corrected)}."


def registration_notes(found: Registration, corrected: bool) -> tuple[str, ...]:
    """The same where it leaves a doubt; else the figures say it all."""
    put_right = found.confident and (found.none or corrected)
    return () if put_right else (registration_note(found, corrected),)


def registration_words(found: Registration, corrected: bool) -> str:
    """The same as part of a line."""
    if not found.confident:
        return "not measurable, left"
    if found.none:
        return f"none (below {NOTHING} PAN pixels)"
    return f"{found.shift[0]:+.2f} rows, {found.shift[1]:+.2f} columns of the PAN, {_done(corrected)}"


def _done(corrected: bool) -> str:
    return "corrected" if corrected else "left, as asked"

"""How a pair is opened: the options that everything which opens PAN and MS has in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TypedDict

from anypan.raster import Raster, Rules, open_raster
from anypan.runtime.bounds import Bounds
from anypan.runtime.errors import UserError
from anypan.runtime.keywords import check_types

NO_ALPHA = "alpha is for files: mask the pixels of an array that are no image, or make them NaN."


class OpeningWords(TypedDict, total=False):
    """The keywords of open_pair(), as ``Opening`` explains them."""

    bands: Sequence[str | int] | None
    reference_bands: Sequence[str | int] | None
    sensor: str | None
    register: bool
    allow_vrt: bool
    allow_remote: bool
    nodata: float | None
    pan_nodata: float | None
    nodata_all_bands: bool
    alpha: int | None
    force: bool
    orthorectify: bool | str | PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """``bands``: MS bands by name or number from 1, in the order wanted.

    ``sensor``: a name or an alias that ``anypan sensors`` lists, or the path of a sensor file (.toml).

    ``reference_bands``: those that methods are fitted to, which is all unless given; ``bands`` are written of them, so
    that which ones, and in which order, moves no pixel of the others.
    ``register``: correct a misregistration that was measured with confidence. ``allow_vrt``, ``allow_remote``: read
    files that point at others, and URLs. ``nodata``, ``pan_nodata``: the value of fill in the MS's and the PAN's files,
    whatever they say; ``nodata_all_bands``: an MS pixel is fill only if all of its bands are. ``alpha``: the number of
    the MS band that is transparency, 0 for none; unless given, one labelled so is if it looks so. ``force``: take PAN
    and MS for a pair though they show nothing in common. ``orthorectify``: warp what has rational polynomials (RPC) to
    a map first, with an elevation model (a path; metres above the ellipsoid) or, if True, at one height.
    A value of another type than these raises UserError.
    """

    bands: Sequence[str | int] | None = None
    reference_bands: Sequence[str | int] | None = None
    sensor: str | None = None
    register: bool = True
    allow_vrt: bool = False
    allow_remote: bool = False
    nodata: float | None = None
    pan_nodata: float | None = None
    nodata_all_bands: bool = False
    alpha: int | None = None
    force: bool = False
    orthorectify: bool | str | PathLike[str] = False

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def rules(self) -> tuple[Rules, Rules]:
        """What holds for the fill of the PAN's and the MS's files. UserError for a value that is infinite."""
        for name, value in (("nodata", self.nodata), ("pan_nodata", self.pan_nodata)):
            if value is not None and math.isinf(value):
                raise UserError(f"{name} is {value}, which no pixel holds: give a number, or nan.")
        if self.alpha is not None:
            Bounds(0).check("alpha", self.alpha)
        wanted = [each for some in (self.bands, self.reference_bands) if some is not None for each in some]
        named = frozenset(int(n) for n in wanted if not isinstance(n, str))
        return Rules(self.pan_nodata), Rules(self.nodata, self.nodata_all_bands, self.alpha, named, "--alpha")

    def opened(self, pan: Sequence[str], ms: Sequence[str]) -> tuple[Raster, Raster]:
        """The files of PAN and MS as rasters; where one cannot be opened none stays open. Raises UserError."""
        of_pan, of_ms = self.rules
        first = open_raster(pan, self.allow_vrt, self.allow_remote, of_pan)
        try:
            return first, open_raster(ms, self.allow_vrt, self.allow_remote, of_ms)
        except BaseException:
            first.close()
            raise

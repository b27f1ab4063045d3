"""Judge one finished image from files, in strips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan import raster
from anypan.geometry.grid import MAX_APART, pixels_apart
from anypan.geometry.tiles import Tile
from anypan.metrics import METRICS, Reference, judge
from anypan.metrics.strips import block_of, strip_height, strips
from anypan.pair.crop import covered
from anypan.pair.opening import OpeningWords
from anypan.pair.pair import Pair, open_pair
from anypan.pair.rows import Rows
from anypan.pair.scene import Patch, Scene, Source
from anypan.raster import Raster
from anypan.runtime.errors import UserError

File = str | Path
OTHER_SCALE = 2.0  # times as large, or as small; fusion keeps the means of bands to some per cent
SEEN = 2**22  # PAN pixels that are looked at for it


def assess(
    pan: File,
    ms: File | Sequence[File],
    fused: File,
    reference: File | None = None,
    **opening: Unpack[OpeningWords],
) -> dict[str, Any]:
    """The metrics of ``fused``, an image on the PAN's grid with the MS's bands, by name; then the facts behind them.

    Always those at full resolution, and those against ``reference`` (same grid and bands) where one is given. Facts:
    ratio, mode, block (side of the blocks in PAN pixels), gnyq and its source, shift and whether it was corrected,
    notes (what is doubtful). Not finite metrics are NaN. ``opening`` as for open_pair().
    Raises UserError.
    """
    with raster.environment(), open_pair(pan, ms, **opening) as pair:
        view, corner = covered(pair)
        size = tuple(n * view.ratio for n in view.shape)
        window = (*corner, *size)
        allowed = bool(opening.get("allow_vrt")), bool(opening.get("allow_remote"))
        with closing(_opened(fused, pair, allowed)) as seen:
            image = Rows(seen, *window)
            scene = replace(view, source=_MaskedSource(view.source, seen, corner, view.ratio))
            values, notes = _some(judge(image, scene, _names("fr")), fused), _scaled(image, scene, fused)
            if reference is not None:
                with closing(_opened(reference, pair, allowed, "the truth on that grid")) as opened:
                    truth = Rows(opened, *window)
                    values = _some(_against(truth, image, scene), reference) | values
                    notes += _scaled(truth, scene, reference)
        return values | _facts(pair, opening.get("sensor")) | {"notes": notes}


def _scaled(image: Rows, scene: Scene, path: File) -> list[str]:
    """A note if an image's values are on another scale than the MS's, by their mean sizes in the median band."""
    sums = torch.zeros(2, len(scene.bands), dtype=torch.float64)
    for strip in strips(image, scene, 0, most=SEEN):
        valid = strip.core(strip.mask_lr)
        parts = F.avg_pool2d(strip.core(strip.fused).abs(), scene.ratio), strip.core(strip.lrms).abs()
        sums += torch.stack([part[:, valid].sum(1) for part in parts])
    times = float((sums[0] / sums[1]).nanmedian())
    if 1 / OTHER_SCALE <= times <= OTHER_SCALE or math.isnan(times):
        return []
    return [
        f"{path} is on another scale than the MS: its values are {times:.3g} times as large, so that metrics which "
        "compare values (R-Q2n, R-ERGAS, Q2n, ERGAS...) say little: bring both to one scale."
    ]


def _names(kind: str) -> list[str]:
    return [name for name, metric in METRICS.items() if metric.kind == kind]


def _opened(
    path: File, pair: Pair, allowed: tuple[bool, bool], what: str = "the image that was fused from them"
) -> Raster:
    opened = raster.open_raster([path], *allowed)
    if opened.shape != pair.grid.shape or len(opened.bands) != len(pair.scene.bands):
        opened.close()
        raise UserError(
            f"{path} does not have the PAN's size and the MS's bands: give {what}, and if it has some of the bands, "
            "name the same with --bands."
        )
    wrong = _mistaken(opened, pair, what)
    if wrong:
        opened.close()
        raise UserError(f"{path} {wrong}.")
    apart = pixels_apart(pair.grid, opened.grid)
    if apart > MAX_APART:
        opened.close()
        raise UserError(f"{path} lies {apart:.3g} pixels off the PAN's grid: give {what}.")
    return opened


def _mistaken(image: Raster, pair: Pair, what: str) -> str:
    """What an image says of itself that the pair contradicts."""
    every = raster.format_of(image).names, pair.scene.bands
    own, theirs = (tuple(name.lower() for name in names if name) for names in every)
    if own != theirs and sorted(own) == sorted(theirs):
        return f"has the bands {', '.join(own)}, the MS {', '.join(theirs)}: name that order with --bands"
    if image.grid.crs and pair.grid.crs and not raster.same_crs(pair.grid, image.grid):
        return f"lies in another CRS than the PAN: give {what}"
    return ""


def _some(values: dict[str, float], path: File) -> dict[str, float]:
    """The values, unless there is none."""
    if all(math.isnan(value) for value in values.values()):
        raise UserError(f"{path} has no pixels to judge that PAN and MS have, too: check its nodata value and mask.")
    return values


def _against(reference: Rows, image: Rows, scene: Scene) -> dict[str, float]:
    valid = _Valid(image, reference, scene)
    step = strip_height(reference.shape[0], reference.shape[2], 1)
    starts = range(0, image.shape[1], step)
    peaks = [values.max() for a in starts if (values := reference[:, a : a + step][:, valid[a : a + step]]).numel()]
    peak = max(map(float, peaks), default=1.0)
    judged = Reference(reference, scene.ratio, peak, valid)  # type: ignore[arg-type]
    return judge(image, judged, _names("rr"))


def _facts(pair: Pair, sensor: str | None) -> dict[str, Any]:
    scene = pair.scene
    return {
        "ratio": scene.ratio,
        "mode": scene.sampling.name,
        "block": block_of(scene.ratio),
        "gnyq": list(scene.gnyq),
        "gnyq_source": f"sensor {scene.sensor}" if sensor else "generic",
        "shift": list(pair.shift),
        "registered": pair.registered,
    }


@dataclass(frozen=True)
class _Valid:
    """Rows of the mask of where two images, PAN and MS are all valid."""

    one: Rows
    two: Rows
    scene: Scene

    def __getitem__(self, rows: slice) -> Tensor:
        everything, ratio = slice(None), self.scene.ratio
        start, stop, _ = rows.indices(self.one.shape[1])
        first, last = start // ratio, -(-stop // ratio)
        mask = self.scene.read(Tile(first, 0, last - first, self.scene.shape[1])).mask
        inside = mask[start - first * ratio : stop - first * ratio]
        return self.one[everything, rows].isfinite().all(0) & self.two[everything, rows].isfinite().all(0) & inside


@dataclass(frozen=True)
class _MaskedSource:
    """A scene's source whose mask is false, too, where the image to be judged is invalid."""

    source: Source
    image: Raster
    corner: tuple[int, int]
    ratio: int

    def read(self, tile: Tile) -> Patch:
        patch = self.source.read(tile)
        row, col, height, width = (n * self.ratio for n in tile.padded)
        row, col = row + self.corner[0], col + self.corner[1]
        rows, cols = self.image.shape
        top, left, bottom, right = max(row, 0), max(col, 0), min(row + height, rows), min(col + width, cols)
        _, valid = self.image.read(top, left, bottom - top, right - left)
        mask = patch.mask.clone()
        mask[top - row : bottom - row, left - col : right - col] &= torch.from_numpy(valid)
        return replace(patch, mask=mask)

"""An MS that was stretched or brightened for display: its values are a picture's, which no fusion can undo.

Light adds up: the PAN at the MS's scale is a sum of the bands, whatever their units and offsets. After a gamma it is a
sum of a power of them instead. A stretch to percentiles leaves pixels at both ends of the range, as many in each band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.optics.normalise import pan_at_ms_scale
from anypan.pair.registration import blocks_of, few
from anypan.pair.scene import Patch, Scene
from anypan.raster import Raster

POWERS = (0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5)  # of the bands that the PAN may be a sum of
BENT = 1.6  # powers, or one over it, from which on the bands are said to be bent
CLEARLY = 1.2  # times as much of the PAN that must be left unexplained by the bands as by that power; real scenes: 1.05
LEAST_EXPLAINED = 0.5  # of the PAN, by that power
LEAST_PIXELS, MOST_PIXELS = 1000, 2**15  # MS pixels that it takes, and that are looked at in a block
CLIPPED = 0.002  # of a band's pixels at each end of the range of all bands
RIDGE = 1e-9


@dataclass(frozen=True)
class Stretch:
    """``power`` of the bands that best adds up to the PAN, and ``bent``, the unexplained share without over with it.

    ``clipped``: the least share of a band's pixels at the one lowest or the one highest value of all bands.
    ``brightest``: what a thousandth of the PAN is brighter than.
    """

    power: float = 1.0
    bent: float = 1.0
    clipped: float = 0.0
    brightest: float = 0.0


def stretch_notes(scene: Scene, pan: Raster, ms: Raster) -> tuple[str, ...]:
    """What is doubtful of the values of an MS, if it seems to be a picture."""
    found = stretch_of(scene)
    said = []
    if {*ms.dtypes} == {"uint8"} and found.brightest >= 2**8:
        said.append(f"it holds 8 bits and {pan.name} more")
    if found.clipped:
        said.append(f"each band has {100 * found.clipped:.2g} % of its pixels or more at each end of one range")
    if found.bent >= CLEARLY:
        said.append(f"the PAN is no sum of the bands, but of about their power {found.power:g}, as after a gamma")
    if not said:
        return ()
    return (
        f"{ms.name} seems to be a picture that was stretched for display ({'; '.join(said)}): fused values are the "
        "picture's, no radiance or reflectance, and its colours may be off, so fuse the delivered MS if you have it.",
    )


def stretch_of(scene: Scene) -> Stretch:
    """What the scene shows of a stretch, on blocks spread over it."""
    patches = list(blocks_of(scene))
    seen = [patch.pan[patch.mask[None]] for patch in patches if patch.mask.any()]
    ends = min(map(float, map(Tensor.min, seen)), default=0.0), max(map(float, map(Tensor.max, seen)), default=0.0)
    values = torch.cat([_pixels(patch, scene, ends) for patch in patches], 1)
    if values.shape[1] < LEAST_PIXELS:
        return Stretch()
    pan, bands, whole = values[0], values[1:-1], values[-1] == 0
    power, bent = _bend(pan[whole], few(bands[:, whole, None])[..., 0])
    brightest = float(pan.topk(1 + len(pan) // 1000).values[-1])
    return Stretch(power, bent, _clipped(bands), brightest)


def _pixels(patch: Patch, scene: Scene, ends: Sequence[float]) -> Tensor:
    """PAN at MS scale, bands, and whether the PAN is at one of its ends nearby (2 + B, N) of a block's MS pixels."""
    pan = pan_at_ms_scale(patch.pan, scene.gnyq, scene.sampling)
    cut = ((patch.pan <= ends[0]) | (patch.pan >= ends[1])).to(pan)
    near = F.max_pool2d(F.max_pool2d(cut, scene.ratio), 3, 1, 1)
    values = patch.core(torch.cat([pan, patch.lrms, near]))[:, patch.core(patch.mask_lr)]
    return values[:, :: max(1, values.shape[1] // MOST_PIXELS)]


def _bend(pan: Tensor, bands: Tensor) -> tuple[float, float]:
    """The power of the bands (B, N) that the PAN (N,) is a sum of, and how clearly.

    Ends that are cut off are out, and what is below 0, which has no powers.
    """
    if bands.shape[1] < LEAST_PIXELS:
        return 1.0, 1.0
    low, high = bands.amin(1, keepdim=True), bands.amax(1, keepdim=True)
    inside = ((bands > low) & (bands < high) & (bands >= 0)).all(0)
    bands, pan = bands[:, inside], pan[inside].double()
    if bands.shape[1] < LEAST_PIXELS or float(pan.var()) <= 0:
        return 1.0, 1.0
    scaled = bands / bands.amax(1, keepdim=True)
    left = {power: _unexplained(scaled**power, pan) for power in POWERS}
    power = min(left, key=left.__getitem__)
    if left[power] > 1 - LEAST_EXPLAINED or 1 / BENT < power < BENT:
        return power, 1.0
    return power, left[1.0] / max(left[power], 1e-12)


def _unexplained(bands: Tensor, pan: Tensor) -> float:
    """The share of the PAN's variance that regression on the bands leaves."""
    rows = torch.cat([bands, torch.ones_like(bands[:1])])
    gram = rows @ rows.T
    weights = torch.linalg.solve(gram + RIDGE * gram.diagonal().mean() * torch.eye(len(gram)).to(gram), rows @ pan)
    return float((pan - weights @ rows).square().mean() / pan.var(unbiased=False))


def _clipped(bands: Tensor) -> float:
    """The least share of a band's pixels at either end of the range of all bands; 0 if it is less than CLIPPED."""
    if bands.min() == bands.max():  # nothing has ends
        return 0.0
    ends = (bands == bands.min()).double().mean(1), (bands == bands.max()).double().mean(1)
    share = float(torch.stack(ends).min())
    return share if share >= CLIPPED else 0.0

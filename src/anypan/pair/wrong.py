"""Pairs that are none: both images have texture, and no shift within reach explains one by the other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from anypan.pair.registration import (
    NEAR_GAPS,
    REACH,
    Bands,
    Registration,
    blocks_of,
    degraded,
    details,
    few,
    lag_shares,
)
from anypan.pair.scene import Patch, Scene
from anypan.runtime.errors import UserError

LEAST_PIXELS = 700  # MS pixels that a verdict needs
TEXTURE = 0.3  # correlation of detail with itself one MS pixel on, which noise has not
FLAT = 0.1  # of the root mean square of detail, that half of it may not be below
FAINT = 0.1  # of the standard deviation of a band or the PAN, below which detail is no texture; real scenes have half
ROUNDED = 0.5  # units of whole numbers: rounding leaves .3, in steps that go on from pixel to pixel
NOTHING, HARDLY = 0.06, 0.15  # of the PAN's detail that the bands explain at the best lag
STANDS_OUT = 5.0  # times what they explain at nine tenths of the other lags


@dataclass(frozen=True)
class Likeness:
    """``explained``: the share of the PAN's detail that the bands explain at the best lag; ``elsewhere``: at others.

    ``texture``: how far the PAN's and the bands' detail goes on from pixel to pixel, the lesser; ``count`` MS pixels.
    """

    explained: float
    elsewhere: float
    texture: float
    count: int

    @property
    def none(self) -> bool:
        """True if the images do not show the same place."""
        known = self.count >= LEAST_PIXELS and self.texture >= TEXTURE
        return known and self.explained < max(NOTHING, min(HARDLY, STANDS_OUT * self.elsewhere))


def check_likeness(scene: Scene, found: Registration, force: bool) -> tuple[str, ...]:
    """UserError for a pair that is none, a note if it is fused all the same by ``force``."""
    if found.confident:
        return ()
    seen = likeness(scene)
    if not seen.none:
        return ()
    why = (
        f"PAN and MS do not show the same: no shift of up to {REACH} MS pixels lets the bands explain more than "
        f"{100 * seen.explained:.1f} % of the PAN's detail"
    )
    if force:
        return (f"{why}: fused as forced, believe nothing of it.",)
    raise UserError(f"{why}: check that both are of one place and lie the same way, or pass --force (force=True).")


def likeness(scene: Scene) -> Likeness:
    """How alike PAN and MS are, whatever whole lag of MS pixels within reach lies between them."""
    shares, power, count, textures = torch.zeros(2 * REACH + 1, 2 * REACH + 1).double(), 0.0, 0, []
    for patch in blocks_of(scene):
        image, valid, bands = _seen(patch, scene)
        share = lag_shares(image, valid, bands)
        if share is None:
            continue
        shares += share
        power += float((image * valid).square().sum())
        count += int(valid.sum())
        of_bands = [_texture(*each, bands.valid) for each in zip(bands.image, _faintest(patch), strict=True)]
        of_pan = _texture(image, FAINT * patch.pan[0][patch.mask].double().std(), valid)
        textures.append([of_pan, max(of_bands)])
    if not count:
        return Likeness(0.0, 0.0, 0.0, 0)
    shares /= power
    row, col = divmod(int(shares.argmax()), shares.shape[1])
    others = torch.ones_like(shares, dtype=torch.bool)
    others[max(0, row - 2) : row + 3, max(0, col - 2) : col + 3] = False
    texture = torch.tensor(textures).mean(0).min()
    return Likeness(float(shares.max()), float(shares[others].quantile(0.9)), float(texture), count)


def _seen(patch: Patch, scene: Scene) -> tuple[Tensor, Tensor, Bands]:
    """The PAN's detail (h, w), where it is valid, and the bands'; close to gaps and borders if few pixels are far."""
    where = scene.ratio, scene.sampling.phase
    # Near borders the mean of half a box takes no slope off.
    pan, lrms = _level(patch.pan.double(), patch.mask), _level(few(patch.lrms), patch.mask_lr)
    image, valid = degraded(pan, patch.mask, *where)
    bands = Bands.of(lrms, patch.mask_lr)
    for gaps in NEAR_GAPS:
        if valid.sum() >= LEAST_PIXELS:
            break
        near = Bands.near(lrms, patch.mask_lr, gaps)
        image, _, stack, valid = details(pan, patch.mask, near, *where)
        bands = Bands(stack, valid)
    return image, valid, bands


def _faintest(patch: Patch) -> Tensor:
    """The least root mean square (B,) of detail that is texture: not of rounding, nor of resampling a slope."""
    lrms = few(patch.lrms)[:, patch.mask_lr]
    return (FAINT * lrms.std(1)).clamp(min=ROUNDED if bool((lrms == lrms.round()).all()) else 0.0)


def _level(lrms: Tensor, valid: Tensor) -> Tensor:
    """The bands (B, h, w) without the planes that lie nearest to their valid pixels."""
    rows, cols = (torch.linspace(-1, 1, n).double() for n in valid.shape)
    planes = torch.stack([torch.ones(valid.shape).double(), *torch.meshgrid(rows, cols, indexing="ij")])
    seen = planes[:, valid]
    weights = lrms[:, valid] @ seen.T @ torch.linalg.pinv(seen @ seen.T, hermitian=True)
    return lrms - torch.einsum("bk,khw->bhw", weights, planes)


def _texture(detail: Tensor, least: Tensor, valid: Tensor) -> float:
    """Correlation of detail (h, w) with itself one pixel on, the mean of both axes.

    0 where most of it is flat, or all of it below ``least``, a root mean square.
    """
    detail = detail * valid
    power = detail.square().sum().clamp(min=1e-300)
    size = (power / valid.sum()).sqrt()
    if not valid.any() or size < least or detail[valid].abs().median() < FLAT * size:
        return 0.0
    return float((detail[1:] * detail[:-1]).sum() + (detail[:, 1:] * detail[:, :-1]).sum()) / (2 * float(power))

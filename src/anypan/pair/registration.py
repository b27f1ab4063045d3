"""How far PAN and MS are off each other, to a fraction of a PAN pixel.

Whole MS pixels first: cross-correlation, by FFT, of the high-passed MS bands with the high-passed PAN at MS scale, as
the share of the PAN that a regression on the bands explains at every lag. Then Gauss-Newton steps at PAN scale: the
PAN is degraded anew at the phase reached, and the remaining shift is read off its gradients (Lucas and Kanade, IJCAI
1981). No pixel is resampled for it. High-passing takes the place of the whitening in phase correlation: it keeps out
what the spectra, not the places, differ in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.geometry import window
from anypan.geometry.tiles import spread
from anypan.optics.sampling import Physical
from anypan.optics.sensors import GNYQ
from anypan.pair.scene import Patch, Scene

REACH = 8  # MS pixels that PAN and MS may be off in each direction
HIGHPASS = 5  # MS pixels on each side of the box whose mean is taken off
LOWPASS = 4  # MS pixels on each side that the degraded PAN depends on
NEAR_GAPS = (4, 2, 1)  # MS pixels that what is looked at lies off gaps: the degraded PAN hardly depends on the farther
LEAST_PIXELS = 100  # MS pixels that an estimate needs
WHOLE = 320  # MS pixels along a side up to which a scene is one block
BLOCK, BLOCKS = 160, 9  # MS pixels along a side of a block otherwise, and blocks at most
MOST_BANDS = 32  # that the PAN is regressed on
STEPS = 12  # of Gauss-Newton, at most
DAMPING = 0.9  # of a step: the slopes are a little low
ROUNDING = 1e-9  # of a value: less is no detail
CONVERGED = 0.003  # PAN pixels
CONFIDENT = 0.5
NOTHING = 0.05  # PAN pixels: a shift below it is none to a person
LOOSE = 0.25  # PAN pixels of standard error, or 4 times that between blocks, at which confidence is gone


@dataclass(frozen=True)
class Registration:
    """A shift (dy, dx) in PAN pixels of the MS against the PAN, and how sure it is (0 to 1)."""

    shift: tuple[float, float] = (0.0, 0.0)
    confidence: float = 0.0

    @property
    def confident(self) -> bool:
        """True if the shift was measured well enough to correct the scene for it."""
        return self.confidence >= CONFIDENT

    @property
    def none(self) -> bool:
        """True if the shift is too small to speak of."""
        return math.hypot(*self.shift) < NOTHING


def register_scene(scene: Scene) -> Registration:
    """The shift on top of the scene's phase: of the whole scene if small, else the median of blocks spread over it."""
    found = [
        Registration((dy, dx), confidence)
        for patch in blocks_of(scene)
        for dy, dx, confidence in [measure_shift(patch.pan, patch.lrms, scene.ratio, patch.mask, scene.sampling.phase)]
        if confidence > 0
    ]
    if not found:
        return Registration()
    sure = [each for each in found if each.confident] or found
    shifts = torch.tensor([each.shift for each in sure], dtype=torch.float64)
    shift = shifts.quantile(0.5, 0)
    spread = float((shifts - shift).abs().quantile(0.5, 0).max())
    confidence = float(torch.tensor([each.confidence for each in sure], dtype=torch.float64).quantile(0.5))
    return Registration((float(shift[0]), float(shift[1])), confidence * max(0.0, 1 - spread / (4 * LOOSE)))


def measure_shift(
    pan: Tensor, lrms: Tensor, ratio: int, mask: Tensor | None = None, phase: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, float, float]:
    """(dy, dx, confidence): MS pixel (i, j) lies at PAN row ratio * i + (ratio - 1) / 2 + phase[0] + dy, and so on.

    pan (1, H, W), lrms (B, h, w), H = ratio * h, finite; ``mask`` (H, W) is true where both are valid. Confidence is
    the correlation of the high-passed PAN with its best regression on the bands, less what the standard error of the
    shift takes off; 0 where nothing can be measured.
    """
    mask = torch.ones(pan.shape[-2:], dtype=torch.bool) if mask is None else mask
    valid_lr = window.whole(mask, ratio)
    bands = Bands.of(lrms, valid_lr)
    found = _measured(pan, mask, bands, ratio, phase)
    if found[2] >= CONFIDENT or (found[2] > 0 and bool(valid_lr.all())):
        return found
    for gaps in NEAR_GAPS:  # between gaps or borders that leave no whole box: of each box what is valid
        near = _measured(pan, mask, Bands.near(lrms, valid_lr, gaps), ratio, phase)
        found = max(found, near, key=lambda each: each[2])
        if found[2] >= CONFIDENT:
            break
    return found


def _measured(
    pan: Tensor, mask: Tensor, bands: Bands, ratio: int, phase: tuple[float, float]
) -> tuple[float, float, float]:
    lag = _whole_lag(pan, mask, bands, ratio, phase)
    if lag is None:
        return 0.0, 0.0, 0.0
    shift, error, correlation = lag, math.inf, 0.0
    for _ in range(STEPS):
        step = _gauss_newton(pan, mask, bands, ratio, (phase[0] + shift[0], phase[1] + shift[1]))
        if step is None:
            return 0.0, 0.0, 0.0
        dy, dx, error, correlation = step
        shift = shift[0] + dy, shift[1] + dx
        if max(abs(shift[0]), abs(shift[1])) > (REACH + 1) * ratio:
            return 0.0, 0.0, 0.0
        if max(abs(dy), abs(dx)) < CONVERGED:
            break
    return *shift, correlation * max(0.0, 1 - error / LOOSE)


@dataclass(frozen=True)
class Bands:
    """High-passed MS (B, h, w) in float64 and where it is valid (h, w).

    With ``gaps`` it is valid so many pixels off them, and high-passed only where PAN and MS are valid alike.
    """

    image: Tensor
    valid: Tensor
    gaps: int = 0

    @classmethod
    def of(cls, lrms: Tensor, valid: Tensor) -> Bands:
        """From the MS (B, h, w) and where it is valid (h, w)."""
        return cls(_highpass(few(lrms)), eroded(valid, HIGHPASS))

    @classmethod
    def near(cls, lrms: Tensor, valid: Tensor, gaps: int) -> Bands:
        """The same ``gaps`` pixels off what is not valid."""
        return cls(few(lrms), eroded(valid, gaps), gaps)


def few(lrms: Tensor) -> Tensor:
    """The bands (B, h, w) in float64, of very many the means of neighbours, which are alike: regression is cubic."""
    if len(lrms) <= MOST_BANDS:
        return lrms.double()
    return torch.stack([part.double().mean(0) for part in lrms.tensor_split(MOST_BANDS)])


def blocks_of(scene: Scene) -> Iterator[Patch]:
    """The whole of a small scene, blocks spread over a large one."""
    if max(scene.shape) <= WHOLE:
        yield scene.whole()
        return
    for tile in spread(scene.shape, BLOCK, BLOCKS, REACH + HIGHPASS + LOWPASS):
        yield scene.read(tile)


def degraded(pan: Tensor, mask: Tensor, ratio: int, phase: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """High-passed PAN (h, w) at MS scale and any phase, and where it depends on valid pixels only."""
    image, valid = _sampled(pan, mask, ratio, phase)
    return _highpass(image)[0], eroded(valid, HIGHPASS + LOWPASS)


def _sampled(pan: Tensor, mask: Tensor, ratio: int, phase: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """PAN (1, h, w) at MS scale and any phase, and the pixels (h, w) that are valid as a whole."""
    base = math.floor(phase[0] + 0.5), math.floor(phase[1] + 0.5)
    height, width = pan.shape[-2:]
    moved = window.read(pan, *base, height, width)
    inside = window.read(mask, *base, height, width) & window.inside_of(mask.shape, *base, height, width)
    rest = (phase[0] - base[0], phase[1] - base[1])
    return Physical(ratio, rest).degrade(moved, [GNYQ]).double(), window.whole(inside, ratio)


def details(
    pan: Tensor, mask: Tensor, bands: Bands, ratio: int, phase: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Details of the PAN (h, w) and its slopes (2, h, w) per PAN pixel, of the bands (B, h, w); where all are sound.

    Between gaps all are high-passed over the same pixels, so that no gap that moves along with the PAN draws the
    shift to itself.
    """
    image, valid = _sampled(pan, mask, ratio, phase)
    slopes = torch.cat([_slope(image, axis) for axis in (-2, -1)]) / ratio
    if not bands.gaps:
        used = eroded(valid, HIGHPASS + LOWPASS + 2) & bands.valid
        return _highpass(image)[0], _highpass(slopes), bands.image, used
    used = eroded(valid, bands.gaps) & bands.valid
    return _highpass(image, used)[0], _highpass(slopes, used), _highpass(bands.image, used), used


def _whole_lag(
    pan: Tensor, mask: Tensor, bands: Bands, ratio: int, phase: tuple[float, float]
) -> tuple[float, float] | None:
    """The shift in PAN pixels at the peak of the explained share over whole MS pixels, refined by parabolas."""
    if bands.gaps:
        image, _, stack, valid = details(pan, mask, bands, ratio, phase)
        bands = Bands(stack, valid)
    else:
        image, valid = degraded(pan, mask, ratio, phase)
    share = lag_shares(image, valid, bands)
    if share is None:
        return None
    row, col = divmod(int(share.argmax()), share.shape[1])
    peak = (row - REACH + vertex(share[:, col], row), col - REACH + vertex(share[row], col))
    return peak[0] * ratio, peak[1] * ratio


def lag_shares(image: Tensor, valid: Tensor, bands: Bands) -> Tensor | None:
    """What the bands explain of the PAN's detail (h, w) at each lag of whole MS pixels, in its squares; None if few."""
    image, stack = image * valid, bands.image * bands.valid
    if valid.sum() < LEAST_PIXELS or not (image.any() and stack.any()):
        return None
    shape = [max(n, REACH + 1) + REACH for n in image.shape]  # zeros keep lags from wrapping around
    spectra = torch.fft.rfft2(stack, s=shape).conj() * torch.fft.rfft2(image, s=shape)
    cross = torch.roll(torch.fft.irfft2(spectra, s=shape), (REACH, REACH), (-2, -1))[
        :, : 2 * REACH + 1, : 2 * REACH + 1
    ]
    gram = torch.einsum("bij,cij->bc", stack, stack)
    return torch.einsum("bij,bc,cij->ij", cross, torch.linalg.pinv(gram, hermitian=True), cross)


def vertex(values: Tensor, at: int) -> float:
    """Where between its neighbours the parabola through a maximum has its top, -0.5 to 0.5."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, here, after = (float(v) for v in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _gauss_newton(
    pan: Tensor, mask: Tensor, bands: Bands, ratio: int, phase: tuple[float, float]
) -> tuple[float, float, float, float] | None:
    """A step (dy, dx), its standard error in PAN pixels, and the correlation of the PAN with its regression."""
    image, gradient, stack, used = details(pan, mask, bands, ratio, phase)
    count = int(used.sum())
    if count < LEAST_PIXELS:
        return None
    here, stack = image[used], stack[:, used]
    explained = _solve(stack, here) @ stack
    slopes = torch.cat([here[None], gradient[:, used]])
    weights = _solve(slopes, explained)
    gain, *rest = weights.tolist()
    if gain <= 0:
        return None
    dy, dx = (min(ratio / 2, max(-ratio / 2, DAMPING * value / gain)) for value in rest)
    noise = (explained - weights @ slopes).square().sum() + (here - explained).square().sum()
    spread = torch.linalg.pinv(slopes @ slopes.T, hermitian=True)[1:, 1:] * noise / count
    correlation = torch.corrcoef(torch.stack([explained, here]))[0, 1]
    return dy, dx, float(spread.diagonal().max().sqrt()), float(correlation.nan_to_num())


def _slope(image: Tensor, axis: int) -> Tensor:
    """Derivative per MS pixel by the five-point formula; wraps around at the borders."""
    near = image.roll(-1, axis) - image.roll(1, axis)
    return (8 * near - image.roll(-2, axis) + image.roll(2, axis)) / 12


def _solve(rows: Tensor, values: Tensor) -> Tensor:
    """Least-squares weights (n,) of the rows (n, pixels) for the values (pixels,)."""
    return torch.linalg.pinv(rows @ rows.T, hermitian=True) @ (rows @ values)


def _highpass(image: Tensor, valid: Tensor | None = None) -> Tensor:
    """Image (C, h, w) minus its box mean; with ``valid`` (h, w), minus that of the valid pixels of the box."""
    if valid is None:
        return image - _box_mean(image)
    inside = valid.to(image)[None]
    detail = image - _box_mean(image * inside) / _box_mean(inside).clamp(min=1e-6)
    return torch.where(detail.abs() > ROUNDING * image.abs(), detail, 0)


def _box_mean(image: Tensor) -> Tensor:
    padded, width = F.pad(image[None], (HIGHPASS,) * 4, mode="replicate"), 2 * HIGHPASS + 1
    return F.avg_pool2d(F.avg_pool2d(padded, (1, width), 1), (width, 1), 1)[0]


def eroded(valid: Tensor, radius: int) -> Tensor:
    """True where all pixels within ``radius`` are; outside of the image nothing is."""
    wrong = F.pad((~valid).float()[None], (radius,) * 4, value=1.0)
    width = 2 * radius + 1
    return F.max_pool2d(F.max_pool2d(wrong, (1, width), 1), (width, 1), 1)[0] == 0

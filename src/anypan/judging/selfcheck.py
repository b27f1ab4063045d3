"""The ruler held against cases whose answer is known: so that a reviewer can trust an installation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from anypan.metrics import METRICS, Reference, cc, d_rho, detail_transfer, ergas, judge, psnr, q, q2n, sam, scc
from anypan.metrics.detail import EXPLAINED
from anypan.metrics.unipan import whole_q
from anypan.optics.sampling import Physical
from anypan.optics.toolbox import Toolbox, toolbox_kernel
from anypan.pair.scene import Scene, from_arrays
from anypan.runtime.columns import HIGH, LOW

BANDS, SIZE, RATIO, PEAK = 4, 64, 4, 2047.0
GOLDEN = {
    "SAM": 0.5767046355707295,
    "ERGAS": 0.3732329224655878,
    "PSNR": 45.84197698293853,
    "CC": 0.9988373890875661,
    "SCC": 0.9993776013099124,
    "Q2n": 0.998032220863457,
}
"""Of golden_pair(), by tests/independent.py, which shares no code with the package."""
KERNELS = {0.15: (0.998024, 0.024628, 0.1368), 0.30: (0.998740, 0.038807, 0.2827), 0.35: (0.998899, 0.044505, 0.3323)}
"""Nominal gain -> sum, centre and true gain at the MS Nyquist frequency of the reference toolbox's kernel, ratio 4."""


@dataclass(frozen=True)
class Check:
    """One comparison: what was found, what is right, and how far apart they may be."""

    name: str
    found: float
    right: float
    within: float

    @property
    def passed(self) -> bool:
        """True if the value found lies within the tolerance of the right one."""
        return abs(self.found - self.right) <= self.within


def selfcheck() -> Iterator[Check]:
    """Every check, one by one: closed forms, laws of a true image, golden values."""
    for part in (_identity, _closed_forms, _truth, _filters, _golden):
        yield from part()


def image(seed: int, bands: int = BANDS, size: int = SIZE) -> Tensor:
    """(bands, size, size) of whole numbers: the steps of a linear congruential generator, added to waves."""
    state, out = seed, []
    for b, r, c in ((b, r, c) for b in range(bands) for r in range(size) for c in range(size)):
        state = (1103515245 * state + 12345) % 2**31
        wave = math.sin(0.21 * r + 0.4 * b) * math.cos(0.17 * c - 0.3 * b)
        out.append(math.floor(600 + 300 * wave + 200 * state / 2**31))
    return torch.tensor(out, dtype=torch.float64).reshape(bands, size, size)


def golden_pair() -> tuple[Tensor, Tensor]:
    """(an estimate, its reference)."""
    reference = image(1)
    return torch.floor(0.9 * reference + 0.1 * image(2)) + 7, reference


def _identity() -> Iterator[Check]:
    """An image that equals its reference has every metric at its best."""
    reference = image(1)
    values = judge(reference, Reference(reference, RATIO, PEAK), [n for n, m in METRICS.items() if m.kind == "rr"])
    for name, value in values.items():
        best = METRICS[name].best
        if math.isfinite(best):
            yield Check(f"{name} of the reference itself", value, best, 1e-5)


def _closed_forms() -> Iterator[Check]:
    reference = image(1)
    moved = reference.clone()
    moved[2] += 10
    mean = reference.mean((1, 2), keepdim=True)
    right = 100 / RATIO * 10 / float(mean[2]) / math.sqrt(BANDS)
    yield Check("ERGAS of an offset in one band", ergas(moved, reference, RATIO), right, 1e-9)
    yield Check("PSNR of an offset of 10", psnr(reference + 10, reference, PEAK), 20 * math.log10(PEAK / 10), 1e-9)
    brighter = reference * (1 + image(2, 1) / 1000)
    yield Check("SAM of a gain for each pixel", sam(brighter, reference), 0, 1e-5)
    two = torch.tensor([[1.0, 0.0], [1.0, 1.0]])[:, :, None, None].expand(2, 2, 8, 8)
    yield Check("SAM of (1, 0) and (1, 1), in degrees", sam(two[0], two[1]), 45, 1e-9)
    yield Check("CC of a linear map", cc(3 * reference + 11, reference), 1, 1e-12)
    yield Check("Q of the image mirrored at its mean", q(2 * mean - reference, reference, window=SIZE), -1, 1e-9)
    block = reference[:1, :32, :32]
    yield Check("Q2n of one band mirrored at its mean", q2n(2 * block.mean() - block, block), 1, 1e-9)
    scaled = whole_q(torch.cat([reference[:1], 2 * reference[:1]]))[0, 1]
    yield Check("Q of an image and its double", float(scaled), 16 / 25, 1e-9)


def true_scene() -> tuple[Scene, Tensor]:
    """A scene whose PAN is the mean of the bands of the true image, and that image (3, 128, 128)."""
    truth = image(3, 3, 128)
    pan = truth.mean(0, keepdim=True)
    sampling = Physical(RATIO)
    return from_arrays(pan, sampling.degrade(truth, [0.3] * 3), [0.3] * 3), truth


def _truth() -> Iterator[Check]:
    """The true image agrees with what was made from it."""
    scene, truth = true_scene()
    values = judge(truth, scene, ["R-ERGAS"])
    yield Check("R-ERGAS of the truth", values["R-ERGAS"], 0, 1e-9)
    yield Check("R-Q2n of the truth", values["R-Q2n"], 1, 1e-9)
    found = detail_transfer(truth, scene)
    for name in (LOW, HIGH, EXPLAINED):
        yield Check(f"{name} of the truth", found[name], 1, 1e-6)
    half = truth.mean((1, 2), keepdim=True) + 0.5 * (truth - truth.mean((1, 2), keepdim=True))
    yield Check("detail transfer of half the contrast", detail_transfer(half, scene)[HIGH], 0.5, 1e-6)
    pan = scene.whole().pan.expand(3, -1, -1)
    yield Check("D_rho of the PAN in every band", d_rho(2 * pan, scene), 0, 1e-6)


def _filters() -> Iterator[Check]:
    for gain, (total, centre, nyquist) in KERNELS.items():
        kernel = toolbox_kernel(gain, RATIO)
        yield Check(f"toolbox kernel of gain {gain}, sum", float(kernel.sum()), total, 5e-7)
        yield Check(f"toolbox kernel of gain {gain}, centre", float(kernel.max()), centre, 5e-7)
        yield Check(f"toolbox kernel of gain {gain} at the Nyquist frequency", _response(kernel), nyquist, 5e-5)
    wave = torch.cos(math.pi / RATIO * torch.arange(128, dtype=torch.float64)).expand(1, 128, 128)
    seen = Physical(RATIO).lowpass(wave, [0.3])[0, 64, 64] / wave[0, 64, 64]
    yield Check("physical MTF of gain 0.3 at the Nyquist frequency", float(seen), 0.3, 2e-3)
    flat = torch.full((1, 32, 32), 500.0, dtype=torch.float64)
    yield Check("physical MTF of a flat image", float(Physical(RATIO).degrade(flat, [0.3]).mean()), 500, 1e-9)
    lrms = image(4, 1, 32)
    exp = Toolbox(RATIO).expand(lrms)
    yield Check("toolbox EXP at the MS samples", float((exp[:, 2::4, 2::4] - lrms).abs().max()), 0, 1e-9)


def _response(kernel: Tensor) -> float:
    phase = math.pi / RATIO * (torch.arange(kernel.shape[1], dtype=torch.float64) - kernel.shape[1] // 2)
    return float((kernel.sum(0) * torch.cos(phase)).sum() / kernel.sum())


def _golden() -> Iterator[Check]:
    fused, reference = golden_pair()
    known: dict[str, Callable[[], float]] = {
        "SAM": lambda: sam(fused, reference),
        "ERGAS": lambda: ergas(fused, reference, RATIO),
        "PSNR": lambda: psnr(fused, reference, PEAK),
        "CC": lambda: cc(fused, reference),
        "SCC": lambda: scc(fused, reference),
        "Q2n": lambda: q2n(fused, reference),
    }
    for name, right in GOLDEN.items():
        yield Check(f"{name}, golden value", known[name](), right, 1e-9 * max(1, abs(right)))

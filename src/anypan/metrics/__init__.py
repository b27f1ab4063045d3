"""How good a fused image is: metrics at reduced resolution (against a reference) and at full resolution.

A fused image (B, H, W) and what it is judged against have one unit (digital numbers, radiance or reflectance), of any
range; metrics are plain numbers but where they say degrees, percent or dB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from anypan.metrics.cc import cc
from anypan.metrics.d_rho import d_rho
from anypan.metrics.detail import detail_transfer
from anypan.metrics.ergas import ergas
from anypan.metrics.psnr import psnr
from anypan.metrics.q import q
from anypan.metrics.q2n import q2n
from anypan.metrics.qnr import qnr
from anypan.metrics.reprojection import reprojection
from anypan.metrics.sam import sam
from anypan.metrics.scc import scc
from anypan.metrics.ssim import ssim
from anypan.metrics.strips import Image
from anypan.runtime.columns import HIGH, LOW

__all__ = [
    "METRICS", "Metric", "Reference", "better", "cc", "d_rho", "described", "detail_transfer", "ergas", "judge",
    "psnr", "q", "q2n", "qnr", "reprojection", "sam", "scc", "ssim",
]  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """What a fused image is judged against at reduced resolution.

    ``image`` (B, H, W); ``peak`` its full scale, for PSNR and SSIM; ``mask`` (H, W) valid pixels; ``toolbox``: Q2n
    rounds to whole numbers and counts flat blocks, as the reference toolbox does.
    """

    image: Image
    ratio: float
    peak: float
    mask: Tensor | None = None
    toolbox: bool = False


@dataclass(frozen=True)
class Metric:
    """``kind`` rr takes (fused, Reference), fr takes (fused, Scene); ``direction``: which values are better.

    ``family`` gives this metric and those that share its work, by name; calling the metric gives its value alone.
    """

    name: str
    kind: Literal["rr", "fr"]
    best: float
    direction: Literal["higher", "lower", "nearest"]
    family: Callable[[Image, Any], dict[str, float]]
    description: str

    def __call__(self, fused: Image, against: Any) -> float:
        return self.family(fused, against)[self.name]


def better(name: str, value: float, other: float) -> bool:
    """Is ``value`` of the metric called ``name`` better than ``other``?"""
    metric = METRICS[name]
    if metric.direction == "nearest":
        return abs(value - metric.best) < abs(other - metric.best)
    return value > other if metric.direction == "higher" else value < other


def described() -> dict[str, tuple[float, str, str]]:
    """The metrics as tables and reports want them: name to best value, direction and description."""
    return {name: (metric.best, metric.direction, metric.description) for name, metric in METRICS.items()}


def judge(fused: Image, against: Any, names: Iterable[str]) -> dict[str, float]:
    """The metrics called ``names`` of one image (B, H, W), each family computed once; a family's extras come along."""
    values: dict[str, float] = {}
    for name in names:
        if name not in values:
            values |= METRICS[name].family(fused, against)
    return values


def _rr(name: str, best: float, direction: Any, value: Callable[[Image, Reference], float], description: str) -> Metric:
    return Metric(name, "rr", best, direction, lambda fused, truth: {name: value(fused, truth)}, description)


def _fr(
    name: str, best: float, direction: Any, family: Callable[[Image, Any], dict[str, float]], description: str
) -> Metric:
    return Metric(name, "fr", best, direction, family, description)


def _d_rho(fused: Image, scene: Any) -> dict[str, float]:
    return {"D_rho": d_rho(fused, scene)}


_EVERY = (
    _rr(
        "Q2n",
        1,
        "higher",
        lambda f, r: q2n(f, r.image, r.mask, toolbox=r.toolbox),
        "Quality index of the spectra as hypercomplex numbers.",
    ),
    _rr("Q", 1, "higher", lambda f, r: q(f, r.image, r.mask), "Universal quality index, mean of the bands."),
    _rr("SAM", 0, "lower", lambda f, r: sam(f, r.image, r.mask), "Mean angle between the spectra, in degrees."),
    _rr(
        "ERGAS",
        0,
        "lower",
        lambda f, r: ergas(f, r.image, r.ratio, r.mask),
        "Relative error of the bands, in percent over the ratio.",
    ),
    _rr("SCC", 1, "higher", lambda f, r: scc(f, r.image, r.mask), "Agreement of the edges (Sobel)."),
    _rr(
        "PSNR",
        float("inf"),
        "higher",
        lambda f, r: psnr(f, r.image, r.peak, r.mask),
        "Peak signal-to-noise ratio, mean of the bands, in dB.",
    ),
    _rr(
        "SSIM", 1, "higher", lambda f, r: ssim(f, r.image, r.peak, r.mask), "Structural similarity, mean of the bands."
    ),
    _rr("CC", 1, "higher", lambda f, r: cc(f, r.image, r.mask), "Correlation coefficient, mean of the bands."),
    _fr("D_lambda", 0, "lower", qnr, "Change of the relations between bands, against the interpolated MS."),
    _fr("D_lambda (paper)", 0, "lower", qnr, "Change of the relations between bands, against the MS."),
    _fr("D_lambda_K", 0, "lower", qnr, "Spectral distortion after the MTF (Khan)."),
    _fr("D_s", 0, "lower", qnr, "Change of the relation to the PAN, against the interpolated MS."),
    _fr("D_s (paper)", 0, "lower", qnr, "Change of the relation to the PAN, against the MS."),
    _fr("QNR", 1, "higher", qnr, "(1 - D_lambda)(1 - D_s)."),
    _fr("HQNR", 1, "higher", qnr, "(1 - D_lambda_K)(1 - D_s)."),
    _fr("R-Q2n", 1, "higher", reprojection, "Q2n of the fused image brought back to the MS scale."),
    _fr("R-Q", 1, "higher", reprojection, "Q of the fused image brought back to the MS scale."),
    _fr("R-ERGAS", 0, "lower", reprojection, "ERGAS of the fused image brought back to the MS scale."),
    _fr("R-SAM", 0, "lower", reprojection, "SAM of the fused image brought back to the MS scale, in degrees."),
    _fr("D_rho", 0, "lower", _d_rho, "One minus the local correlation with the PAN."),
    _fr(LOW, 1, "nearest", detail_transfer, "Share of the PAN's detail that arrives where the PAN has least of it."),
    _fr(HIGH, 1, "nearest", detail_transfer, "Share of the PAN's detail that arrives where the PAN has most of it."),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _EVERY}

"""Quality with no reference: spectral distortion D_lambda, spatial distortion D_s and their products.

Block Q between bands: Q_ij(X) below is the mean over disjoint blocks of the universal quality index of bands i and j.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anypan.metrics.q import block_q
from anypan.metrics.q2n import block_values
from anypan.metrics.strips import Image, Strip, block_of, strips
from anypan.metrics.windows import whole_blocks
from anypan.pair.scene import Scene


def qnr(fused: Image, scene: Scene) -> dict[str, float]:
    """All metrics of this family for ``fused`` (B, H, W), by name. E is the interpolated MS M, P the PAN, F fused.

    D_lambda = mean over pairs of |Q_ij(F) - Q_ij(E)| (paper: Q_ij(M)); D_s = mean over bands of
    |Q(F_b, P) - Q(E_b, P_low)| (paper: Q(M_b, P at MS scale)); QNR = (1 - D_lambda)(1 - D_s) (Alparone et al.,
    PE&RS 74(2), 2008). D_lambda_K = 1 - Q2n(MTF(F) against E) (Khan et al., IEEE TGRS 47(11), 2009);
    HQNR = (1 - D_lambda_K)(1 - D_s) (Aiazzi et al., Proc. SPIE 9244, 924402, 2014).
    Toolbox convention: P at MS scale by antialiased bicubic reduction. Physical: through the mean MTF of the bands, at
    the MS pixel centres. Blocks that are invalid or flat in F, E or M do not count, nor
    do incomplete ones, which D_lambda_K mirrors to whole ones, as the toolbox does.
    """
    size = len(scene.bands) + 1
    sums, counts = torch.zeros(3, size, size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    khan, blocks = 0.0, 0
    for strip in strips(fused, scene, scene.sampling.reach):
        values, consistency = _strip_values(strip, scene)
        known = values.isfinite().all(0)
        sums += torch.where(known, values, 0.0).sum(1).cpu()
        counts += known.sum(0).cpu()
        khan, blocks = khan + consistency.sum().item(), blocks + len(consistency)
    return _names(sums / counts, 1 - khan / blocks if blocks else math.nan)


def _strip_values(strip: Strip, scene: Scene) -> tuple[Tensor, Tensor]:
    """Q of (bands and PAN) of F, E and M in each valid block, (3, n, B + 1, B + 1); Q2n of E and MTF(F)."""
    sampling, ratio, block = scene.sampling, scene.ratio, block_of(scene.ratio)
    exp = sampling.expand(strip.lrms)
    pan_lr = sampling.reduced(strip.pan, [sum(scene.gnyq) / len(scene.gnyq)])
    pan_low = sampling.expand(pan_lr)
    stacks = (strip.fused, strip.pan), (exp, pan_low), (strip.lrms, pan_lr)
    mask = strip.core(strip.mask)
    values = [
        block_q(strip.core(torch.cat(stack)), side)
        for stack, side in zip(stacks, (block, block, block // ratio), strict=True)
    ]
    valid = whole_blocks(mask, block)
    degraded = strip.core(sampling.lowpass(strip.fused, scene.gnyq))
    return (
        torch.stack(values)[:, valid],
        block_values(degraded, strip.core(exp), mask, block, sampling.whole_numbers),
    )


def _names(quality: Tensor, d_lambda_k: float) -> dict[str, float]:
    fused, exp, lrms = quality
    bands = len(fused) - 1
    pairs = torch.triu_indices(bands, bands, 1)

    def spectral(other: Tensor) -> float:
        return float((fused - other)[pairs[0], pairs[1]].abs().mean()) if bands > 1 else 0.0

    def spatial(other: Tensor) -> float:
        return float((fused - other)[:-1, -1].abs().mean())

    d_lambda, d_s = spectral(exp), spatial(exp)
    return {
        "D_lambda": d_lambda,
        "D_lambda (paper)": spectral(lrms),
        "D_lambda_K": d_lambda_k,
        "D_s": d_s,
        "D_s (paper)": spatial(lrms),
        "QNR": (1 - d_lambda) * (1 - d_s),
        "HQNR": (1 - d_lambda_k) * (1 - d_s),
    }

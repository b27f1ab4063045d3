"""Reprojection metrics: the fused image, brought back to the MS scale, against the MS."""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.metrics.d_rho import local_correlation
from anypan.metrics.ergas import ergas
from anypan.metrics.strips import Image, strips
from anypan.mtf import TOOLBOX_TAPS, _pad_axis, toolbox_kernel
from anypan.scene import Scene

SEARCH_HALF = 2  # half-width of the windows in which the toolbox convention looks for each band's shift


def reproject(fused: Image, scene: Scene) -> tuple[Tensor, Tensor, Tensor]:
    """(reprojected (B, h, w), lrms (B, h, w), mask (h, w)): ``fused`` (B, H, W) seen through the bands' MTF.

    Scarpa and Ciotola, Remote Sensing 14(8), 2022. Physical: sampled at the scene's MS pixel centres. Toolbox: the
    authors' normalised kernel, each band sampled at the whole-pixel phase where the PAN fits it best.
    """
    seen, lrms, masks = [], [], []
    toolbox = scene.sampling.convention == "toolbox"
    for strip in strips(fused, scene, scene.sampling.reach):
        if toolbox:
            phases = band_phases(strip.pan, strip.lrms, scene)
            image = torch.stack(
                [
                    _filtered(band, g, scene.ratio)[r :: scene.ratio, c :: scene.ratio]
                    for band, g, (r, c) in zip(strip.fused, scene.gnyq, phases, strict=True)
                ]
            )
        else:
            image = scene.sampling.degrade(strip.fused, scene.gnyq)
        seen.append(strip.core(image))
        lrms.append(strip.core(strip.lrms))
        masks.append(strip.core(strip.mask_lr))
    return torch.cat(seen, 1), torch.cat(lrms, 1), torch.cat(masks)


def r_ergas(fused: Image, scene: Scene) -> float:
    """R-ERGAS: ERGAS of the reprojected fused image (B, H, W) against the MS; 0 is best."""
    seen, lrms, mask = reproject(fused, scene)
    return ergas(seen, lrms, scene.ratio, mask)


def band_phases(pan: Tensor, lrms: Tensor, scene: Scene) -> list[tuple[int, int]]:
    """For each band the phase (row, column) in 0..ratio-1 whose decimated PAN has the highest mean local correlation."""
    ratio, seen = scene.ratio, _filtered(pan[0], scene.gnyq[0], scene.ratio)
    pad = (2 * SEARCH_HALF,) * 4
    inside = torch.nn.functional.pad(torch.ones_like(lrms[0], dtype=torch.bool), pad)
    padded = torch.nn.functional.pad(lrms, pad)
    window = [slice(2, 2 + n) for n in lrms.shape[-2:]]
    scores = {}
    for phase in ((r, c) for r in range(ratio) for c in range(ratio)):
        sampled = torch.nn.functional.pad(seen[None, phase[0] :: ratio, phase[1] :: ratio], pad)
        correlation = local_correlation(padded, sampled, SEARCH_HALF, inside)
        scores[phase] = correlation[:, window[0], window[1]].mean((1, 2))
    return [max(scores, key=lambda phase: float(scores[phase][band])) for band in range(len(lrms))]


def _filtered(image: Tensor, gnyq: float, ratio: int) -> Tensor:
    """(H, W) through the toolbox's kernel with negative weights clipped and unit sum, as the authors of R-Q2n use it."""
    kernel = toolbox_kernel(gnyq, ratio).clamp_min(0).to(image)
    half = TOOLBOX_TAPS // 2
    padded = _pad_axis(_pad_axis(image, half, half, -2), half, half, -1)
    return torch.nn.functional.conv2d(padded[None, None], (kernel / kernel.sum())[None, None])[0, 0]

"""Reprojection metrics: the fused image, brought back to the MS scale, against the MS."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.metrics.d_rho import local_correlation
from anypan.metrics.ergas import ergas
from anypan.metrics.q import q
from anypan.metrics.q2n import q2n
from anypan.metrics.sam import sam
from anypan.metrics.strips import Image, Strip, strips
from anypan.optics.toolbox import filtered, toolbox_kernel
from anypan.pair.scene import Scene

SEARCH_HALF = 2  # half-width of the windows in which the toolbox convention looks for each band's shift


def reproject(fused: Image, scene: Scene) -> tuple[Tensor, Tensor, Tensor]:
    """(reprojected (B, h, w), lrms (B, h, w), mask (h, w)): ``fused`` (B, H, W) seen through the bands' MTF.

    Scarpa and Ciotola, Remote Sensing 14(8), 2022. Physical: sampled at the scene's MS pixel centres. Toolbox: the
    authors' normalised kernel, each band sampled at the whole-pixel phase where the PAN fits it best.
    """
    seen, lrms, masks = [], [], []
    for strip in strips(fused, scene, scene.sampling.reach):
        image = _at_ms(strip, scene)
        seen.append(strip.core(image))
        lrms.append(strip.core(strip.lrms))
        masks.append(strip.core(strip.mask_lr))
    return torch.cat(seen, 1), torch.cat(lrms, 1), torch.cat(masks)


def reprojection(fused: Image, scene: Scene) -> dict[str, float]:
    """R-Q2n, R-Q, R-ERGAS and R-SAM: the reduced-resolution metrics of ``fused`` (B, H, W) reprojected, and the MS."""
    seen, lrms, mask = reproject(fused, scene)
    return {
        "R-Q2n": q2n(seen, lrms, mask, toolbox=scene.sampling.whole_numbers),
        "R-Q": q(seen, lrms, mask),
        "R-ERGAS": ergas(seen, lrms, scene.ratio, mask),
        "R-SAM": sam(seen, lrms, mask),
    }


def _at_ms(strip: Strip, scene: Scene) -> Tensor:
    known = scene.sampling.known_phase
    return scene.sampling.degrade(strip.fused, scene.gnyq) if known else _best_phase(strip, scene)


def _best_phase(strip: Strip, scene: Scene) -> Tensor:
    ratio, phases = scene.ratio, band_phases(strip.pan, strip.lrms, scene)
    seen = filtered(strip.fused, torch.cat([_clipped(g, ratio) for g in scene.gnyq]))
    return torch.stack([band[r::ratio, c::ratio] for band, (r, c) in zip(seen, phases, strict=True)])


def band_phases(pan: Tensor, lrms: Tensor, scene: Scene) -> list[tuple[int, int]]:
    """For each band the phase (row, column) in 0..ratio-1 where the decimated PAN correlates best."""
    ratio, seen = scene.ratio, filtered(pan, _clipped(scene.gnyq[0], scene.ratio))
    pad = (2 * SEARCH_HALF,) * 4
    inside = F.pad(torch.ones_like(lrms[0], dtype=torch.bool), pad)
    padded = F.pad(lrms, pad)
    window = [slice(2, 2 + n) for n in lrms.shape[-2:]]
    scores = {}
    for phase in ((r, c) for r in range(ratio) for c in range(ratio)):
        sampled = F.pad(seen[:, phase[0] :: ratio, phase[1] :: ratio], pad)
        correlation = local_correlation(padded, sampled, SEARCH_HALF, inside)
        scores[phase] = correlation[:, window[0], window[1]].mean((1, 2))
    return [max(scores, key=lambda phase: float(scores[phase][band])) for band in range(len(lrms))]


def _clipped(gnyq: float, ratio: int) -> Tensor:
    """The toolbox's kernel (1, n, n), negative weights clipped, of unit sum, as the metrics' authors use it."""
    kernel = toolbox_kernel(gnyq, ratio).clamp_min(0)[None]
    return kernel / kernel.sum()

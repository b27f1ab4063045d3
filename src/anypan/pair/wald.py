"""Wald's protocol: a scene, reduced by its ratio, with its own MS image as the reference."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from anypan.geometry import window
from anypan.pair.scene import Scene, from_arrays
from anypan.runtime.errors import UserError


def degrade(scene: Scene) -> tuple[Scene, Tensor]:
    """(reduced scene, reference (B, H, W)): MS and PAN through their own MTF and decimated by the ratio.

    Wald, Ranchin and Mangolini, PE&RS 63(6), 1997. The MS is the reference, cropped to whole multiples of the ratio.
    Physical: the PAN is sampled at the MS pixel centres (so a known phase is taken out) and the MS over centred
    areas: the reduced scene has phase 0. Toolbox: both at ``ratio / 2 :: ratio``. Holds the whole scene in memory.
    Raises UserError for a scene smaller than the ratio.
    """
    patch, ratio = scene.whole(), scene.ratio
    height, width = (n - n % ratio for n in scene.shape)
    if not height or not width:
        size = " x ".join(str(n) for n in scene.shape)
        raise UserError(f"The MS has {size} pixels and cannot be reduced by {ratio}: give a larger scene.")
    reference = patch.lrms[:, :height, :width]
    pan = scene.sampling.degrade(patch.pan, [scene.gnyq_pan])[:, :height, :width]
    mask = patch.mask_lr[:height, :width]
    sampling = scene.sampling.centred()
    lrms = sampling.degrade(reference, scene.gnyq)
    whole = window.whole(mask, ratio)
    whole = whole.repeat_interleave(ratio, 0).repeat_interleave(ratio, 1)
    reduced = from_arrays(pan, lrms, scene.gnyq, scene.gnyq_pan, convention=type(scene.sampling), mask=whole)
    return replace(reduced, bands=scene.bands, sensor=scene.sensor), reference

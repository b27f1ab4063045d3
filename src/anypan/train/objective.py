"""The loss of a batch, in the units in which networks see scenes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from anypan.optics.normalise import Moments, Scale, pan_at_ms_scale
from anypan.pair.gain import measure_gains
from anypan.simulate.sample import Batch
from anypan.train.config import Optimisation
from anypan.train.losses import (
    ANGLE_WEIGHT,
    TRANSFER_WEIGHT,
    angle_loss,
    consistency_loss,
    fusion_loss,
    texture_loss,
    transfer_loss,
)

PLAIN = Optimisation()


def scene_scale(batch: Batch) -> Scale:
    """Statistics over all patches of a scene, repeated for each of its patches."""
    pan_lr = pan_at_ms_scale(batch.pan, batch.gnyq, batch.sampling)
    products = Moments.of(batch.lrms, pan_lr).products.unflatten(0, (-1, batch.patches)).sum(1)
    found = measure_gains(batch.pan, batch.lrms, batch.sampling, batch.patches)
    scale = Moments(products).scale().measured(*found, batch.gnyq[:: batch.patches])
    parts = [getattr(scale, f.name).repeat_interleave(batch.patches, 0) for f in dataclasses.fields(scale)]
    return Scale(*parts)


def batch_loss(network: Callable[..., Tensor], batch: Batch, o: Optimisation = PLAIN) -> Tensor:
    """The training loss () of a batch, a mean over its patches (N, B, H, W), standardised as when fusing.

    Of ``o`` the weights of its terms count, and the contrast from which on errors are relative.
    """
    scale = scene_scale(batch)
    pan, lrms, reference = scale.apply_pan(batch.pan), scale.apply(batch.lrms), scale.apply(batch.reference)
    fused = network(pan, lrms, scale, batch.gnyq, batch.sampling)
    slope, pan_lr = scale.slope[..., None, None], pan_at_ms_scale(pan, batch.gnyq, batch.sampling)
    injected = batch.sampling.expand(lrms - slope * pan_lr) + slope * pan
    left, plain = (lrms - batch.sampling.degrade(image, batch.gnyq) for image in (fused, injected))
    loss = fusion_loss(fused, reference, batch.pan_weights * scale.std, o.contrast_floor)
    loss = loss + o.consistency * consistency_loss(left, plain)
    loss = loss + ANGLE_WEIGHT * angle_loss(scale.invert(fused), batch.reference, scale.invert(injected))
    loss = loss + TRANSFER_WEIGHT * transfer_loss(fused, reference, pan, scale.weights)
    return loss + o.texture * texture_loss(fused, reference, pan, _asked_for_texture(batch))


def _asked_for_texture(batch: Batch) -> Tensor:
    """(N,) 1.0 but for scenes that were simulated at reduced resolution, whose truth may be soft: error alone decides
    there. Of real scenes the texture is asked for, too."""
    reduced = batch.history.hits.get("reduced scenes")
    if reduced is None:
        return torch.ones(len(batch.pan), device=batch.pan.device)
    return (~reduced).float().repeat_interleave(batch.patches).to(batch.pan.device)

"""The loss of a batch, in the units in which networks see scenes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from torch import Tensor

from anypan.optics.normalise import Moments, Scale, pan_at_ms_scale
from anypan.pair.gain import measure_gains
from anypan.simulate.sample import Batch
from anypan.train.losses import (
    ANGLE_WEIGHT,
    CONSISTENCY_WEIGHT,
    TEXTURE_WEIGHT,
    UNFILTERED,
    angle_loss,
    consistency_loss,
    fusion_loss,
    texture_loss,
)


def scene_scale(batch: Batch) -> Scale:
    """Statistics over all patches of a scene, repeated for each of its patches."""
    pan_lr = pan_at_ms_scale(batch.pan, batch.gnyq, batch.sampling)
    products = Moments.of(batch.lrms, pan_lr).products.unflatten(0, (-1, batch.patches)).sum(1)
    gain, explained = measure_gains(batch.pan, batch.lrms, batch.sampling, batch.patches)
    scale = Moments(products).scale().measured(gain, explained, batch.gnyq[:: batch.patches])
    parts = [getattr(scale, f.name).repeat_interleave(batch.patches, 0) for f in dataclasses.fields(scale)]
    return Scale(*parts)


def batch_loss(network: Callable[..., Tensor], batch: Batch) -> Tensor:
    """The training loss of a batch, standardised as when fusing."""
    scale = scene_scale(batch)
    pan, lrms, reference = scale.apply_pan(batch.pan), scale.apply(batch.lrms), scale.apply(batch.reference)
    fused = network(pan, lrms, scale, batch.gnyq, batch.sampling)
    slope, pan_lr = scale.slope[..., None, None], pan_at_ms_scale(pan, batch.gnyq, batch.sampling)
    injected = batch.sampling.expand(lrms - slope * pan_lr) + slope * pan
    left, plain = (lrms - batch.sampling.degrade(image, batch.gnyq) for image in (fused, injected))
    loss = fusion_loss(fused, reference, batch.pan_weights * scale.std)
    loss = loss + CONSISTENCY_WEIGHT * consistency_loss(left, plain)
    loss = loss + ANGLE_WEIGHT * angle_loss(scale.invert(fused), batch.reference, scale.invert(injected))
    # Where nothing was low-passed the PAN's finest detail is aliased: only the reference's texture is asked for.
    follows = scale.slope * (batch.gnyq < UNFILTERED)
    return loss + TEXTURE_WEIGHT * texture_loss(fused, reference, injected, pan, follows)

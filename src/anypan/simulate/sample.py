"""From fine images to (Scene, reference): what the PAN and the MS instrument would have seen of them.

The stages, in order: frame (ratio, bands, kernel), ground (geometry and colours), observe (PAN and reference),
observe_ms (MS and the gains that are given), record (noise and storage). Each effect draws from a stream of its own,
so one that is switched off leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from anypan.optics.mtf import DenseSampling
from anypan.pair.scene import Scene, from_arrays
from anypan.simulate import bands as spectral
from anypan.simulate import effects as fx
from anypan.simulate import geometry
from anypan.simulate.cubes import Cube, Exposure, expose
from anypan.simulate.curves import CAMERA, draw_curves
from anypan.simulate.draw import Draw, Frame
from anypan.simulate.history import History
from anypan.simulate.observe import noisy_truth, observe, observe_ms, record, reduced_scenes
from anypan.simulate.random import Branches
from anypan.simulate.recipe import Simulation

__all__ = ["Batch", "Simulation", "simulate", "simulate_batch"]


@dataclass(frozen=True)
class Batch:
    """pan (N, 1, H, W), lrms (N, B, h, w), reference (N, B, H, W), gnyq (N, B) as given to the network."""

    pan: Tensor
    lrms: Tensor
    reference: Tensor
    gnyq: Tensor
    pan_weights: Tensor
    sampling: DenseSampling
    patches: int  # patches of one scene lie side by side along N
    history: History


def simulate_batch(
    images: Tensor,
    rng: torch.Generator,
    config: Simulation | None = None,
    cubes: Mapping[int, Sequence[Cube]] | None = None,
) -> Batch:
    """Simulate from (G, K, C, S, S) from 0 to 1, on their device: G scenes, each seen by its own sensor, of K patches.

    The channels are a camera's: red, green, blue and near infrared. ``cubes``: scenes of K tiles of narrow bands, to be
    seen through response curves, in place of the images of that number.
    """
    c = (config or Simulation()).effective()
    draw = Draw(c, Branches(rng, images.device), len(images))
    frame = _frame(draw)
    ground, fine_pan, weights = _ground(images, cubes or {}, frame, draw)
    pan, reference = observe(fine_pan, ground, frame, draw)
    reference = noisy_truth(reference, draw)
    lrms, gnyq, sampling = observe_ms(reference, frame, draw)
    pan, recorded = record(pan, frame, draw, "PAN"), record(lrms, frame, draw, "MS")
    lrms = torch.where(reduced_scenes(draw).to(lrms.device)[:, None, None, None, None], lrms, recorded)
    patches = images.shape[1]
    pan, lrms, reference = (part.flatten(0, 1) for part in (pan, lrms, reference))
    facts = (frame.ratio, frame.own, frame.bands, frame.reduction, frame.kernel, sampling.phase)
    history = History(*facts, **draw.facts, gnyq=gnyq, hits=draw.hits)
    gnyq, weights = (values.repeat_interleave(patches, 0) for values in (gnyq, weights))
    return Batch(pan, lrms, reference, gnyq, weights, sampling, patches, history)


def simulate(image: Tensor, rng: torch.Generator, config: Simulation | None = None) -> tuple[Scene, Tensor]:
    """One (Scene, reference) from one image (C, S, S) from 0 to 1; reference (B, H, W) on the PAN grid."""
    batch = simulate_batch(image[None, None], rng, config)
    gains = batch.gnyq[0].tolist()
    scene = from_arrays(batch.pan[0], batch.lrms[0], gains, phase=batch.sampling.phase)
    return scene, batch.reference[0]


def _frame(draw: Draw) -> Frame:
    c, rng = draw.settings, draw.streams["frame"]
    ratio, bands, reduction = rng.pick(c.ratios), rng.pick(c.bands), rng.pick(c.reductions)
    if bool(draw.streams["decimation"].chance(c[fx.Decimation].share, 1)):
        ratio = 2 if ratio == 2 else 4
        return Frame(ratio, ratio, bands, 4, "decimation")
    kernel, own, fraction = draw.streams["kernel"].pick(c.kernels), float(ratio), draw.streams["fractional ratio"]
    share = c[fx.FractionalRatio].share
    if kernel == "mtf" and share and bool(fraction.chance(share, 1)):
        own = max(1.6, ratio + float(fraction.uniform(-0.45, 0.45, 1)))
    return Frame(ratio, own, bands, reduction, kernel)


def _ground(
    images: Tensor, cubes: Mapping[int, Sequence[Cube]], frame: Frame, draw: Draw
) -> tuple[Tensor, Tensor, Tensor]:
    """Bands (G, K, B, S, S) and PAN (G, K, 1, S, S) of the ground, both fine, and the PAN's weights (G, B)."""
    c, channels = draw.settings, images.shape[2]
    images = draw.stage("pictures", images)  # the light of cubes, which take the place of some, is linear
    exposure = expose(images, cubes, frame.bands, draw.streams["cubes"], c[fx.ResponseCurves].shift_nm)
    images = exposure.images
    images = draw.stage("geometry", images)
    images = geometry.crop(images, draw.streams["crop"], frame.ratio, frame.reduction)
    images = draw.stage("surface", images)
    mixture, curved, seen = _mixture(channels, frame.bands, draw, exposure)
    bands = spectral.mix_bands(images, mixture)
    bands = draw.stage("colours", bands)
    weights = spectral.draw_pan_weights(frame.bands, draw.streams["PAN weights"], draw.scenes, c[fx.UnseenBands].share)
    bands, weights = _parted(bands, torch.where(curved, seen, weights), draw)
    bands = draw.stage("light", bands.clamp(min=spectral.FLOOR))
    draw.note("unseen bands", (weights == 0).any(1))
    pan = spectral.mix_pan(bands, weights)
    if cubes:
        pan = pan + spectral.mix_bands(images, exposure.apart)
    pan = draw.apply(fx.HiddenLight, pan, partial(c[fx.HiddenLight].apply, bands=bands))
    pan = _averaged(pan, draw.stage("PAN", pan), draw)
    pan = draw.apply(fx.PanCurve, pan.clamp(min=spectral.FLOOR))
    soft = partial(c[fx.SoftBands].apply, pixel=frame.ratio * frame.reduction)
    bands = draw.apply(fx.SoftBands, bands, soft)
    return _shuffled(bands, pan, weights, draw)


def _averaged(explained: Tensor, pan: Tensor, draw: Draw) -> Tensor:
    """The PAN (G, K, 1, S, S), of reduced scenes with less of what was added to ``explained``: that is fine mostly."""
    left = draw.settings[fx.ReducedScenes].light
    reduced = reduced_scenes(draw)
    if left == 1 or not bool(reduced.any()):
        return pan
    share = torch.where(reduced, left, 1.0).to(pan)[:, None, None, None, None]
    return torch.lerp(explained, pan, share)


def _parted(bands: Tensor, weights: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Some scenes get a PAN that is the first band alone, from which the other bands part."""
    rng = draw.streams["parted bands"]
    hit = draw.note("parted bands", draw.hit(fx.PartedBands, rng)).to(bands.device)
    if not bool(hit.any()):
        return bands, weights
    parted = draw.settings[fx.PartedBands].apply(bands, rng)
    return torch.where(hit[:, None, None, None, None], parted, bands), spectral.single(weights, hit)


def _shuffled(bands: Tensor, pan: Tensor, weights: Tensor, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    rng = draw.streams["channel shuffling"]
    hit = draw.note("channel shuffling", draw.hit(fx.ChannelShuffling, rng))
    if bool(hit.any()):
        count = weights.shape[1]
        order = torch.stack([rng.order(count) if one else torch.arange(count, device=rng.device) for one in hit])
        bands, weights = spectral.shuffled(bands, weights, order)
    return bands, pan, weights


def _mixture(channels: int, bands: int, draw: Draw, exposure: Exposure) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (G, B, C) of the bands; which scenes (G, 1) take them from response curves; the PAN's weights there."""
    c, g = draw.settings, draw.scenes
    rng = draw.streams["bands generation"]
    mixed = draw.hit(fx.BandsGeneration, rng).to(rng.device)[:, None, None]
    weights = torch.where(
        mixed, spectral.mixtures(channels, bands, rng, g), spectral.plain(channels, bands).to(rng.device)
    )
    rng = draw.streams["response curves"]
    curved, seen = draw.hit(fx.ResponseCurves, rng).to(rng.device)[:, None], torch.zeros(g, bands, device=rng.device)
    if bool(curved.any()):
        if channels > len(CAMERA):
            raise ValueError(f"{channels} channels are no camera's: give them as cubes, with their wavelengths")
        through, seen = draw_curves(g, bands, CAMERA[:channels], rng, c[fx.ResponseCurves].shift_nm)
        weights = torch.where(curved[..., None], through, weights)
    weights, curved, seen = exposure.instead(weights, curved, seen)
    draw.note("response curves", curved)
    return weights, curved, seen

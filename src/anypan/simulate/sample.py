"""From fine images to (Scene, reference): what the PAN and the MS instrument would have seen of them.

The stages, in order: frame (ratio, bands, kernel), ground (geometry and colours), observe (PAN and reference),
observe_ms (MS and the gains that are given), record (noise and storage). Each effect draws from a stream of its own,
so one that is switched off leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from anypan.optics.mtf import DenseSampling
from anypan.pair.scene import Scene, from_arrays
from anypan.simulate import bands as spectral
from anypan.simulate import blur, geometry, noise
from anypan.simulate import effects as fx
from anypan.simulate.cubes import Cube, Exposure, expose
from anypan.simulate.curves import CAMERA, draw_curves
from anypan.simulate.draw import Draw, Frame
from anypan.simulate.history import History
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
    """Simulate from (G, K, C, S, S) in 0..1, on their device: G scenes, each seen by its own sensor, of K patches.

    The channels are a camera's: red, green, blue and near infrared. ``cubes``: scenes of K tiles of narrow bands, to be
    seen through response curves, in place of the images of that number.
    """
    c = (config or Simulation()).effective()
    draw = Draw(c, Branches(rng, images.device), len(images))
    frame = _frame(draw)
    ground, fine_pan, weights = _ground(images, cubes or {}, frame, draw)
    pan, reference = _observe(fine_pan, ground, frame, draw)
    reference = _noisy_truth(reference, draw)
    lrms, gnyq, sampling = _observe_ms(reference, frame, draw)
    pan, recorded = _record(pan, frame, draw, "PAN"), _record(lrms, frame, draw, "MS")
    lrms = torch.where(_reduced(draw).to(lrms.device)[:, None, None, None, None], lrms, recorded)
    patches = images.shape[1]
    pan, lrms, reference = (part.flatten(0, 1) for part in (pan, lrms, reference))
    facts = (frame.ratio, frame.own, frame.bands, frame.reduction, frame.kernel, sampling.phase)
    history = History(*facts, **draw.facts, gnyq=gnyq, hits=draw.hits)
    gnyq, weights = (values.repeat_interleave(patches, 0) for values in (gnyq, weights))
    return Batch(pan, lrms, reference, gnyq, weights, sampling, patches, history)


def simulate(image: Tensor, rng: torch.Generator, config: Simulation | None = None) -> tuple[Scene, Tensor]:
    """One (Scene, reference) from one image (C, S, S) in 0..1; reference (B, H, W) on the PAN grid."""
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
    pan = draw.stage("PAN", pan)
    pan = draw.apply(fx.PanCurve, pan.clamp(min=spectral.FLOOR))
    return _shuffled(bands, pan, weights, draw)


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


def _observe(fine_pan: Tensor, ground: Tensor, frame: Frame, draw: Draw) -> tuple[Tensor, Tensor]:
    """PAN and reference on the PAN grid, each through its own MTF."""
    c, reduction = draw.settings, frame.reduction
    smear = partial(c[fx.Motion].apply, reduction=reduction)
    fine_pan, ground = (draw.apply(fx.Motion, image, smear) for image in (fine_pan, ground))  # the same
    kernel = blur.KERNELS[frame.kernel]
    pan_gain, gain = _gains(frame, draw)
    amount = _sharpening(kernel, draw)
    seen, moved = [], _reference_shift(frame, draw)
    for fine, gains, directly, shifts in (
        (fine_pan, pan_gain, kernel.pan, (0.0, 0.0)),
        (ground, gain, kernel.reference, moved),
    ):
        if directly and kernel.matrix:
            seen.append(_through(fine, kernel.matrix(reduction, fine.shape[-1]).to(fine)))
        else:
            seen.append(_through(fine, *(blur.mtf_matrix(gains, reduction, fine.shape[-1], by) for by in shifts)))
            seen[-1] = blur.sharpen(seen[-1], amount) if bool(amount.any()) else seen[-1]
    unknown = torch.full((draw.scenes,), torch.nan)
    draw.facts["pan_gain"] = unknown if kernel.pan else pan_gain[:, 0, 0].cpu()
    draw.facts["reference_gain"] = unknown if kernel.reference else gain.mean((1, 2)).cpu()
    return seen[0], seen[1]


def _gains(frame: Frame, draw: Draw) -> tuple[Tensor, Tensor]:
    """Gains of PAN (G, 1, 1) and reference (G, 1, B) at the PAN's Nyquist frequency.

    The reference is never blurrier than the PAN: what is sought is an image as sharp as the PAN shows it. But a scene
    at reduced resolution has the MS product as it came for its truth, and that is as soft or as sharp as it came; so is
    the MS product that is decimated without a low-pass.
    """
    c, g, b = draw.settings, draw.scenes, frame.bands
    rng = draw.streams["gains"]
    pan_gain = rng.log_uniform(*c.pan_gain, g, 1, 1)
    if frame.kernel == "decimation":
        return pan_gain, rng.log_uniform(*c[fx.Decimation].reference_gain, g, 1, 1).expand(g, 1, b)
    at_least = pan_gain * rng.uniform(0.97, 1.1, g, 1, b)
    gain = torch.maximum(rng.uniform(*c.reference_gain, g, 1, 1) * rng.uniform(0.93, 1.07, g, 1, b), at_least)
    reduced, own = _reduced(draw)[:, None, None].to(rng.device), draw.streams["reduced gains"]
    pan_gain = torch.where(reduced, own.uniform(*c[fx.ReducedScenes].pan_gain, g, 1, 1), pan_gain)
    soft = own.log_uniform(*c[fx.ReducedScenes].reference_gain, g, 1, 1) * own.uniform(0.9, 1.1, g, 1, b)
    return pan_gain, torch.where(reduced, soft.clamp(max=0.95), gain.clamp(max=0.7))


def _reduced(draw: Draw) -> Tensor:
    """(G,) booleans: the scenes that are as when judging at reduced resolution."""
    return draw.note("reduced scenes", draw.hit(fx.ReducedScenes, draw.streams["reduced scenes"]))


def _reference_shift(frame: Frame, draw: Draw) -> list[Tensor]:
    """Displacements (G, 1, B) of the reference against the PAN, in fine pixels, rows and columns."""
    g, b, rng = draw.scenes, frame.bands, draw.streams["reduced displacement"]
    by = _reduced(draw)[:, None, None].to(rng.device) * frame.reduction * draw.settings[fx.ReducedScenes].displacement
    return [by * (rng.normal(1.0, g, 1, 1) + rng.normal(0.3, g, 1, b)) for _ in range(2)]


def _through(image: Tensor, rows: Tensor, columns: Tensor | None = None) -> Tensor:
    return rows @ image @ (rows if columns is None else columns).mT


def _sharpening(kernel: blur.Kernel, draw: Draw) -> Tensor:
    """(G, 1, 1, 1, 1) amount of unsharp masking; none where the PAN is made without an MTF."""
    rng, g = draw.streams["sharpening"], draw.scenes
    amount = rng.uniform(0.2, 1.2, g, 1, 1, 1, 1)
    chosen = rng.chance(draw.settings[fx.Sharpening].share * (not kernel.pan), g, 1, 1, 1, 1)
    chosen = chosen * ~_reduced(draw).to(chosen.device)[:, None, None, None, None]
    return amount * draw.note("sharpening", chosen)


def _phase(frame: Frame, draw: Draw) -> tuple[float, float]:
    """A known phase in a share of the batches that an MTF makes; else 0."""
    rng = draw.streams["phase"]
    phase = rng.uniform(-0.5, 0.5, 2) * rng.chance(draw.settings[fx.Phase].share, 1) * (frame.kernel == "mtf")
    return float(phase[0]) + 0.0, float(phase[1]) + 0.0  # no -0.0


def _observe_ms(reference: Tensor, frame: Frame, draw: Draw) -> tuple[Tensor, Tensor, DenseSampling]:
    """LRMS (G, K, B, h, w), the gains (G, B) that are given, and its sampling of the PAN grid without displacement."""
    size = (reference.shape[-2], reference.shape[-1])
    sampling = DenseSampling(frame.ratio, size, _phase(frame, draw))
    matrix = blur.KERNELS[frame.kernel].matrix
    if matrix is not None:
        return *_resampled(reference, matrix, frame, draw), sampling
    gains, gnyq = _ms_gains(frame, draw)
    shifts = _shifts(frame, draw)
    shift = torch.stack([each.mean((1, 2)) for each in shifts], 1)
    draw.facts.update(ms_gain=gains[:, 0].cpu(), shift=shift.cpu())
    return _through(reference, *_ms_matrices(gains, shifts, sampling, frame, draw)), gnyq[:, 0], sampling


def _resampled(
    reference: Tensor, matrix: Callable[[int, int], Tensor], frame: Frame, draw: Draw
) -> tuple[Tensor, Tensor]:
    """LRMS of a kernel that has no MTF to draw, and its own gain, as measured give or take 5 %, for each scene."""
    shape = (draw.scenes, frame.bands)
    draw.facts.update(ms_gain=torch.full(shape, torch.nan), shift=torch.zeros(draw.scenes, 2))
    rows = matrix(frame.ratio, reference.shape[-1])
    decimated = frame.kernel == "decimation"
    gain = draw.settings[fx.Decimation].measured_gain if decimated else blur.response(rows, frame.ratio)
    gnyq = gain * torch.exp(draw.streams["told gain"].normal(0.05, *shape))
    return _through(reference, rows.to(reference)), gnyq.clamp(max=blur.MOST)


def _ms_gains(frame: Frame, draw: Draw) -> tuple[Tensor, Tensor]:
    """Gains (G, 1, B) of the MS's MTF, and those that are given."""
    c, g, b = draw.settings, draw.scenes, frame.bands
    rng = draw.streams["MS gains"]
    free = ~_reduced(draw)[:, None, None].to(rng.device)
    wide = draw.streams["wide gains"].chance(c[fx.WideGains].share, g, 1, 1) * free
    gains = torch.where(wide > 0, rng.uniform(*c[fx.WideGains].ms_gain, g, 1, 1), rng.uniform(*c.ms_gain, g, 1, 1))
    table = c[fx.OverstatedGains]
    overstated = draw.note("overstated gains", draw.streams["overstated gains"].chance(table.share, g, 1, 1) * free)
    draw.note("wide gains", wide * (1 - overstated))
    gains = torch.where(overstated > 0, rng.uniform(*table.ms_gain, g, 1, 1), gains)
    gains = (gains * rng.uniform(0.92, 1.08, g, 1, b)).clamp(max=0.9)
    usual = torch.where(overstated > 0, rng.uniform(*table.table_gain, g, 1, 1).expand_as(gains), gains)
    usual = usual ** ((frame.own / frame.ratio) ** 2)  # as alignment has it for an MS that it resampled
    rng = draw.streams["gain error"]
    error = draw.hit(fx.GainError, rng)[:, None, None].to(free) * free * rng.normal(c[fx.GainError].error, g, 1, 1)
    return gains, (usual * torch.exp(error)).clamp(max=blur.MOST)


def _shifts(frame: Frame, draw: Draw) -> list[Tensor]:
    """Displacements (G, 1, B) that are not given, in PAN pixels, rows and columns."""
    c, g, b = draw.settings, draw.scenes, frame.bands
    rng, spread = draw.streams["misregistration"], c[fx.Misregistration].displacement
    moved = rng.chance(c[fx.Misregistration].share, g, 1, 1) * ~_reduced(draw)[:, None, None].to(rng.device)
    between = draw.streams["band misregistration"]
    apart = draw.hit(fx.BandMisregistration, between)[:, None, None].to(rng.device)
    each = apart * c[fx.BandMisregistration].displacement
    if spread or bool(each.any()):
        draw.note("misregistration", moved)
    return [moved * (rng.normal(spread, g, 1, 1) + each * between.normal(1.0, g, 1, b)) for _ in range(2)]


def _ms_matrices(
    gains: Tensor, shifts: list[Tensor], sampling: DenseSampling, frame: Frame, draw: Draw
) -> list[Tensor]:
    """Matrices (G, 1, B, h, H) of rows and columns: MTF, detector, phase and displacement."""
    along = _anisotropy(gains, draw)
    box = draw.note("detector", draw.hit(fx.Detector, draw.streams["detector"]))
    matrices = []
    for axis, gain in enumerate(along):
        size, shift = sampling.pan_shape[axis], sampling.phase[axis] + shifts[axis]
        if frame.own != frame.ratio:
            matrices.append(blur.resampled_matrix(gain, frame.own, frame.ratio, size, shift))
            continue
        matrix = blur.mtf_matrix(gain, frame.ratio, size, shift)
        if bool(box.any()):
            other = blur.mtf_matrix(gain, frame.ratio, size, shift, detector=True)
            matrix = torch.where(box.to(gain.device)[:, None, None, None, None], other, matrix)
        matrices.append(matrix)
    return matrices


def _anisotropy(gains: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Gains along the axis of rows and of columns."""
    rng, scenes = draw.streams["anisotropy"], draw.scenes
    hit = draw.note("anisotropy", draw.hit(fx.Anisotropy, rng))
    if not bool(hit.any()):
        return gains, gains
    factor = rng.log_uniform(*draw.settings[fx.Anisotropy].factor, scenes, 1, 1)
    factor = torch.where(rng.chance(0.5, scenes, 1, 1) > 0, factor, 1 / factor)
    return blur.split_gain(gains, torch.where(hit.to(rng.device)[:, None, None], factor, torch.ones_like(factor)))


def _grainy(image: Tensor, frame: Frame, draw: Draw, part: str) -> Tensor:
    """Coarse noise in some scenes, PAN and MS alike."""
    grainy = draw.settings[fx.CoarseNoise]
    share = grainy.share * (1.0 if frame.ratio <= 2 else 0.2)
    hit = draw.note("coarse noise", draw.streams["coarse noise"].chance(share, draw.scenes)).bool()
    if not bool(hit.any()):
        return image
    noisy = grainy.apply(image, draw.streams[f"coarse noise {part}"])
    return torch.where(hit.to(image.device)[:, None, None, None, None], noisy, image)


def _noisy_truth(reference: Tensor, draw: Draw) -> Tensor:
    """The truth of scenes at reduced resolution is an MS product with its noise, which is in the MS as well."""
    reduced, c = _reduced(draw), draw.settings
    if not bool(reduced.any()):
        return reference
    noisy = noise.detector_noise(reference, draw.streams["noise of the truth"], c[fx.ReducedScenes].snr)
    return torch.where(reduced.to(reference.device)[:, None, None, None, None], noisy, reference)


def _record(image: Tensor, frame: Frame, draw: Draw, part: str) -> Tensor:
    """What the detectors and the archive make of an image (G, K, B, H, W)."""
    image = draw.apply(fx.Noise, image, partial(draw.settings[fx.Noise].apply, pan=part == "PAN"), part)
    image = _grainy(image, frame, draw, part)
    return draw.stage("archive", image, part)

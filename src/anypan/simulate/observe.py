"""What the instruments see of the ground: PAN, reference and MS through their MTF, and what archives make of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from anypan.optics.mtf import DenseSampling
from anypan.simulate import blur, noise
from anypan.simulate import effects as fx
from anypan.simulate.draw import Draw, Frame


def observe(fine_pan: Tensor, ground: Tensor, frame: Frame, draw: Draw) -> tuple[Tensor, Tensor]:
    """PAN (G, K, 1, H, W) and reference (G, K, B, H, W) on the PAN grid, each through its own MTF."""
    c, reduction = draw.settings, frame.reduction
    smear = partial(c[fx.Motion].apply, reduction=reduction)
    fine_pan, ground = (draw.apply(fx.Motion, image, smear) for image in (fine_pan, ground))  # the same
    kernel = blur.KERNELS[frame.kernel]
    pan_gain, gain = _gains(frame, draw)
    pan_amount, amount = _sharpening(kernel, draw)
    seen, moved = [], _reference_shift(frame, draw)
    for fine, gains, directly, shifts, masked in (
        (fine_pan, pan_gain, kernel.pan, (0.0, 0.0), pan_amount),
        (ground, gain, kernel.reference, moved, amount),
    ):
        if directly and kernel.matrix:
            seen.append(_through(fine, kernel.matrix(reduction, fine.shape[-1]).to(fine)))
        else:
            seen.append(_through(fine, *(blur.mtf_matrix(gains, reduction, fine.shape[-1], by) for by in shifts)))
            seen[-1] = blur.sharpen(seen[-1], masked) if bool(masked.any()) else seen[-1]
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
    reduced, own = reduced_scenes(draw)[:, None, None].to(rng.device), draw.streams["reduced gains"]
    pan_gain = torch.where(reduced, own.uniform(*c[fx.ReducedScenes].pan_gain, g, 1, 1), pan_gain)
    soft = own.log_uniform(*c[fx.ReducedScenes].reference_gain, g, 1, 1) * own.uniform(0.9, 1.1, g, 1, b)
    return pan_gain, torch.where(reduced, soft.clamp(max=0.95), gain.clamp(max=0.7))


def reduced_scenes(draw: Draw) -> Tensor:
    """(G,) booleans: the scenes that are as when judging at reduced resolution."""
    return draw.note("reduced scenes", draw.hit(fx.ReducedScenes, draw.streams["reduced scenes"]))


def _reference_shift(frame: Frame, draw: Draw) -> list[Tensor]:
    """Displacements (G, 1, B) of the reference against the PAN, in fine pixels, rows and columns."""
    g, b, rng = draw.scenes, frame.bands, draw.streams["reduced displacement"]
    by = (
        reduced_scenes(draw)[:, None, None].to(rng.device)
        * frame.reduction
        * draw.settings[fx.ReducedScenes].displacement
    )
    return [by * (rng.normal(1.0, g, 1, 1) + rng.normal(0.3, g, 1, b)) for _ in range(2)]


def _through(image: Tensor, rows: Tensor, columns: Tensor | None = None) -> Tensor:
    return rows @ image @ (rows if columns is None else columns).mT


def _sharpening(kernel: blur.Kernel, draw: Draw) -> tuple[Tensor, Tensor]:
    """(G, 1, 1, 1, 1) amounts of unsharp masking of PAN and reference; none where the PAN is made without an MTF.

    Of reduced scenes the reference alone: it is an MS product, which may be sharpened, while reducing blurs the PAN.
    """
    c, rng, shape = draw.settings, draw.streams["sharpening"], (draw.scenes, 1, 1, 1, 1)
    amount, possible = rng.uniform(0.2, 1.2, *shape), not kernel.pan
    chosen = rng.chance(c[fx.Sharpening].share * possible, *shape)
    reduced = reduced_scenes(draw).to(chosen.device)[:, None, None, None, None]
    truth = draw.streams["sharpened truth"].chance(c[fx.ReducedScenes].sharpened * possible, *shape) * reduced
    both = amount * draw.note("sharpening", chosen * ~reduced)
    return both, both + amount * truth


def _phase(frame: Frame, draw: Draw) -> tuple[float, float]:
    """A known phase in a share of the batches that an MTF makes; else 0."""
    rng = draw.streams["phase"]
    phase = rng.uniform(-0.5, 0.5, 2) * rng.chance(draw.settings[fx.Phase].share, 1) * (frame.kernel == "mtf")
    return float(phase[0]) + 0.0, float(phase[1]) + 0.0  # no -0.0


def observe_ms(reference: Tensor, frame: Frame, draw: Draw) -> tuple[Tensor, Tensor, DenseSampling]:
    """LRMS (G, K, B, h, w), the gains (G, B) that are given, and its sampling of the PAN grid without displacement."""
    size = (reference.shape[-2], reference.shape[-1])
    sampling = DenseSampling(frame.ratio, size, _phase(frame, draw))
    matrix = blur.KERNELS[frame.kernel].matrix
    if matrix is not None:
        return *_resampled(reference, matrix, frame, draw), sampling
    gains, gnyq = _ms_gains(frame, draw)
    displaced = shifts(frame, draw)
    shift = torch.stack([each.mean((1, 2)) for each in displaced], 1)
    draw.facts.update(ms_gain=gains[:, 0].cpu(), shift=shift.cpu())
    return _through(reference, *_ms_matrices(gains, displaced, sampling, frame, draw)), gnyq[:, 0], sampling


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
    free = ~reduced_scenes(draw)[:, None, None].to(rng.device)
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


def shifts(frame: Frame, draw: Draw) -> list[Tensor]:
    """Displacements (G, 1, B) that are not given, in PAN pixels, rows and columns."""
    c, g, b = draw.settings, draw.scenes, frame.bands
    rng, spread = draw.streams["misregistration"], c[fx.Misregistration].displacement
    moved = rng.chance(c[fx.Misregistration].share, g, 1, 1) * ~reduced_scenes(draw)[:, None, None].to(rng.device)
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
    box = draw.hit(fx.Detector, draw.streams["detector"])
    if frame.own == frame.ratio:  # else nothing has one
        draw.note("detector", box)
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


def noisy_truth(reference: Tensor, draw: Draw) -> Tensor:
    """(G, K, B, H, W): the truth of reduced scenes is an MS product with its noise, which is in the MS as well."""
    reduced, c = reduced_scenes(draw), draw.settings
    if not bool(reduced.any()):
        return reference
    noisy = noise.detector_noise(reference, draw.streams["noise of the truth"], c[fx.ReducedScenes].snr)
    return torch.where(reduced.to(reference.device)[:, None, None, None, None], noisy, reference)


def record(image: Tensor, frame: Frame, draw: Draw, part: str) -> Tensor:
    """What the detectors and the archive make of an image (G, K, B, H, W)."""
    image = draw.apply(fx.Noise, image, partial(draw.settings[fx.Noise].apply, pan=part == "PAN"), part)
    image = _grainy(image, frame, draw, part)
    return draw.stage("archive", image, part)

"""What pretraining minimises, of standardised images (see optics/normalise.py)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.optics.filters import SPLINE, separable

INTENSITY_WEIGHT = 0.5
TRANSFER_WEIGHT = 0.1
ANGLE_WEIGHT = 0.25
NORMAL = 0.8  # L1 over L2 of a normal distribution
WINDOW = 4  # pixels along a side of the windows of local correlation
CONTRAST_FLOOR = 0.1  # of the scene's standard deviation, unless a recipe has another


def fusion_loss(fused: Tensor, reference: Tensor, weights: Tensor, floor: float = CONTRAST_FLOOR) -> Tensor:
    """Error of standardised bands, plus that of their PAN-like mixture, by local contrast: mean of L1 and L2 norms.

    fused, reference (N, B, H, W) standardised by the scene; weights (N, B) of the bands in the PAN, in the same units.
    Dividing by the patch's own contrast and a ``floor`` keeps dark and weakly textured ground from being ignored; the
    mixture term asks for the PAN's texture where the bands together explain it, although each band alone leaves it
    open.
    """
    error = fused - reference
    contrast = reference.std((-2, -1), keepdim=True) + floor
    mixture = (weights[..., None, None] * error).sum(1) / weights.abs().sum(1)[:, None, None].clamp(min=1e-3)
    mixed_contrast = (weights[..., None, None] * reference).sum(1).std((-2, -1), keepdim=True)
    mixed_contrast = mixed_contrast / weights.abs().sum(1)[:, None, None].clamp(min=1e-3) + floor
    return _size(error, contrast) + INTENSITY_WEIGHT * _size(mixture[:, None], mixed_contrast[:, None])


def _size(error: Tensor, contrast: Tensor) -> Tensor:
    """Half of L1, which forgives outliers, and half of the patches' root mean squares, which ERGAS and SAM count."""
    relative = error / contrast
    rms = torch.sqrt((relative**2).mean((-2, -1)) + 1e-8)
    return 0.5 * relative.abs().mean() + 0.5 * NORMAL * rms.mean()


def angle_loss(fused: Tensor, reference: Tensor, injected: Tensor) -> Tensor:
    """Spectral angle to the reference over that of plain regression, ``injected``: (N, B, H, W) in the bands' units.

    The length of the chord between unit spectra stands for the angle, whose gradient is not bounded at 0.
    """
    sought = reference / _length(reference)
    near, plain = (_length(image / _length(image) - sought).mean((-2, -1)) for image in (fused, injected))
    return (near / plain.detach().clamp(min=1e-4)).mean()


def _length(spectra: Tensor) -> Tensor:
    """(N, 1, H, W) lengths of (N, B, H, W); torch's norm over channels takes many times as long."""
    return torch.sqrt((spectra * spectra).sum(1, keepdim=True) + 1e-12)


def texture_loss(fused: Tensor, reference: Tensor, pan: Tensor, asked: Tensor) -> Tensor:
    """How far the local correlation of each band with the PAN falls short of the reference's, on the mean.

    ``asked`` (N,): 1 for the patches that are asked, 0 for those that are not.

    Never more is asked for: a D_rho below the truth's is detail that is not there. fused, reference (N, B, H, W), pan
    (N, 1, H, W); correlation in 4 x 4 windows as in D_rho (Scarpa and Ciotola, 2022).
    """
    sought = local_correlation(reference, pan)
    return (F.relu(sought.detach() - local_correlation(fused, pan)).mean((1, 2, 3)) * asked).mean()


def transfer_loss(fused: Tensor, reference: Tensor, pan: Tensor, weights: Tensor) -> Tensor:
    """By how much the PAN's finest octave is in the intensity more or less than in the reference's, mean over patches.

    The intensity is the mixture of the bands by ``weights`` (N, B) that explains the PAN; a transfer is the regression
    of its finest octave on the PAN's.
    """
    mixture = torch.einsum("nb,nbhw->nhw", weights, fused - reference)[:, None]
    ours, theirs = finest(mixture), finest(pan)
    power = (theirs**2).mean((1, 2, 3))
    return ((ours * theirs).mean((1, 2, 3)) / power.clamp(min=1e-4)).abs().mean()


def octave_transfer(image: Tensor, pan: Tensor) -> Tensor:
    """How much of the PAN's finest octave is in an image, both (N, 1, H, W): a regression over all pixels, ()."""
    ours, theirs = finest(image), finest(pan)
    return (ours * theirs).mean() / theirs.square().mean().clamp(min=1e-6)


def finest(image: Tensor) -> Tensor:
    """(N, 1, H, W) minus its binomial mean over 5 x 5 pixels, without the border: its finest octave."""
    return (image - separable(image, SPLINE))[..., 2:-2, 2:-2]


def local_correlation(one: Tensor, two: Tensor) -> Tensor:
    """Correlation of (N, B, H, W) and (N, 1 or B, H, W) in windows of 4 x 4 pixels, every second pixel."""

    def mean(image: Tensor) -> Tensor:
        return F.avg_pool2d(image, WINDOW, 2)

    first, second = mean(one), mean(two)
    cross = mean(one * two) - first * second
    power = (mean(one * one) - first**2).clamp(min=0) * (mean(two * two) - second**2).clamp(min=0)
    return cross / torch.sqrt(power + 1e-10)


def consistency_loss(left: Tensor, plain: Tensor) -> Tensor:
    """By how much the residual against the MS exceeds that of plain regression, relative, mean over bands and patches.

    ``left`` and ``plain``: LRMS minus the degraded estimate, (N, B, h, w), of the network and of injection with the
    scene's slopes. Where the MTF that is given holds, a network is below; it exceeds where a PAN was sharpened on the
    ground and the estimate follows it rather than the MS (R-ERGAS, Scarpa and Ciotola, 2022).
    """
    rms, sought = ((image**2).mean((-2, -1)).add(1e-6).sqrt() for image in (left, plain))
    return F.relu(rms / sought.detach() - 1).mean()

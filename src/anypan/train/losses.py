"""What pretraining minimises."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

INTENSITY_WEIGHT = 0.5
TEXTURE_WEIGHT = 1.3
CONSISTENCY_WEIGHT = 0.15
ANGLE_WEIGHT = 0.09
UNFILTERED = 0.6  # a gain above it is that of an MS decimated without a low-pass
NORMAL = 0.8  # L1 over L2 of a normal distribution
WINDOW = 4  # pixels along a side of the windows of local correlation
CONTRAST_FLOOR = 0.3  # of the scene's standard deviation


def fusion_loss(fused: Tensor, reference: Tensor, weights: Tensor) -> Tensor:
    """Error of standardised bands, plus that of their PAN-like mixture, by local contrast: mean of L1 and L2 norms.

    fused, reference (N, B, H, W) standardised by the scene; weights (N, B) of the bands in the PAN, in the same units.
    Dividing by the patch's own contrast keeps dark and weakly textured ground from being ignored; the mixture term
    asks for the PAN's texture where the bands together explain it, although each band alone leaves it open.
    """
    error = fused - reference
    contrast = reference.std((-2, -1), keepdim=True) + CONTRAST_FLOOR
    mixture = (weights[..., None, None] * error).sum(1) / weights.abs().sum(1)[:, None, None].clamp(min=1e-3)
    mixed_contrast = (weights[..., None, None] * reference).sum(1).std((-2, -1), keepdim=True)
    mixed_contrast = mixed_contrast / weights.abs().sum(1)[:, None, None].clamp(min=1e-3) + CONTRAST_FLOOR
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
    sought = F.normalize(reference, dim=1)
    near, plain = ((F.normalize(image, dim=1) - sought).norm(dim=1).mean((-2, -1)) for image in (fused, injected))
    return (near / plain.detach().clamp(min=1e-4)).mean()


def texture_loss(fused: Tensor, reference: Tensor, injected: Tensor, pan: Tensor, slope: Tensor) -> Tensor:
    """How far the local correlation of each band with the PAN falls short, on the mean.

    It is to be that of the reference, and for bands that follow the PAN (``slope`` (N, B)) also that of an estimate
    by plain regression, ``injected``. fused, reference, injected (N, B, H, W), pan (N, 1, H, W); correlation in 4 x 4
    windows as in D_rho (Scarpa and Ciotola, 2022).
    """
    sought = local_correlation(reference, pan)
    plain = local_correlation(injected, pan)
    follows = slope.clamp(min=0)[..., None, None] ** 2
    sought = sought + follows * F.relu(plain - sought)
    return F.relu(sought.detach() - local_correlation(fused, pan)).mean()


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
    scene's slopes. Where the MTF that is told holds, a network is below; it exceeds where a PAN was sharpened on the
    ground and the estimate follows it rather than the MS (R-ERGAS, Scarpa and Ciotola, 2022).
    """
    rms, sought = ((image**2).mean((-2, -1)).add(1e-6).sqrt() for image in (left, plain))
    return F.relu(rms / sought.detach() - 1).mean()

"""What pretraining minimises."""

from __future__ import annotations

import torch
from torch import Tensor

INTENSITY_WEIGHT = 0.5
CONTRAST_FLOOR = 0.3  # of the scene's standard deviation


def fusion_loss(fused: Tensor, reference: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute error of standardised bands, plus that of their PAN-like mixture, by local contrast.

    fused, reference (N, B, H, W) standardised by the scene; weights (N, B) of the bands in the PAN, in the same units.
    Dividing by the patch's own contrast keeps dark and weakly textured ground from being ignored; the mixture term
    asks for the PAN's texture where the bands together explain it, although each band alone leaves it open.
    """
    error = fused - reference
    contrast = reference.std((-2, -1), keepdim=True) + CONTRAST_FLOOR
    mixture = (weights[..., None, None] * error).sum(1) / weights.abs().sum(1)[:, None, None].clamp(min=1e-3)
    mixed_contrast = (weights[..., None, None] * reference).sum(1).std((-2, -1), keepdim=True)
    mixed_contrast = mixed_contrast / weights.abs().sum(1)[:, None, None].clamp(min=1e-3) + CONTRAST_FLOOR
    return torch.mean(error.abs() / contrast) + INTENSITY_WEIGHT * torch.mean(mixture.abs() / mixed_contrast)

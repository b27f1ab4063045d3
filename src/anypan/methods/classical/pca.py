"""PCA: the first principal component is replaced by the PAN."""

from __future__ import annotations

import torch

from anypan.methods.base import Fuser
from anypan.methods.classical.injection import Substitution
from anypan.methods.classical.statistics import exp_and_pan, of_scene, over
from anypan.pair.scene import Scene


def pca(scene: Scene) -> Fuser:
    """Principal component analysis: the first component is replaced by the PAN, equalised to it.

    fused_b = EXP_b + v_b (P - PC1), PC1 = sum_b v_b (EXP_b - mean), v = first eigenvector of the bands' covariance,
    turned so that PC1 grows with the PAN, P = (PAN - mean(PAN)) std(PC1) / std(PAN). Chavez and Kwarteng, PE&RS 55(3),
    1989. std(PAN) is the PAN's own in ``toolbox``, else at MS scale (see ``gs``).
    """
    seen = of_scene(scene, exp_and_pan)
    values, vectors = torch.linalg.eigh(seen.covariance[:-1, :-1])
    first = vectors[:, -1]
    turned = torch.where(first @ seen.covariance[:-1, -1] < 0, -first, first)
    slope = over(values[-1].clamp(min=0).sqrt(), seen.std[-1])
    offset = turned @ seen.mean[:-1] - slope * seen.mean[-1]
    return Substitution(scene.sampling, turned, slope, offset, turned * (slope > 0))

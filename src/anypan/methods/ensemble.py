"""Geometric self-ensemble: the mean of what a network makes of a scene turned and mirrored in all eight ways."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from anypan.methods.base import Around, Fuser, Method
from anypan.methods.neural import NeuralFuser, whole_cells
from anypan.pair.scene import Scene

TURNS = 8  # ways to turn and mirror a square


def turned(image: Tensor, turn: int) -> Tensor:
    """One of the ways to turn and mirror (..., H, W)."""
    image = image.rot90(turn % 4, (-2, -1))
    return image.flip(-1) if turn >= 4 else image


def turned_back(image: Tensor, turn: int) -> Tensor:
    """The inverse of ``turned``, of (..., H, W)."""
    image = image.flip(-1) if turn >= 4 else image
    return image.rot90(-turn % 4, (-2, -1))


def turned_phase(phase: tuple[float, float], turn: int) -> tuple[float, float]:
    """Where the MS pixels' centres lie in a turned scene, as in Sampling."""
    rows, cols = phase
    for _ in range(turn % 4):
        rows, cols = -cols, rows
    return (rows, -cols) if turn >= 4 else (rows, cols)


@dataclass(frozen=True)
class Ensemble(Around):
    """A fuser of a network, asked once for each way; what it does not treat alike in all of them averages out."""

    fuser: NeuralFuser

    @torch.inference_mode()
    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        """As the fuser's own; all ways share its grid of cells, since the array is made of whole ones first."""
        height, width = pan.shape[-2:]
        pan, lrms = (image[0] for image in whole_cells(pan[None], lrms[None], self.fuser.sampling.ratio, self.cell))
        mean = torch.zeros(len(lrms), *pan.shape[-2:], device=pan.device)
        for turn in range(TURNS):
            sampling = replace(self.fuser.sampling, phase=turned_phase(self.fuser.sampling.phase, turn))
            fuser = replace(self.fuser, sampling=sampling)
            fused = fuser(turned(pan, turn).contiguous(), turned(lrms, turn).contiguous())
            mean += turned_back(fused, turn) / TURNS
        return mean[:, :height, :width]


def best_of(method: Method) -> Method:
    """A network's method as a geometric self-ensemble."""

    def fit(scene: Scene) -> Fuser:
        """The mean of a network's results on the scene turned and mirrored in all 8 ways: a little better, 8 x slower.

        Geometric self-ensemble (Lim, Son, Kim, Nah and Lee, CVPR Workshops 2017).
        """
        fuser = method(scene)
        assert isinstance(fuser, NeuralFuser)
        return Ensemble(fuser)

    return fit

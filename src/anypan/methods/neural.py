"""Networks as methods: fit takes the scene's statistics, the fuser standardises, runs the network and restores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.methods.base import Fuser, Method
from anypan.models.cells import CELL
from anypan.optics.blocks import BlockSampling
from anypan.optics.normalise import Moments, Scale, pan_at_ms_scale
from anypan.optics.sampling import Sampling
from anypan.pair.gain import effective_gnyq, measure_gain
from anypan.pair.limits import Limits
from anypan.pair.scene import Scene
from anypan.weights import load

MEASURED = ("gnyq", "explained", "alone", "fine")  # of the pair, for the statistics of the scene
EDGE = 32  # PAN pixels that a network sees beyond the scene


@dataclass(frozen=True)
class NeuralFuser(Fuser):
    """A network with the statistics of one scene."""

    network: nn.Module
    scale: Scale
    gnyq: Tensor
    sampling: Sampling
    halo: int
    limits: Limits
    edge: int | None = None  # of it, beyond the scene
    cell: int = CELL  # PAN pixels: tiles must begin at multiples of it
    tile: int | None = None  # PAN pixels along a side of the tiles that suit it
    sharpness: float | None = None  # as the network takes it, if it takes one

    @property
    def device(self) -> str:
        """Where the network is."""
        return str(self.gnyq.device)

    @property
    def mtf_gains(self) -> tuple[float, ...]:
        """Those that the MS was fused with: measured ones where it was resampled."""
        return tuple(self.gnyq[0].tolist())

    def to(self, device: str) -> NeuralFuser:
        """The same fuser on another device, with a network of its own: others may use this one where it is."""
        if device == self.device:
            return self
        network = deepcopy(self.network).to(device)
        return replace(self, network=network, scale=self.scale.to(device), gnyq=self.gnyq.to(device))

    @torch.inference_mode()
    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        """pan (1, H, W), lrms (B, h, w) in the scene's units, on the network's device; to (B, H, W).

        The network's grid of cells starts at the array's origin: tiles must begin at multiples of ``cell``.
        """
        height, width = pan.shape[-2:]
        held = self.limits.lrms(lrms)
        beyond = lrms - held
        pan, lrms = self.scale.apply_pan(self.limits.pan(pan)[None]), self.scale.apply(held[None])
        pan, lrms = whole_cells(pan, lrms, self.sampling.ratio, self.cell)
        wish = {} if self.sharpness is None else {"sharpness": self.sharpness}
        fused = self.network(pan, lrms, self.scale, self.gnyq, self.sampling, **wish)
        fused = self.scale.invert(fused)[0, :, :height, :width]
        if not beyond.any():
            return fused
        return fused + beyond.repeat_interleave(self.sampling.ratio, -2).repeat_interleave(self.sampling.ratio, -1)


def whole_cells(pan: Tensor, lrms: Tensor, ratio: int, cell: int) -> tuple[Tensor, Tensor]:
    """PAN (1, H, W) and MS (B, h, w), their last rows and columns repeated until the PAN grid is whole cells."""
    unit = math.lcm(cell, ratio) // ratio
    below, right = ((-n) % unit for n in lrms.shape[-2:])
    if not below and not right:
        return pan, lrms
    lrms = F.pad(lrms, (0, right, 0, below), mode="replicate")
    return F.pad(pan, (0, right * ratio, 0, below * ratio), mode="replicate"), lrms


def neural(name: str | Path, sharpness: float | None = None) -> Method:
    """The method of the weights ``name`` (in the package) or of a weight file.

    ``sharpness``, 0 to 1, is for networks that take it.
    """

    def fit(scene: Scene) -> Fuser:
        network = _loaded(str(name))
        return replace(fitted(network, scene), sharpness=sharpness)

    return fit


def fitted(network: Any, scene: Scene) -> NeuralFuser:
    """The network with the statistics of the scene."""
    sampling, limits = block_sampling(scene), scene.limits
    scene = limits.hold(scene)
    measured = measure_gain(replace(scene, sampling=sampling))
    gnyq = effective_gnyq(scene.gnyq, measured)
    instrument_gnyq = torch.tensor([gnyq])
    scale = scale_of(scene, gnyq, sampling)
    gain, explained, alone, fine = (torch.tensor([getattr(measured, name)]) for name in MEASURED)
    scale = scale.measured(gain, explained, alone, fine, instrument_gnyq)
    unit = math.lcm(network.cell, scene.ratio)
    halo, edge = (unit * math.ceil(side / unit) for side in (network.halo(sampling), EDGE))
    return NeuralFuser(network, scale, instrument_gnyq, sampling, halo, limits, edge, network.cell, network.tile)


def scale_of(scene: Scene, gnyq: Sequence[float], sampling: Sampling) -> Scale:
    """The statistics of a scene, stacked, with the PAN taken to MS scale by the gains ``gnyq``."""
    moments = []
    for patch in scene.blocks():
        pan_lr = patch.core(pan_at_ms_scale(patch.pan, gnyq, sampling))
        moments.append(Moments.of(patch.core(patch.lrms), pan_lr, patch.core(patch.mask_lr)))
    return Moments.total(moments).scale().stacked()


def block_sampling(scene: Scene) -> BlockSampling:
    """The scene's sampling by products with small matrices, which equals it to rounding.

    Its phase is where the MS pixels lie, in whatever convention.
    """
    return BlockSampling(scene.ratio, scene.sampling.offset)


def _loaded(name: str) -> Any:
    return _cached(name, Path(name).stat().st_mtime_ns if Path(name).is_file() else 0)


@lru_cache(maxsize=4)
def _cached(name: str, _: int) -> Any:  # a file that was written anew is read anew
    network: Any = load(name)
    return network.to(memory_format=torch.channels_last)

"""Small sets in the published layouts, made from random scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from pairs import landscape

from anypan.mtf import Sampling
from anypan.sensors import SENSORS

SIDE = 96  # PAN pixels of a reduced scene: enough for the toolbox's cut and a block
Scene = dict[str, NDArray[np.float64]]


def reduced(sensor: str, bands: int, seed: int) -> Scene:
    """gt (B, H, W), ms, lms and pan in whole DN, degraded and expanded as the reference toolbox does."""
    pan, hrms = landscape(4 * SIDE, 4 * SIDE, bands, seed=seed)
    toolbox, gains = Sampling(4, convention="toolbox"), SENSORS[sensor].gnyq[:bands]
    gt = torch.from_numpy(hrms).double().round()
    ms = toolbox.degrade(gt, gains).round()
    small = toolbox.degrade(torch.from_numpy(pan)[None].double(), [SENSORS[sensor].pan.gnyq]).round()
    return {"gt": gt.numpy(), "ms": ms.numpy(), "lms": toolbox.expand(ms).numpy(), "pan": small.numpy()}


def full(bands: int, seed: int, side: int = 128) -> Scene:
    """ms, lms and pan of a pair without truth, centred as products are."""
    pan, lrms = landscape(side, side, bands, seed=seed)
    ms = torch.from_numpy(lrms).double().round()
    lms = Sampling(4, convention="toolbox").expand(ms)
    return {"ms": ms.numpy(), "lms": lms.numpy(), "pan": pan[None].round().astype(np.float64)}


def write_stack(path: Path, scenes: list[Scene], **options: Any) -> Path:
    """N x C x H x W, float64, one dataset for each key, at the root of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key in scenes[0]:
            file.create_dataset(key, data=np.stack([scene[key] for scene in scenes]), **options)
    return path

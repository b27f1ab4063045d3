"""Every architecture in a size that tests can afford, with random weights, and inputs for it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from anypan.models import ARCHITECTURES
from anypan.optics.normalise import Moments, pan_at_ms_scale
from anypan.optics.sampling import Physical
from anypan.weights import save

NAMES = sorted(ARCHITECTURES)
SMALL: dict[str, dict[str, Any]] = {
    "anypan-s": {"trunk": 8, "band": 8, "blocks": 1, "bases": 1},
    "anypan-t": {"trunk": 8, "band": 8, "blocks": 3, "bases": 1, "heads": 2, "window": 4},
    "anypan-m": {"trunk": 8, "band": 8, "blocks": 3, "bases": 1, "inner": 8, "state": 2, "window": 4},
    "PNN": {"first": 8, "second": 8},
    "PanNet": {"features": 8, "blocks": 1},
    "FusionNet": {"features": 8, "blocks": 1},
    "PanFormer": {"features": 8, "heads": 2, "blocks": 1},
    "Pan-Mamba": {"features": 4, "readers": 1, "singles": 1, "swaps": 1, "crosses": 1, "window": 16, "margin": 2},
}


def weight_files(folder: Path) -> dict[str, Path]:
    """Weight files of every architecture in a small size, with random weights."""
    files = {name: folder / f"{name}.safetensors" for name in NAMES}
    for name, file in files.items():
        network = network_of(name)
        save(file, network.state_dict(), name, network.config)
    return files


def network_of(name: str, small: bool = True) -> Any:
    """With random weights everywhere, so that no zero initialisation hides a path."""
    torch.manual_seed(0)
    assert name in SMALL, f"give {name} a small size in SMALL (tests/networks.py)"
    network = ARCHITECTURES[name].network(ARCHITECTURES[name].config(**SMALL[name] if small else {}))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1 if small else 0.05)
    return network.eval()


def inputs_of(bands: int, ratio: int, cells: tuple[int, int], seed: int = 0) -> tuple[Any, ...]:
    """pan, lrms, scale, gnyq, sampling; ``cells`` count the smallest squares that 4 and the ratio divide."""
    generator = torch.Generator().manual_seed(seed)
    unit = math.lcm(4, ratio)
    height, width = cells[0] * unit, cells[1] * unit
    pan = torch.randn(1, 1, height, width, generator=generator)
    lrms = torch.randn(1, bands, height // ratio, width // ratio, generator=generator)
    gnyq, sampling = torch.full((1, bands), 0.3), Physical(ratio)
    scale = Moments.of(lrms, pan_at_ms_scale(pan, gnyq, sampling)).scale()
    return pan, lrms, scale, gnyq, sampling

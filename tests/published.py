"""Small sets in the published layouts, made from random scenes."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from pairs import landscape

from anypan.optics.sensors import SENSORS
from anypan.optics.toolbox import Toolbox

SIDE = 96  # PAN pixels of a reduced scene: enough for the toolbox's cut and a block
Scene = dict[str, NDArray[np.float64]]


def reduced(sensor: str, bands: int, seed: int) -> Scene:
    """gt (B, H, W), ms, lms and pan in whole DN, degraded and expanded as the reference toolbox does."""
    pan, hrms = landscape(4 * SIDE, 4 * SIDE, bands, seed=seed)
    toolbox, gains = Toolbox(4), SENSORS[sensor].gnyq[:bands]
    gt = torch.from_numpy(hrms).double().round()
    ms = toolbox.degrade(gt, gains).round()
    small = toolbox.degrade(torch.from_numpy(pan)[None].double(), [SENSORS[sensor].pan.gnyq]).round()
    return {"gt": gt.numpy(), "ms": ms.numpy(), "lms": toolbox.expand(ms).numpy(), "pan": small.numpy()}


def full(bands: int, seed: int, side: int = 128) -> Scene:
    """ms, lms and pan of a pair without truth, centred as products are."""
    pan, lrms = landscape(side, side, bands, seed=seed)
    ms = torch.from_numpy(lrms).double().round()
    lms = Toolbox(4).expand(ms)
    return {"ms": ms.numpy(), "lms": lms.numpy(), "pan": pan[None].round().astype(np.float64)}


def write_stack(path: Path, scenes: list[Scene], **options: Any) -> Path:
    """N x C x H x W, float64, one dataset for each key, at the root of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key in scenes[0]:
            file.create_dataset(key, data=np.stack([scene[key] for scene in scenes]), **options)
    return path


def write_mat(path: Path, compress: bool = True, **variables: Any) -> Path:
    """A MATLAB file of version 5 (7 if compressed) of numeric arrays with MATLAB's axes, and texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    elements = [_matrix(name, value) for name, value in variables.items()]
    packed = [zlib.compress(each) for each in elements] if compress else elements
    path.write_bytes(header + b"".join(struct.pack("<II", 15, len(p)) + p if compress else p for p in packed))
    return path


MAT_CLASSES = {"f8": 6, "f4": 7, "u1": 9, "i2": 10, "u2": 11}
MAT_TYPES = {"u1": 2, "i2": 3, "u2": 4, "f4": 7, "f8": 9}


def _matrix(name: str, value: Any) -> bytes:
    image = np.array([[ord(c) for c in value]], "u2") if isinstance(value, str) else np.atleast_2d(np.asarray(value))
    code = image.dtype.str[1:]
    number = 4 if isinstance(value, str) else MAT_CLASSES[code]
    parts = [(6, struct.pack("<II", number, 0)), (5, np.array(image.shape, "<i4").tobytes()), (1, name.encode())]
    parts.append((MAT_TYPES[code], image.tobytes(order="F")))
    body = b"".join(struct.pack("<II", kind, len(raw)) + raw + bytes(-len(raw) % 8) for kind, raw in parts)
    return struct.pack("<II", 14, len(body)) + body


def write_mat73(path: Path, **variables: Any) -> Path:
    """A MATLAB file of version 7.3: HDF5 after 512 bytes of header, axes reversed, texts as numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            text = isinstance(value, str)
            image = np.array([[ord(c) for c in value]], "u2") if text else np.atleast_2d(np.asarray(value))
            file[name] = image.transpose()
            file[name].attrs["MATLAB_class"] = np.bytes_("char" if text else "double")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM")
    return path


def last(image: NDArray[Any]) -> NDArray[Any]:
    """(B, H, W) as MATLAB has it: (H, W, B), or (H, W) of one band."""
    return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)

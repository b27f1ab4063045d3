"""A case as plain GeoTIFFs for programs of any kind, and their images back."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from affine import Affine
from torch import Tensor

from anypan import raster
from anypan.geometry.grid import Grid
from anypan.judging.cases import Case
from anypan.runtime.errors import UserError

CRS, LEFT, TOP = "EPSG:32631", 500_000.0, 5_000_000.0  # invented: a case lies nowhere, but many programs want a place


def write_inputs(case: Case, folder: Path) -> tuple[Path, Path]:
    """Write ``pan.tif`` and ``ms.tif`` into ``folder``, as methods see them, in the scene's own units; their paths.

    float32, uncompressed, no nodata (invalid pixels are filled as for every method). Both cover the same extent; the
    PAN has pixels of 1 m. How far the MS lies from there, a fraction of a PAN pixel, is the row's ``phase``.
    """
    patch, unit = case.scene.whole(), case.origin.unit
    paths = []
    for name, image, step in (("pan", patch.pan, 1), ("ms", patch.lrms, case.scene.ratio)):
        grid = Grid((image.shape[1], image.shape[2]), Affine(step, 0, LEFT, 0, -step, TOP), CRS)
        bands = ("pan",) if name == "pan" else case.scene.bands
        paths.append(raster.write_plain(folder / f"{name}.tif", (image / unit).float().numpy(), grid, bands))
    return paths[0], paths[1]


def read_fused(path: Path, case: Case) -> Tensor:
    """The image (B, H, W) of a case from a file, in the case's units.

    It has the size of the case's PAN or, where the case is not reduced, that of the scene's own PAN file. Raises
    UserError for another size or number of bands, and where a pixel that is judged holds no value.
    """
    with raster.environment():
        opened = raster.open_raster([path])
        try:
            row, col = _corner(opened.shape, case, path)
            height, width = case.size
            if len(opened.bands) != len(case.scene.bands):
                raise UserError(f"{path.name} has {len(opened.bands)} bands, not the MS's {len(case.scene.bands)}.")
            pixels, valid = opened.read(row, col, height, width)
        finally:
            opened.close()
    judged = case.scene.whole().mask if case.mask is None else case.mask
    image, known = torch.from_numpy(pixels), torch.from_numpy(valid)
    holes = int((judged & ~known).sum())
    if holes:
        raise UserError(f"{path.name} holds no value in {holes} of the pixels to be judged.")
    return image.masked_fill(~known, math.nan) * case.origin.unit


def _corner(shape: tuple[int, int], case: Case, path: Path) -> tuple[int, int]:
    if shape == case.size:
        return 0, 0
    if shape == case.origin.pan_size and not case.origin.reduced:
        return case.origin.corner
    wanted = " x ".join(map(str, case.size))
    raise UserError(f"{path.name} has {shape[0]} x {shape[1]} pixels, not the PAN's {wanted}.")

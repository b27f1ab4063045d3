"""The main path: open the pair, fit the method once to the scene, fuse tile by tile, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anypan import memory, raster
from anypan.align import Pair, pair_of
from anypan.errors import UserError
from anypan.methods.base import Fuser, Method
from anypan.plan import Options, Plan, Report, named, network_of, plan_of, tile_size
from anypan.scene import Scene
from anypan.tiles import Tile

File = str | PathLike[str]
Progress = Callable[[int, int], None]


def fuse(
    pan: File | NDArray[Any],
    ms: File | Sequence[File] | NDArray[Any],
    out: File | None = None,
    method: str = "anypan-s",
    **options: Any,
) -> Report | NDArray[Any]:
    """Sharpen an MS image with a PAN image of the same place.

    Files: ``pan``, one or several ``ms`` files and ``out`` are paths; writes ``out`` on the PAN's grid in the MS's
    pixel type and returns a Report. Arrays: PAN (H, W) and MS (B, h, w) give the fused array (B, H, W) in the MS's
    pixel type, a masked one if PAN or MS is masked; NaN and masked pixels are invalid. Files without ``out`` give an
    array, too. ``options`` are the fields of ``Options``. Raises UserError: one sentence on what the caller can mend.
    """
    settings, start = Options(**options), time.perf_counter()
    fit = _method(method, settings.best)
    with raster.environment(torch.get_num_threads()), memory.kept(), _open(pan, ms, settings) as pair:
        if out is None:
            canvas = raster.Canvas(pair.grid.shape, pair.format)
            _run(pair, fit, canvas, settings)
            masked = any(isinstance(image, np.ma.MaskedArray) for image in (pan, ms))
            return canvas.masked if masked else canvas.pixels
        path = raster.check_output(out, pair.rasters, settings.overwrite)
        with raster.Writer(path, pair.rasters[0], pair.format, settings.creation, pair.maybe_invalid) as writer:
            _run(pair, fit, writer, settings)
            size = writer.finish(pair.covers_all)
    return Report.of(pair, str(path), named(method, settings), time.perf_counter() - start, size)


def _run(pair: Pair, fit: Method, sink: raster.Writer | raster.Canvas, settings: Options) -> None:
    fuser = fit(pair.scene)
    size = tile_size(pair.scene, settings.tile, fuser)
    ratio, (top, left) = pair.scene.ratio, pair.origin
    for tile, fused, mask in _fused_tiles(pair.scene, fuser, size, settings.device, settings.progress):
        sink.write(top + tile.row * ratio, left + tile.col * ratio, fused.numpy(), mask.numpy())


def _fused_tiles(
    scene: Scene, fuser: Fuser, size: int, device: str, progress: Progress | None = None
) -> Iterator[tuple[Tile, Tensor, Tensor]]:
    """Each tile's core with its fused pixels (B, H, W) and their mask (H, W)."""
    fuser, device = _on(fuser, device)
    tiles = list(scene.tiles(size, fuser.halo))
    for done, tile in enumerate(tiles, 1):
        patch = scene.read(tile)
        with torch.inference_mode():
            fused = fuser(patch.pan.to(device), patch.lrms.to(device))
        yield tile, patch.core(fused).cpu(), patch.core(patch.mask)
        if progress:
            progress(done, len(tiles))


def fuse_scene(scene: Scene, fuser: Fuser, tile: int | None = None, device: str = "cpu") -> Tensor:
    """Fuse a scene in memory with a fitted fuser: (B, H, W) float32 on the scene's PAN grid, unrounded.

    ``tile``: PAN pixels along a side of a tile's core; the result does not depend on it.
    """
    ratio, (rows, cols) = scene.ratio, scene.shape
    out = torch.empty(len(scene.bands), rows * ratio, cols * ratio)
    for part, fused, _ in _fused_tiles(scene, fuser, tile_size(scene, tile, fuser), device):
        top, left = part.row * ratio, part.col * ratio
        out[:, top : top + fused.shape[1], left : left + fused.shape[2]] = fused
    return out


def plan(
    pan: File | NDArray[Any],
    ms: File | Sequence[File] | NDArray[Any],
    out: File | None = None,
    method: str = "anypan-s",
    **options: Any,
) -> Plan:
    """What fuse() with the same arguments would do, after the same checks; fuses and writes nothing."""
    settings = Options(**options)
    _method(method, settings.best)
    with raster.environment(), _open(pan, ms, settings) as pair:
        if out is not None:
            path = raster.check_output(out, pair.rasters, settings.overwrite)
            raster.check_creation(path, pair.format, settings.creation)
        return plan_of(pair, method, settings)


def _open(pan: File | NDArray[Any], ms: File | Sequence[File] | NDArray[Any], settings: Options) -> Pair:
    names = ("bands", "sensor", "register", "allow_vrt", "allow_remote")
    return pair_of(pan, ms, **{name: getattr(settings, name) for name in names})


def _method(name: str, best: bool) -> Method:
    from anypan.methods import METHODS  # here, so that a plain import does not load every network
    from anypan.methods.ensemble import best_of
    from anypan.methods.neural import neural

    if not name.endswith(".safetensors") and name not in METHODS:
        raise UserError(f"No method is called {name!r}: choose one of {', '.join(METHODS)}.")
    if not best:
        return METHODS[name] if name in METHODS else neural(name)
    if network_of(name) is None:
        raise UserError(f"{name} is no network, as 'best' needs: leave it out, or choose a network as the method.")
    return best_of(neural(name.removesuffix("+")))


def _on(fuser: Fuser, device: str) -> tuple[Fuser, str]:
    """The fuser on the device if it can move; classical fusers cannot and stay on the CPU."""
    move = getattr(fuser, "to", None)
    return (move(device), device) if move else (fuser, "cpu")

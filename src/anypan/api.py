"""The main path: open the pair, fit the method once to the scene, fuse tile by tile, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anypan import raster
from anypan.geometry.tiles import Tile
from anypan.methods.base import Fuser, Method
from anypan.options import Options, Plan, Report, named, network_of, plan_of, tile_size
from anypan.pair.align import Pair, pair_of
from anypan.pair.scene import Scene
from anypan.runtime import memory
from anypan.runtime.errors import UserError

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
    fit = _method(method, settings)
    if out is None and settings.uncertainty is not None:
        raise UserError("The uncertainty is written to a file beside the output: name an output file (out), too.")
    with raster.environment(torch.get_num_threads()), memory.kept(), _open(pan, ms, settings) as pair:
        if out is None:
            canvas = raster.Canvas(pair.grid.shape, pair.format)
            _run(pair, fit, [canvas], settings)
            masked = any(isinstance(image, np.ma.MaskedArray) for image in (pan, ms))
            return canvas.masked if masked else canvas.pixels
        outputs, shared = _outputs(out, pair, settings), (settings.creation, pair.maybe_invalid)
        with ExitStack() as stack:
            drafts = (raster.Writer(path, pair.rasters[0], form, *shared) for path, form in outputs.items())
            writers = [stack.enter_context(draft) for draft in drafts]
            _run(pair, fit, writers, settings)
            sizes = [writer.finish(pair.covers_all) for writer in reversed(writers)]
    seconds = time.perf_counter() - start
    return Report.of(pair, list(map(str, outputs)), named(method, settings), seconds, sizes[-1])


def _outputs(out: File, pair: Pair, settings: Options) -> dict[Path, raster.Format]:
    """The files to write, in the order of what a fuser gives, each with its format."""
    from anypan.methods.uncertainty import SHARE  # here, as in _method

    path = raster.check_output(out, pair.rasters, settings.overwrite)
    if settings.uncertainty is None:
        return {path: pair.format}
    aside = raster.check_output(settings.uncertainty, pair.rasters, settings.overwrite)
    if aside.resolve() == path.resolve():
        raise UserError(f"{aside} is the output, too: name another file for the uncertainty.")
    return {path: pair.format, aside: raster.halfwidths_of(pair.format, SHARE)}


def _run(pair: Pair, fit: Method, sinks: Sequence[raster.Writer | raster.Canvas], settings: Options) -> None:
    """Fuse into ``sinks``, which take equal shares of the planes that the fuser gives."""
    fuser = fit(pair.scene)
    size = tile_size(pair.scene, settings.tile, fuser)
    ratio, (top, left) = pair.scene.ratio, pair.origin
    for tile, fused, mask in _fused_tiles(pair.scene, fuser, size, settings.device, settings.progress):
        for sink, planes in zip(sinks, fused.chunk(len(sinks)), strict=True):
            sink.write(top + tile.row * ratio, left + tile.col * ratio, planes.numpy(), mask.numpy())


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
    out = torch.empty(0)
    for part, fused, _ in _fused_tiles(scene, fuser, tile_size(scene, tile, fuser), device):
        out = out if len(out) else torch.empty(len(fused), rows * ratio, cols * ratio)
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
    _method(method, settings)
    with raster.environment(), _open(pan, ms, settings) as pair:
        if out is not None:
            for path, form in _outputs(out, pair, settings).items():
                raster.check_creation(path, form, settings.creation)
        return plan_of(pair, method, settings)


def _open(pan: File | NDArray[Any], ms: File | Sequence[File] | NDArray[Any], settings: Options) -> Pair:
    names = ("bands", "sensor", "register", "allow_vrt", "allow_remote")
    return pair_of(pan, ms, **{name: getattr(settings, name) for name in names})


def _method(name: str, settings: Options) -> Method:
    from anypan.methods import METHODS  # here, so that a plain import does not load every network
    from anypan.methods.ensemble import best_of
    from anypan.methods.neural import neural
    from anypan.methods.uncertainty import doubtful

    if not name.endswith(".safetensors") and name not in METHODS:
        raise UserError(f"No method is called {name!r}: choose one of {', '.join(METHODS)}.")
    if settings.best and network_of(name) is None:
        raise UserError(f"{name} is no network, as 'best' needs: leave it out, or choose a network as the method.")
    plain = METHODS[name] if name in METHODS else neural(name)
    method = best_of(neural(name.removesuffix("+"))) if settings.best else plain
    return method if settings.uncertainty is None else doubtful(method)


def _on(fuser: Fuser, device: str) -> tuple[Fuser, str]:
    """The fuser on the device if it can move; classical fusers cannot and stay on the CPU."""
    move = getattr(fuser, "to", None)
    return (move(device), device) if move else (fuser, "cpu")

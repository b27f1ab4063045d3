"""The public calls: files or arrays and options in, a fused file or array out, or a plan of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray

from anypan import raster
from anypan.fusing import WHOLE, Share, fused_tiles, tile_size
from anypan.methods.account import Account
from anypan.methods.base import Fuser
from anypan.methods.classical.brovey import weights_without_constant
from anypan.methods.guard import Tally, guarded
from anypan.methods.resolve import MethodRef, resolve
from anypan.methods.uncertainty import SHARE, halfwidths
from anypan.optics.sensors import GENERIC, SENSORS
from anypan.options import FuseOptions, Options, Plan, Report, plan_of
from anypan.pair.check import check_holds
from anypan.pair.explained import detail_notes, explained, resampling_notes, sharpness_notes
from anypan.pair.gain import measure_gain, resampled
from anypan.pair.notes import RECIPE_NOTE, clipped_note
from anypan.pair.pair import Pair, pair_of
from anypan.pair.registration import NOTHING
from anypan.pair.scene import Scene, check_scene
from anypan.runtime import memory
from anypan.runtime.defaults import plain
from anypan.runtime.errors import Note, Unverified, UserError
from anypan.runtime.keywords import options_of

File = str | PathLike[str]
Image = NDArray[Any]
OF_FILES = ("uncertainty", "verify", "format", "overwrite", "creation")  # options that have no meaning for arrays
Part = tuple[int, int, list[Image], NDArray[np.bool_]]


@overload
def fuse(
    pan: File, ms: File | Sequence[File], out: File, method: File = "anypan-s", **options: Unpack[FuseOptions]
) -> Report: ...


@overload
def fuse(pan: Image, ms: Image, out: File, method: File = "anypan-s", **options: Unpack[FuseOptions]) -> Report: ...


@overload
def fuse(
    pan: File, ms: File | Sequence[File], out: None = None, method: File = "anypan-s", **options: Unpack[FuseOptions]
) -> Image: ...


@overload
def fuse(
    pan: Image, ms: Image, out: None = None, method: File = "anypan-s", **options: Unpack[FuseOptions]
) -> Image: ...


def fuse(
    pan: File | Image,
    ms: File | Sequence[File] | Image,
    out: File | None = None,
    method: File = "anypan-s",
    **options: Unpack[FuseOptions],
) -> Report | Image:
    """Sharpen an MS image with a PAN image of the same place.

    Files: ``pan``, one or several ``ms`` files and ``out`` are paths; writes ``out`` on the PAN's grid in the MS's
    pixel type and returns a Report. Arrays: PAN (H, W) and MS (B, h, w) give the fused array (B, H, W) in the MS's
    pixel type, a masked one if PAN or MS is masked, or if some of it is invalid and the type has no NaN; NaN and masked
    pixels are invalid. Values are of any unit that is linear in radiance, digital numbers or reflectance, and keep it.
    Files without ``out`` give an array, too. What a Report would note is then warned of, as a ``Note`` each.
    ``method``: a name of ``anypan methods``, a weight file, or ``hf:owner/name@commit`` of the Hub. ``options`` are the
    fields of ``FuseOptions``, explained at ``Options``.
    Raises UserError: one sentence on what the caller can mend.
    """
    start = time.perf_counter()
    if out is None:
        _check_without_file(options)
    with opened(pan, ms, method, **options) as (pair, chosen, settings):
        if out is None:
            form = raster.in_arrays(pair.format) if settings.out_nodata is None else pair.format
            canvas, tally = raster.Canvas(pair.grid.shape, form), Tally()
            _collect([canvas], fused_parts(pair, chosen, settings, tally=tally))
            for note in _seen(pair, settings, tally, canvas.clipped).notes:
                warnings.warn(note, Note, stacklevel=2)
            given = any(isinstance(image, np.ma.MaskedArray) for image in (pan, ms))
            return canvas.masked if given or canvas.hides else canvas.pixels
        if settings.format == raster.RECIPE:
            return _recipe(out, pair, chosen, settings, start)
        tally = Tally()
        return written(out, pair, chosen, settings, fused_parts(pair, chosen, settings, tally=tally), start, tally)


def _check_without_file(options: FuseOptions) -> None:
    """UserError for options that are of files where none is written."""
    given, usual = vars(options_of(Options, options, "fuse()")), vars(Options())
    for name in OF_FILES:
        if given[name] != usual[name]:
            raise UserError(f"{name} is for files, and none is written: name an output file (out), or leave it out.")


@contextmanager
def opened(
    pan: File | Image, ms: File | Sequence[File] | Image, method: File, **options: Unpack[FuseOptions]
) -> Iterator[tuple[Pair, MethodRef, Options]]:
    """The pair, the method and the options of a fuse() with these arguments, for work on parts of it.

    Files, or arrays (H, W) and (B, h, w), in digital numbers or reflectance. Raises UserError.
    """
    settings = options_of(Options, options, "fuse()")
    chosen = method_of(method, settings.best, settings.sharpness)
    with raster.environment(torch.get_num_threads()), memory.kept(), plain(), pair_of(pan, ms, settings) as pair:
        yield formatted(pair, chosen, settings), chosen, settings


def formatted(pair: Pair, chosen: MethodRef, settings: Options) -> Pair:
    """The pair with the pixel type and nodata value that are asked for, and notes on options that a method has no use
    for. UserError if type and value cannot hold the pixels."""
    notes = (*settings.notes_on(chosen), *chosen.notes_on(pair.scene.sensor, pair.scene.ratio))
    pair = replace(pair, notes=(*pair.notes, *notes))
    if settings.dtype is None and settings.out_nodata is None and settings.bits is None:
        return pair
    form = raster.asked(pair.format, settings.dtype, settings.out_nodata, settings.bits)
    check_holds(pair.rasters[1], dict(zip(pair.chosen, pair.scene.bands, strict=True)), form)
    return replace(pair, format=form)


def written(
    out: File,
    pair: Pair,
    chosen: MethodRef,
    settings: Options,
    parts: Iterable[Part],
    start: float,
    tally: Tally,
) -> Report:
    """Write the fused parts of a pair to ``out`` and what belongs beside it.

    ``start``: when the work began; ``tally``: what there is to say of it once all parts are made.
    """
    outputs = _outputs(out, pair, settings)
    shared = settings.stored, pair.maybe_invalid, settings.overwrite
    with ExitStack() as stack:
        drafts = (raster.Writer(path, pair.rasters[0], form, *shared) for path, form in outputs.items())
        writers = [stack.enter_context(draft) for draft in drafts]
        _collect(writers, parts)
        for writer in writers:
            writer.close(pair.covers_all)
        made_by = (tally.instead, None) if tally.instead else (chosen.name, chosen.weights_sha256)
        gains = [tally.gains[band] for band in pair.chosen]
        account = Account(pair, *made_by, gains, whole=settings.verify is not None)
        writers[0].tag(account)
        places, fault = _verified(list(outputs), account.r_ergas, settings.verify)
        every = list(zip(writers, places, strict=True))
        *_, size = [writer.finish(place) for writer, place in reversed(every)]  # the fused image last
        if fault:
            raise fault
    seen = _seen(pair, settings, tally, writers[0].clipped)
    pair = replace(pair, notes=seen.notes)
    report = Report.of(pair, list(map(str, outputs)), made_by[0], time.perf_counter() - start, size)
    return replace(report, explained=seen.explained, r_ergas=account.r_ergas, resampled=seen.resampled)


class _Seen(NamedTuple):
    """What there is to say of a fusion once it is done, with the figures that it rests on."""

    notes: tuple[str, ...]
    explained: tuple[float, ...]
    resampled: bool


def _seen(pair: Pair, settings: Options, tally: Tally, clipped: int) -> _Seen:
    """``clipped``: values beyond what the pixel type holds, which count where the caller chose the type."""
    shares = explained(pair.scene)
    measured = measure_gain(pair.scene.limits.hold(pair.scene))
    said = detail_notes(shares, pair.scene.bands, SENSORS.get(pair.scene.sensor, GENERIC))
    said += resampling_notes(pair.scene, measured)
    said += sharpness_notes(pair.scene, measured, settings.sharpness)
    if clipped and (settings.dtype or settings.bits):
        said += (clipped_note(clipped, pair.format.dtype),)
    return _Seen((*pair.notes, *tally.notes, *said), shares, resampled(pair.scene.gnyq, measured))


def _recipe(out: File, pair: Pair, chosen: MethodRef, settings: Options, start: float) -> Report:
    """Write the VRT with which GDAL itself makes a Brovey transform of the pair; no pixel is made now."""
    path = _check_recipe(out, pair, chosen, settings)
    weights = weights_without_constant(pair.reference)
    if not (weights > 0).any():
        raise UserError(
            "No sum of the bands comes near to the PAN, so that no recipe can be given: choose --format COG."
        )
    size = raster.write_recipe(path, pair.rasters, weights.tolist(), pair.chosen, pair.format, settings.overwrite)
    pair = replace(pair, notes=(*pair.notes, RECIPE_NOTE))
    report = Report.of(pair, [str(path)], f"{chosen.name} of GDAL", time.perf_counter() - start, size)
    return replace(report, explained=explained(pair.scene))


def _check_recipe(out: File, pair: Pair, chosen: MethodRef, settings: Options) -> Path:
    if chosen.name != "Brovey":
        raise UserError(
            f"{raster.RECIPE} has GDAL make the pixels, which knows the formula Brovey alone: pass --method Brovey, or"
            f" another --format for {chosen.name}."
        )
    asked = {"dtype": settings.dtype, "uncertainty": settings.uncertainty, "verify": settings.verify,
             "creation": settings.creation or None}  # fmt: skip
    for name, value in asked.items():
        if value is not None:
            raise UserError(f"{name} is of pixels that are written now, and {raster.RECIPE} writes none: leave it out.")
    if pair.registered and max(map(abs, pair.shift)) >= NOTHING:
        raise UserError(
            f"The MS is off by {pair.shift[0]:+.2f} rows and {pair.shift[1]:+.2f} columns, which {raster.RECIPE} cannot"
            " correct: pass --no-register to leave it, or choose another --format."
        )
    if len(set(pair.chosen)) < len(pair.chosen):
        raise UserError(
            f"A band is asked for twice, which {raster.RECIPE} cannot give: name it once, or choose --format COG."
        )
    path = raster.check_output(out, pair.rasters, settings.overwrite)
    raster.check_recipe(path, *pair.rasters, pair.format.nodata)
    return path


def _verified(
    outputs: Sequence[Path], r_ergas: float | None, most: float | None
) -> tuple[Sequence[Path], Unverified | None]:
    """Where the files go: where they were asked for, or aside, and why, farther from the MS than ``most``."""
    if most is None or (r_ergas is not None and r_ergas <= most):
        return outputs, None
    kept = [_aside(path) for path in outputs]
    found = "cannot be measured" if r_ergas is None else f"is {r_ergas:.3g}"
    return kept, Unverified(
        f"The result's distance from its MS {found} (R-ERGAS), and {most:g} is the most that --verify allows: look at"
        f" {kept[0]}, where it is kept, or try --overwrite with --sharpness 0 or another method."
    )


def _aside(path: Path) -> Path:
    """Where an output goes that is not verified."""
    return path.with_name(f"{path.stem}.unverified{path.suffix}")


def _collect(sinks: Sequence[raster.Writer | raster.Canvas], parts: Iterable[Part]) -> None:
    """Of ``sinks`` the first takes the fused image, a second its half-widths."""
    for row, col, images, mask in parts:
        for sink, image in zip(sinks, images, strict=True):
            sink.write(row, col, image, mask)
    memory.give_back()


def fused_parts(
    pair: Pair, chosen: MethodRef, settings: Options, share: Share = WHOLE, tally: Tally | None = None
) -> Iterator[Part]:
    """Fit and fuse: row and column on the output's grid, images (B, H, W) and mask (H, W) of each tile of a share.

    ``tally`` is added to once all parts are made.
    """
    scene, ratio, (top, left) = pair.reference, pair.reference.ratio, pair.origin
    widths = halfwidths(chosen.fit, scene) if settings.uncertainty is not None else None
    fuser = guarded(chosen.fit, scene)
    size = tile_size(scene, settings.tile_of(chosen), fuser)
    for tile, images, mask in fused_tiles(scene, fuser, size, settings.device, widths, settings.progress, share):
        place = top + tile.row * ratio, left + tile.col * ratio
        yield *place, [pair.written(image).numpy() for image in images], mask.numpy()
    if tally is not None:
        tally += fuser.tally


def _outputs(out: File, pair: Pair, settings: Options) -> dict[Path, raster.Format]:
    """The files to write, the fused image and its half-widths, each with its format."""
    path, form = _checked(out, pair, settings), raster.in_files(pair.format)
    if settings.uncertainty is None:
        return {path: form}
    second = _checked(settings.uncertainty, pair, settings)
    if second.resolve() == path.resolve():
        raise UserError(f"{second} is the output, too: name another file for the uncertainty.")
    return {path: form, second: raster.halfwidths_of(form, SHARE)}


def _checked(out: File, pair: Pair, settings: Options) -> Path:
    """The path of an output that can be written, and aside too, where it may have to go there. UserError."""
    path = raster.check_output(out, pair.rasters, settings.overwrite)
    if settings.verify is not None:
        raster.check_output(_aside(path), pair.rasters, settings.overwrite)
    return path


def plan(
    pan: File | Image,
    ms: File | Sequence[File] | Image,
    out: File | None = None,
    method: File = "anypan-s",
    **options: Unpack[FuseOptions],
) -> Plan:
    """What fuse() with the same arguments would do, after the same checks; fuses and writes nothing.

    Arrays: PAN (H, W) and MS (B, h, w), in digital numbers or reflectance. Raises UserError.
    """
    settings = options_of(Options, options, "plan()")
    chosen = method_of(method, settings.best, settings.sharpness)
    with raster.environment(), plain(), pair_of(pan, ms, settings) as found:
        pair = formatted(found, chosen, settings)
        if out is not None and settings.format == raster.RECIPE:
            _check_recipe(out, pair, chosen, settings)
        elif out is not None:
            for path, form in _outputs(out, pair, settings).items():
                raster.check_creation(path, form, settings.stored, pair.maybe_invalid, pair.rasters[0])
        return plan_of(pair, chosen, settings)


@plain()
def fit(scene: Scene, method: File = "anypan-s", best: bool = False) -> Fuser:
    """Fit a method to a scene, to fuse it more than once: ``fuse_scene(scene, fit(scene))``.

    The fuser takes pan (1, H, W) and lrms (B, h, w), float32 in the scene's units, and gives (B, H, W), with values
    held where ``fuse`` holds them. ``best`` as in ``Options``. Raises UserError for no scene, and no name of a method.
    """
    return guarded(method_of(method, best).fit, check_scene(scene))


def method_of(method: File, best: bool, sharpness: float | None = None) -> MethodRef:
    """The method that a caller names, best or sharpened if asked for. UserError if there is none."""
    found = resolve(method)
    found = found if sharpness is None else found.sharpened(sharpness)
    return found.best if best else found

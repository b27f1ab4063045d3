"""What the report shows of a fusion: which layers, which bands as red, green and blue, which window, which figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anypan import raster
from anypan.fusing import fuse_scene
from anypan.judging import PROTOCOLS, find_scenes, prepare
from anypan.judging.colours import colours_of
from anypan.judging.findings import findings
from anypan.methods import Method
from anypan.methods.resolve import resolve, usable
from anypan.metrics import METRICS, Reference, described, judge
from anypan.metrics.reprojection import reproject
from anypan.optics.sensors import GENERIC, SENSORS, match
from anypan.options import BASE, Plan, Report
from anypan.pair.crop import covered, middle
from anypan.pair.notes import registration_words
from anypan.pair.pair import open_pair
from anypan.pair.registration import Registration
from anypan.pair.scene import Scene
from anypan.report import Agreement, Layer, Look, Spectra, fusion_page
from anypan.runtime.errors import UserError

COMPANION = "MTF-GLP-HPM-R"  # the classical method that is shown beside the result
File = str | PathLike[str]
ADDED = "added to EXP"
HALFWIDTHS = "half-widths, mean of the bands"
WINDOW = 2048  # PAN pixels along a side that a page shows
PLANES = 10  # float32 planes of that window and of a band that a page holds at once, at most
PICTURED = 768  # the same, for each scene of a benchmark
TITLES = {"rr": "Reduced resolution, against the truth", "fr": "Full resolution"}
WITH = "Against the truth"
WITHOUT = "Without a truth: each result against the PAN and the MS"


def pictures(
    roots: Iterable[str | Path], method: str, others: Iterable[str] = ()
) -> Callable[[str], list[Look] | None]:
    """A function from a scene's name to its looks, fused anew; None for scenes not in ``roots``.

    Reduced resolution with the truth and error maps, then full resolution, each by EXP, a companion, the ``others``
    and ``method``. A central window is shown. UserError if a name is no method.
    """
    folders = {folder.name: folder for root in roots for folder in find_scenes(root)}
    names = [*dict.fromkeys(name for name in ("EXP", COMPANION, *others) if name != method), method]
    fits = {name: resolve(name).fit for name in names}

    def looks_of(name: str) -> list[Look] | None:
        made = [_look(folders[name], protocol, fits) for protocol in PROTOCOLS] if name in folders else []
        return [look for look in made if look] or None

    return looks_of


def fusible(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The methods of benchmark rows that can be fused with again: those registered and weight files that exist."""
    names = dict.fromkeys(str(row["method"]) for row in rows if not row.get("error"))
    return [name for name in names if usable(name)]


def _look(entry: Any, protocol: Literal["rr", "fr"], fits: dict[str, Method]) -> Look | None:
    """The look of a scene under one protocol; None if it has none. Methods that fail on it are left out."""
    try:
        case = prepare(entry, protocol)
    except UserError:
        return None
    images = {name: image for name, fit in fits.items() if (image := _fused(case.scene, fit)) is not None}
    truth = None if case.reference is None else _central(case.reference)
    return look(case.scene, _central(case.scene.whole().pan[0]), images, truth, TITLES[protocol]) if images else None


def _fused(scene: Scene, fit: Method) -> Tensor | None:
    try:
        return _central(fuse_scene(scene, fit(scene)))
    except (UserError, ValueError):
        return None  # the benchmark's row of this scene and method says why


def _central(image: Tensor) -> Tensor:
    """The central window of (..., H, W) that a page of many scenes can show, without holding on to the rest."""
    top, left = (max(0, (length - PICTURED) // 2) for length in image.shape[-2:])
    return image[..., top : top + PICTURED, left : left + PICTURED].clone()


def look(
    scene: Scene,
    pan: Tensor,
    images: dict[str, Tensor],
    truth: Tensor | None = None,
    title: str = "",
    stated: Sequence[str] = (),
) -> Look:
    """PAN (H, W), the images (B, H, W) by name with the method to follow last, and the truth or, without one, what the
    last adds to EXP; with error maps where there is a truth, and all spectra. ``stated``: the MS file's colours."""
    colours, last = colours_of(scene.bands, scene.sensor, stated), list(images)[-1]
    bands = list(colours.bands)
    cubes = images | ({} if truth is None else {"reference": truth})
    shown: dict[str, NDArray[Any] | Layer] = {"PAN": pan.numpy()}
    shown |= {name: image[bands].numpy() for name, image in cubes.items()}
    errors = {} if truth is None else {name: _error(image, truth).numpy() for name, image in images.items()}
    if "EXP" in images:
        shown[ADDED] = Layer((images[last] - images["EXP"])[bands].mean(0).numpy(), "signed")
    close = [name for name in ("PAN", "EXP", COMPANION, last, ADDED) if name in shown]
    spectra = Spectra({name: cube.numpy() for name, cube in cubes.items()}, scene.bands, _centres(scene))
    return Look(shown, title, errors, spectra, close, colours.words)


def _error(image: Tensor, truth: Tensor) -> Tensor:
    """(H, W): root mean square over the bands of the differences, each as a share of its band's mean.

    Its root mean square over the pixels, times 100 / ratio, is ERGAS (Wald, Presses de l'Ecole des Mines, 2002).
    """
    means = truth.mean((1, 2), keepdim=True).abs().clamp_min(torch.finfo(truth.dtype).tiny)
    return (((image - truth) / means) ** 2).mean(0).sqrt()


def _centres(scene: Scene) -> list[float]:
    """The wavelengths of the bands in nm if all are known, else none."""
    found = match(SENSORS.get(scene.sensor, GENERIC), scene.bands)
    centres = [band.centre_nm for band in found if band]
    return centres if len(centres) == len(scene.bands) and len(set(centres)) > 1 else []


def page(
    pan: File,
    ms: File | Sequence[File],
    done: Report,
    html: File,
    reference: File | None = None,
    **opening: Any,
) -> Path:
    """Write the page about a finished fusion: at most the central 2048 x 2048 pixels, seen and measured.

    ``done`` is what fuse() returned for ``pan`` and ``ms``; ``reference`` the truth on the same grid, if known;
    ``opening`` are fuse()'s options for opening the pair. Returns ``html``. Raises UserError.
    """
    with raster.environment(), open_pair(pan, ms, **opening) as pair:
        scene, corner = _centre(*covered(pair))
        images = {name: fuse_scene(scene, resolve(name).fit(scene)) for name in ("EXP", COMPANION)}
        images[done.method] = read_window(done.output, corner, images["EXP"])
        truth = None if reference is None else read_window(reference, corner, images["EXP"])
        scores = {name: judge(image, scene, _named("fr")) for name, image in images.items()}
        tables = {WITHOUT: scores}
        if truth is not None:
            against = Reference(truth, scene.ratio, float(truth.max()))
            tables = {WITH: {name: judge(image, against, _named("rr")) for name, image in images.items()}, **tables}
        seen = look(scene, scene.whole().pan[0], images, truth, stated=pair.format.colour_names)
        if done.uncertainty:
            widths = read_window(done.uncertainty, corner, torch.zeros_like(images["EXP"])).mean(0)
            seen = replace(seen, layers={**seen.layers, HALFWIDTHS: Layer(widths.numpy(), "own")})
        every = {name: {**tables.get(WITH, {}).get(name, {}), **values} for name, values in scores.items()}
        said = findings(done, every, COMPANION, float(scene.whole().mask.float().mean()))
        bands = _agreement(images[done.method], scene)
        return fusion_page(Path(html), seen, _facts(done, images["EXP"]), tables, described(), said, bands)


def with_page(planned: Plan) -> Plan:
    """A plan of a fusion and of its page, whose window is held in memory."""
    values = math.prod(min(side, WINDOW) for side in planned.grid.shape) * (len(planned.bands) + 1)
    return replace(planned, memory=max(planned.memory, BASE + raster.CACHE + 4 * PLANES * values))


def _named(kind: str) -> list[str]:
    """The metrics with a truth ("rr") or without ("fr")."""
    return [name for name, metric in METRICS.items() if metric.kind == kind]


def _agreement(image: Tensor, scene: Scene) -> list[Agreement]:
    """The MS and the image at its scale, valid pixels, by band."""
    seen, lrms, mask = reproject(image, scene)
    pairs = zip(scene.bands, lrms[:, mask].numpy(), seen[:, mask].numpy(), strict=True)
    return [Agreement(name, ms, of_image) for name, ms, of_image in pairs]


def _centre(scene: Scene, corner: tuple[int, int]) -> tuple[Scene, tuple[int, int]]:
    """The scene's central window, held in memory, and its corner in the PAN file."""
    (window, start), ratio = middle(scene, WINDOW), scene.ratio
    return window, (corner[0] + ratio * start[0], corner[1] + ratio * start[1])


def read_window(path: File, corner: tuple[int, int], exp: Tensor) -> Tensor:
    """The window at ``corner`` (row, column) of a fused file, (B, H, W) as ``exp``, which fills what is invalid."""
    opened = raster.open_raster([str(path)])
    try:
        image, valid = opened.read(*corner, *exp.shape[-2:])
    finally:
        opened.close()
    return torch.where(torch.from_numpy(valid), torch.from_numpy(np.nan_to_num(image)), exp)


def _facts(done: Report, shown: Tensor) -> dict[str, Any]:
    rows, cols = done.grid.shape
    part = (
        ""
        if (rows, cols) == tuple(shown.shape[-2:])
        else f"; shown and measured: {shown.shape[-1]} x {shown.shape[-2]} of them"
    )
    return {
        "method": done.method,
        "output": done.output,
        **({"half-widths": done.uncertainty} if done.uncertainty else {}),
        "grid": f"{cols} x {rows} pixels, ratio {done.ratio}{part}",
        "bands": ", ".join(done.bands),
        "shift": registration_words(Registration(done.shift, done.confidence), done.registered),
        "time": f"{done.seconds:.1f} s",
        "notes": list(done.notes),
    }

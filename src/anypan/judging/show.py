"""The swipe viewer of the report as a value that a notebook shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anypan import raster
from anypan.fusing import fuse_scene
from anypan.judging.gallery import look, read_window
from anypan.methods.resolve import resolve
from anypan.pair.crop import covered, middle
from anypan.pair.opening import Opening, OpeningWords
from anypan.pair.pair import pair_of
from anypan.report.fusion import swipe_page
from anypan.runtime.bounds import Bounds
from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError
from anypan.runtime.keywords import options_of

File = str | PathLike[str]
Image = NDArray[Any]
WINDOW = 768  # PAN pixels along a side, at most, unless asked for more
FUSED = "fused"


@dataclass(frozen=True)
class Shown:
    """A page with the viewer: notebooks show it where it is the value of a cell; ``save`` writes it as a file."""

    html: str
    height: int

    def _repr_html_(self) -> str:
        frame = f'width="100%" height="{self.height}" style="border:0" title="PAN, MS and fused image"'
        return f'<iframe {frame} srcdoc="{escape(self.html)}"></iframe>'

    def save(self, path: File) -> Path:
        """Write the page, which opens without a network; returns where. Raises UserError if that is impossible."""
        place = Path(path)
        try:
            with drafted(place) as draft:
                draft.write_text(self.html, encoding="utf-8")
        except OSError as problem:
            raise UserError(f"{place} cannot be written ({problem.strerror}): name another file.") from problem
        return place


def show(
    pan: File | Image,
    ms: File | list[File] | Image,
    fused: File | Image,
    size: int = WINDOW,
    height: int = 760,
    **opening: Unpack[OpeningWords],
) -> Shown:
    """The swipe viewer over PAN, the interpolated MS (EXP), the fused image and what it adds, with spectra of pixels.

    ``pan`` (H, W), ``ms`` (B, h, w) and ``fused`` (B, H, W) are arrays, or files, in digital numbers or reflectance.
    The central ``size`` x ``size`` PAN
    pixels are shown, in a frame ``height`` CSS pixels high. ``opening``: as of ``fuse()``. Raises UserError.
    """
    for name, side in (("size", size), ("height", height)):
        Bounds(16).check(name, side)
    with raster.environment(), pair_of(pan, ms, options_of(Opening, opening, "show()")) as pair:
        whole, start = covered(pair)
        scene, inner = middle(whole, size)
        corner = start[0] + scene.ratio * inner[0], start[1] + scene.ratio * inner[1]
        exp = fuse_scene(scene, resolve("EXP").fit(scene))
        images = {"EXP": exp, FUSED: _cut(fused, pair.grid.shape, corner, exp)}
        seen = look(scene, scene.whole().pan[0], images, stated=pair.format.colour_names)
    return Shown(swipe_page(seen, FUSED), height)


def _cut(fused: File | Image, shape: tuple[int, int], corner: tuple[int, int], exp: Tensor) -> Tensor:
    """The part of the fused image that is shown, (B, h, w) as ``exp``; EXP where it is invalid."""
    fused = fused.numpy(force=True) if isinstance(fused, Tensor) else fused
    if not isinstance(fused, np.ndarray | str | PathLike):
        raise UserError(f"The fused image is a {type(fused).__name__}: give an array (B, H, W) or the path of a file.")
    if not isinstance(fused, np.ndarray):
        return read_window(fspath(fused), corner, exp)
    if fused.ndim != 3 or (len(fused), *fused.shape[1:]) != (len(exp), *shape):
        raise UserError(
            f"The fused image is {fused.shape}, not {(len(exp), *shape)}: give what fuse() made of this pair."
        )
    (row, col), (height, width) = corner, exp.shape[-2:]
    part = np.ma.filled(fused[:, row : row + height, col : col + width].astype(np.float32), np.nan)
    return torch.where(torch.isfinite(image := torch.from_numpy(part)), image, exp)

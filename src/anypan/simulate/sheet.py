"""A contact sheet of simulated samples: PAN, MS and reference at 1:1, and below each what was done to it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from anypan.runtime.errors import UserError
from anypan.simulate.sample import Batch

COLUMNS, ROWS = 3, 4
TILE, GAP = 128, 6  # pixels; patches are at most TILE wide
LINES, LINE, LETTERS = 7, 12, 65
CELL = (3 * TILE + 2 * GAP, TILE + LINES * LINE + GAP)
Picture = NDArray[np.uint8]


def write_sheet(
    batches: Iterable[Batch],
    folder: str | os.PathLike[str],
    count: int,
    heading: str = "",
    overwrite: bool = False,
) -> list[Path]:
    """Write the first patch of the first scene of ``count`` batches as page-01.png, ...; returns the paths.

    Raises UserError as ``room`` does. Pages of another sheet there are removed.
    """
    place = room(folder, overwrite)
    drawn = list(pages((cell(batch) for batch in islice(batches, count)), heading))
    place.mkdir(parents=True, exist_ok=True)
    for old in place.glob("page-*.png"):
        old.unlink()
    paths = [place / f"page-{number:02d}.png" for number in range(1, len(drawn) + 1)]
    for page, path in zip(drawn, paths, strict=True):
        page.save(path)
    return paths


def room(folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """The folder of a sheet; UserError if it is a file, or holds pages that are not to be replaced."""
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise UserError(f"{folder} is a file: name a folder for the pages.")
    if not overwrite and any(place.glob("page-*.png")):
        raise UserError(f"{folder} holds pages already: name another folder, or pass --overwrite.")
    return place


def pages(cells: Iterable[Image.Image], heading: str) -> Iterator[Image.Image]:
    """Pages of 3 x 4 cells under a heading; the last is as high as it needs to be."""
    every, top = iter(cells), GAP + LINE + GAP
    while group := list(islice(every, COLUMNS * ROWS)):
        rows = -(-len(group) // COLUMNS)
        page = Image.new("RGB", (COLUMNS * (CELL[0] + 2 * GAP), top + rows * (CELL[1] + GAP)), "white")
        ImageDraw.Draw(page).text((GAP, GAP), heading, "black", ImageFont.load_default_imagefont())
        for number, one in enumerate(group):
            row, column = divmod(number, COLUMNS)
            page.paste(one, (GAP + column * (CELL[0] + 2 * GAP), top + row * (CELL[1] + GAP)))
        yield page


def cell(batch: Batch) -> Image.Image:
    """PAN, MS (its pixels as large as they are) and reference of the first patch, and its history in words."""
    image = Image.new("RGB", CELL, "white")
    for column, pixels in enumerate(pictures(batch)):
        image.paste(Image.fromarray(pixels), (column * (TILE + GAP), 0))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default_imagefont()
    lines = [line for text in batch.history.lines(0) for line in textwrap.wrap(text, LETTERS)]
    for number, line in enumerate(_fitting(lines)):
        draw.text((0, TILE + 2 + number * LINE), line, "black", font)
    return image


def _fitting(lines: Sequence[str]) -> list[str]:
    return list(lines) if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1][: LETTERS - 4]} ..."]


def pictures(batch: Batch) -> tuple[Picture, Picture, Picture]:
    """(h, w, 3) of the first patch; MS and reference in one stretch of their first bands as red, green and blue."""
    bands = torch.arange(3) % batch.reference.shape[1] if batch.reference.shape[1] > 2 else torch.zeros(3).long()
    reference, ms = batch.reference[0, bands], batch.lrms[0, bands]
    ratio = batch.sampling.ratio
    large = ms.repeat_interleave(ratio, -2).repeat_interleave(ratio, -1)
    limits = _limits(reference)
    pan = _stretched(batch.pan[0].expand(3, -1, -1), _limits(batch.pan[0]))
    return pan, _stretched(large, limits), _stretched(reference, limits)


def _limits(image: Tensor) -> Tensor:
    """(2, C, 1, 1) of the values that become black and white."""
    ordered = image.flatten(1).quantile(torch.tensor([0.01, 0.99], device=image.device), 1)
    return ordered[..., None, None]


def _stretched(image: Tensor, limits: Tensor) -> Picture:
    scaled = ((image - limits[0]) / (limits[1] - limits[0]).clamp(min=1e-6)).clamp(0, 1)
    return (255 * scaled).round().byte().permute(1, 2, 0).cpu().numpy()

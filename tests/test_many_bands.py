"""Hundreds of bands: what is computed and read grows with their number and no faster; work is counted, not timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pairs import landscape, write_pair
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from anypan.api import fuse
from anypan.fusing import LARGE, LEAST_TILE, MEMORY, tile_size
from anypan.methods import METHODS
from anypan.methods.base import Fuser
from anypan.pair.registration import MOST_BANDS, measure_shift
from anypan.pair.scene import FIT_BLOCK, FIT_VALUES, Patch, Scene, from_arrays
from anypan.raster.read import Raster, Sheet
from anypan.raster.validity import Marks

FEW, MANY = 40, 160
MORE = 1.4  # times the ratio of bands that work may grow by: strips of more bands are shorter, and share more rows


class Counted(TorchDispatchMode):
    """Counts multiplications of matrix products and values that other operations take."""

    def __init__(self) -> None:
        super().__init__()
        self.work = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        sizes = [each.shape for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.bmm):
            self.work += math.prod(sizes[0]) * sizes[1][-1]
        else:
            self.work += sum(map(math.prod, sizes))
        return out


def counted(work: Callable[[], object]) -> int:
    with Counted() as count:
        work()
    return count.work


def arrays(bands: int, side: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """PAN (side, side) and MS of so many bands: four that repeat, each with noise of its own."""
    pan, ms = landscape(side, side, 4)
    noise = np.random.default_rng(0).normal(0, 3, (bands, *ms.shape[1:]))
    return pan.astype("u2"), (ms[np.arange(bands) % 4] * np.linspace(1, 2, bands)[:, None, None] + noise).astype("u2")


@pytest.mark.parametrize("method", ["EXP", "GSA"])
def test_fusing_files_computes_and_reads_in_proportion_to_the_bands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    read, asked = [0], [0]
    reading, asking = Raster._read_sheet, Marks.of.__func__  # type: ignore[attr-defined]

    def read_sheet(self: Raster, sheet: Sheet, picked: list[int], wanted: Any) -> Any:
        found = reading(self, sheet, picked, wanted)
        read[0] += 0 if found is None else found[1].size
        return found

    def of(dataset: Any) -> Marks:
        asked[0] += dataset.count
        return asking(Marks, dataset)

    monkeypatch.setattr(Raster, "_read_sheet", read_sheet)
    monkeypatch.setattr(Marks, "of", of)
    seen = []
    for bands in (FEW, MANY):
        folder = tmp_path / str(bands)
        folder.mkdir()
        files, read[0], asked[0] = write_pair(folder, *arrays(bands)), 0, 0
        work = counted(lambda files=files, out=folder / "out.tif": fuse(*files, out, method))
        seen.append((work, read[0], asked[0]))
    assert all(value > 0 for value in seen[0])
    for few, many in zip(*seen, strict=True):
        assert many <= MORE * MANY / FEW * few


def test_a_network_computes_in_proportion_to_the_bands() -> None:
    seen = []
    for bands in (MOST_BANDS, 2 * MOST_BANDS):
        pan, ms = (torch.from_numpy(image.astype("f4")) for image in arrays(bands, 64))
        scene = from_arrays(pan[None], ms)
        seen.append(counted(lambda scene=scene, pan=pan, ms=ms: METHODS["anypan-s"](scene)(pan[None], ms)))
    assert seen[1] <= MORE * 2 * seen[0]


def test_the_shift_of_many_bands_is_measured_on_means_of_neighbours() -> None:
    found = []
    for bands in (8, MOST_BANDS, MANY):
        pan, ms = (torch.from_numpy(image.astype("f4")) for image in arrays(bands, 192))
        found.append(measure_shift(torch.roll(pan, 1, 0)[None], ms, 4))
    assert all(abs(dy - 1) < 0.1 and abs(dx) < 0.1 and sure > 0.8 for dy, dx, sure in found), found


def test_what_fitting_looks_at_and_tiles_of_many_bands_are_bounded() -> None:
    """However many bands: values that are held at once, down to one block and the least tile."""

    def of(bands: int) -> Scene:
        scene = from_arrays(torch.zeros(1, 16, 16), torch.zeros(1, 4, 4))
        names = tuple(map(str, range(bands)))
        return replace(scene, source=Flat(bands), shape=(4096, 4096), bands=names, gnyq=(0.3,) * bands)

    halo, planes = LARGE
    sides = []
    for bands in (4, 16, 100, 400):
        scene = of(bands)
        seen = sum(patch.core(patch.lrms).numel() for patch in scene.blocks())
        assert FIT_BLOCK**2 * bands <= seen <= max(FIT_VALUES, FIT_BLOCK**2 * bands)
        sides.append(4 * tile_size(scene, None, Fuser))
        assert sides[-1] == LEAST_TILE or 4 * planes * (bands + 1) * (sides[-1] + 2 * halo) ** 2 <= MEMORY
    assert sides == sorted(sides, reverse=True) and sides[0] == 1024 and sides[-1] == LEAST_TILE


class Flat:
    """A source of zeros."""

    def __init__(self, bands: int) -> None:
        self.bands = bands

    def read(self, tile: Any) -> Any:
        _, _, height, width = tile.padded
        zero = torch.zeros(1)
        mask = torch.ones(1, dtype=torch.bool).expand(4 * height, 4 * width)
        pan, lrms = zero.expand(1, 4 * height, 4 * width), zero.expand(self.bands, height, width)
        return Patch(pan, lrms, mask, tile.halo)

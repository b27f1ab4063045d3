"""Nodata never bleeds: a valid pixel of the output depends on valid pixels of the inputs only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from numpy.typing import NDArray
from pairs import NORTH_UP, UTM, landscape, write

from anypan.api import fuse
from anypan.fusing import fuse_scene
from anypan.methods import CLASSICAL, METHODS
from anypan.methods.guard import guarded
from anypan.pair.pair import open_pair
from anypan.pair.scene import Scene

PAN, MS = (image.astype("u2") for image in landscape(144, 120, seed=3))


def _holes() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Valid pixels of PAN and MS: a missing corner, scattered pixels, a stripe."""
    rng = np.random.default_rng(5)
    pan, ms = rng.random(PAN.shape) > 0.001, rng.random(MS.shape[1:]) > 0.002
    rows, cols = np.ogrid[: PAN.shape[0], : PAN.shape[1]]
    pan &= rows + cols > 40
    ms[:, 20:22] = False
    return pan, ms


def _write(
    folder: Path, filler: int, masks: tuple[NDArray[np.bool_], NDArray[np.bool_]], scale: float = 4
) -> list[Path]:
    """A pair with dataset masks whose invalid pixels hold ``filler``."""
    files = []
    for name, image, valid, factor in (("pan", PAN, masks[0], 1), ("ms", MS, masks[1], scale)):
        filled = np.where(valid, image, filler).astype("u2")
        files.append(write(folder / f"{name}.tif", filled, NORTH_UP * Affine.scale(factor), crs=UTM, mask=valid))
    return files


@pytest.mark.parametrize("nodata", [None, 7.0])
def test_masks_of_single_bands_are_masks(tmp_path: Path, nodata: float | None) -> None:
    """Beside the file, one for each band; whatever the user calls nodata, too."""
    masks, outputs = np.full(MS.shape, 255, "u1"), []
    masks[1, 10:14, 5:9] = masks[2, 30:32, 20:22] = 0
    for filler in (400, 600):
        folder = tmp_path / str(filler)
        folder.mkdir()
        pan = write(folder / "pan.tif", PAN, NORTH_UP, crs=UTM)
        ms = write(folder / "ms.tif", np.where(masks, MS, filler).astype("u2"), NORTH_UP * Affine.scale(4), crs=UTM)
        with rasterio.open(write(folder / "ms.tif.msk", masks), "r+", driver="GTiff") as beside:
            beside.update_tags(**{f"INTERNAL_MASK_FLAGS_{band}": "0" for band in beside.indexes})
        fuse(pan, ms, folder / "out.tif", "GSA", nodata=nodata)
        with rasterio.open(folder / "out.tif") as out:
            outputs.append((out.read(), out.dataset_mask() > 0))
    (first, valid), (second, also_valid) = outputs
    assert np.array_equal(first, second) and np.array_equal(valid, also_valid)
    assert np.array_equal(valid, masks.all(0).repeat(4, 0).repeat(4, 1))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Scene]]:
    """The scenes of two pairs that differ in what invalid pixels hold."""
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp("filled") for _ in range(2)]
        files = [_write(folder, filler, _holes()) for folder, filler in zip(folders, (0, 65535), strict=True)]
        yield [stack.enter_context(open_pair(*each)).scene for each in files]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_no_method_sees_invalid_contents(filled: list[Scene], name: str) -> None:
    tile = 64 if name in CLASSICAL else 128
    one, other = (fuse_scene(scene, guarded(METHODS[name], scene), tile) for scene in filled)
    assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["anypan-s", "GSA", "MTF-GLP-HPM-R"])
def test_invalid_contents_do_not_matter(tmp_path: Path, name: str) -> None:
    masks, outputs, tile = _holes(), [], 64 if name in CLASSICAL else 128
    for filler in (0, 65535):
        folder = tmp_path / str(filler)
        folder.mkdir()
        fuse(*_write(folder, filler, masks), folder / "out.tif", name, tile=tile)
        with rasterio.open(folder / "out.tif") as out:
            outputs.append((out.read(), out.dataset_mask() > 0))
    (first, valid), (second, also_valid) = outputs
    assert np.array_equal(first, second) and np.array_equal(valid, also_valid)
    assert np.array_equal(valid, masks[0] & masks[1].repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize("scale", [3.97, 4.4])
def test_nor_where_the_ms_is_resampled(tmp_path: Path, scale: float) -> None:
    outputs = []
    for filler in (0, 65535):
        folder = tmp_path / str(filler)
        folder.mkdir()
        files = _write(folder, filler, _holes(), scale)
        fuse(*files, folder / "out.tif", "EXP", tile=64, register=False)
        with rasterio.open(folder / "out.tif") as out:
            outputs.append((out.read(), out.dataset_mask() > 0))
    assert np.array_equal(outputs[0][0], outputs[1][0]) and np.array_equal(outputs[0][1], outputs[1][1])
    assert 0.7 < outputs[0][1].mean() < 0.99


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_a_number_counts_as_invalid(bad: float) -> None:
    pan, ms = PAN.astype("f4"), MS.astype("f4")
    pan[100, 100], ms[1, 30, 20] = bad, bad
    fused = fuse(pan, ms, method="EXP", register=False)
    wrong = np.zeros(PAN.shape, bool)
    wrong[100, 100] = wrong[120:124, 80:84] = True
    assert np.array_equal(np.isnan(fused), np.broadcast_to(wrong, fused.shape))


def test_valid_pixels_are_never_nodata(tmp_path: Path) -> None:
    pan, ms = PAN.copy(), MS.copy()
    ms[:, 20:30, 20:30] = 1  # the expansion swings below zero around it
    files = [write(tmp_path / "pan.tif", pan, nodata=0), write(tmp_path / "ms.tif", ms, nodata=0)]
    fuse(*files, tmp_path / "out.tif", "EXP", register=False)
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.nodata == 0 and (out.read() > 0).all()


def test_outside_of_the_ms_is_nodata_and_inside_is_not(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM),
        write(tmp_path / "ms.tif", MS[:, 10:40, 5:], NORTH_UP * Affine.translation(20, 40) * Affine.scale(4), crs=UTM),
    ]
    fuse(*files, tmp_path / "out.tif", "EXP", tile=64)
    expected = np.zeros(PAN.shape, bool)
    expected[40:, 20:] = True
    with rasterio.open(tmp_path / "out.tif") as out:
        assert np.array_equal(out.dataset_mask() > 0, expected) and out.nodata is None


@pytest.mark.parametrize("seed", range(4))
def test_fill_in_some_bands_of_a_resampled_ms_never_becomes_data(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ms = np.where(rng.random(MS.shape) < 0.02, -9999, MS.astype("i4")).astype("i2")
    scale = float(rng.uniform(3.2, 4.8))
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    file = write(tmp_path / "ms.tif", ms, NORTH_UP * Affine.scale(scale), crs=UTM, nodata=-9999)
    fuse(pan, file, tmp_path / "out.tif", "EXP", register=False, force=True)  # of another scale than the PAN's ground
    with rasterio.open(tmp_path / "out.tif") as out:
        image = out.read()[:, out.dataset_mask() > 0]
    swing = (MS.max() - MS.min()) // 2
    assert image.size and image.min() > MS.min() - swing and image.max() < MS.max() + swing


def test_a_result_that_is_no_number_is_an_error_and_no_file(tmp_path: Path) -> None:
    from anypan.raster.format import Format
    from anypan.runtime.errors import UserError

    valid = np.ones((2, 2), bool)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(UserError, match="no finite number in 1 valid"):
            Format("uint16").encode(np.array([[[1, bad], [3, 4]]], "f4"), valid)

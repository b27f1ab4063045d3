"""Images that are coarser than their pixels are said to be, and sound ones are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
import torch.nn.functional as F
from affine import Affine
from numpy.typing import NDArray
from pairs import NORTH_UP, UTM, landscape, write, write_pair

import anypan
from anypan import raster

PAN, MS = landscape(256, 256)


def _notes(folder: Path, pan: NDArray[np.float32], ms: NDArray[np.float32], ratio: int) -> tuple[str, ...]:
    files = write_pair(folder, pan.astype("u2"), ms.astype("u2"), ratio=ratio)
    return tuple(
        note for note in anypan.plan(*files, method="EXP").notes if "pixels" in note and "PAN pixels" not in note
    )


def _enlarged(image: NDArray[np.float32], mode: str, times: int) -> NDArray[np.float32]:
    return F.interpolate(torch.from_numpy(image)[None], scale_factor=times, mode=mode, align_corners=False)[0].numpy()


def test_a_sound_pair_has_detail_as_fine_as_its_pixels(tmp_path: Path) -> None:
    assert not _notes(tmp_path, PAN, MS, 4)


@pytest.mark.parametrize(("mode", "times"), [("bilinear", 2), ("bicubic", 2), ("bilinear", 4)])
@pytest.mark.parametrize("who", ["pan", "ms"])
def test_what_was_enlarged_is_said(tmp_path: Path, who: str, mode: str, times: int) -> None:
    pan, coarse = landscape(256, 256, ratio=4 * times)
    ms = _enlarged(coarse, mode, times)
    if who == "pan":
        pan, ms = _enlarged(MS[:1], mode, 4)[0], MS
    (said,) = _notes(tmp_path, pan, ms, 4)
    assert f"{who}.tif" in said and "enlarged" in said and "gdalwarp" in said


def test_one_band_in_blocks_is_said_with_the_way_out(tmp_path: Path) -> None:
    ms = MS.copy()
    ms[2] = np.kron(ms[2, ::2, ::2], np.ones((2, 2)))
    (said,) = _notes(tmp_path, PAN, ms, 4)
    assert "Band 3" in said and "2 x 2" in said and "--reference-bands 3" in said


def test_a_pan_in_blocks_is_said(tmp_path: Path) -> None:
    (said,) = _notes(tmp_path, np.kron(PAN[::2, ::2], np.ones((2, 2), np.float32)), MS, 4)
    assert "pan.tif" in said and "2 x 2" in said


def test_of_real_scenes_only_enlarged_bands_are(real_scenes: list[Path]) -> None:
    for path in (file for folder in real_scenes for file in sorted(folder.glob("*.tif"))):
        with raster.environment():
            opened = raster.open_raster([path])
            assert not raster.coarse_notes(opened), path
            opened.close()


def test_an_ms_in_the_pixels_of_the_pan_is_told_what_to_do(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN, _enlarged(MS, "bilinear", 4), ratio=1)
    with pytest.raises(anypan.UserError, match=r"as if it had been enlarged.*gdalwarp"):
        anypan.plan(*files)


@pytest.mark.parametrize("who", ["pan", "ms"])
def test_float64_that_32_bits_round_to_a_constant_is_refused_as_such(tmp_path: Path, who: str) -> None:
    images = {"pan": PAN.astype("f8"), "ms": MS.astype("f8")}
    images[who] = images[who] / 1000 + 3e9
    with pytest.raises(anypan.UserError, match="32-bit floats"):
        anypan.plan(*write_pair(tmp_path, images["pan"], images["ms"]))


# --- alpha ---

BITS = [(image - image.min()) / (image.max() - image.min()) * 180 + 40 for image in (PAN, MS)]
FULL = np.zeros((64, 64))
FULL[8:56, 8:56] = 255


def _four(folder: Path, fourth: NDArray[np.float64], **options: object) -> tuple[int, tuple[str, ...]]:
    """Bands of what an RGB and a fourth band, labelled alpha, become, and the notes on it."""
    ms = np.concatenate([BITS[1], fourth[None]]).astype("u1")
    kinds = {"photometric": "RGB", "alpha": "YES", "crs": UTM}
    files = (
        write(folder / "pan.tif", BITS[0].astype("u1"), NORTH_UP, crs=UTM),
        write(folder / "ms.tif", ms, NORTH_UP * Affine.scale(4), **kinds),
    )
    report = anypan.fuse(*files, folder / "out.tif", "EXP", overwrite=True, **options)
    with rasterio.open(report.output) as out:
        assert out.dataset_mask().any()
        return out.count, tuple(note for note in report.notes if "labelled alpha" in note)


@pytest.mark.parametrize("feather", [0, 3, 9, 19])
def test_feathered_alpha_is_transparency(tmp_path: Path, feather: int) -> None:
    edge = torch.from_numpy(FULL)[None]
    for _ in range(2 if feather else 0):
        edge = F.avg_pool2d(edge, feather, 1, feather // 2)
    count, (said,) = _four(tmp_path, edge[0].numpy())
    assert count == 3 and "transparency" in said and "--alpha none" in said
    assert _four(tmp_path, edge[0].numpy(), alpha=0) == (4, ())


@pytest.mark.parametrize("saturated", [0.0, 0.3, 0.7])
def test_a_near_infrared_band_labelled_alpha_can_always_be_had(tmp_path: Path, saturated: float) -> None:
    infrared = BITS[1][1].copy()
    infrared[infrared >= np.quantile(infrared, 1 - saturated)] = 255
    count, (said,) = _four(tmp_path, infrared)
    assert (count, "none" in said) == ((3, True) if saturated > 0.5 else (4, False))
    assert _four(tmp_path, infrared, bands=[1, 2, 3, 4]) == (4, ())
    assert _four(tmp_path, infrared, bands=[4])[0] == 1
    assert _four(tmp_path, infrared, alpha=4)[0] == 3
    with pytest.raises(anypan.UserError, match="no band 7"):
        _four(tmp_path, infrared, alpha=7)


def test_plain_ground_in_near_infrared_is_no_feathered_alpha(tmp_path: Path) -> None:
    rows, cols = np.indices(FULL.shape)
    assert _four(tmp_path, (90 - rows * 20 / len(FULL) - cols * 5 / len(FULL)).astype("u1"))[0] == 4


def test_what_is_said_of_the_alpha_of_a_pan_names_no_option_of_the_ms(tmp_path: Path) -> None:
    clear = np.kron(FULL, np.ones((4, 4)))[None]
    kinds = {"photometric": "MINISBLACK", "alpha": "YES", "crs": UTM}
    pan = write(tmp_path / "pan.tif", np.concatenate([BITS[0][None], clear]).astype("u1"), NORTH_UP, **kinds)
    ms = write(tmp_path / "ms.tif", BITS[1].astype("u1"), NORTH_UP * Affine.scale(4), crs=UTM)
    notes = [note for note in anypan.plan(pan, ms, method="EXP").notes if "labelled alpha" in note]
    assert len(notes) == 1 and "--alpha" not in notes[0]

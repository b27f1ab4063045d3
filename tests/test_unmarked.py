"""Fill that no header marks is found, said and masked as if the user had named it; what is image never is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pairs import NORTH_UP, UTM, landscape, write

import anypan
from anypan import raster

SIDE, RATIO, BANDS = 192, 4, 3
ROWS, COLS = np.mgrid[:SIDE, :SIDE] - SIDE / 2
TURNED = (abs(0.9 * ROWS + 0.35 * COLS) < 71) & (abs(0.9 * COLS - 0.35 * ROWS) < 71)
BORDER = (ROWS >= -72) & (COLS < 80)
BLOCK = ~((abs(ROWS) < 24) & (abs(COLS - 40) < 32))
SPECKLED = np.kron(np.random.default_rng(1).random((SIDE // RATIO,) * 2) > 0.02, np.ones((RATIO, RATIO))) > 0
PLACES = {"turned": TURNED, "border": BORDER, "block": BLOCK, "speckled": SPECKLED}
FILLS = (
    ("uint8", 0),
    ("uint8", 255),
    ("uint16", 0),
    ("uint16", 65535),
    ("int16", -9999),
    ("int16", -32768),
    ("int32", -2147483648),
    ("uint32", 0),
    ("float32", -9999.0),
    ("float32", -3.4028234663852886e38),
    ("float32", 0.0),
    ("float64", -9999.0),
)


def _pair(dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """PAN and MS: of whole numbers below 256 or up to 2000, of floats reflectance."""
    pan, ms = landscape(SIDE, SIDE, BANDS, RATIO, seed=7)
    low, high = min(pan.min(), ms.min()), max(pan.max(), ms.max())
    gain, offset = {"uint8": (170, 40), "float32": (0.3, 0.02), "float64": (0.3, 0.02)}.get(dtype, (1500, 200))
    pan, ms = ((image - low) / (high - low) * gain + offset for image in (pan, ms))
    return (pan, ms) if dtype.startswith("float") else (np.rint(pan), np.rint(ms))


def _files(folder: Path, pan: NDArray[Any], ms: NDArray[Any], dtype: str) -> tuple[Path, Path]:
    return (
        write(folder / "pan.tif", pan.astype(dtype), NORTH_UP, crs=UTM),
        write(folder / "ms.tif", ms.astype(dtype), NORTH_UP * Affine.scale(RATIO), crs=UTM),
    )


def _fused(files: tuple[Path, Path], out: Path, **options: Any) -> tuple[NDArray[Any], NDArray[Any], tuple[str, ...]]:
    done = anypan.fuse(*files, out, "EXP", register=False, overwrite=True, **options)
    with rasterio.open(out) as file:
        return file.read(), file.dataset_mask() > 0, done.notes


def _low(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return valid.reshape(SIDE // RATIO, RATIO, SIDE // RATIO, RATIO).all((1, 3))


EVERY = [(*each, "both", "turned") for each in FILLS]  # every fill, and every place with a fill of each kind
KINDS = (("uint8", 0), ("uint8", 255), ("uint16", 65535), ("int16", -9999), ("float32", -3.4028234663852886e38))
ALONE = (("pan", "border"), ("ms", "turned"), ("ms", "block"), ("ms", "speckled"))
EVERY += [(*each, *ALONE[(n + k) % 4]) for n, each in enumerate((*KINDS, ("float64", -9999.0))) for k in (0, 3)]


@pytest.mark.parametrize(("dtype", "fill", "who", "where"), EVERY)
def test_unmarked_fill_is_as_if_it_had_been_named(
    tmp_path: Path, dtype: str, fill: float, where: str, who: str
) -> None:
    pan, ms = _pair(dtype)
    inside = PLACES[where]
    pan = np.where(inside, pan, fill) if who != "ms" else pan
    ms = np.where(_low(inside), ms, fill) if who != "pan" else ms
    files = _files(tmp_path, pan, ms, dtype)
    found, valid, notes = _fused(files, tmp_path / "found.tif")
    options = {"nodata": fill if who != "pan" else None, "pan_nodata": fill if who != "ms" else None}
    named, also, _ = _fused(files, tmp_path / "named.tif", **options)
    assert np.array_equal(valid, also) and not valid.all()
    assert np.array_equal(found[:, valid], named[:, valid])
    assert (found[:, ~valid] == np.dtype(dtype).type(fill)).all(), "the frame of fill is kept"
    for option in ({"both": ("--nodata", "--pan-nodata"), "pan": ("--pan-nodata",), "ms": ("--nodata",)})[who]:
        assert any(f"holds {fill:.10g} in" in note and f"; {option} names it" in note for note in notes)
    image, spread = ms[:, _low(inside)], np.ptp(ms[:, _low(inside)])
    assert image.min() - spread < found[:, valid].min() and found[:, valid].max() < image.max() + spread


@pytest.mark.parametrize("fill", [-9999, -32768, 30000])
def test_fill_in_some_bands(tmp_path: Path, fill: int) -> None:
    pan, ms = _pair("int16")
    ms[1, 20:30, 30:34], ms[2, :, -3:] = fill, fill
    found, valid, notes = _fused(_files(tmp_path, pan, ms, "int16"), tmp_path / "out.tif")
    wrong = np.kron((ms == fill).any(0), np.ones((RATIO, RATIO))) > 0
    assert np.array_equal(valid, ~wrong) and (found[:, wrong] == fill).all()
    assert any(f"holds {fill} in several pixels" in note for note in notes)


def _seen(mask: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The share of each pixel of PAN and MS that a mask on the PAN grid takes, as an instrument sees it."""
    part = np.pad(mask.astype(float), 1, mode="edge")
    part = sum(part[r : r + SIDE, c : c + SIDE] for r in range(3) for c in range(3)) / 9
    return part, part.reshape(SIDE // RATIO, RATIO, SIDE // RATIO, RATIO).mean((1, 3))


def _with(image: NDArray[Any], part: NDArray[Any], value: NDArray[Any] | float, top: float) -> NDArray[Any]:
    return np.rint(image * (1 - part) + part * value).clip(0, top)


@pytest.mark.parametrize("where", ["turned", "border"])
@pytest.mark.parametrize(("dtype", "fill"), [("uint8", 128), ("uint16", 700), ("float32", 0.125)])
def test_a_frame_of_a_value_that_the_image_has_too_is_told_by_its_straight_edges(
    dtype: str, fill: float, where: str
) -> None:
    inside = PLACES[where]
    pairs = zip(_pair(dtype), (inside, _low(inside)), strict=True)
    for image, part in list(pairs)[dtype == "uint8" :]:  # in one band of 8 bits too many pixels hold it by chance
        found = raster.without_unmarked(
            raster.in_memory(np.where(part, image, fill).reshape(-1, *part.shape), "it"), ""
        )
        valid = found.read(0, 0, *part.shape)[1]
        assert not valid[~part].any() and valid[part].mean() > 0.99


@pytest.mark.parametrize("fill", [-9999, -32768, 65535])
def test_one_pixel_of_a_usual_fill_is_enough(tmp_path: Path, fill: int) -> None:
    dtype = "int32"
    pan, ms = _pair("int16")
    ms[:, 20, 31] = fill
    _, valid, notes = _fused(_files(tmp_path, pan, ms, dtype), tmp_path / "out.tif")
    assert not valid[80:84, 124:128].any() and valid.sum() == SIDE**2 - RATIO**2
    assert any(f"{fill}" in note and "--nodata names it" in note for note in notes)


CLOUD = np.hypot(ROWS + 128, COLS + 128) < 140 + 20 * np.sin(ROWS / 9) + 12 * np.sin(COLS / 5)
LAKES = {"corner": np.hypot(ROWS + 128, COLS + 128) < 120, "middle": np.hypot(ROWS, 0.6 * COLS) < 50}


@pytest.mark.parametrize("lake", LAKES)
@pytest.mark.parametrize("mean", [-20.0, -3.0, -1.0, 0.0, 1.0])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_dark_water_cut_at_zero_is_image(tmp_path: Path, dtype: str, mean: float, lake: str) -> None:
    rng = np.random.default_rng(3)
    pan, ms = (
        _with(image, part, rng.normal(mean, 1.5, image.shape), 65535)
        for image, part in zip(_pair(dtype), _seen(LAKES[lake]), strict=True)
    )
    _, valid, notes = _fused(_files(tmp_path, pan, ms, dtype), tmp_path / "out.tif")
    assert valid.all() and not any("taken for fill" in note for note in notes)


@pytest.mark.parametrize("corner", [True, False])
def test_one_band_of_nothing_is_said_and_left(tmp_path: Path, corner: bool) -> None:
    pan, ms = _pair("uint16")
    at = slice(0, 24) if corner else slice(20, 44)
    ms[2, at, at] = 0
    _, valid, notes = _fused(_files(tmp_path, pan, ms, "uint16"), tmp_path / "out.tif")
    assert valid.all() and not any("taken for fill" in note for note in notes)
    assert any("Band 3 of" in note and "pass --nodata 0" in note for note in notes) == corner


@pytest.mark.parametrize("bright", [1.05, 1.5, 3.0])
@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 2047), ("uint16", 4095), ("uint16", 65535)])
def test_saturated_cloud_is_image(tmp_path: Path, dtype: str, top: int, bright: float) -> None:
    pan, ms = (_with(image, part, bright * top, top) for image, part in zip(_pair(dtype), _seen(CLOUD), strict=True))
    _, valid, notes = _fused(_files(tmp_path, pan, ms, dtype), tmp_path / "out.tif")
    assert (ms == top).all(0).mean() > 0.05
    assert valid.all() and not any("taken for fill" in note for note in notes)


def test_nan_as_the_value_says_that_there_is_no_fill(tmp_path: Path) -> None:
    pan, ms = _pair("uint16")
    files = _files(tmp_path, pan * TURNED, ms * _low(TURNED), "uint16")
    _, valid, notes = _fused(files, tmp_path / "out.tif", nodata=np.nan, pan_nodata=np.nan)
    assert valid.all() and not any("fill" in note for note in notes)


def test_a_constant_pan_and_a_constant_band_are_no_fill() -> None:
    pan, ms = _pair("uint16")
    assert np.array_equal(anypan.fuse(pan, np.concatenate([ms, 0 * ms[:1]]), method="EXP")[3], 0 * pan)
    with pytest.raises(anypan.UserError, match="constant"):
        anypan.fuse(0 * pan, ms)


@pytest.mark.parametrize("strip", [2**9, 2**13])
def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch, strip: int) -> None:
    _, ms = _pair("uint16")
    image = raster.in_memory(ms * _low(TURNED), "it")
    whole = raster.without_unmarked(image, "--nodata")
    monkeypatch.setattr("anypan.raster.unmarked.STRIP", strip)
    parts = raster.without_unmarked(image, "--nodata")
    size = (0, 0, *image.shape)
    assert np.array_equal(whole.read(*size)[1], parts.read(*size)[1]) and whole.notes == parts.notes
    assert np.array_equal(whole.read(*size)[1], _low(TURNED))
    assert np.array_equal(parts.read(5, 7, 30, 21)[1], _low(TURNED)[5:35, 7:28])


def test_real_scenes_have_the_fill_that_they_have(shared: Path) -> None:
    """One of them is turned in a frame of 0; clouds, snow, sea and 8 bits of the others are image."""
    found = {}
    for path in sorted(shared.glob("scenes*/*/*.tif")):
        with raster.environment():
            opened = raster.open_raster([path])
            found[f"{path.parent.name}/{path.name}"] = raster.without_unmarked(opened, "").filler
            opened.close()
    assert len(found) > 60
    assert {name: value for name, value in found.items() if value is not None} == {
        "wv2-02/pan.tif": 0,
        "wv2-02/ms.tif": 0,
    }


@pytest.mark.parametrize("levels", [14, 30])
@pytest.mark.parametrize("place", ["anywhere", "corner"])
def test_levels_with_gaps_between_are_no_fill(tmp_path: Path, levels: int, place: str) -> None:
    """As of an image of few levels that was stretched over all of 8 bits, its darkest part to 0."""
    ground = 2 + np.cos(ROWS / 17) + np.cos(COLS / 23)
    ground = (
        ground if place == "anywhere" else ground + 2 * ((ROWS < -40) & (COLS < -40)) / (1 + 0.01 * (ROWS - COLS) ** 2)
    )
    low, high = np.quantile(ground, (0.05, 1))
    pan = np.rint(levels * ((ground - low) / (high - low)).clip(0, 1)) * (255 // levels)
    ms = pan.reshape(SIDE // RATIO, RATIO, SIDE // RATIO, RATIO).mean((1, 3))[None].repeat(BANDS, 0)
    _, valid, notes = _fused(_files(tmp_path, pan, np.rint(ms), "uint8"), tmp_path / "out.tif")
    assert valid.all() and not any("fill" in note for note in notes)


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 2047)])
def test_a_saturated_roof_in_a_corner_is_image_and_said(tmp_path: Path, dtype: str, top: int) -> None:
    pan, ms = _pair(dtype)
    span = top / max(pan.max(), ms.max())
    pan, ms = np.rint(pan * span), np.rint(ms * span)
    pan[:44, :52], ms[:, :11, :13] = top, top
    _, valid, notes = _fused(_files(tmp_path, pan, ms, dtype), tmp_path / "out.tif")
    assert valid.all() and sum(f"holds {top} in a corner" in note for note in notes) == 2

"""PAN and MS that rational polynomials place: warped to a map, held against a ground whose every value is known.

The ground is a function of place and the sensor's polynomials are chosen, so that each pixel of PAN and MS is the
function at the place where its ray meets the terrain, found here by iteration.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from pairs import landscape, read, write_pair
from rasterio.rpc import RPC
from rasterio.warp import transform
from rasterio.windows import Window

from anypan.api import fuse, plan
from anypan.cli import cli
from anypan.pair.pair import open_pair
from anypan.raster.format import format_of
from anypan.raster.opened import open_raster
from anypan.raster.write import Writer
from anypan.runtime.errors import UserError

LON, LAT, SIZE, RATIO = 15.0, 45.0, 240, 4  # the middle of the scene, PAN pixels
DEGREES = 2e-3  # that the polynomials span from their middle: about 200 m
HEIGHT = 250.0  # metres, that they begin at
METRE = 0.8  # roughly a pixel
LEAN = 0.6  # PAN pixels that a metre of height moves a place by


def _polynomials(ratio: int = 1) -> RPC:
    """Rows run south and a little east, columns east and a little south; both with curvature and a lean."""
    north, east = 111_000 * DEGREES / METRE, 79_000 * DEGREES / METRE  # PAN pixels
    line = np.zeros(20)
    line[[0, 1, 2, 3, 7, 4]] = 0, 0.08 * east, -north, 0.5 * LEAN * 100, 0.9, 0.6  # 1, L, P, H, L2, L P
    samp = np.zeros(20)
    samp[[0, 1, 2, 3, 8, 4]] = 0, east, 0.06 * north, -LEAN * 100, 0.7, -0.8
    below = np.zeros(20)
    below[[0, 1, 2]] = 1, 1e-4, -2e-4
    scale = 300.0
    middle = ((SIZE - 1) / 2 + 0.5) / ratio - 0.5  # pixel centres are whole numbers
    return RPC(
        HEIGHT, 100.0, LAT, DEGREES, below.tolist(), (line / scale).tolist(), middle, scale / ratio,
        LON, DEGREES, below.tolist(), (samp / scale).tolist(), middle, scale / ratio,
    )  # fmt: skip


def _terms(lon: np.ndarray, lat: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The twenty terms of RPC00B."""
    a, b, c = (lon - LON) / DEGREES, (lat - LAT) / DEGREES, (height - HEIGHT) / 100
    one = np.ones_like(a)
    return np.stack([one, a, b, c, a * b, a * c, b * c, a * a, b * b, c * c, a * b * c, a**3, a * b * b, a * c * c,
                     a * a * b, b**3, b * c * c, a * a * c, b * b * c, c**3])  # fmt: skip


def _image_of(rpc: RPC, lon: np.ndarray, lat: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    terms = _terms(lon, lat, height)
    parts = (np.tensordot(np.array(c), terms, 1) for c in (rpc.line_num_coeff, rpc.line_den_coeff, rpc.samp_num_coeff,
                                                            rpc.samp_den_coeff))  # fmt: skip
    above, below, right, under = parts
    return above / below * rpc.line_scale + rpc.line_off, right / under * rpc.samp_scale + rpc.samp_off


def _relief(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """A hill of 60 m on a slope."""
    a, b = (lon - LON) / 1e-3, (lat - LAT) / 1e-3
    return HEIGHT + 12 * a - 8 * b + 60 * np.exp(-(a * a + b * b) / 0.8)


def _value(across: np.ndarray, down: np.ndarray, band: float) -> np.ndarray:
    """The ground's value at places in UTM: waves of 9 to 40 m, of which bands take other mixtures."""
    x, y = across - 500_000, down - 4_983_000
    waves = np.sin(x / 2.1 + 0.4) * np.cos(y / 2.7) + np.sin((x + y) / 4.9) + 1.5 * np.cos((x - 2 * y) / 13.0 + band)
    return 500 + 60 * waves + 20 * band * np.sin((2 * x + y) / 31.0)


def _seen(rpc: RPC, shape: tuple[int, int], flat: bool) -> tuple[np.ndarray, np.ndarray]:
    """Places in UTM (E, N) where the rays of all pixels meet the ground: Newton with differences."""
    rows, cols = np.meshgrid(np.arange(shape[0], dtype=float), np.arange(shape[1], dtype=float), indexing="ij")
    lon, lat = np.full(shape, LON), np.full(shape, LAT)
    step = 1e-7
    for _ in range(12):
        height = np.full(shape, HEIGHT) if flat else _relief(lon, lat)
        r, c = _image_of(rpc, lon, lat, height)
        height_l, height_p = (height, height) if flat else (_relief(lon + step, lat), _relief(lon, lat + step))
        rl, cl = _image_of(rpc, lon + step, lat, height_l)
        rp, cp = _image_of(rpc, lon, lat + step, height_p)
        j = np.array([[rl - r, rp - r], [cl - c, cp - c]]) / step
        det = j[0, 0] * j[1, 1] - j[0, 1] * j[1, 0]
        dr, dc = rows - r, cols - c
        lon, lat = lon + (j[1, 1] * dr - j[0, 1] * dc) / det, lat + (j[0, 0] * dc - j[1, 0] * dr) / det
    assert np.hypot(dr, dc).max() < 1e-4
    east, north = transform("EPSG:4326", "EPSG:32633", lon.ravel().tolist(), lat.ravel().tolist())
    return np.reshape(east, shape), np.reshape(north, shape)


def _write(path: Path, image: np.ndarray, rpc: RPC, **more: object) -> Path:
    profile = {"driver": "GTiff", "count": len(image), "height": image.shape[1], "width": image.shape[2]}
    with rasterio.open(path, "w", **profile, dtype="uint16", **more) as file:
        file.write(np.rint(image).astype("u2"))
        file.rpcs = rpc
    return path


@cache
def _ground(flat: bool) -> np.ndarray:
    """The ground's three bands, as the PAN's rays meet it."""
    east, north = _seen(_polynomials(), (SIZE, SIZE), flat)
    return np.stack([_value(east, north, band) for band in (-1.0, 0.0, 1.0)])


def _pair(folder: Path, flat: bool = False, stem: str = "", **more: object) -> tuple[Path, Path]:
    """PAN and MS as the sensor sees the ground; MS pixels are means of 4 x 4 PAN pixels."""
    bands = _ground(flat)
    low = bands.reshape(3, SIZE // RATIO, RATIO, SIZE // RATIO, RATIO).mean((2, 4))
    pan = _write(folder / f"{stem}pan.tif", bands.mean(0)[None], _polynomials(), **more)
    return pan, _write(folder / f"{stem}ms.tif", low, _polynomials(RATIO), **more)


def _model(folder: Path) -> Path:
    step = 1e-5 * 4
    lon, lat = (np.arange(-100, 101) * step + middle for middle in (LON, LAT))
    heights = _relief(*np.meshgrid(lon, lat[::-1])).astype("f4")
    place = Affine(step, 0, lon[0] - step / 2, 0, -step, lat[-1] + step / 2)
    profile = {"driver": "GTiff", "count": 1, "height": 201, "width": 201, "dtype": "float32"}
    with rasterio.open(folder / "dem.tif", "w", **profile, transform=place, crs="EPSG:4326") as file:
        file.write(heights, 1)
    return folder / "dem.tif"


def _off(path: Path) -> float:
    """The largest shift, in PAN pixels, of any of 9 parts of a file from the ground: least squares on its slopes."""
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 32633 and not file.rpcs
        image, valid, place = file.read().astype(float).mean(0), file.dataset_mask() > 0, file.transform
    rows, cols = np.meshgrid(*(np.arange(n) + 0.5 for n in image.shape), indexing="ij")
    east, north = place.c + cols * place.a, place.f + rows * place.e
    truth = np.mean([_value(east, north, band) for band in (-1.0, 0.0, 1.0)], 0)
    slopes = np.gradient(truth)
    found = []
    for part in (np.s_[r : r + 60, c : c + 60] for r in (40, 100, 160) for c in (40, 100, 160)):
        at = valid[part]
        if at.mean() < 0.9:
            continue
        sides = np.stack([slopes[0][part][at], slopes[1][part][at], np.ones(at.sum())], 1)
        found.append(np.hypot(*np.linalg.lstsq(sides, (image - truth)[part][at], rcond=None)[0][:2]))
    assert len(found) >= 6
    return max(found)


def test_files_with_rpc_are_refused_and_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rational polynomials .* only: pass --orthorectify, with an elevation model"):
        plan(*_pair(tmp_path, flat=True))


def test_with_an_elevation_model_places_hold_to_three_tenths_of_a_pixel(tmp_path: Path) -> None:
    files, model = _pair(tmp_path), _model(tmp_path)
    fuse(*files, tmp_path / "out.tif", "MTF-GLP", orthorectify=model, tile=64, register=False)
    assert _off(tmp_path / "out.tif") < 0.3
    fuse(*files, tmp_path / "flat.tif", "MTF-GLP", orthorectify=True, register=False)
    assert _off(tmp_path / "flat.tif") > 0.6  # the terrain matters here


def test_a_void_of_the_model_costs_what_lies_over_it_and_is_said(tmp_path: Path) -> None:
    files, model = _pair(tmp_path), _model(tmp_path)
    fuse(*files, tmp_path / "whole.tif", "EXP", orthorectify=model)
    with rasterio.open(model, "r+") as file:
        file.nodata = -1
        file.write(np.full((1, 3, 3), -1, "f4"), window=Window(90, 110, 3, 3))  # 3 x 3 of 201 x 201 cells
    report = fuse(*files, tmp_path / "out.tif", "EXP", orthorectify=model)
    valid = [rasterio.open(tmp_path / name).dataset_mask() > 0 for name in ("whole.tif", "out.tif")]
    assert 100 < np.count_nonzero(valid[0] & ~valid[1]) < 2500 and not (valid[1] & ~valid[0]).any()
    assert sum("has no height for" in note for note in report.notes) == 2


def test_a_model_of_another_place_and_images_of_two_places_are_refused_as_such(tmp_path: Path) -> None:
    (pan, ms), model = _pair(tmp_path), _model(tmp_path)
    with rasterio.open(model, "r+") as file:
        file.transform = Affine.translation(20, 10) * file.transform
    with pytest.raises(UserError, match=r"elevation model show the same place|does not cover"):
        plan(pan, ms, orthorectify=model)
    with rasterio.open(ms, "r+") as file:
        file.rpcs = RPC(**{**file.rpcs.to_dict(), "long_off": LON + 1})
    with pytest.raises(UserError, match="do not overlap on the map"):
        plan(pan, ms, orthorectify=True)


def test_on_level_ground_one_height_is_enough(tmp_path: Path) -> None:
    files = _pair(tmp_path, flat=True)
    report = fuse(*files, tmp_path / "out.tif", "MTF-GLP", orthorectify=True)
    assert _off(tmp_path / "out.tif") < 0.3
    assert any("one height, 250 m" in note for note in report.notes)
    assert np.hypot(*report.shift) < 0.3 and report.ratio == RATIO  # PAN and MS lie on each other


def test_tiles_and_windows_do_not_show(tmp_path: Path) -> None:
    files, model = _pair(tmp_path), _model(tmp_path)
    whole = fuse(*files, method="EXP", orthorectify=model)
    assert np.array_equal(whole, fuse(*files, method="EXP", orthorectify=model, tile=48))


@pytest.mark.parametrize("kind", ["RPB", "RPCTXT"])
def test_polynomials_in_files_beside_do_as_well(tmp_path: Path, kind: str) -> None:
    tags = _pair(tmp_path, flat=True)
    files = _pair(tmp_path, flat=True, stem="side_", PROFILE="BASELINE", **{kind: "YES"})
    assert any(path.suffix.upper() == ".RPB" or path.name.endswith("_RPC.TXT") for path in tmp_path.iterdir())
    one, two = (fuse(*each, method="EXP", orthorectify=True) for each in (tags, files))
    assert np.abs(one.astype(int) - two.astype(int)).max() <= 1


def test_an_ms_with_a_place_gives_the_map(tmp_path: Path) -> None:
    pan, ms = _pair(tmp_path, flat=True)
    fuse(pan, ms, tmp_path / "ortho.tif", "EXP", orthorectify=True)
    with rasterio.open(tmp_path / "ortho.tif") as file:
        image, place = file.read(), file.transform
    image, place = image[:, 40:200, 40:200], place * Affine.translation(40, 40)
    profile = {"driver": "GTiff", "height": 40, "width": 40, "dtype": "uint16", "crs": "EPSG:32633"}
    with rasterio.open(tmp_path / "map.tif", "w", count=3, **profile, transform=place * Affine.scale(4)) as file:
        file.write(image.reshape(3, 40, 4, 40, 4).mean((2, 4)).astype("u2"))
    with open_pair(pan, tmp_path / "map.tif", orthorectify=True) as pair:
        assert pair.grid.shape == (160, 160) and pair.grid.transform.almost_equals(place)


def _cut(path: Path, rows: int, cols: int, moved: bool = True) -> list[Path]:
    """The file as four tiles that do not begin in its first pixel's order; their polynomials begin where they do."""
    with rasterio.open(path) as file:
        image, rpc = file.read(), file.rpcs
    found = []
    for top, left in ((rows, cols), (0, 0), (0, cols), (rows, 0)):
        part = image[:, top : top + rows if top == 0 else None, left : left + cols if left == 0 else None]
        own = RPC(**{**rpc.to_dict(), "line_off": rpc.line_off - top, "samp_off": rpc.samp_off - left})
        name = f"{path.stem}_R{1 + (top > 0)}C{1 + (left > 0)}.tif"
        found.append(_write(path.with_name(name), part, own if moved else rpc))
    return found


def test_tiles_that_polynomials_place_are_one_image(tmp_path: Path) -> None:
    pan, ms = _pair(tmp_path, flat=True)
    whole = fuse(pan, ms, method="EXP", orthorectify=True)
    tiles = _cut(ms, 25, 33)
    assert np.array_equal(whole, fuse(pan, tiles, method="EXP", orthorectify=True))
    with pytest.raises(UserError, match="pass --orthorectify"):
        plan(pan, tiles)


@pytest.mark.parametrize("moved", [True, False])
def test_a_mosaic_has_the_polynomials_of_its_own_pixels_or_none(tmp_path: Path, moved: bool) -> None:
    """Of tiles that a map places, too, whichever is named first."""
    pan, _ = _pair(tmp_path, flat=True)
    with rasterio.open(pan) as file:
        whole, rpc = file.read(), file.rpcs
    tiles = _cut(pan, 100, 132, moved)
    for path, (top, left) in zip(tiles, ((100, 132), (0, 0), (0, 132), (100, 0)), strict=True):
        with rasterio.open(path, "r+") as file:
            file.crs, file.transform = (
                "EPSG:32633",
                Affine(2, 0, 500_000, 0, -2, 5_000_000) * Affine.translation(left, top),
            )
    mosaic = open_raster(tiles)
    with Writer(tmp_path / "mosaic.tif", mosaic, format_of(mosaic), {}, masked=False) as writer:
        writer.write(0, 0, whole.astype("f4"), np.ones(whole.shape[1:], bool))
        writer.close(complete=True)
        writer.finish()
    with rasterio.open(tmp_path / "mosaic.tif") as file:
        assert np.array_equal(file.read(), whole) and file.transform.c == 500_000
        own = file.rpcs and (file.rpcs.line_off, file.rpcs.samp_off)
        assert own == (pytest.approx((rpc.line_off, rpc.samp_off)) if moved else None)


def test_tiles_that_share_the_polynomials_of_the_whole_are_no_bands(tmp_path: Path) -> None:
    pan, ms = _pair(tmp_path, flat=True)
    with pytest.raises(UserError, match="are tiles that nothing in them places"):
        plan(pan, _cut(ms, 30, 30, moved=False), orthorectify=True)


def test_a_product_of_level_1a_is_orthorectified_as_it_is_shipped(tmp_path: Path) -> None:
    stem = "GF2_PMS1_E15.0_N45.0_20230501_L1A0000647892"
    folder = tmp_path / stem
    folder.mkdir()
    files = _pair(folder, flat=True, PROFILE="BASELINE", RPB="YES")
    four = read(files[1])[[0, 1, 2, 0]]
    _write(files[1], four, _polynomials(RATIO), PROFILE="BASELINE", RPB="YES")
    for path, kind in zip(files, ("PAN1", "MSS1"), strict=True):
        path.with_suffix(".RPB").rename(folder / f"{stem}-{kind}.rpb")
        path.rename(folder / f"{stem}-{kind}.tiff")
    with pytest.raises(UserError, match="pass --orthorectify"):
        plan(folder, [])
    given = ["fuse", str(folder), str(tmp_path / "out.tif"), "-m", "MTF-GLP", "--orthorectify", "--bands", "1,2,3"]
    done = CliRunner().invoke(cli, given)
    assert done.exit_code == 0, done.output
    assert _off(tmp_path / "out.tif") < 0.3


def test_the_command_takes_a_model_or_none(tmp_path: Path) -> None:
    files, model = [str(path) for path in _pair(tmp_path)], _model(tmp_path)
    for name, words in (("a.tif", ["--orthorectify"]), ("b.tif", [f"--orthorectify={model}"])):
        done = CliRunner().invoke(cli, ["fuse", *files, str(tmp_path / name), "-m", "EXP", *words])
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(cli, ["fuse", *files, str(model), "-m", "EXP", f"--orthorectify={model}", "--overwrite"])
    assert done.exit_code == 2 and "is one of the inputs" in " ".join(done.output.split())


def test_what_cannot_be_orthorectified_is_one_sentence(tmp_path: Path) -> None:
    pan, ms = _pair(tmp_path, flat=True)
    for model, words in (("none.tif", "does not exist"), (str(pan) + "x", "does not exist")):
        with pytest.raises(UserError, match=words):
            plan(pan, ms, orthorectify=model)
    (tmp_path / "words.tif").write_text("no heights")
    with pytest.raises(UserError, match="cannot be read as a raster"):
        plan(pan, ms, orthorectify=tmp_path / "words.tif")
    plain = write_pair(tmp_path, *(image.astype("u2") for image in landscape(96, 120)))
    with pytest.raises(UserError, match="leave --orthorectify out"):
        plan(*plain, orthorectify=True)

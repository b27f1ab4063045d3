"""What a file says of itself is what it is taken for: its bands, its tiles, its mask, and what is behind a VRT."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import products
import pystac
import pytest
import rasterio
import xarray
from affine import Affine
from click.testing import CliRunner
from pairs import NORTH_UP, UTM, landscape, read, write, write_pair
from rasterio.enums import ColorInterp

from anypan import fuse
from anypan.batch import read_manifest
from anypan.cli import cli
from anypan.products import find_product
from anypan.runtime.errors import UserError

PAN, MS = (image.astype("u2") for image in landscape(96, 128, bands=4))
COARSE = NORTH_UP * Affine.scale(4)
RGBN = [2, 1, 0, 3]  # bands of a file whose order is not the sensor's
PLAIN: dict[str, Any] = {"method": "EXP", "register": False}


@pytest.fixture
def pan(tmp_path: Path) -> Path:
    return write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)


def _said(path: Path, how: str) -> None:
    with rasterio.open(path, "r+") as file:
        if how == "colours":
            file.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined)
        if how == "wavelengths":
            for band, centre in enumerate((650, 550, 480, 840), 1):
                file.update_tags(band, wavelength=str(centre), wavelength_units="Nanometers")


@pytest.mark.parametrize("how", ["colours", "wavelengths", "order"])
def test_bands_are_what_the_file_says_before_they_are_in_the_sensors_order(tmp_path: Path, pan: Path, how: str) -> None:
    ms = write(tmp_path / "ms.tif", MS[RGBN], COARSE, crs=UTM)
    _said(ms, how)
    done = fuse(pan, ms, tmp_path / "out.tif", sensor="Pleiades", bands=["red"], **PLAIN)
    bare = fuse(PAN, MS, **PLAIN)
    red = 0 if how == "order" else 2  # without a word the first is blue, the third red: of this file the blue one
    assert np.array_equal(read(Path(done.output))[0], bare[red])
    assert any(f"{how} the bands were taken" in note or "in this order" in note for note in done.notes)


def test_colours_that_gdal_gives_any_8_bits_say_nothing(tmp_path: Path) -> None:
    pan = write(tmp_path / "pan.tif", (PAN / 4).astype("uint8"), NORTH_UP, crs=UTM)
    ms = write(tmp_path / "ms.tif", (MS / 4).astype("uint8"), COARSE, crs=UTM)
    done = fuse(pan, ms, tmp_path / "out.tif", sensor="Pleiades", alpha=0, **PLAIN)
    with rasterio.open(ms) as file:
        assert file.colorinterp[0] == ColorInterp.red
    assert done.bands == ("blue", "green", "red", "nir")


def test_tiles_with_other_names_or_scales_are_no_mosaic(tmp_path: Path, pan: Path) -> None:
    names = ("Blue", "Green", "Red", "NIR")
    left, right = MS[:, :, :16], MS[RGBN][:, :, 16:]
    tiles = [write(tmp_path / "left.tif", left, COARSE, crs=UTM, names=names)]
    tiles += [
        write(
            tmp_path / "right.tif", right, COARSE * Affine.translation(16, 0), crs=UTM, names=names[2::-1] + names[3:]
        )
    ]
    with pytest.raises(UserError, match="are no tiles of one image"):
        fuse(pan, tiles, tmp_path / "out.tif", **PLAIN)


def test_tiles_of_single_bands_are_joined_by_the_names_of_their_files(tmp_path: Path, pan: Path) -> None:
    order = [(0, band) for band in (0, 1, 2)] + [(1, band) for band in (2, 1, 0)]
    files = []
    for half, band in order:
        place = COARSE * Affine.translation(16 * half, 0)
        part = MS[band, :, 16 * half : 16 * half + 16]
        files.append(write(tmp_path / f"R1C{half + 1}_B{band + 1}.tif", part, place, crs=UTM))
    done = fuse(pan, files, tmp_path / "out.tif", **PLAIN)
    assert done.bands == ("B1", "B2", "B3") and np.array_equal(read(Path(done.output)), fuse(PAN, MS[:3], **PLAIN))


def test_numbers_are_the_files_own_wherever_alpha_stands(tmp_path: Path, pan: Path) -> None:
    alpha = np.full(MS.shape[1:], 65535, "u2")
    ms = write(tmp_path / "ms.tif", np.stack([alpha, *MS[:3]]), COARSE, crs=UTM)
    done = fuse(pan, ms, tmp_path / "out.tif", bands=[2], alpha=1, **PLAIN)
    assert np.array_equal(read(Path(done.output))[0], fuse(PAN, MS, **PLAIN)[0])


def test_numbers_of_a_product_are_those_that_its_bands_bear(tmp_path: Path) -> None:
    place = products.landsat(tmp_path)
    whole, _ = find_product(place).choose([4, 3, 2])
    (place / f"{place.name}_B1.TIF").unlink()
    group, bands = find_product(place).choose([4, 3, 2])
    assert bands == ["B4", "B3", "B2"] and set(group.names) < set(whole.names)
    with pytest.raises(UserError, match="has no bands 8"):
        find_product(place).choose([8])  # the PAN
    with pytest.raises(UserError, match="B1 is not there"):
        find_product(place).choose([1])


def test_a_mask_of_another_size_is_refused(tmp_path: Path, pan: Path) -> None:
    ms = write(tmp_path / "ms.tif", MS, COARSE, crs=UTM)
    flags = {f"INTERNAL_MASK_FLAGS_{band}": "2" for band in range(1, 5)}
    side = write(tmp_path / "ms.tif.msk", np.full((1, 48, 64), 255, "uint8"))
    with rasterio.open(side, "r+") as mask:
        mask.update_tags(**flags)
    with pytest.raises(UserError, match="is of another size than it"):
        fuse(pan, ms, tmp_path / "out.tif", **PLAIN)


def test_no_output_replaces_what_a_vrt_of_a_vrt_is_made_of(tmp_path: Path, pan: Path) -> None:
    deep = write(tmp_path / "deep.tif", MS, COARSE, crs=UTM)
    for name, source in (("one.vrt", "deep.tif"), ("two.vrt", "one.vrt")):
        rasterio.shutil.copy(tmp_path / source, tmp_path / name, driver="VRT")
    before = deep.read_bytes()
    with pytest.raises(UserError, match="is one of the inputs"):
        fuse(pan, tmp_path / "two.vrt", deep, allow_vrt=True, overwrite=True, **PLAIN)
    assert deep.read_bytes() == before


@pytest.mark.parametrize("more", [-2, 2])
def test_a_recipe_of_other_ground_than_the_pans_is_refused(tmp_path: Path, pan: Path, more: int) -> None:
    ms = MS[:, :, :more] if more < 0 else np.pad(MS, ((0, 0), (0, 0), (0, more)), mode="edge")
    file = write(tmp_path / "ms.tif", ms, COARSE, crs=UTM)
    with pytest.raises(UserError, match="cover different ground"):
        fuse(pan, file, tmp_path / "out.vrt", "Brovey", register=False, format="VRT-recipe")


@pytest.mark.parametrize("scales", [(0.08, 0.01, 0.01, 0.01), (0.01,) * 4, (1.0,) * 4])
def test_a_store_is_decoded_as_the_file_or_not_at_all(tmp_path: Path, pan: Path, scales: tuple[float, ...]) -> None:
    ms = write(tmp_path / "ms.tif", MS, COARSE, crs=UTM)
    with rasterio.open(ms, "r+") as file:
        file.scales, file.offsets = scales, (-0.1 if scales[1] < 1 else 0.0,) * 4
    fuse(pan, ms, tmp_path / "out.zarr", format="Zarr", **PLAIN)
    stored = fuse(PAN, MS, **PLAIN)
    with xarray.open_zarr(tmp_path / "out.zarr") as opened:
        found = opened["fused"]
        same = len(set(scales)) == 1
        expected = stored * scales[0] - 0.1 if same and scales[0] < 1 else stored
        assert np.allclose(found, expected) and (found.dtype == "u2") == (not same or scales[0] == 1)
        assert same or found.attrs["scales"] == list(scales)


def test_an_item_of_a_product_has_its_time_and_one_of_a_site_no_outline(tmp_path: Path) -> None:
    place = products.landsat(tmp_path)
    words = ["-m", "EXP", "--stac", "--no-register"]
    done = CliRunner().invoke(cli, ["fuse", str(place), str(tmp_path / "scene.tif"), *words])
    assert done.exit_code == 0 and pystac.Item.from_file(str(tmp_path / "scene.json")).datetime is not None
    site = 'LOCAL_CS["site",UNIT["metre",1]]'
    pair = [write(tmp_path / "p.tif", PAN.astype("f4"), NORTH_UP, crs=site)]
    pair += [write(tmp_path / "m.tif", MS.astype("f4"), COARSE, crs=site, nodata=math.nan)]
    words += ["--datetime", "2024-05-01", "--format", "GTiff"]
    done = CliRunner().invoke(cli, ["fuse", *map(str, pair), str(tmp_path / "site.tif"), *words])
    item = json.loads((tmp_path / "site.json").read_text(), parse_constant=pytest.fail)
    asset = item["assets"]["data"]
    assert done.exit_code == 0 and item["geometry"] is None and asset["nodata"] == "nan"
    assert "cloud-optimized" not in asset["type"]


def test_a_folder_of_a_batch_that_is_no_scene_is_named(tmp_path: Path) -> None:
    for name in ("one", "dem"):
        (tmp_path / name).mkdir()
    write_pair(tmp_path / "one", PAN, MS)
    write(tmp_path / "dem" / "heights.tif", PAN, NORTH_UP, crs=UTM)
    found = read_manifest(tmp_path)
    assert [job.name for job in found.jobs] == ["one"] and found.passed == ("dem",)


@pytest.mark.parametrize("lacking", ["B8A_20m", "B08_10m"])
def test_a_sentinel_2_product_without_a_band_takes_no_others_in_its_place(tmp_path: Path, lacking: str) -> None:
    place = products.sentinel2(tmp_path)
    next(place.rglob(f"*{lacking}.jp2")).unlink()
    with pytest.raises(UserError, match="fetch"):
        fuse(place, [], tmp_path / "out.tif", "EXP")


def test_gaofen_7_is_a_product_by_its_names(tmp_path: Path) -> None:
    place = products.gaofen(tmp_path)
    for file in list(place.iterdir()):
        name = file.name.replace("GF2", "GF7").replace("-PAN2", "-BWDPAN").replace("-MSS2", "-BWDMUX")
        file.rename(place / name.replace("-PAN1", "-BWDPAN").replace("-MSS1", "-BWDMUX"))
    assert find_product(place).sensor == "GF7"


def test_satellite_and_time_of_a_file_are_kept(tmp_path: Path, pan: Path) -> None:
    ms = write(tmp_path / "ms.tif", MS, COARSE, crs=UTM)
    with rasterio.open(ms, "r+") as file:
        file.update_tags(ns="IMAGERY", SATELLITEID="PHR1A")
    with rasterio.open(fuse(pan, ms, tmp_path / "out.tif", **PLAIN).output) as out:
        assert out.tags()["SATELLITEID"] == "PHR1A"

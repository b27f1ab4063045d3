"""What an output may not lose on its way: bits, validity, place, colours, and what lies beside an input."""

from __future__ import annotations

import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pairs import NORTH_UP, UTM, landscape, write, write_pair
from rasterio.control import GroundControlPoint

from anypan import fuse, plan
from anypan.batch.item import box_of
from anypan.batch.jobs import Job
from anypan.raster import open_raster
from anypan.runtime.errors import UserError

PAN, MS = (image.astype("u2") for image in landscape(96, 120))
COARSE = NORTH_UP * Affine.scale(4)
# Projections that GeoTIFF has no keys for, which GDAL therefore writes beside a file.
UNKEYED = ("+proj=tpers +h=5500000 +lat_0=40 +ellps=WGS84", "+proj=airy +lat_0=40 +ellps=WGS84")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_an_output_has_the_bits_of_the_deepest_file(tmp_path: Path, order: tuple[int, ...]) -> None:
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    bits = (10, 12, 11)
    files = [write(tmp_path / f"b{n}.tif", MS[n] // 2, COARSE, crs=UTM, nbits=bits[n]) for n in order]
    with rasterio.open(fuse(pan, files, tmp_path / "out.tif", "EXP").output) as out:
        assert [out.tags(n, ns="IMAGE_STRUCTURE")["NBITS"] for n in out.indexes] == ["12"] * 3
    files[0] = write(tmp_path / "whole.tif", MS[0], COARSE, crs=UTM)
    with rasterio.open(fuse(pan, files, tmp_path / "whole-out.tif", "EXP").output) as out:
        assert "NBITS" not in out.tags(1, ns="IMAGE_STRUCTURE")


def _fill(folder: Path, kind: str) -> tuple[Path, Path]:
    pan, ms, mask = PAN.copy(), MS.copy(), np.full(MS.shape[1:], 255, "u1")
    pan[8:40, 8:40], ms[:, 2:10, 2:10], mask[2:10, 2:10] = 65535, 0, 0
    marks: dict[str, dict[str, Any]] = {"a mask": {"mask": mask}, "a value": {"nodata": 0}, "the PAN's own": {}}
    first = {"nodata": 65535} if kind == "the PAN's own" else {}
    pan_file = write(folder / "pan.tif", PAN if not first else pan, NORTH_UP, crs=UTM, **first)
    return pan_file, write(folder / "ms.tif", ms if not first else MS, COARSE, crs=UTM, **marks[kind])


@pytest.mark.parametrize("kind", ["a mask", "a value", "the PAN's own"])
def test_a_recipe_has_the_validity_of_a_file_or_is_refused(tmp_path: Path, kind: str) -> None:
    pair = _fill(tmp_path, kind)
    options = {"method": "Brovey", "register": False, "format": "VRT-recipe"}
    with rasterio.open(fuse(*pair, tmp_path / "out.tif", "Brovey", register=False).output) as out:
        invalid = out.dataset_mask() == 0
    assert 0.01 < invalid.mean() < 0.3
    if kind != "a value":
        with pytest.raises(UserError, match="marks fill otherwise than by the one nodata value"):
            fuse(*pair, tmp_path / "out.vrt", **options)
        return
    with rasterio.open(fuse(*pair, tmp_path / "out.vrt", **options).output) as recipe:
        assert (recipe.dataset_mask() == 0)[16:32, 16:32].all() and np.abs(invalid.mean() - 0.089) < 0.05


def test_a_recipe_has_the_scales_and_tags_of_the_ms(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, PAN, MS)
    with rasterio.open(pair[1], "r+") as ms:
        ms.scales, ms.offsets, ms.units = (1e-4,) * 3, (-0.1,) * 3, ("sr-1",) * 3
        ms.update_tags(2, wavelength="560")
    fuse(*pair, tmp_path / "out.vrt", "Brovey", register=False, format="VRT-recipe")
    with rasterio.open(tmp_path / "out.vrt") as recipe:
        assert (recipe.scales, recipe.offsets, recipe.units) == ((1e-4,) * 3, (-0.1,) * 3, ("sr-1",) * 3)
        assert recipe.tags(2)["wavelength"] == "560"


def test_what_lies_beside_a_member_of_an_archive_counts_as_it_does_beside_a_file(tmp_path: Path) -> None:
    mask = np.full(MS.shape[1:], 255, "u1")
    mask[:6] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        pair = write_pair(tmp_path, PAN, MS)
        with rasterio.open(pair[1], "r+") as ms:
            ms.write_mask(mask)
    (tmp_path / "ms.tif.aux.xml").write_text('<PAMDataset><PAMRasterBand band="1"><Description>one</Description>'
                                             "</PAMRasterBand></PAMDataset>")  # fmt: skip
    beside = sorted(tmp_path.glob("ms.tif.*"))
    assert [path.suffix for path in beside] == [".xml", ".msk"]
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as packed:
        for path in (*pair, *beside):
            packed.write(path, path.name)
    inside = [f"/vsizip/{tmp_path}/s.zip/{path.name}" for path in pair]
    outs = [fuse(*files, tmp_path / f"{n}.tif", "EXP").output for n, files in enumerate((pair, inside))]
    with rasterio.open(outs[0]) as one, rasterio.open(outs[1]) as two:
        assert np.array_equal(one.read(), two.read()) and one.descriptions == two.descriptions
        assert one.descriptions[0] == "one"
        assert np.array_equal(one.dataset_mask(), two.dataset_mask()) and not one.dataset_mask()[:20].any()
    (tmp_path / "ms.tif.aux.xml").write_text('<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">x'
                                             "</MDI></Metadata></PAMDataset>")  # fmt: skip
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        for path in (*pair, *beside):
            packed.write(path, path.name)
    with pytest.raises(UserError, match="beside the image and points at other files"):
        plan(*(name.replace("s.zip", "bad.zip") for name in inside))


def test_gdals_settings_take_no_mask_from_an_output(tmp_path: Path) -> None:
    mask = np.full(MS.shape[1:], 255, "u1")
    mask[:6] = 0
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        ms = write(tmp_path / "ms.tif", MS, COARSE, crs=UTM, mask=mask)
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        fuse(pan, ms, tmp_path / "out.tif", "EXP")
    with rasterio.open(tmp_path / "out.tif") as out:
        assert not out.dataset_mask()[:20].any() and out.dataset_mask()[40:].all()


@pytest.mark.parametrize("crs", UNKEYED)
@pytest.mark.parametrize("form", ["COG", "GTiff"])
def test_a_crs_without_keys_lies_beside_the_output(tmp_path: Path, crs: str, form: str) -> None:
    pan = write(tmp_path / "pan.tif", PAN, Affine(10, 0, 0, 0, -10, 0), crs=crs)
    ms = write(tmp_path / "ms.tif", MS, Affine(40, 0, 0, 0, -40, 0), crs=crs)
    fuse(pan, ms, tmp_path / "out.tif", "EXP", format=form)
    with rasterio.open(pan) as one, rasterio.open(tmp_path / "out.tif") as two:
        assert one.crs and one.crs == two.crs
    fuse(*write_pair(tmp_path, PAN, MS), tmp_path / "out.tif", "EXP", format=form, overwrite=True)
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.crs == UTM and not (tmp_path / "out.tif.aux.xml").exists()


@pytest.mark.parametrize("compressed", ["YES", "NO"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97, 0.999])
def test_an_imagine_file_that_is_cut_off_is_refused(tmp_path: Path, compressed: str, share: float) -> None:
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    noisy = np.random.default_rng(0).integers(0, 2000, MS.shape, "u2")
    ms = write(tmp_path / "ms.img", noisy, COARSE, crs=UTM, driver="HFA", COMPRESSED=compressed)
    plan(pan, ms, force=True)
    whole = ms.read_bytes()
    ms.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match=r"cut off|damaged"):
        plan(pan, ms, force=True)


@pytest.mark.parametrize(
    ("creation", "words"),
    [
        ({"COMPRESS": "JPEG"}, "COMPRESS=JPEG changes values, and with them the nodata value 0"),
        ({"COMPRESS": "LERC", "MAX_Z_ERROR": "5"}, "COMPRESS=LERC changes values"),
        ({"COMPRESS": "LERC", "MAX_Z_ERROR": "much"}, "cannot be written"),
        ({"DRIVER": "GTiff", "ALPHA": "YES"}, "with a band as alpha"),
        ({"DRIVER": "GTiff", "PHOTOMETRIC": "CMYK"}, "with a band as alpha"),
    ],
)
def test_creation_options_that_change_what_is_read_back_are_refused(
    tmp_path: Path, creation: dict[str, str], words: str
) -> None:
    pan, ms = landscape(96, 120, bands=4)
    ms = (ms / 4).astype("u1")
    ms[:, :3, :4] = 0
    pair = write_pair(tmp_path, (pan / 4).astype("u1"), ms, nodata=0)
    for call in (plan, fuse):
        with pytest.raises(UserError, match=words):
            call(*pair, tmp_path / "out.tif", "EXP", creation=creation)
    assert not (tmp_path / "out.tif").exists()


def test_floats_of_half_the_bits_hold_what_they_can_or_are_refused(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, PAN.astype("f4") * 200, MS.astype("f4") * 200)
    with pytest.raises(UserError, match="float32 of 16 bits cannot hold"):
        fuse(*pair, tmp_path / "out.tif", "EXP", creation={"NBITS": "16"})
    pair = write_pair(tmp_path, PAN.astype("f4"), MS.astype("f4"))
    with rasterio.open(fuse(*pair, tmp_path / "out.tif", "EXP", creation={"NBITS": "16"}).output) as out:
        assert np.isfinite(out.read()).all()


def test_a_store_that_would_lose_control_points_is_refused(tmp_path: Path) -> None:
    corners = ((0, 0), (0, 120), (96, 0), (96, 120))
    files = []
    for name, image, scale in (("pan", PAN, 1), ("ms", MS, 4)):
        path = write(tmp_path / f"{name}.tif", image)
        points = [GroundControlPoint(r / scale, c / scale, *(NORTH_UP @ (c, r))) for r, c in corners]
        with rasterio.open(path, "r+") as file:
            file.gcps = (points, rasterio.CRS.from_string(UTM))
        files.append(path)
    for call in (plan, fuse):
        with pytest.raises(UserError, match="keeps no control points"):
            call(*files, tmp_path / "out.zarr", "EXP", format="Zarr", out_nodata=0)
    with rasterio.open(fuse(*files, tmp_path / "out.tif", "EXP").output) as out:
        assert len(out.gcps[0]) == 4


def test_a_box_across_the_antimeridian_has_its_west_east_of_its_east() -> None:
    def ring(west: float, east: float) -> list[list[tuple[float, float]]]:
        return [[(west, 10.0), (east, 10.0), (east, 11.0), (west, 11.0), (west, 10.0)]]

    assert box_of({"type": "Polygon", "coordinates": ring(5.0, 6.0)}) == [5.0, 10.0, 6.0, 11.0]
    cut = {"type": "MultiPolygon", "coordinates": [ring(179.0, 180.0), ring(-180.0, -178.0)]}
    assert box_of(cut) == [179.0, 10.0, -178.0, 11.0]


def test_tags_that_were_the_ms_files_own_are_left_out_and_wavelengths_kept(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, PAN, MS)
    with rasterio.open(pair[1], "r+") as ms:
        ms.update_tags(NODATA_VALUES="0 0 0", TIFFTAG_MINSAMPLEVALUE="3", author="me")
        ms.update_tags(1, LAYER_TYPE="thematic", valid_max="9")
        ms.update_tags(1, ns="IMAGERY", CENTRAL_WAVELENGTH_UM="0.48")
    with rasterio.open(fuse(*pair, tmp_path / "out.tif", "EXP").output) as out:
        assert out.tags()["author"] == "me" and not {"NODATA_VALUES", "TIFFTAG_MINSAMPLEVALUE"} & out.tags().keys()
        assert not {"LAYER_TYPE", "valid_max"} & out.tags(1).keys()
        assert out.tags(1, ns="IMAGERY")["CENTRAL_WAVELENGTH_UM"] == "0.48"


def test_a_sidecar_that_changes_makes_a_scene_of_a_batch_anew(tmp_path: Path) -> None:
    pan, ms = write_pair(tmp_path, PAN, MS)
    job = Job("one", str(pan), (str(ms),))
    before = job.key("EXP", {})
    assert before == job.key("EXP", {})
    (tmp_path / "ms.tif.aux.xml").write_text("<PAMDataset></PAMDataset>")
    changed = job.key("EXP", {})
    (tmp_path / "pan_RPC.TXT").write_text("LINE_OFF: 1")
    assert len({before, changed, job.key("EXP", {})}) == 3


@pytest.mark.parametrize("form", ["COG", "GTiff"])
def test_half_floats_keep_validity_or_their_nodata_value_is_refused(tmp_path: Path, form: str) -> None:
    pan, ms = landscape(96, 120)
    ms[:, 2:10, 2:10] = -9999
    pair, half = write_pair(tmp_path, pan, ms, nodata=-9999), {"NBITS": "16", "DRIVER": form}
    with pytest.raises(UserError, match="cannot hold the nodata value -9999"):
        fuse(*pair, tmp_path / "out.tif", "EXP", creation=half)
    done = fuse(*pair, tmp_path / "out.tif", "EXP", creation=half, out_nodata=500, register=False)
    whole = fuse(*pair, tmp_path / "whole.tif", "EXP", register=False)
    with rasterio.open(done.output) as out, rasterio.open(whole.output) as other:
        assert np.array_equal(out.dataset_mask() > 0, other.dataset_mask() > 0)  # some values round to 500


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_fill_of_one_tile_leaves_what_the_next_one_holds(tmp_path: Path, order: tuple[int, ...]) -> None:
    first, second = MS[:, :, :20].copy(), MS[:, :, 14:]
    first[:, :, 16:] = 0  # fill, where the second has an image and no nodata value
    tiles = [write(tmp_path / "a.tif", first, COARSE, crs=UTM, nodata=0)]
    tiles += [write(tmp_path / "b.tif", second, COARSE * Affine.translation(14, 0), crs=UTM)]
    with closing(open_raster([str(tiles[n]) for n in order])) as mosaic:
        image, valid = mosaic.read(0, 0, *mosaic.shape)
    assert valid.all() and np.array_equal(image, MS)


def test_a_recipe_names_no_band_twice(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, PAN, MS)
    with pytest.raises(UserError, match="A band is asked for twice"):
        fuse(*pair, tmp_path / "out.vrt", "Brovey", register=False, format="VRT-recipe", bands=[1, 1])

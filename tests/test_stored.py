"""What an output is stored as: pixel type, nodata value and kind of file, each as asked for or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rioxarray
import xarray
from click.testing import CliRunner
from pairs import landscape, read, write_pair
from rasterio.enums import Resampling

from anypan.api import fuse, plan
from anypan.cli import cli
from anypan.options import DTYPES, FORMATS
from anypan.runtime.errors import UserError

PAN, MS = landscape(96, 120)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write_pair(tmp_path, PAN.astype("u2"), MS.astype("u2"), nodata=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pixel_type_that_holds_the_values_changes_none_of_them(tmp_path: Path, dtype: str) -> None:
    files = write_pair(tmp_path, (PAN / 4).astype("u2"), (MS / 4).astype("u2"), nodata=0)
    own = fuse(*files, method="EXP")
    fused = fuse(*files, method="EXP", dtype=dtype)
    assert fused.dtype == np.dtype(dtype)
    assert np.array_equal(own, np.rint(fused))
    report = fuse(*files, tmp_path / "out.tif", "EXP", dtype=dtype)
    with rasterio.open(tmp_path / "out.tif") as out:
        assert set(out.dtypes) == {dtype} and out.nodata == 0
    assert np.array_equal(read(tmp_path / "out.tif"), fused) and not [n for n in report.notes if "sharpening" in n]


def test_values_beyond_a_pixel_type_are_refused_before_the_work(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for call in (fuse, plan):
        with pytest.raises(UserError, match=r"^Band 1 of .* holds values from \d+ to \d+, which uint8 cannot hold"):
            call(*pair, tmp_path / "out.tif", "EXP", dtype="uint8")
    assert not (tmp_path / "out.tif").exists()
    with pytest.raises(UserError, match="dtype is 'complex64': choose from uint8"):
        fuse(*pair, tmp_path / "out.tif", "EXP", dtype="complex64")


def test_fractions_become_no_whole_numbers(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN / 1000, MS / 1000)
    with pytest.raises(UserError, match="holds fractions"):
        fuse(*files, method="EXP", dtype="uint16")
    assert fuse(*files, method="EXP", dtype="float64").dtype == np.float64


def test_what_sharpening_puts_beyond_a_pixel_type_is_counted(tmp_path: Path) -> None:
    """The bands reach from 0 to 255 exactly; detail goes beyond."""
    span = (MS - MS.min()) / (MS.max() - MS.min()) * 255
    files = write_pair(tmp_path, PAN.astype("u2"), np.rint(span).astype("u2"))
    free = fuse(*files, method="MTF-GLP", dtype="float32", register=False)
    beyond = int(((free < -0.5) | (free > 255.5)).sum())
    report = fuse(*files, tmp_path / "out.tif", "MTF-GLP", dtype="uint8", register=False)
    assert beyond > 0 and any(
        note.startswith(f"{beyond:,} values lay beyond what uint8 holds") for note in report.notes
    )


def test_invalid_pixels_hold_the_value_that_is_asked_for(tmp_path: Path) -> None:
    ms = MS.astype("u2")
    ms[:, :3, :4] = 0
    files = write_pair(tmp_path, PAN.astype("u2"), ms, nodata=0)
    fuse(*files, tmp_path / "out.tif", "EXP", out_nodata=-9999, dtype="int16", register=False)
    with rasterio.open(tmp_path / "out.tif") as out:
        pixels, valid = out.read(), out.dataset_mask() > 0
        assert out.nodata == -9999
    assert (pixels[:, :12, :16] == -9999).all() and not valid[:12, :16].any() and valid[12:].all()
    for value, dtype in ((-9999, "uint16"), (0.5, "int16"), (1e300, "float32")):
        with pytest.raises(UserError, match=f"Pixels of {dtype} cannot hold the nodata value"):
            fuse(*files, method="EXP", out_nodata=value, dtype=dtype)


@pytest.mark.parametrize("kind", FORMATS)
def test_each_kind_of_file_holds_the_fused_image(pair: tuple[Path, Path], tmp_path: Path, kind: str) -> None:
    ending = {"Zarr": "zarr", "VRT-recipe": "vrt"}.get(kind, "tif")
    out = tmp_path / f"out.{ending}"
    report = fuse(*pair, out, "Brovey", format=kind, register=False)
    assert out.exists() and report.size > 0 and report.output == str(out)
    with rasterio.open(f'ZARR:"{out}":/fused' if kind == "Zarr" else out) as file:
        assert file.count == 3 and file.shape == PAN.shape
    with pytest.raises(UserError, match="exists already"):
        fuse(*pair, out, "Brovey", format=kind, register=False)
    fuse(*pair, out, "Brovey", format=kind, register=False, overwrite=True)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_zarr_store_is_the_geotiff_to_xarray(pair: tuple[Path, Path], tmp_path: Path) -> None:
    fuse(*pair, tmp_path / "out.tif", "EXP")
    done = CliRunner().invoke(
        cli, ["fuse", *map(str, pair), str(tmp_path / "out.zarr"), "-m", "EXP", "--format", "zarr"]
    )
    assert done.exit_code == 0, done.output
    with xarray.open_zarr(tmp_path / "out.zarr", mask_and_scale=False, decode_coords="all") as store:
        fused = store["fused"]
        assert np.array_equal(fused.values, read(tmp_path / "out.tif")) and fused.dtype == np.uint16
        with rioxarray.open_rasterio(tmp_path / "out.tif") as tiff:
            assert fused.rio.crs == tiff.rio.crs and fused.rio.transform() == tiff.rio.transform()
            assert fused.rio.nodata == tiff.rio.nodata == 0
            assert np.array_equal(fused["x"], tiff["x"]) and np.array_equal(fused["y"], tiff["y"])


def test_a_zarr_store_has_no_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_pair(tmp_path, PAN.astype("u2"), MS[:, :20].astype("u2"))
    for call in (fuse, plan):
        with pytest.raises(UserError, match="no mask for invalid pixels: name their value with --out-nodata"):
            call(*files, tmp_path / "out.zarr", "EXP", format="Zarr")
    fuse(*files, tmp_path / "out.zarr", "EXP", format="Zarr", out_nodata=65535)
    with pytest.raises(UserError, match="leave -co out"):
        fuse(*files, tmp_path / "two.zarr", "EXP", format="Zarr", out_nodata=9, creation={"COMPRESS": "ZSTD"})
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'anypan\[xarray\]'"):
        fuse(*files, tmp_path / "two.zarr", "EXP", format="Zarr", out_nodata=9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ms.tif", "out.zarr", "pan.tif"]


def test_a_folder_that_is_no_store_is_never_replaced(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "letters.txt").write_text("dear")
    with pytest.raises(UserError, match="is a folder"):
        fuse(*pair, tmp_path / "mine.zarr", "EXP", format="Zarr", overwrite=True)
    assert (tmp_path / "mine.zarr" / "letters.txt").read_text() == "dear"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("out.zarr", "COG"),
        ("out.vrt", "GTiff"),
        ("out.tif", "Zarr"),
        ("out.tif", "VRT-recipe"),
        *((f"out.{end}", "COG") for end in ("json", "tif.gz", "html", "txt")),
    ],
)
def test_a_name_of_another_kind_is_refused(pair: tuple[Path, Path], tmp_path: Path, name: str, kind: str) -> None:
    with pytest.raises(UserError, match="under a name of another kind"):
        fuse(*pair, tmp_path / name, "Brovey", format=kind, register=False)


def test_two_kinds_at_once_are_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="as COG and, as its DRIVER, as GTiff"):
        fuse(*pair, tmp_path / "out.tif", "EXP", format="COG", creation={"DRIVER": "GTiff"})


def test_a_recipe_is_the_brovey_transform_of_its_weights(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """By numbers: GDAL's pixel is MS_b PAN / sum_b w_b MS_b with the MS cubic on the PAN's grid."""
    (tmp_path / "made").mkdir()
    fuse(*pair, tmp_path / "made" / "out.vrt", "Brovey", format="VRT-recipe", register=False)
    text = (tmp_path / "made" / "out.vrt").read_text()
    weights = np.array([float(w) for w in text.split("<Weights>")[1].split("<")[0].split(",")])
    with rasterio.open(pair[1]) as ms, rasterio.open(pair[0]) as pan:
        exp = ms.read(out_shape=(3, *pan.shape), resampling=Resampling.cubic).astype(float)
        whole = pan.read(1).astype(float)
    expected = exp * whole / np.tensordot(weights, exp, 1)
    made = read(tmp_path / "made" / "out.vrt")
    inside = (slice(None), slice(8, -8), slice(8, -8))
    assert np.abs(made[inside] - expected[inside]).max() <= 1.5
    low = read(pair[1]).astype(float)
    means = made.reshape(3, 24, 4, 30, 4).mean((2, 4))
    assert np.abs(means - low).mean() < 0.02 * low.mean()  # the weights keep the MS's radiometry


def test_a_recipe_gives_the_bands_that_are_asked_for(pair: tuple[Path, Path], tmp_path: Path) -> None:
    options = {"method": "Brovey", "format": "VRT-recipe", "register": False}
    fuse(*pair, tmp_path / "all.vrt", **options)
    fuse(*pair, tmp_path / "two.vrt", **options, bands=[3, 1])
    assert np.array_equal(read(tmp_path / "two.vrt"), read(tmp_path / "all.vrt")[[2, 0]])


def test_fill_of_a_recipe_is_nodata_in_each_of_its_bands(tmp_path: Path) -> None:
    pan, ms = PAN.astype("u2"), MS.astype("u2")
    pan[:24], ms[:, :6] = 0, 0
    files = write_pair(tmp_path, pan, ms, nodata=0)
    report = fuse(*files, tmp_path / "out.vrt", "Brovey", format="VRT-recipe", register=False)
    with rasterio.open(report.output) as made:
        assert made.nodatavals == (0,) * 3
        assert not made.dataset_mask()[:16].any() and made.dataset_mask()[40:].all()
    part = write_pair(tmp_path, PAN.astype("u2"), MS[:, :20].astype("u2"))
    with pytest.raises(UserError, match="cover different ground"):
        fuse(*part, tmp_path / "part.vrt", "Brovey", format="VRT-recipe", register=False)


def test_a_recipe_is_for_what_gdal_can_do(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.vrt"
    for options, words in (
        ({"method": "GSA"}, "knows the formula Brovey alone"),
        ({"dtype": "float32"}, "dtype is of pixels"),
        ({"uncertainty": tmp_path / "u.tif"}, "uncertainty is of pixels"),
    ):
        with pytest.raises(UserError, match=words):
            fuse(*pair, out, **{"method": "Brovey", "format": "VRT-recipe", "register": False, **options})
    (tmp_path / "off").mkdir()
    off = write_pair(tmp_path / "off", PAN.astype("u2"), MS.astype("u2"), ratio=3.97)
    with pytest.raises(UserError, match="has to be resampled first"):
        fuse(*off, out, "Brovey", format="VRT-recipe", register=False, force=True)
    assert not out.exists()


def test_the_command_says_what_does_not_go_together(pair: tuple[Path, Path], tmp_path: Path) -> None:
    given = ["fuse", *map(str, pair), str(tmp_path / "out.zarr"), "-m", "EXP", "--format", "Zarr"]
    done = CliRunner().invoke(cli, [*given, "--report", str(tmp_path / "page.html")])
    assert done.exit_code == 2 and "look at a GeoTIFF" in " ".join(done.output.split())


def test_a_batch_stores_what_is_asked_for_and_goes_on(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "scenes.csv").write_text("name,pan,ms\na,pan.tif,ms.tif\n")
    given = ["batch", str(tmp_path / "scenes.csv"), "-o", str(tmp_path / "out"), "-m", "EXP", "--jobs", "1"]
    for _ in range(2):
        done = CliRunner().invoke(cli, [*given, "--format", "Zarr", "--dtype", "float32", "--out-nodata", "nan"])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "a.zarr" / ".zgroup").is_file()
    assert len((tmp_path / "out" / "batch.jsonl").read_text().splitlines()) == 2  # begun and done, once


@pytest.mark.parametrize("key", ["NBITS", "nbits"])
def test_fewer_bits_hold_all_values_or_are_refused(tmp_path: Path, key: str) -> None:
    """As another pixel type; and the nodata value."""
    pan, ms = landscape(128, 128, seed=4)
    files = write_pair(tmp_path, pan, ms.round().astype("u2"))
    fuse(*files, tmp_path / "enough.tif", "GSA", creation={key: "10"})
    fuse(*files, tmp_path / "whole.tif", "GSA")
    assert np.array_equal(read(tmp_path / "enough.tif"), read(tmp_path / "whole.tif"))
    with pytest.raises(UserError, match=r"from \d+ to \d+, which uint16 of 9 bits cannot hold"):
        fuse(*files, tmp_path / "few.tif", "GSA", creation={key: "9"})
    with pytest.raises(UserError, match="Pixels of 10 bits cannot hold the nodata value 65535"):
        fuse(*files, tmp_path / "few.tif", "GSA", creation={key: "10"}, nodata=65535)
    assert not (tmp_path / "few.tif").exists()

"""Values, names and marks as files from the field have them: what they mean, or a note that says what is doubtful."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from pairs import NORTH_UP, UTM, landscape, read, write, write_pair
from PIL import Image

import anypan
from anypan.cli import cli
from anypan.judging import assess
from anypan.runtime.errors import UserError

RATIO = 4
COARSE = NORTH_UP * NORTH_UP.scale(RATIO)
PAN, MS = (image.astype("u2") for image in landscape(96, 96, bands=3))
HOLE = np.s_[:, 4:9, 5:12]
ON_PAN = np.s_[16:36, 20:48]


def fused(folder: Path, ms: np.ndarray, nodata: float | None = None, header: float | None = None) -> Any:
    """(report, image, valid) of a pair with a special MS; the user says ``nodata``, the file ``header``."""
    write(folder / "pan.tif", PAN, NORTH_UP, crs=UTM)
    write(folder / "ms.tif", ms, COARSE, crs=UTM, nodata=header)
    options: dict[str, Any] = {"overwrite": True, "nodata": nodata}
    report = anypan.fuse(folder / "pan.tif", folder / "ms.tif", folder / "out.tif", "EXP", **options)
    with rasterio.open(folder / "out.tif") as file:
        return report, file.read(), file.read_masks(1) > 0


def test_a_mask_and_a_nodata_value_both_count(tmp_path: Path) -> None:
    ms, mask = MS.copy(), np.ones(MS.shape[1:], bool)
    ms[HOLE], mask[15:, 15:] = 0, False
    write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        file = write(tmp_path / "ms.tif", ms, COARSE, crs=UTM, nodata=0, mask=mask)
    anypan.fuse(tmp_path / "pan.tif", file, tmp_path / "out.tif", "EXP")
    with rasterio.open(tmp_path / "out.tif") as made:
        valid = made.read_masks(1) > 0
    assert not valid[ON_PAN].any() and not valid[60:, 60:].any() and valid[:16].all()


def test_a_nodata_value_that_whole_numbers_cannot_hold_takes_none_of_them(tmp_path: Path) -> None:
    ms = MS.copy()
    ms[0][np.random.default_rng(0).random(MS.shape[1:]) < 0.1] = 12
    _, _, valid = fused(tmp_path, ms, header=1234)
    assert valid.all()
    text = (tmp_path / "ms.tif").read_bytes()
    assert text.count(b"1234\0") == 1
    (tmp_path / "ms.tif").write_bytes(text.replace(b"1234\0", b"12.5\0"))
    with rasterio.open(tmp_path / "ms.tif") as file:
        assert file.nodata == 12.5 and not file.read_masks(1).all()  # GDAL takes 12 for it
    found = anypan.fuse(tmp_path / "pan.tif", tmp_path / "ms.tif", method="EXP")
    assert not np.ma.isMaskedArray(found)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_no_number_in_one_band_are_counted(tmp_path: Path, bad: float) -> None:
    ms = MS.astype("f4")
    ms[1, 4:9, 5:12] = bad
    report, _, valid = fused(tmp_path, ms)
    assert not valid[ON_PAN].any() and any("35 pixels" in note for note in report.notes)


def test_a_nodata_value_that_no_pixel_holds_is_said(tmp_path: Path) -> None:
    ms = MS.astype("i2")
    ms[HOLE] = -9999
    for nodata, said in ((9999, True), (-9999, False)):
        notes = fused(tmp_path, ms, nodata)[0].notes
        assert any("holds the nodata value 9999" in note for note in notes) == said


def test_pages_of_one_size_are_not_left_out(tmp_path: Path) -> None:
    pages = [Image.fromarray(band) for band in MS]
    write(tmp_path / "pan.tif", PAN)
    pages[0].save(tmp_path / "ms.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(UserError, match="holds 3 images of one size"):
        anypan.fuse(tmp_path / "pan.tif", tmp_path / "ms.tif", method="EXP")
    pages[0].save(tmp_path / "ms.tif", save_all=True, append_images=[pages[0].resize((12, 12))])
    report = anypan.fuse(tmp_path / "pan.tif", tmp_path / "ms.tif", tmp_path / "out.tif", "EXP")
    assert any("holds 2 images, of which the first was taken" in note for note in report.notes)


def test_names_in_another_encoding_are_left_out_and_said(tmp_path: Path) -> None:
    write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    file = write(tmp_path / "ms.tif", MS, COARSE, crs=UTM, names=("XXgrun", "b", "c"))
    file.write_bytes(file.read_bytes().replace(b"XXgrun", "grünXX".encode("latin-1")))
    report = anypan.fuse(tmp_path / "pan.tif", file, tmp_path / "out.tif", "EXP")
    assert report.bands == ("band 1", "band 2", "band 3") and any("no UTF-8" in note for note in report.notes)


@pytest.mark.parametrize("level", [0, 77])
def test_a_constant_ms_is_said_to_be_one_and_nothing_else(tmp_path: Path, level: int) -> None:
    report, image, _ = fused(tmp_path, np.full_like(MS, level))
    assert (image == level).all() and any("nothing but one value" in note for note in report.notes)
    assert not any("picture" in note or "coarser grid" in note for note in report.notes)


@pytest.mark.parametrize("name", ["s3:x.tif", "GTIFF_DIR:1:pan.tif"])
def test_a_file_whose_name_looks_like_an_address_is_itself(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pair(tmp_path, PAN, MS)
    monkeypatch.chdir(tmp_path)
    other = write(Path("plain.tif"), PAN + np.uint16(100), NORTH_UP, crs=UTM)
    expected = anypan.fuse("plain.tif", "ms.tif", method="Brovey")
    other.rename(name)
    assert np.array_equal(anypan.fuse(name, "ms.tif", method="Brovey"), expected)


def test_tags_of_bands_by_their_numbers_are_not_kept(tmp_path: Path) -> None:
    pan, ms = write_pair(tmp_path, PAN, MS)
    with rasterio.open(ms, "r+") as file:
        file.update_tags(Band_1="of the first", kept="yes")
    anypan.fuse(pan, ms, tmp_path / "out.tif", "EXP", bands=[3, 2])
    with rasterio.open(tmp_path / "out.tif") as file:
        assert "Band_1" not in file.tags() and file.tags()["kept"] == "yes"


def test_arrays_with_invalid_pixels_are_masked_where_the_type_has_no_nan() -> None:
    pan = PAN.astype("f4")
    assert not np.ma.isMaskedArray(anypan.fuse(pan, MS, method="EXP"))
    pan[:8] = np.nan
    found = anypan.fuse(pan, MS, method="EXP")
    assert np.ma.isMaskedArray(found) and found.mask[:, :8].all() and not found.mask[:, 8:].any()
    assert np.isnan(anypan.fuse(pan, MS.astype("f4"), method="EXP")[:, :8]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"bands": []}, "leave it out for all"), ({"bands": "3,2,1"}, "give a list"),
     ({"tile": "64"}, "give a whole number"), ({"method": None}, "give a name")],
)  # fmt: skip
def test_what_a_call_cannot_mean_is_one_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        anypan.fuse(PAN, MS, **{"method": "EXP", **options})


def test_bands_may_be_an_array() -> None:
    some = anypan.fuse(PAN, MS, method="EXP", bands=np.array([3, 1]))
    assert np.array_equal(some, anypan.fuse(PAN, MS, method="EXP")[[2, 0]])


def test_an_image_of_other_bands_or_another_crs_is_not_assessed(tmp_path: Path) -> None:
    names = ("blue", "green", "red")
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    ms = write(tmp_path / "ms.tif", MS, COARSE, crs=UTM, names=names)
    anypan.fuse(pan, ms, tmp_path / "out.tif", "EXP")
    assess(pan, ms, tmp_path / "out.tif")
    image = read(tmp_path / "out.tif")
    for change in ({"names": names[::-1], "crs": UTM}, {"names": names, "crs": "EPSG:32634"}):
        write(tmp_path / "other.tif", image, NORTH_UP, **change)
        with pytest.raises(UserError, match=r"name that order|another CRS"):
            assess(pan, ms, tmp_path / "other.tif")


@pytest.mark.parametrize(("scale", "said"), [(1, []), (1.3, []), (1e-4, ["out.tif"]), (4, ["out.tif"])])
def test_an_image_on_another_scale_is_assessed_and_said(tmp_path: Path, scale: float, said: list[str]) -> None:
    pan, ms = write_pair(tmp_path, PAN, MS)
    truth = anypan.fuse(PAN, MS, method="EXP").astype("float32")
    write(tmp_path / "out.tif", truth * np.float32(scale), NORTH_UP)
    write(tmp_path / "truth.tif", truth, NORTH_UP)
    found = assess(pan, ms, tmp_path / "out.tif", tmp_path / "truth.tif")
    assert [Path(line.split(" is on another scale")[0]).name for line in found["notes"]] == said
    alone = CliRunner().invoke(cli, ["assess", *map(str, (pan, ms, tmp_path / "out.tif"))])
    assert alone.exit_code == 0 and ("another scale" in alone.stderr) == bool(said)


@pytest.mark.parametrize("command", ["fuse", "inspect"])
@pytest.mark.parametrize("page", ["ms.tif", "ms.aux.xml", "product_MTL.txt"])
def test_a_page_never_replaces_what_is_none(tmp_path: Path, command: str, page: str) -> None:
    files, place = write_pair(tmp_path, PAN, MS), tmp_path / page
    if not place.exists():
        place.write_text("mine")
    before = place.read_bytes()
    words = [command, *map(str, files), *([str(tmp_path / "out.tif")] if command == "fuse" else [])]
    done = CliRunner().invoke(cli, [*words, "--report", str(place), "--overwrite"])
    assert done.exit_code != 0 and place.read_bytes() == before


def test_a_simulated_pair_never_replaces_its_image(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(1, 255, (3, 256, 256)).astype("u1")
    image = write(tmp_path / "ms.tif", noise)
    before = image.read_bytes()
    done = CliRunner().invoke(cli, ["simulate", str(image), "--sensor", "QB", "--out", str(tmp_path), "--overwrite"])
    assert done.exit_code != 0 and image.read_bytes() == before


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(tmp_path: Path, closed: str) -> None:
    pan, ms = write_pair(tmp_path, PAN, MS)
    program = f"{sys.executable} -m anypan fuse {pan} {ms} {tmp_path / 'out.tif'} -m EXP {closed}"
    assert subprocess.run(["sh", "-c", program], check=False).returncode == 0 and (tmp_path / "out.tif").exists()

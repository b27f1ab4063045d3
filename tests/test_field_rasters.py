"""Conditions that real deliveries came in: bits, lattices, tiles, datums, longitudes, types, tags, names."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp
from affine import Affine
from click.testing import CliRunner
from pairs import NORTH_UP, UTM, landscape, read, write, write_pair

from anypan.api import fuse, plan
from anypan.cli import cli
from anypan.cli.opening import OPENING
from anypan.runtime.errors import UserError

PAN, MS = (image.astype("u2") for image in landscape(96, 128))
COARSE = NORTH_UP * Affine.scale(4)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write_pair(tmp_path, PAN, MS)


def expanded(pan: Path, *ms: Path, **options: object) -> np.ndarray:
    return fuse(pan, list(ms), pan.with_name("out.tif"), "EXP", overwrite=True, **options) and read(
        pan.with_name("out.tif")
    )


@pytest.mark.parametrize("bits", [9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("driver", ["COG", "GTiff"])
def test_samples_of_any_bits_are_written_and_kept(tmp_path: Path, bits: int, driver: str) -> None:
    pan, ms = (np.minimum(image, 2**bits - 1) for image in (PAN, MS))
    files = write_pair(tmp_path, pan, ms, nbits=bits)
    fused = expanded(*files, creation={"DRIVER": driver})
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == str(bits)
    assert fused.max() < 2**bits and np.abs(fused[:, 2::4, 2::4].astype(float) - ms).mean() < 30


@pytest.mark.parametrize("bits", [11, 12, 13])
@pytest.mark.parametrize("count", [1, 4, 8])
def test_samples_of_any_bits_may_have_any_number_of_bands(tmp_path: Path, bits: int, count: int) -> None:
    """GDAL pads blocks of four and more bands with what does not fit the bits, and says so."""
    ms = np.resize(MS, (count, *MS.shape[1:]))
    assert len(expanded(*write_pair(tmp_path, PAN, ms, nbits=bits))) == count


def test_nodata_beyond_the_bits_stays_a_mask(tmp_path: Path) -> None:
    ms = MS.copy()
    ms[:, 5:9, 5:9] = 65535
    pan, _ = write_pair(tmp_path, np.minimum(PAN, 4095), MS, nbits=12)
    write(tmp_path / "ms.tif", ms, COARSE, crs=UTM, nodata=65535)
    expanded(pan, tmp_path / "ms.tif")
    with rasterio.open(tmp_path / "out.tif") as out:
        assert not out.dataset_mask()[24:32, 24:32].any() and out.dataset_mask()[60:].all()


def bands(folder: Path, *places: Affine, cuts: tuple[int, ...] = (0, 0, 0)) -> list[Path]:
    """The MS's bands, a file each, at these places; ``cuts``: columns that are missing at the right."""
    return [
        write(folder / f"b{n}.tif", MS[n, :, : MS.shape[2] - cut], place, crs=UTM)
        for n, (place, cut) in enumerate(zip(places, cuts, strict=True))
    ]


@pytest.mark.parametrize("drift", [1e-9, -1e-9, 1e-7])
def test_origins_a_hair_apart_are_one_lattice(pair: tuple[Path, Path], drift: float) -> None:
    files = bands(pair[0].parent, COARSE, Affine.translation(drift, 0) * COARSE, Affine.translation(0, drift) * COARSE)
    assert np.array_equal(expanded(pair[0], *files, register=False), expanded(*pair, register=False))


def test_of_extents_a_pixel_apart_the_common_part_is_taken_and_said(pair: tuple[Path, Path]) -> None:
    files = bands(pair[0].parent, COARSE, COARSE, COARSE, cuts=(0, 1, 2))
    report = fuse(pair[0], files, pair[0].with_name("out.tif"), "EXP")
    assert any("common part" in note for note in report.notes) and any("covers" in note for note in report.notes)
    with rasterio.open(report.output) as out:
        assert not out.dataset_mask()[:, -8:].any() and out.dataset_mask()[:, :-8].all()


def test_tiles_of_a_delivery_are_one_image(pair: tuple[Path, Path]) -> None:
    rows, cols = MS.shape[1] // 2, MS.shape[2] // 2
    tiles = [
        write(
            pair[0].with_name(f"R{r + 1}C{c + 1}.tif"),
            MS[:, r * rows : (r + 1) * rows, c * cols : (c + 1) * cols],
            COARSE * Affine.translation(c * cols, r * rows),
            crs=UTM,
        )
        for r in range(2)
        for c in range(2)
    ]
    assert np.array_equal(expanded(pair[0], *tiles), expanded(*pair))


@pytest.mark.parametrize("crs", ["EPSG:25833", "EPSG:32633+5773"])
def test_another_name_of_the_same_lattice_is_not_resampled(pair: tuple[Path, Path], crs: str) -> None:
    write(pair[1], MS, COARSE, crs=crs)
    report = fuse(*pair, pair[0].with_name("out.tif"), "EXP")
    assert not any("resampled" in note for note in report.notes)


@pytest.mark.parametrize("crs", ["EPSG:25833", "EPSG:32633+5773", ""])
def test_band_files_under_other_names_of_one_crs_are_one_image(pair: tuple[Path, Path], crs: str) -> None:
    files = bands(pair[0].parent, COARSE, COARSE, COARSE)
    write(files[1], MS[1], COARSE, **({"crs": crs} if crs else {}))
    assert np.array_equal(expanded(pair[0], *files, register=False), expanded(*pair, register=False))


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:4326"])
def test_band_files_in_different_crs_are_refused(pair: tuple[Path, Path], crs: str) -> None:
    files = bands(pair[0].parent, COARSE, COARSE, COARSE)
    write(files[1], MS[1], COARSE, crs=crs)
    with pytest.raises(UserError, match="does not lie on the pixel grid"):
        expanded(pair[0], *files)


@pytest.mark.parametrize("turns", [-360, 0, 360])
def test_longitudes_that_wrap_are_one_place(tmp_path: Path, turns: int) -> None:
    fine = Affine(0.001, 0, 179.95, 0, -0.001, 10)
    pan = write(tmp_path / "pan.tif", PAN, fine, crs="EPSG:4326")
    ms = write(tmp_path / "ms.tif", MS, Affine.translation(turns, 0) * fine * Affine.scale(4), crs="EPSG:4326")
    assert plan(pan, ms, method="EXP").ratio == 4
    fused = expanded(pan, ms)
    assert np.abs(fused[:, 2::4, 2::4].astype(float) - MS).mean() < 30


def test_a_pan_in_longitudes_across_the_date_line_takes_an_ms_in_metres(tmp_path: Path) -> None:
    fine = Affine(1e-5, 0, 179.9995, 0, -1e-5, 0.001)
    pan = write(tmp_path / "pan.tif", PAN, fine, crs="EPSG:4326")
    west, north = rasterio.warp.transform("EPSG:4326", "EPSG:32660", [179.9995], [0.001])
    ms = write(tmp_path / "ms.tif", MS, Affine(4.45, 0, west[0], 0, -4.45, north[0]), crs="EPSG:32660")
    known = plan(pan, ms, method="EXP", register=False)
    assert known.ratio == 4 and not any("covers" in note and "0 %" in note for note in known.notes)


def test_assess_opens_what_fuse_opens() -> None:
    known = {verb: {each.name for each in cli.commands[verb].params} for verb in ("fuse", "assess", "adapt")}
    assert all(set(OPENING) <= names for names in known.values())


def test_reflectance_beside_temperature_is_of_a_type_that_holds_both_and_said(pair: tuple[Path, Path]) -> None:
    """Landsat Level 2: uint16 and float32 in one call."""
    warm = write(pair[0].with_name("st.tif"), MS[0].astype("f4") / 7 + 0.25, COARSE, crs=UTM)
    report = fuse(pair[0], [pair[1], warm], pair[0].with_name("out.tif"), "EXP", register=False)
    assert any("float32" in note and "uint16" in note for note in report.notes)
    with rasterio.open(report.output) as out:
        assert set(out.dtypes) == {"float32"} and out.count == 4
        fused = out.read()
    alone = fuse(pair[0], warm, method="EXP", register=False)
    assert np.abs(fused[3] - alone[0]).max() < 1e-2 and np.abs(np.diff(fused[3] % 1)).max() > 0


def test_the_shift_is_measured_between_stripes_of_gaps(tmp_path: Path) -> None:
    """As of a scan-line corrector that failed, at the edge of a scene: 14 of every 33 rows, slanted."""
    pan, ms = (image.astype("u2") for image in landscape(512, 512, seed=3))
    moved = np.roll(pan, (2, -1), (0, 1))
    rows, cols = np.mgrid[:128, :128]
    gaps = (rows + cols // 8) % 33 < 14
    whole = plan(*write_pair(tmp_path, moved, ms, nodata=0), method="EXP")
    files = write_pair(tmp_path, moved, np.where(gaps, 0, ms).astype("u2"), nodata=0)
    striped = plan(*files, method="EXP")
    assert whole.registered and striped.registered
    assert np.abs(np.subtract(whole.shift, striped.shift)).max() < 0.15
    assert np.abs(np.abs(whole.shift) - (2, 1)).max() < 0.2


@pytest.mark.parametrize("driver", ["GTiff", "NITF", "PNG", "JP2OpenJPEG", "HFA"])
def test_a_header_beside_a_file_with_a_signature_is_not_asked(tmp_path: Path, driver: str) -> None:
    pan, ms = write_pair(tmp_path, (PAN // 8).astype("u1"), (MS // 8).astype("u1"))
    place = tmp_path / "other.img"
    with rasterio.open(pan) as source:
        rasterio.shutil.copy(source, place, driver=driver, **({"REVERSIBLE": "YES"} if driver[0] == "J" else {}))
    (tmp_path / "other.hdr").write_text(
        "ENVI\nsamples = 4\nlines = 3\nbands = 1\ndata type = 1\nheader offset = 0\ninterleave = bsq\nbyte order = 0\n"
    )
    assert plan(place, ms, method="EXP").grid.shape == PAN.shape


def test_what_described_the_ms_itself_is_not_copied(pair: tuple[Path, Path]) -> None:
    with rasterio.open(pair[1], "r+") as file:
        file.update_tags(TIFFTAG_IMAGEDESCRIPTION='{"shape": [3, 24, 32]}', METADATATYPE="IKONOS", MINE="kept")
        file.update_tags(1, STATISTICS_MEAN="1", OWN="kept")
    expanded(*pair)
    with rasterio.open(pair[0].with_name("out.tif")) as out:
        assert out.tags()["MINE"] == "kept" and out.tags(1)["OWN"] == "kept"
        assert not {"METADATATYPE", "TIFFTAG_IMAGEDESCRIPTION"} & set(out.tags()) and "STATISTICS_MEAN" not in out.tags(
            1
        )


def test_bands_are_called_as_their_files_are(pair: tuple[Path, Path]) -> None:
    files = [write(pair[0].with_name(f"LC09_X_T1_B{n}.TIF"), MS[i], COARSE, crs=UTM) for i, n in enumerate((4, 3, 2))]
    expanded(pair[0], *files)
    with rasterio.open(pair[0].with_name("out.tif")) as out:
        assert out.descriptions == ("B4", "B3", "B2")


# --- ways in ---

VRT = '<VRTDataset rasterXSize="32" rasterYSize="24"></VRTDataset>'
POINTER = '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{}</MDI></Metadata></PAMDataset>'


@pytest.mark.parametrize("suffix", [".ovr", ".msk", ".aux", ".rrd", ".aux.xml"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_sidecar_that_points_elsewhere_is_refused_unless_allowed(
    pair: tuple[Path, Path], suffix: str, which: int
) -> None:
    text = POINTER.format("/vsicurl/http://127.0.0.1:9/a.tif") if suffix == ".aux.xml" else VRT
    Path(f"{pair[which]}{suffix}").write_text(text)
    with pytest.raises(UserError, match=r"points at other files: remove it, or pass --allow-vrt"):
        fuse(*pair, pair[0].with_name("out.tif"), "EXP")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_pipe_is_never_an_output(pair: tuple[Path, Path], overwrite: bool) -> None:
    os.mkfifo(pair[0].with_name("out.tif"))
    with pytest.raises(UserError, match="pipe or a device"):
        fuse(*pair, pair[0].with_name("out.tif"), "EXP", overwrite=overwrite)
    assert pair[0].with_name("out.tif").is_fifo()


def test_a_link_is_followed_and_stays(pair: tuple[Path, Path]) -> None:
    (pair[0].parent / "real").mkdir()
    link, real = pair[0].with_name("out.tif"), pair[0].parent / "real" / "image.tif"
    link.symlink_to(real)
    fuse(*pair, link, "EXP")
    assert link.is_symlink() and read(real).shape == (3, *PAN.shape)


def test_strips_may_have_any_height(tmp_path: Path) -> None:
    pan, ms = landscape(64, 64)
    files = write_pair(tmp_path, pan, ms)
    fuse(*files, tmp_path / "out.tif", "EXP", format="GTiff", creation={"TILED": "NO", "BLOCKYSIZE": "1"})
    with rasterio.open(tmp_path / "out.tif") as file:
        assert file.block_shapes[0] == (1, 64)


def test_a_predictor_of_floats_is_none_of_whole_numbers(tmp_path: Path) -> None:
    files = write_pair(tmp_path, *(image.astype("uint16") for image in landscape(64, 64)))
    with pytest.raises(UserError, match="PREDICTOR=3 is of floating-point pixels, the output has uint16"):
        fuse(*files, tmp_path / "out.tif", "EXP", creation={"PREDICTOR": "3"})


@pytest.mark.parametrize("size", ["0", "x", "-16", "17", "1e9", "9999999999", "²", ""])
@pytest.mark.parametrize("key", ["BLOCKSIZE", "BLOCKXSIZE", "blockysize"])
def test_a_block_that_is_none_is_refused_at_once(pair: tuple[Path, Path], key: str, size: str) -> None:
    with pytest.raises(UserError, match="is no size of a block"):
        fuse(*pair, pair[0].with_name("out.tif"), "EXP", creation={key: size})


@pytest.mark.parametrize("name", ["out.png", "out.jp2", "out.vrt", "out.img", "-", "out.JPG"])
def test_a_name_of_another_format_is_refused(pair: tuple[Path, Path], name: str) -> None:
    with pytest.raises(UserError, match=r"name a file that ends in \.tif"):
        fuse(*pair, pair[0].with_name(name), "EXP")
    assert not pair[0].with_name(name).exists()


# --- many bands ---


def test_planned_memory_grows_with_the_bands_and_no_faster(tmp_path: Path) -> None:
    pan, ms = landscape(48, 48)
    planned = []
    for count in (100, 400):
        (tmp_path / str(count)).mkdir()
        files = write_pair(tmp_path / str(count), pan.astype("u2"), np.repeat(ms[:1].astype("u2"), count, 0))
        planned.append(plan(*files, method="EXP").memory)
    assert planned[1] < 5 * planned[0]


# --- both or neither ---


def test_a_page_that_fails_takes_the_images_back(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UserError("The page cannot be written: free some space.")

    monkeypatch.setattr("anypan.judging.gallery.page", fail)
    line = ["fuse", *map(str, pair), str(pair[0].with_name("out.tif")), "-m", "EXP", "-q"]
    found = CliRunner().invoke(cli, [*line, "--report", str(pair[0].with_name("page.html"))])
    assert found.exit_code == 2 and re.fullmatch(r"error: The page[^\n]+\.\n", found.stderr)
    assert {file.name for file in pair[0].parent.iterdir()} == {"pan.tif", "ms.tif"}


def test_what_a_killed_process_left_is_removed_by_the_next_run(pair: tuple[Path, Path]) -> None:
    from anypan.runtime.claim import Claim

    out = pair[0].with_name("out.tif")
    claim = Claim(out)
    (claim.folder / "draft.tif").write_bytes(b"half")
    with pytest.raises(UserError, match="is being written by another process"):
        fuse(*pair, out, "EXP")
    claim._lock.release()  # as when its process ends without a word
    fuse(*pair, out, "EXP")
    assert {file.name for file in pair[0].parent.iterdir()} == {"pan.tif", "ms.tif", "out.tif"}


@pytest.mark.parametrize("lap", [0.1, 0.4])
@pytest.mark.parametrize("ends", [False, True])
def test_tiles_that_overlap_are_one_image(pair: tuple[Path, Path], lap: float, ends: bool) -> None:
    """Deliveries overlap by some pixels; of two tiles the one that is valid there counts."""
    half, more = MS.shape[1] // 2, round(lap * MS.shape[1] / 2)
    upper, lower = MS[:, : half + more].copy(), MS[:, half - more :]
    if ends:
        upper[:, half - more :] = 0  # where the strip of the sensor ends
    files = [
        write(pair[0].with_name("a.tif"), lower, COARSE * Affine.translation(0, half - more), crs=UTM, nodata=0),
        write(pair[0].with_name("b.tif"), upper, COARSE, crs=UTM, nodata=0),
    ]
    for order in (files, files[::-1]):
        assert np.array_equal(expanded(pair[0], *order), expanded(*pair))


def test_bands_that_share_a_tenth_are_refused(pair: tuple[Path, Path]) -> None:
    half, place = MS.shape[1] // 2, COARSE * Affine.translation(0, MS.shape[1] // 2 - 1)
    files = [
        write(pair[0].with_name("a.tif"), MS[0, : half + 1], COARSE, crs=UTM),
        write(pair[0].with_name("b.tif"), MS[1, half - 1 :], place, crs=UTM),
    ]
    with pytest.raises(UserError, match="a mosaic first"):
        fuse(pair[0], files, method="EXP")


def test_bands_in_tiles_have_one_extent_and_a_file_named_twice_is_said(pair: tuple[Path, Path]) -> None:
    half = MS.shape[1] // 2
    files = [
        write(
            pair[0].with_name(f"B{b}R{r}.tif"),
            MS[b, r * half :][:half],
            COARSE * Affine.translation(0, r * half),
            crs=UTM,
        )
        for r in range(2)
        for b in range(2)
    ]
    report = fuse(pair[0], files, pair[0].with_name("out.tif"), "EXP")
    assert len(report.bands) == 2 and not any("common part" in note for note in report.notes)
    report = fuse(pair[0], [pair[1], pair[1]], pair[0].with_name("twice.tif"), "EXP")
    assert len(report.bands) == 6 and any("named 2 times" in note for note in report.notes)


# --- what GDAL would make up ---


def _raw(path: Path, image: np.ndarray, driver: str, transform: Affine, **profile: object) -> Path:
    image = image[None] if image.ndim == 2 else image
    path.parent.mkdir(exist_ok=True)
    shape = {"count": len(image), "height": image.shape[1], "width": image.shape[2], "dtype": image.dtype}
    with rasterio.open(path, "w", driver=driver, transform=transform, crs=UTM, **shape, **profile) as file:
        file.write(image)
    return path


@pytest.mark.parametrize(("name", "driver"), [("ms.dat", "ENVI"), ("ms.pix", "PCIDSK")])
@pytest.mark.parametrize("share", [0.5, 0.85, 0.999])
def test_a_raw_file_that_is_cut_off_is_refused(pair: tuple[Path, Path], name: str, driver: str, share: float) -> None:
    path = _raw(pair[0].parent / "raw" / name, MS, driver, COARSE)
    assert np.array_equal(expanded(pair[0], path), expanded(*pair))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match=rf"{name} .*cut off"):
        expanded(pair[0], path)


def test_a_file_of_another_kind_beside_a_raw_header_is_refused(pair: tuple[Path, Path]) -> None:
    path = _raw(pair[0].parent / "raw" / "ms.dat", MS, "ENVI", COARSE)
    other = path.with_suffix(".ppm")
    other.write_bytes(b"P5 32 24 65535\n" + path.read_bytes())
    with pytest.raises(UserError, match=r"ms\.ppm holds .*not that header's file"):
        expanded(pair[0], other)


@pytest.mark.parametrize(("label", "bands"), [("cmyk", 4), ("cielab", 3)])
def test_bands_that_gdal_would_turn_into_colours_are_refused(pair: tuple[Path, Path], label: str, bands: int) -> None:
    ms = (np.resize(MS, (bands, *MS.shape[1:])) // 256).astype("u1")
    path = _raw(pair[0].parent / "raw" / "ms.tif", ms, "GTiff", COARSE, photometric=label)
    with pytest.raises(UserError, match=rf"labelled {label.upper()}"):
        expanded(pair[0], path)


def test_a_missing_tile_is_said(tmp_path: Path) -> None:
    pan, _ = write_pair(tmp_path, PAN, MS)
    half = MS.shape[1] // 2, MS.shape[2] // 2
    tiles = []
    for row, col in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = MS[:, row * half[0] :, col * half[1] :][:, : half[0], : half[1]]
        place = COARSE * Affine.translation(col * half[1], row * half[0])
        tiles.append(write(tmp_path / f"R{row + 1}C{col + 1}.tif", part, place, crs=UTM))
    assert not any("empty" in note for note in plan(pan, tiles, method="EXP").notes)
    assert any("leave 25 % of their extent empty" in note for note in plan(pan, tiles[:3], method="EXP").notes)


def test_a_transform_that_only_turns_rows_down_is_no_place(tmp_path: Path) -> None:
    nowhere = Affine(1, 0, 0, 0, -1, 0)
    files = write(tmp_path / "pan.tif", PAN, nowhere), write(tmp_path / "ms.tif", MS, nowhere)
    done = plan(*files, method="EXP")
    assert done.ratio == 4 and any("No georeferencing" in note for note in done.notes)


def test_a_pan_among_the_ms_is_named(pair: tuple[Path, Path]) -> None:
    pan, ms = pair
    with pytest.raises(UserError, match=r"pan\.tif is named as the PAN and as the MS"):
        expanded(pan, pan)
    for order in ((ms, ms, pan), (pan, ms, pan), (ms, pan, ms)):
        with pytest.raises(UserError, match=r"pan\.tif has finer pixels than .*ms\.tif"):
            expanded(*order)


def test_bands_are_found_by_the_colours_that_a_file_gives_them(pair: tuple[Path, Path]) -> None:
    pan, ms = pair
    with rasterio.open(ms, "r+") as file:
        file.colorinterp = [rasterio.enums.ColorInterp[name] for name in ("blue", "green", "red")]
    assert np.array_equal(expanded(pan, ms, bands=["red", "blue"]), expanded(pan, ms)[[2, 0]])


def test_a_number_that_is_the_name_of_another_band_is_refused(pair: tuple[Path, Path]) -> None:
    pan, ms = pair
    with rasterio.open(ms, "r+") as file:
        file.descriptions = ("2", "3", "4")
    with pytest.raises(UserError, match=r"2 is the number of one band .* and the name of another, band 1"):
        expanded(pan, ms, bands=[2])
    assert np.array_equal(expanded(pan, ms, bands=["4"]), expanded(pan, ms)[[2]])


def test_a_name_that_two_bands_have_is_refused(pair: tuple[Path, Path]) -> None:
    pan, ms = pair
    with rasterio.open(ms, "r+") as file:
        file.descriptions = ("x", "X", "y")
    with pytest.raises(UserError, match=r"Bands 1 and 2 of .*ms.tif are called x: give a number"):
        expanded(pan, ms, bands=["x"])
    assert np.array_equal(expanded(pan, ms, bands=["y"]), expanded(pan, ms)[[2]])


def test_an_output_that_ends_in_a_slash_is_a_folder(pair: tuple[Path, Path]) -> None:
    out = pair[0].parent / "new"
    with pytest.raises(UserError, match=r"new/ is a folder by its name"):
        fuse(*pair, f"{out}/", "EXP")
    assert not out.exists()


def test_a_recipe_takes_a_pair_that_is_as_good_as_aligned(tmp_path: Path) -> None:
    pan, ms = landscape(256, 256)
    files = write_pair(tmp_path, pan.astype("u2"), ms.astype("u2"))
    assert plan(*files, tmp_path / "out.vrt", "Brovey", format="VRT-recipe").registered

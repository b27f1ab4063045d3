"""Every bad input is one sentence that names it and says what to do, and leaves no output."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from pairs import NORTH_UP, UTM, landscape, read, write, write_pair
from rasterio._err import CPLE_AppDefinedError
from rasterio.errors import RasterioIOError

from anypan.api import fuse, plan
from anypan.raster.read import blaming
from anypan.runtime.errors import UserError

PAN, MS = (image.astype("u2") for image in landscape(96, 120))
MS_GRID = NORTH_UP * Affine.scale(4)


def _truncate(folder: Path) -> None:
    file = folder / "pan.tif"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _truncate_late(folder: Path) -> None:
    """A file whose directory comes first and whose last pixels are missing."""
    image = np.random.default_rng(0).integers(0, 60000, (1, 400, 480), "u2")
    write(folder / "draft.tif", image, NORTH_UP, crs=UTM, tiled=True, blockxsize=128, blockysize=128)
    with rasterio.open(folder / "draft.tif") as draft:
        draft_profile = draft.profile
    assert draft_profile["tiled"]
    rasterio.shutil.copy(folder / "draft.tif", folder / "pan.tif", driver="COG", compress="deflate", overviews="none")
    (folder / "draft.tif").unlink()
    data = (folder / "pan.tif").read_bytes()
    (folder / "pan.tif").write_bytes(data[: len(data) * 3 // 4])
    write(folder / "ms.tif", np.ones((2, 100, 120), "u2"), MS_GRID, crs=UTM)


def _absurd(folder: Path) -> None:
    """A TIFF header of 2^31 - 1 pixels square without any of them."""
    side = 2**31 - 1
    entries = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, 16)]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    (folder / "pan.tif").write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + b"\0" * 4)


def _vrt(folder: Path) -> None:
    shutil.move(folder / "pan.tif", folder / "hidden.tif")
    band = '<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{0}</SourceFilename>'
    text = f'<VRTDataset rasterXSize="120" rasterYSize="96">{band}<SourceBand>1</SourceBand></SimpleSource>'
    (folder / "pan.tif").write_text(text.format(folder / "hidden.tif") + "</VRTRasterBand></VRTDataset>")


def _pan(image: np.ndarray, **profile: object) -> Callable[[Path], None]:
    return lambda folder: write(folder / "pan.tif", image, NORTH_UP, crs=UTM, **profile) and None


def _ms(image: np.ndarray, transform: Affine = MS_GRID, **profile: object) -> Callable[[Path], None]:
    return lambda folder: write(folder / "ms.tif", image, transform, crs=UTM, **profile) and None


def _swapped(folder: Path) -> None:
    write(folder / "pan.tif", MS[:1], MS_GRID, crs=UTM)
    write(folder / "ms.tif", PAN, NORTH_UP, crs=UTM)


def _swapped_bands(folder: Path) -> None:
    write(folder / "pan.tif", MS, MS_GRID, crs=UTM)
    write(folder / "ms.tif", PAN, NORTH_UP, crs=UTM)


def _other_proportions(folder: Path) -> None:
    write(folder / "pan.tif", PAN)
    write(folder / "ms.tif", MS[:, :, :20])


def _colours(folder: Path) -> None:
    write(folder / "pan.tif", (PAN // 4).astype("u1"), NORTH_UP, crs=UTM, photometric="palette")
    with rasterio.open(folder / "pan.tif", "r+") as file:
        file.write_colormap(1, {n: (n, 255 - n, 7, 255) for n in range(256)})


NO_EARTH = 'LOCAL_CS["a drawing board",UNIT["metre",1]]'
FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda folder: (folder / "pan.tif").unlink(), r"pan\.tif does not exist: check"),
    "folder": (lambda folder: (folder / "ms.tif").unlink() or (folder / "ms.tif").mkdir(), r"ms\.tif is a folder"),
    "pipe": (lambda folder: (folder / "ms.tif").unlink() or os.mkfifo(folder / "ms.tif"), r"ms\.tif is a pipe"),
    "empty": (lambda folder: (folder / "ms.tif").write_bytes(b"") and None, r"ms\.tif cannot be read"),
    "not a raster": (lambda folder: (folder / "ms.tif").write_text("hello") and None, r"ms\.tif cannot be read"),
    "truncated": (_truncate, r"pan\.tif cannot be read"),
    "truncated late": (_truncate_late, r"pan\.tif cannot be read to its end"),
    "absurd dimensions": (_absurd, r"pan\.tif (claims|cannot be read)"),
    "vrt": (_vrt, r"pan\.tif is a VRT.*convert it"),
    "pan of two bands": (_pan(np.stack([PAN, PAN])), r"pan\.tif has 2 bands.*PAN band alone"),
    "swapped": (_swapped, r"pan\.tif has larger pixels than .*swapped"),
    "swapped, many bands": (_swapped_bands, r"pan\.tif has 3 bands.*swapped"),
    "constant pan": (_pan(np.full_like(PAN, 7)), r"pan\.tif is constant, 7"),
    "all nodata": (_pan(np.zeros_like(PAN), nodata=0), r"pan\.tif and its MS have no pixel"),
    "all not a number": (_ms(np.full(MS.shape, np.nan, "f4")), r"have no pixel that is valid in both"),
    "elsewhere": (_ms(MS, Affine.translation(9999, 0) * MS_GRID), r"ms\.tif does not overlap .*pan\.tif"),
    "elsewhere, resampled": (_ms(MS, Affine.translation(9999, 0) * NORTH_UP * Affine.scale(3.9)), "does not overlap"),
    "ratio too low": (_ms(np.ones((1, 70, 80), "u2"), NORTH_UP * Affine.scale(1.3)), r"ms\.tif is 1\.3 pixels"),
    "ratio too high": (_ms(np.ones((1, 8, 9), "u2"), NORTH_UP * Affine.scale(11)), r"ms\.tif is 11 pixels"),
    "complex": (_ms(MS.astype("c8")), r"ms\.tif holds complex64 pixels: convert"),
    "numbers of colours": (_colours, r"pan\.tif holds indexes of a colour table"),
    "pixels of no size": (
        lambda folder: write(folder / "pan.tif", PAN, Affine(0, 0, 5, 0, 0, 5)) and None,
        "broken geo",
    ),
    "pixels of unknown size": (_ms(MS, Affine(np.nan, 0, 5, 0, -2, 5)), r"ms\.tif has a broken geotransform"),
    "pixels beyond all places": (_ms(MS, Affine(2, 0, 1e300, 0, -2, 5)), r"ms\.tif has a broken geotransform"),
    "pixels larger than any place": (_ms(MS, Affine(1e308, 0, 0, 0, -1e308, 5)), r"ms\.tif has a broken geotransform"),
    "pixels finer than coordinates": (_ms(MS, Affine(1e-9, 0, 5e5, 0, -1e-9, 4e6)), r"ms\.tif has a broken geotr"),
    "not on earth": (lambda folder: write(folder / "pan.tif", PAN, NORTH_UP, crs=NO_EARTH) and None, "into one CRS"),
    "other proportions": (_other_proportions, r"ms\.tif has other proportions than"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_one_sentence(tmp_path: Path, case: str) -> None:
    write_pair(tmp_path, PAN, MS)
    spoil, sentence = FILES[case]
    spoil(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=sentence) as caught:
        fuse(tmp_path / "pan.tif", tmp_path / "ms.tif", tmp_path / "out.tif", "EXP")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "path",
    ["/vsicurl/https://a.org/a.tif", "https://a.org/a.tif", "s3://b/a.tif", "GTIFF_DIR:1:a.tif"],
)
def test_paths_that_are_no_plain_files_are_refused(tmp_path: Path, path: str) -> None:
    files = write_pair(tmp_path, PAN, MS)
    with pytest.raises(UserError, match="not a plain file"):
        fuse(path, files[1], tmp_path / "out.tif", "EXP")
    with pytest.raises(UserError, match="not a plain file"):
        fuse(files[0], path, tmp_path / "out.tif", "EXP")


def test_what_is_allowed_is_read(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN, MS)
    _vrt(tmp_path)
    assert plan(*files, method="EXP", allow_vrt=True).grid.shape == PAN.shape


@pytest.mark.parametrize("option", [{"bands": ["swir"]}, {"bands": [0]}, {"sensor": "Sputnik"}])
def test_unknown_names_list_the_known(option: dict[str, object]) -> None:
    with pytest.raises(UserError, match="choose"):
        fuse(PAN, MS, method="EXP", **option)


@pytest.mark.parametrize(
    "option", [{"device": "nonsense"}, {"device": "meta"}, {"device": "cpu:"}, {"tile": 0}, {"tile": -5}, {"tile": 15}]
)
def test_a_device_or_tile_that_cannot_be_is_one_sentence(option: dict[str, object]) -> None:
    for run in (fuse, plan):
        with pytest.raises(UserError, match=rf"^[^\n]*{next(iter(option))}[^\n]*\.$"):
            run(PAN, MS, method="EXP", **option)


@pytest.mark.parametrize(
    "option",
    [{"bands": [1.5]}, {"bands": 3}, {"bands": [None]}, {"bands": "321"}, {"sensor": 3}, {"creation": "COMPRESS=ZSTD"},
     {"nodata": "0"}, {"out_nodata": "a"}, {"register": 1}, {"dtype": np.uint8}, {"tile": 64.5}, {"progress": "bar"}],
)  # fmt: skip
def test_an_option_of_another_type_is_one_sentence(option: dict[str, object]) -> None:
    for run in (fuse, plan):
        with pytest.raises(UserError, match=rf"^{next(iter(option))} is [^\n]*: give [^\n]*\.$"):
            run(PAN, MS, method="EXP", **option)
    assert fuse(PAN, MS, method="EXP", bands=np.array([2, 1]), tile=np.int64(64)).shape == (2, *PAN.shape)


def test_a_pair_that_cannot_be_opened_leaves_no_file_open(tmp_path: Path) -> None:
    files, kept = write_pair(tmp_path, PAN, MS), []
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for wrong in (("pan.tif", "missing.tif"), ("ms.tif", "pan.tif")) * 5:
        with pytest.raises(UserError) as raised:
            plan(*(tmp_path / name for name in wrong), method="EXP")
        kept.append(raised)
    assert len(kept) == 10 and files[0].is_file()
    assert not before or len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("creation", [{"COMPRESS": "NONSENSE"}, {"COMPRES": "LZW"}, {"DRIVER": "PNG"}])
def test_a_plan_says_which_creation_options_would_be_refused_and_writes_nothing(
    tmp_path: Path, creation: dict[str, str]
) -> None:
    files = write_pair(tmp_path, PAN, MS)
    before = sorted(tmp_path.iterdir())
    for run in (plan, fuse):
        with pytest.raises(UserError, match=r"NONSENSE|COMPRES|PNG"):
            run(*files, tmp_path / "out.tif", "EXP", creation=creation)
    assert plan(*files, tmp_path / "out.tif", "EXP", creation={"COMPRESS": "ZSTD"}).ratio == 4
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("creation", "words"),
    [
        ({"PROFILE": "BASELINE"}, "would lie in other files"),
        ({"profile": "GeoTIFF"}, "would lie in other files"),
        ({"TFW": "YES"}, "would lie in other files"),
        ({"TARGET_SRS": "EPSG:4326"}, "off the PAN's grid"),
        ({"TILING_SCHEME": "GoogleMapsCompatible"}, "off the PAN's grid"),
    ],
)
def test_options_that_move_an_output_or_part_it_into_files_are_refused(
    tmp_path: Path, creation: dict[str, str], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        plan(*write_pair(tmp_path, PAN, MS), tmp_path / "out.tif", "EXP", creation=creation)


def test_empty_names_are_said_to_be_empty(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN, MS)
    for wrong in (("", files[1], tmp_path / "out.tif"), (*files, "")):
        with pytest.raises(UserError, match="name is empty"):
            fuse(*wrong, "EXP")


def test_what_is_not_in_an_archive_or_at_an_address_is_not_called_damaged(tmp_path: Path) -> None:
    pan, ms = write_pair(tmp_path, PAN, MS)
    with zipfile.ZipFile(tmp_path / "pair.zip", "w") as archive:
        archive.write(pan, "pan.tif")
    assert plan(f"/vsizip/{tmp_path}/pair.zip/pan.tif", ms, method="EXP").ratio == 4
    for gone in ("pair.zip/ms.tif", "none.zip/pan.tif"):
        with pytest.raises(UserError, match="does not exist"):
            plan(f"/vsizip/{tmp_path}/{gone}", ms, method="EXP")
    with pytest.raises(UserError, match="cannot be fetched"):
        plan("http://127.0.0.1:9/pan.tif", ms, method="EXP", allow_remote=True)


def test_an_unknown_method_lists_the_known() -> None:
    with pytest.raises(UserError, match=r"magic.*MTF-GLP"):
        fuse(PAN, MS, method="magic")


NO_ARRAYS = ((PAN.tolist(), MS.tolist()), (None, None), (torch.ones(96, 120), torch.ones(3, 24, 30)), (PAN, list(MS)))


@pytest.mark.parametrize(
    "arrays", [(PAN[None], MS), (PAN, MS[0]), (PAN, "ms.tif"), (PAN, MS[:0]), (PAN, MS > 3), *NO_ARRAYS]
)
def test_wrong_arrays_are_one_sentence(arrays: tuple[object, object]) -> None:
    with pytest.raises(UserError, match=r"^[^\n]{,200}\.$"):
        fuse(*arrays, method="EXP")  # type: ignore[arg-type]


def test_what_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_pair(tmp_path, PAN, MS)
    files[0].write_bytes(b"")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UserError, match=r"pan\.tif may not be read"):
        plan(*files, method="EXP")


# --- the output ---


def test_an_existing_output_is_kept_unless_told(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN, MS)
    (tmp_path / "out.tif").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"out\.tif exists already"):
        fuse(*files, tmp_path / "out.tif", "EXP")
    assert (tmp_path / "out.tif").read_bytes() == b"mine"
    fuse(*files, tmp_path / "out.tif", "EXP", overwrite=True)
    assert (tmp_path / "out.tif").stat().st_size > 4


@pytest.mark.parametrize("name", ["pan.tif", "ms.tif", "link.tif"])
def test_an_input_is_never_the_output(tmp_path: Path, name: str) -> None:
    files = write_pair(tmp_path, PAN, MS)
    (tmp_path / "link.tif").symlink_to(tmp_path / "ms.tif")
    before = [file.read_bytes() for file in files]
    with pytest.raises(UserError, match="is one of the inputs"):
        fuse(*files, tmp_path / name, "EXP", overwrite=True)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no/out.tif", "does not exist"),
        ("", "is a folder"),
        ("pan.tif/out.tif", "does not exist"),
        ("/vsimem/a.tif", "plain file"),
        ("a" * 300, "too long.*name another"),
    ],
)
def test_an_impossible_output_is_refused_first(tmp_path: Path, name: str, sentence: str) -> None:
    files = write_pair(tmp_path, PAN, MS)
    with pytest.raises(UserError, match=sentence):
        fuse(*files, name if name.startswith("/") else f"{tmp_path}/{name}", "EXP")


@pytest.mark.parametrize("letter", ["a", "é"])
def test_the_longest_name_will_do(tmp_path: Path, letter: str) -> None:
    files = write_pair(tmp_path, PAN, MS)
    out = tmp_path / (letter * (255 // len(letter.encode())))
    fuse(*files, out, "EXP", register=False)
    assert read(out).shape == (3, 96, 120)
    with pytest.raises(UserError, match="does not exist"):
        fuse(f"{out}b", files[1], tmp_path / "other.tif", "EXP")


def test_an_unwritable_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_pair(tmp_path, PAN, MS)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UserError, match="not writable"):
        fuse(*files, tmp_path / "out.tif", "EXP")


def test_too_little_space_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_pair(tmp_path, PAN, MS)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(UserError, match=r"out\.tif needs 0\.1 MiB free, it has 0\.0"):
        fuse(*files, tmp_path / "out.tif", "EXP")
    assert {file.name for file in tmp_path.iterdir()} == {"pan.tif", "ms.tif"}


@pytest.mark.parametrize("limit", [300_000, 1_900_000, 2_000_000, 2_300_000])
def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, limit: int) -> None:
    """A limit on the size of files makes writes fail as a full disk does: in the draft, in its padding, after it."""
    rng = np.random.default_rng(0)
    pan, ms = rng.integers(0, 60000, (960, 960)).astype("u2"), rng.integers(0, 60000, (1, 240, 240)).astype("u2")
    files = write_pair(tmp_path, pan, ms)
    script = (
        "import resource, signal, sys; from anypan.api import fuse; from anypan.runtime.errors import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "try: fuse(*sys.argv[1:], method='EXP', creation={'COMPRESS': 'NONE'})\n"
        "except UserError as error: print(error); sys.exit(2)"
    )
    out = tmp_path / "out.tif"
    done = subprocess.run([sys.executable, "-c", script, *files, out], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "out.tif cannot be written" in done.stdout, (done.stdout, done.stderr)
    assert {file.name for file in tmp_path.iterdir()} == {"pan.tif", "ms.tif"}


def test_both_roots_of_gdal_s_errors_are_a_sentence() -> None:
    for error in (RasterioIOError("x"), CPLE_AppDefinedError(3, 1, "Key 18434 of unknown type")):
        with pytest.raises(UserError, match=r"a\.tif cannot be read to its end"), blaming("a.tif"):
            raise error

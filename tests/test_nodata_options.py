"""Fill that no header marks, as the user names it: --nodata, --pan-nodata, --nodata-all-bands."""

import numpy as np
import pytest
import rasterio
from pairs import landscape

import anypan
from anypan.cli.opening import OPENING
from anypan.pair.opening import OpeningWords
from anypan.runtime.errors import UserError

FILL = -9999


@pytest.fixture
def pair(tmp_path):
    """PAN and MS (int16), 2 % of the MS's pixels FILL in all bands, a block of one band 0; no header says so."""
    rng = np.random.default_rng(3)
    ms = rng.integers(500, 900, (3, 40, 40)).astype("int16")
    fill = rng.random((40, 40)) < 0.02
    ms[:, fill] = FILL
    pan = np.kron(np.where(fill, 700, ms.mean(0)), np.ones((4, 4))).astype("int16")
    paths = tmp_path / "pan.tif", tmp_path / "ms.tif"
    for path, image, pixel in zip(paths, (pan[None], ms), (1, 4), strict=True):
        where = {"crs": "EPSG:32631", "transform": rasterio.transform.from_origin(0, 160, pixel, pixel)}
        shape = {"height": image.shape[1], "width": image.shape[2], "count": len(image)}
        with rasterio.open(path, "w", driver="GTiff", dtype="int16", **where, **shape) as file:
            file.write(image)
    return *paths, tmp_path / "out.tif", fill


@pytest.mark.parametrize("method", ["GSA", "anypan-s"])
def test_fill_that_is_named_is_nodata_and_moves_no_other_pixel(pair, method):
    pan, ms, out, fill = pair
    anypan.fuse(pan, ms, out, method, nodata=FILL)
    with rasterio.open(out) as file:
        fused, mask = file.read(), file.read_masks(1) > 0
        assert file.nodata == FILL
    assert np.array_equal(~mask, np.kron(fill, np.ones((4, 4))) > 0)
    assert fused[:, mask].min() > 0 and fused[:, mask].max() < 1500


def test_a_pan_has_a_nodata_value_of_its_own(pair):
    pan, ms, out, _ = pair
    with rasterio.open(pan, "r+") as file:
        image = file.read()
        image[:, :8] = 0
        file.write(image)
    anypan.fuse(pan, ms, out, "EXP", nodata=FILL, pan_nodata=0)
    with rasterio.open(out) as file:
        assert not file.read_masks(1)[:8].any() and file.read_masks(1)[8:].any()


def test_one_dark_band_is_no_fill_where_all_bands_have_to_be(pair):
    pan, ms, out, _ = pair
    with rasterio.open(ms, "r+") as file:
        image = file.read()
        image[image == FILL] = 0
        image[0, :10] = 0
        file.write(image)
    valid = []
    for every in (False, True):
        anypan.fuse(pan, ms, out, "EXP", nodata=0, nodata_all_bands=every, overwrite=True)
        with rasterio.open(out) as file:
            valid.append((file.dataset_mask() > 0).mean())
    assert valid[0] < 0.76 and valid[1] > 0.95


def test_what_no_pixel_can_hold_and_alpha_of_arrays_are_one_sentence(pair):
    pan, ms, out, _ = pair
    with pytest.raises(UserError, match="no pixel holds"):
        anypan.fuse(pan, ms, out, nodata=float("inf"))
    with pytest.raises(UserError, match="for files"):
        anypan.fuse(np.ones((64, 64)), np.ones((3, 16, 16)), alpha=0)
    assert not out.exists()


def test_nodata_of_arrays_does_what_it_does_of_files():
    """What a note on fill in arrays recommends can be done with arrays."""
    pan, ms = (image.astype("u2") for image in landscape(96, 96))
    ms[:, :, :6] = 0
    with pytest.warns(anypan.Note, match="--nodata nan says that there is none"):
        assert np.ma.is_masked(anypan.fuse(pan, ms, method="EXP"))
    assert not np.ma.isMaskedArray(anypan.fuse(pan, ms, method="EXP", nodata=float("nan")))
    ms[1:, :, :6] = 9
    assert np.ma.is_masked(anypan.fuse(pan, ms, method="EXP", nodata=0))
    assert not np.ma.is_masked(anypan.fuse(pan, ms, method="EXP", nodata=0, nodata_all_bands=True))


def test_the_command_line_has_an_option_for_every_way_to_open_a_pair():
    assert set(OPENING) == set(OpeningWords.__annotations__)


@pytest.mark.parametrize("dark", [0, 1, 37, 400])
def test_pixels_that_are_nodata_in_some_bands_only_are_counted_with_the_way_out(pair, dark):
    pan, ms, out, fill = pair
    with rasterio.open(ms, "r+") as file:
        image = file.read()
        places = np.flatnonzero(~fill)[:dark]
        image[1].reshape(-1)[places] = FILL
        file.write(image)
        file.nodata = FILL
    notes = anypan.fuse(pan, ms, out, "EXP").notes
    assert any(f"{dark:,} pixels" in note and "--nodata-all-bands" in note for note in notes) == (dark > 0)
    notes = anypan.fuse(pan, ms, out, "EXP", nodata_all_bands=True, overwrite=True).notes
    assert not any("--nodata-all-bands" in note for note in notes)


def test_what_is_no_number_in_some_bands_is_said_whatever_is_asked_for(pair):
    pan, ms, out, _ = pair
    with rasterio.open(ms) as file:
        image, profile = file.read().astype("f4"), file.profile
    image[1, 5, 6:9] = np.nan
    with rasterio.open(ms, "w", **(profile | {"dtype": "float32", "nodata": None})) as file:
        file.write(image)
    for options in ({}, {"nodata_all_bands": True}, {"nodata": np.nan}):
        notes = anypan.fuse(pan, ms, out, "EXP", overwrite=True, **options).notes
        assert sum("3 pixels" in note and "are no number in some bands only" in note for note in notes) == 1
        assert not any("--nodata-all-bands" in note or "No pixel" in note for note in notes)

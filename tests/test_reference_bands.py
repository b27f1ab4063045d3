"""Which bands are written, and in which order, moves no pixel of the others: methods are fitted to reference bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pairs import NORTH_UP, UTM, landscape, read, write, write_pair
from products import landsat

import anypan
from anypan.api import fuse, plan
from anypan.methods import METHODS
from anypan.runtime.errors import UserError

PAN, MS = (image.round().astype("u2") for image in landscape(96, 120, 5, phase=(0.7, -0.4), seed=4))
NAMES = ("blue", "green", "red", "nir", "swir")


@pytest.mark.parametrize("method", [name for name in sorted(METHODS) if name != "anypan-s+"])
def test_chosen_bands_are_the_bytes_of_those_of_all(method: str) -> None:
    every = fuse(PAN, MS, method=method)
    assert len({band.tobytes() for band in every}) == len(MS)
    for bands in ([5], [2, 2, 5, 4, 3, 1]):
        assert np.array_equal(fuse(PAN, MS, method=method, bands=bands), every[[band - 1 for band in bands]]), bands


def test_chosen_bands_have_their_own_names_and_halfwidths(tmp_path: Path) -> None:
    pan, ms = (image.round().astype("u2") for image in landscape(192, 192, 5))
    files, out, widths = write_pair(tmp_path, pan, ms), tmp_path / "out.tif", tmp_path / "widths.tif"
    fuse(*files, out, uncertainty=widths)
    report = fuse(*files, tmp_path / "two.tif", uncertainty=tmp_path / "two-widths.tif", bands=[4, 2])
    assert report.bands == ("band 4", "band 2") and len(report.explained) == 2
    assert np.array_equal(read(tmp_path / "two.tif"), read(out)[[3, 1]])
    assert np.array_equal(read(tmp_path / "two-widths.tif"), read(widths)[[3, 1]])


def test_reference_bands_are_what_is_fitted_to(tmp_path: Path) -> None:
    """As if the file held no others, whatever their order; a note says how many are fitted to for those written."""
    pan = write(tmp_path / "pan.tif", PAN, NORTH_UP, crs=UTM)
    place = NORTH_UP * NORTH_UP.scale(4)
    ms = write(tmp_path / "ms.tif", MS, place, crs=UTM, names=NAMES)
    few = write(tmp_path / "few.tif", MS[:3], place, crs=UTM, names=NAMES[:3])
    of_few = fuse(pan, few, method="BDSD-PC")
    assert np.array_equal(fuse(pan, ms, method="BDSD-PC", reference_bands=["red", 1, "green"]), of_few)
    found = fuse(pan, ms, method="BDSD-PC", reference_bands=[1, 2, 3], bands=["red"])
    assert np.array_equal(found, of_few[2:]) and not np.array_equal(found, fuse(pan, ms, method="BDSD-PC", bands=[3]))
    assert any("3 bands, of which 1 " in note for note in plan(pan, ms, reference_bands=[1, 2, 3], bands=[3]).notes)
    assert not any("--reference-bands" in note for note in plan(pan, ms, bands=[5, 4, 3, 2, 1]).notes)
    with pytest.raises(UserError, match=r"Band nir .* none of the reference bands"):
        fuse(pan, ms, reference_bands=[1, 2, 3], bands=["nir"])


def test_what_is_planned_grows_with_the_bands_that_are_fitted_to(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN, MS)
    alone, beside, every = (plan(*files, bands=[1], reference_bands=of) for of in ([1], [1, 2, 3], None))
    assert alone.memory < beside.memory < every.memory and alone.size == every.size == PAN.size * 2


def test_an_empty_band_that_nobody_wants_is_named_by_the_remedy(tmp_path: Path) -> None:
    ms = MS.copy()
    ms[4] = 0
    files = write_pair(tmp_path, PAN, ms, nodata=0)
    with pytest.raises(UserError, match="--reference-bands"):
        fuse(*files, method="EXP", bands=[1])
    assert fuse(*files, method="EXP", bands=[1], reference_bands=[1, 2, 3, 4]).all()


def test_bands_of_a_product_do_not_move_each_other(tmp_path: Path) -> None:
    """Those that are taken unless somebody names any are its reference bands; thermal ones are if they are named."""
    folder = landsat(tmp_path, "LANDSAT_7")
    every = fuse(folder, [], method="GSA")
    assert np.array_equal(fuse(folder, [], method="GSA", bands=["B3", "blue"]), every[[2, 0]])
    with anypan.open_pair(folder, [], bands=["B6_VCID_1"], register=False) as pair:
        assert len(pair.reference.bands) == 7 and pair.scene.bands == ("B6_VCID_1",)
    with anypan.open_pair(folder, [], bands=["red"], reference_bands=["red", "green"], register=False) as pair:
        assert pair.reference.bands == ("B2", "B3")

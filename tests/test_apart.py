"""Bands, and parts of a scene, that lie off the rest are said to; those of real scenes lie where they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from pairs import NORTH_UP, UTM, landscape, write, write_pair

import anypan
from anypan import raster
from anypan.pair.apart import apart_notes
from anypan.pair.pair import open_pair

PAN, MS = (image.round().astype("u2") for image in landscape(512, 512, 4, seed=5))


def said(*files: Path) -> list[str]:
    return [note for note in anypan.plan(*files, method="EXP").notes if " off the PAN" in note or "differs by" in note]


@pytest.mark.parametrize(("rows", "cols"), [(1, 0), (0, -2), (3, 2)])
def test_a_band_that_lies_off_the_others_is_named(tmp_path: Path, rows: int, cols: int) -> None:
    moved = MS.copy()
    moved[2] = np.roll(MS[2], (rows, cols), (0, 1))
    (note,) = said(*write_pair(tmp_path, PAN, moved))
    assert note.startswith(f"band 3 of {tmp_path / 'ms.tif'} lies {-rows:+d} rows and {-cols:+d} columns")


def test_a_wrong_pixel_size_is_said(tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAN, MS)
    assert not said(*files)
    about = Affine.translation(256, 256)  # the middle stays where it is
    write(tmp_path / "ms.tif", MS, NORTH_UP * about * Affine.scale(4.1) * Affine.translation(-64, -64), crs=UTM)
    (note,) = said(*files)
    assert "another scale" in note


def test_a_shift_of_the_whole_is_none_of_a_band(tmp_path: Path) -> None:
    files = write_pair(tmp_path, np.roll(PAN, (9, 5), (0, 1)), MS)
    assert not said(*files)
    assert not any(" off the PAN" in note for note in anypan.plan(*files, method="EXP", register=False).notes)


def test_nothing_is_said_of_real_scenes(real_scenes: list[Path]) -> None:
    for folder in real_scenes:
        with raster.environment(), open_pair(folder / "pan.tif", folder / "ms.tif") as pair:
            assert not apart_notes(pair.reference, folder.name)

"""An MS that was blown up by repeating its pixels gives what the MS before gives; others are left as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from pairs import NORTH_UP, UTM, landscape, read, write

import anypan
from anypan.pair.pair import pair_of_arrays


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(("ratio", "step", "cut"), [(4, 2, 0), (4, 4, 0), (6, 3, 0), (4, 2, 1), (6, 3, 2)])
def test_repeated_pixels_are_undone(tmp_path: Path, ratio: int, step: int, cut: int, dtype: str) -> None:
    pan, ms = landscape(24 * ratio, 30 * ratio, ratio=ratio, seed=1)
    pan, ms = ((image / 4 if dtype == "uint8" else image).astype(dtype) for image in (pan, ms))
    place = NORTH_UP * Affine.scale(ratio)
    blown = ms.repeat(step, 1).repeat(step, 2)[:, cut:, cut:]
    fine = place * Affine.scale(1 / step) * Affine.translation(cut, cut)
    pan_file = write(tmp_path / "pan.tif", pan, NORTH_UP, crs=UTM)
    files = write(tmp_path / "ms.tif", ms, place, crs=UTM), write(tmp_path / "blown.tif", blown, fine, crs=UTM)
    out = [tmp_path / "one.tif", tmp_path / "two.tif"]
    done = [anypan.fuse(pan_file, file, to, "GSA", register=False) for file, to in zip(files, out, strict=True)]
    assert done[1].ratio == ratio and any(f"repeated {step} x {step}" in note for note in done[1].notes)
    assert not any("repeated" in note for note in done[0].notes)
    one, two = (read(file) for file in out)
    if not cut:
        assert np.array_equal(one, two)
    else:
        inner = slice(8 * ratio, -8 * ratio)
        assert abs(one[:, inner, inner].astype(float) - two[:, inner, inner]).mean() < 0.05 * ms.std()


def test_one_pixel_that_is_not_repeated_leaves_the_ms_as_it_is() -> None:
    pan, ms = landscape(120, 120, seed=1)
    blown = ms.repeat(2, 1).repeat(2, 2)
    assert pair_of_arrays(pan, blown).scene.ratio == 4
    blown[1, 17, 23] += 1
    assert pair_of_arrays(pan, blown).scene.ratio == 2

"""Values that the 32-bit floats of the work cannot tell apart are refused; what they can is fused as it is."""

import numpy as np
import pytest
from pairs import landscape, read, write_pair

import anypan
from anypan import UserError
from anypan.pair.pair import open_pair
from anypan.pair.quality import measure_quality


@pytest.mark.parametrize(
    "dtype, offset", [("uint32", 3e9), ("float64", 3e9), ("float64", -2e7), ("int32", 1.5e9), ("float32", 1e7)]
)
def test_a_small_spread_far_from_zero_is_refused(tmp_path, dtype, offset):
    pan, ms = landscape(128, 128, seed=2)
    far = (ms.astype("f8") + offset).astype(dtype)
    for pair in (write_pair(tmp_path, pan, far), (pan, far), (far[0].repeat(4, 0).repeat(4, 1), ms)):
        with pytest.raises(UserError, match="32-bit floats"):
            anypan.fuse(*pair, method="EXP")


@pytest.mark.parametrize("dtype", ["uint32", "int32", "float64"])
def test_wide_types_of_usual_values_equal_the_narrow_one(tmp_path, dtype):
    pan, ms = landscape(128, 128, seed=2)
    narrow, wide = (anypan.fuse(pan.astype("f4"), ms.round().astype(kind), method="GSA") for kind in ("float32", dtype))
    assert wide.dtype == dtype and np.abs(wide - narrow).max() <= 0.501


def test_a_large_spread_far_from_zero_is_fused(tmp_path):
    pan, ms = landscape(128, 128, seed=2)
    fused = anypan.fuse(pan, (ms.astype("f8") * 1e5 + 3e9).astype("uint32"), method="EXP")
    assert int(fused.min()) > 2.9e9


@pytest.mark.parametrize(
    "scale, word", [(1e-30, "multiply"), (1e-40, "multiply"), (1e36, "valid in both|no finite number")]
)
def test_values_whose_squares_are_nothing_or_beyond_all_are_refused(scale, word):
    pan, ms = (image.astype("f8") * scale for image in landscape(128, 128, seed=2))
    with pytest.raises(UserError, match=word):
        anypan.fuse(pan, ms, method="anypan-s")


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_are_the_users(tmp_path, scale):
    """The result is that of other units, and so is what is said of it."""
    images = landscape(128, 128, seed=2)
    (tmp_path / "scaled").mkdir()
    usual, scaled = (
        write_pair(tmp_path, *images),
        write_pair(tmp_path / "scaled", *(image * np.float32(scale) for image in images)),
    )
    reports = [anypan.fuse(*pair, pair[0].parent / "out.tif", method="anypan-s") for pair in (usual, scaled)]
    qualities = [measure_quality(open_pair(*pair).scene) for pair in (usual, scaled)]
    assert np.allclose(qualities[0].explained, qualities[1].explained, rtol=1e-3)
    assert np.allclose(qualities[0].snr, qualities[1].snr, rtol=1e-2)
    assert reports[0].notes == reports[1].notes and np.allclose(reports[0].explained, reports[1].explained, rtol=1e-3)
    assert np.allclose(
        *(read(pair[0].parent / "out.tif") / unit for pair, unit in ((usual, 1), (scaled, scale))), rtol=1e-4
    )


def test_a_band_that_only_rounding_moves_is_a_constant(tmp_path):
    pan, ms = landscape(128, 128, seed=2)
    ms[1] = np.nextafter(np.float32(300), np.float32(400), where=ms[0] > 500, out=np.full_like(ms[0], 300))
    assert np.abs(anypan.fuse(pan, ms, method="GSA")[1] - 300).max() < 0.01

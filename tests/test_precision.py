"""Values that the 32-bit floats of the work cannot tell apart are refused; what they can is fused as it is."""

import numpy as np
import pytest
from pairs import landscape, write_pair

import anypan
from anypan import UserError


@pytest.mark.parametrize("dtype, offset", [("uint32", 3e9), ("float64", 3e9), ("float64", -2e7), ("int32", 1.5e9)])
def test_a_small_spread_far_from_zero_is_refused(tmp_path, dtype, offset):
    pan, ms = landscape(128, 128, seed=2)
    files = write_pair(tmp_path, pan, (ms.astype("f8") + offset).astype(dtype))
    with pytest.raises(UserError, match="32-bit floats"):
        anypan.fuse(*files, method="EXP")


@pytest.mark.parametrize("dtype", ["uint32", "int32", "float64"])
def test_wide_types_of_usual_values_equal_the_narrow_one(tmp_path, dtype):
    pan, ms = landscape(128, 128, seed=2)
    narrow, wide = (anypan.fuse(pan.astype("f4"), ms.round().astype(kind), method="GSA") for kind in ("float32", dtype))
    assert wide.dtype == dtype and np.abs(wide - narrow).max() <= 0.501


def test_a_large_spread_far_from_zero_is_fused(tmp_path):
    pan, ms = landscape(128, 128, seed=2)
    fused = anypan.fuse(pan, (ms.astype("f8") * 1e5 + 3e9).astype("uint32"), method="EXP")
    assert int(fused.min()) > 2.9e9

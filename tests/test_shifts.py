"""Registration by blocks and by bands, as runs/benchmark/shifts.py measures it, on pairs whose shifts are known."""

import sys
from pathlib import Path

import pytest
import torch
from pairs import landscape

from anypan.pair.scene import from_arrays, select

FOLDER = Path(__file__).resolve().parents[1] / "runs" / "benchmark"
sys.path.insert(0, str(FOLDER))
try:
    import shifts
finally:
    sys.path.remove(str(FOLDER))

OFF = (1.5, -1.0)


@pytest.fixture(scope="module")
def scene():
    """Two bands where the PAN is, and the second once more where it is off by ``OFF``."""
    pan, lrms = map(torch.from_numpy, landscape(512, 512, 2))
    moved = torch.from_numpy(landscape(512, 512, 2, phase=OFF)[1])
    return from_arrays(pan[None], torch.cat([lrms, moved[1:]]))


def test_a_band_that_is_off_is_found_and_gains_from_its_own_shift(scene):
    first, second, moved = shifts.by_bands(scene)
    assert moved["shift"] == pytest.approx(OFF, abs=0.15) and moved["confidence"] > 0.5 and moved["gain"] < 0.98
    for still in (first, second):
        assert still["shift"] == pytest.approx((0, 0), abs=0.15) and still["gain"] == pytest.approx(1, abs=0.01)


def test_blocks_that_agree_gain_nothing(scene):
    (row,) = shifts.by_blocks(select(scene, [0, 1]))
    assert row["count"] == 4 and max(row["spread"]) < 0.1 and row["gain"] == pytest.approx(1, abs=0.01)

"""Tiles: they partition a grid, and those that are looked at of many are spread evenly along both axes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anypan.geometry.tiles import spread, tiles
from anypan.pair.scene import FIT_BLOCK, from_arrays

SIZE = 128


@given(st.integers(1, 12000), st.integers(1, 12000), st.sampled_from([4, 8, 16, 64]))
def test_some_tiles_of_many_are_in_every_part_of_both_axes(rows: int, cols: int, most: int) -> None:
    every, some = list(tiles((rows, cols), SIZE)), spread((rows, cols), SIZE, most)
    assert len(some) == len(set(some)) <= most and set(some) <= set(every)
    if len(every) <= most:
        assert some == every
        return
    assert len(some) > most / 2
    for at, length, other in ((lambda t: t.row, rows, cols), (lambda t: t.col, cols, rows)):
        starts, count = sorted({at(tile) for tile in some}), -(-length // SIZE)
        expected = min(count, max(1, int((most * length / max(length, other)) ** 0.5)))
        assert len(starts) >= expected // 2
        gaps = [b - a for a, b in zip([-SIZE, *starts], [*starts, SIZE * count], strict=True)]
        assert max(gaps) <= SIZE * (count // len(starts) + 2)  # nowhere is much left out


@pytest.mark.parametrize("size", [1152, 2048, 2050])
def test_statistics_of_a_large_scene_are_of_its_whole_width(size: int) -> None:
    ramp = torch.arange(float(size)).expand(1, size, size)
    scene = from_arrays(ramp.repeat_interleave(2, 1).repeat_interleave(2, 2), ramp)
    of_blocks = torch.cat([patch.core(patch.lrms).flatten() for patch in scene.blocks(16 * FIT_BLOCK**2)])
    assert of_blocks.std() == pytest.approx(float(ramp.std()), rel=0.15)
    assert of_blocks.mean() == pytest.approx(float(ramp.mean()), rel=0.1)

"""One window: what is read beyond an image repeats its border, and is not inside; torch and NumPy agree."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import anypan
from anypan.geometry import window

PACKAGE = Path(anypan.__file__).parent


@given(st.integers(-20, 20), st.integers(1, 20), st.integers(1, 10))
def test_a_window_is_what_padding_by_the_border_gives(start, count, size):
    image = np.arange(size)
    padded = np.pad(image, 40, mode="edge")
    assert np.array_equal(image[window.clamped(start, count, size)], padded[40 + start : 40 + start + count])
    valid = np.pad(np.ones(size, bool), 40)
    assert np.array_equal(window.inside(start, count, size), valid[40 + start : 40 + start + count])


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 9), st.integers(1, 9))
def test_reading_is_clamped_along_both_axes(row, col, height, width):
    image = torch.arange(5 * 7).reshape(5, 7)
    padded = torch.from_numpy(np.pad(image.numpy(), 20, mode="edge"))
    assert torch.equal(window.read(image, row, col, height, width), padded[20 + row :, 20 + col :][:height, :width])
    assert window.inside_of((5, 7), row, col, height, width).shape == (height, width)


def test_what_is_read_is_a_copy():
    image = torch.zeros(5, 7)
    for read in (window.read(image, 0, 0, 5, 7), window.extended(image, 0, 0, -1)):
        read += 1
    assert not image.any()


@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_an_ms_pixel_is_whole_if_all_of_its_pan_pixels_are(ratio):
    mask = torch.ones(3 * ratio, 5 * ratio, dtype=torch.bool)
    mask[ratio, 2 * ratio] = False
    found = window.whole(mask, ratio)
    assert found.shape == (3, 5) and not found[1, 2] and int(found.sum()) == 14
    assert torch.equal(window.whole(torch.ones_like(mask), ratio), torch.ones(3, 5, dtype=torch.bool))


def test_nobody_clamps_or_folds_for_himself():
    """Clamped index ranges and folds of masks by the ratio stand in geometry/window.py alone."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name in {"models", "simulate"} or path.name in {"window.py", "mtf.py", "blocks.py"}:
            continue  # networks pad features; the simulator has grids of its own; blocks unfold for products
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                clamps = node.func.attr in {"clamp", "clamp_", "clip"} and "arange(" in ast.unparse(node.func.value)
                if clamps or ".unfold(0, " in ast.unparse(node):
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert not found

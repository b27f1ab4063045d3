"""Pairs that are none are refused unless forced; real ones, noise and plain ground never are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pairs import landscape, middle, write_pair

import anypan
from anypan.pair.registration import BLOCK, REACH, Bands, lag_shares
from anypan.pair.scene import from_arrays
from anypan.pair.wrong import likeness


def _other(pan: np.ndarray, way: str, ratio: int) -> np.ndarray:
    if way == "turned":
        return np.rot90(pan).copy()
    if way == "upside down":
        return pan[::-1].copy()
    if way == "mirrored":
        return pan[:, ::-1].copy()
    return landscape(*pan.shape, ratio=ratio, seed=99)[0]


@pytest.mark.parametrize(("ratio", "dtype"), [(2, "uint8"), (2, "float32"), (4, "uint16")])
@pytest.mark.parametrize("way", ["turned", "upside down", "mirrored", "another place"])
def test_a_wrong_pair_is_refused_and_can_be_forced(tmp_path: Path, way: str, ratio: int, dtype: str) -> None:
    pan, ms = landscape(96 * ratio, 96 * ratio, ratio=ratio, seed=3)
    if dtype == "uint8":
        pan, ms = (((image - 300) * 0.5).clip(0, 255) for image in (pan, ms))
    files = write_pair(tmp_path, _other(pan, way, ratio).astype(dtype), ms.astype(dtype))
    with pytest.raises(anypan.UserError, match=r"do not show the same.*--force"):
        anypan.fuse(*files, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()
    done = anypan.fuse(*files, tmp_path / "out.tif", "EXP", force=True)
    assert any("believe nothing" in note for note in done.notes)


@pytest.mark.parametrize("shift", [(0, 0), (21, -17), (-30, 30)])
def test_a_pair_that_is_off_by_less_than_the_reach_is_one(shift: tuple[int, int]) -> None:
    pan, ms = landscape(384, 384, seed=3)
    assert anypan.fuse(np.roll(pan, shift, (0, 1)), ms, method="EXP").shape == (3, 384, 384)


def test_noise_and_plain_ground_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(500, 20, (384, 384)).astype("f4"), rng.normal(500, 20, (3, 96, 96)).astype("f4")
    plain = np.full((384, 384), 500, "f4"), np.full((3, 96, 96), 300, "f4")
    plain[0][:2] = 501
    for pan, ms in (noise, plain):
        anypan.fuse(pan, ms, method="EXP")


def test_real_pairs_are_pairs(real_scenes: list[Path]) -> None:
    """Each by a block of its middle, which says less than the blocks of all of it."""
    for folder in real_scenes:
        pan, ms = map(torch.from_numpy, middle(folder, BLOCK))
        assert likeness(from_arrays(pan[None], ms)).explained > 0.5, folder.name


@pytest.mark.parametrize("sides", [(7, 150), (150, 7), (5, 400), (8, 90), (1, 130), (60, 9)])
def test_narrow_strips_have_all_lags_too(sides: tuple[int, int]) -> None:
    """Of fewer MS rows than lags are looked at; what is left of the others is nothing."""
    rng, (rows, cols) = np.random.default_rng(1), sides
    pan, ms = rng.normal(500, 20, (4 * rows, 4 * cols)), rng.normal(500, 20, (3, rows, cols))
    assert anypan.fuse(pan, ms, method="EXP", force=True).shape == (3, 4 * rows, 4 * cols)
    image, valid = torch.from_numpy(rng.normal(size=sides)), torch.ones(sides, dtype=torch.bool)
    shares = lag_shares(image, valid, Bands(image[None].clone(), valid))
    if shares is not None:
        assert shares.shape == (2 * REACH + 1,) * 2
        assert divmod(int(shares.argmax()), 2 * REACH + 1) == (REACH, REACH)


@pytest.mark.parametrize("span", [3.0, 10.0, 40.0])
@pytest.mark.parametrize("side", [32, 48, 96])
def test_slopes_in_few_whole_numbers_are_not_judged(span: float, side: int) -> None:
    """The steps of rounding go on from pixel to pixel, but are nothing of the ground."""
    rng = np.random.default_rng(side)
    rows, cols = np.mgrid[:side, :side] / side
    ms = (100 + span * np.stack([rows + 0.3 * cols, 0.5 * rows + cols, cols])).round().astype("u1")
    fine = np.kron(rows + cols, np.ones((4, 4)))
    pan = (120 + span * fine + rng.normal(0, 4, fine.shape)).round().astype("u1")
    anypan.fuse(pan, ms, method="EXP")

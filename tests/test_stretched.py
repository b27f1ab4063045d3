"""An MS that was stretched for display is said to be a picture; deliveries of any depth are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pairs import landscape, middle, write_pair

import anypan
from anypan.pair.scene import from_arrays
from anypan.pair.stretched import CLEARLY, stretch_of

PICTURE = "seems to be a picture"
PAN, MS = (image.round().astype("u2") for image in landscape(384, 384, 4, seed=5))


def stretched(ms: np.ndarray, gamma: float = 1.0, cut: float = 2.0) -> np.ndarray:
    """Each band from its percentiles to 0 ... 255, brightened by a gamma: uint8."""
    low, high = np.percentile(ms, (cut, 100 - cut), axis=(1, 2), keepdims=True)
    return np.rint(255 * ((ms - low) / (high - low)).clip(0, 1) ** (1 / gamma)).astype("u1")


def notes(folder: Path, pan: np.ndarray, ms: np.ndarray) -> str:
    """What is said of a pair of files as to pictures."""
    return " ".join(note for note in anypan.plan(*write_pair(folder, pan, ms)).notes if PICTURE in note)


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("cut", [0.0, 1.0, 2.0])
def test_an_8_bit_stretch_beside_a_deeper_pan_is_said(tmp_path: Path, gamma: float, cut: float) -> None:
    said = notes(tmp_path, PAN * 2, stretched(MS, gamma, cut))
    assert "8 bits" in said and ("each end" in said) == (cut > 0) and ("their power" in said) == (gamma > 1)


@pytest.mark.parametrize("gamma", [0.45, 2.2])
def test_a_gamma_is_said_whatever_the_depth(tmp_path: Path, gamma: float) -> None:
    bent = (60_000 * (MS / MS.max((1, 2), keepdims=True)) ** (1 / gamma)).astype("u2")
    assert "of about their power" in notes(tmp_path, PAN, bent)


@pytest.mark.parametrize("share", [80, 90, 99])
def test_a_saturated_pan_makes_no_picture_of_the_ms(tmp_path: Path, share: int) -> None:
    assert not notes(tmp_path, np.minimum(PAN, np.percentile(PAN, share)).astype("u2"), MS)


def test_deliveries_are_no_pictures(tmp_path: Path) -> None:
    """Of any depth, linear in any units, with a few saturated pixels or with none."""
    offsets = np.array([0, 90, 10, 40])[:, None, None]
    for number, (pan, ms) in enumerate(
        [
            (PAN, MS),
            (PAN * 9, MS),
            (PAN / 4, MS / 4),
            (PAN, MS / 10_000),
            (PAN, 3 * MS + offsets),
            (PAN, MS.clip(0, 560)),
        ]
    ):
        (tmp_path / str(number)).mkdir()
        kind = "f4" if ms.max() < 1 else "u1" if ms.max() < 2**8 else "u2"
        assert not notes(tmp_path / str(number), pan.astype("u1" if kind == "u1" else "u2"), ms.astype(kind))


def test_no_real_scene_is_taken_for_a_picture_and_most_are_found_when_made_one(real_scenes: list[Path]) -> None:
    """On the middle of each scene; a gamma shows less where all ground is of one brightness, a stretch always."""
    bent = []
    for folder in real_scenes:
        pan, ms = middle(folder, 320)
        delivered, picture = (
            stretch_of(from_arrays(torch.from_numpy(pan)[None], torch.from_numpy(image.astype("f4"))))
            for image in (ms, stretched(ms, 2.2))
        )
        assert not delivered.clipped and delivered.bent < 1.1, folder.name
        assert picture.clipped > 0.01, folder.name
        bent.append(picture.bent >= CLEARLY)
    assert sum(bent) >= len(bent) / 2


@pytest.mark.parametrize("offset", [300, 480])
def test_an_offset_is_no_gamma(tmp_path: Path, offset: int) -> None:
    """Light less a constant is no power of it, though some of it is below zero."""
    assert not notes(tmp_path, PAN, (MS.astype("i2") - offset))

"""The weights of the literature's networks in the repository: whole, small, as their card says, and able to fuse."""

import sys
from pathlib import Path

import numpy as np
import pytest

import anypan
from anypan.weights import SUFFIX, stored

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "runs" / "paper"))
import cells  # noqa: E402
import literature  # noqa: E402

STUDY = cells.read(ROOT / "runs" / "paper" / "study.toml", literature.BUDGET)
EVERY = {literature.name_of(cell, STUDY): cell for cell in cells.cells(STUDY)}
MOST = 4 * 2**20  # bytes
OPEN = {"^kodak24c__", "^(neon|brighton)__"}  # images of the tars that anyone may use; NAIP is public domain


def test_the_folder_holds_these_weights_and_no_others() -> None:
    assert {path.name for path in (ROOT / "weights").iterdir()} == {f"{name}{SUFFIX}" for name in EVERY}


@pytest.mark.parametrize("name", EVERY)
def test_weights_are_small_of_the_sizes_of_the_study_and_free(name: str) -> None:
    path = ROOT / "weights" / f"{name}{SUFFIX}"
    weights = stored(path)
    assert path.stat().st_size < MOST
    assert weights.architecture == EVERY[name].network and weights.header["licence"] == "Apache-2.0"
    assert {key: getattr(weights.config, key) for key in STUDY.sizes.get(EVERY[name].network, {})} == STUDY.sizes.get(
        EVERY[name].network, {}
    )
    assert weights.sha256 in (ROOT / literature.CARD).read_text(encoding="utf-8")


def test_they_were_taught_on_images_with_open_licences_alone() -> None:
    tables = [table for each in STUDY.sources.values() for table in each]
    assert all(Path(table["path"]).name.startswith("naip-") or table["keys"] in OPEN for table in tables)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("bands", [3, 5])
def test_they_fuse_any_number_of_bands_nearer_to_the_pan_than_interpolation(name: str, bands: int) -> None:
    rng = np.random.default_rng(bands)
    fine = rng.normal(size=(64, 64)).cumsum(0).cumsum(1)
    fine = 500 + 40 * (fine - fine.mean()) / fine.std() + 10 * rng.normal(size=(64, 64))
    truth = np.stack([fine * (0.6 + 0.2 * band) for band in range(bands)])
    lrms = truth.reshape(bands, 16, 4, 16, 4).mean((2, 4))
    error = {}
    for method in (str(ROOT / "weights" / f"{name}{SUFFIX}"), "EXP"):
        fused = anypan.fuse(fine, lrms, method=method)
        error[method] = float(np.square(np.asarray(fused) - truth).mean())
    network, interpolated = error.values()
    assert network < interpolated

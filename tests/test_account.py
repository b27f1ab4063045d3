"""What an output says of itself, in its tags and on the screen, is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from click.testing import CliRunner
from pairs import landscape, write_pair

import anypan
from anypan.cli import cli
from anypan.judging import assess
from anypan.methods.resolve import resolve
from anypan.optics.sensors import SENSORS
from anypan.pair.explained import detail_notes, explained
from anypan.pair.pair import pair_of_arrays
from anypan.runtime.errors import UserError
from anypan.simulate.effects.bands import resampled


@pytest.mark.parametrize(("ratio", "dtype"), [(2, "uint16"), (3, "float32"), (4, "uint16")])
@pytest.mark.parametrize("method", ["anypan-s", "GSA", "EXP"])
def test_tags_say_how_the_file_was_made(tmp_path: Path, method: str, ratio: int, dtype: str) -> None:
    pan, ms = landscape(64 * ratio, 60 * ratio, ratio=ratio, seed=2)
    ms[:, :5] = 0
    files = write_pair(tmp_path, pan.astype(dtype), ms.astype(dtype), nodata=0)
    done = anypan.fuse(*files, tmp_path / "out.tif", method)
    with rasterio.open(tmp_path / "out.tif") as out:
        tags, valid = out.tags(), out.dataset_mask() > 0
    assert tags["ANYPAN_VERSION"] == anypan.__version__ and tags["ANYPAN_METHOD"] == method
    assert tags.get("ANYPAN_WEIGHTS_SHA256") == resolve(method).weights_sha256
    assert "PAN pixels" in tags["ANYPAN_SHIFT"] and len(tags["ANYPAN_GAINS"].split()) == 3
    assert float(tags["ANYPAN_MASKED"].split()[0]) == pytest.approx(100 * (1 - valid.mean()), abs=0.01)
    measured = assess(*files, tmp_path / "out.tif")["R-ERGAS"]
    assert float(tags["ANYPAN_R_ERGAS"]) == pytest.approx(measured, rel=2e-3) == pytest.approx(done.r_ergas, rel=2e-3)
    assert "estimate" in tags["ANYPAN_USE"]


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_band_leaves_the_distance_of_the_others(tmp_path: Path, value: int) -> None:
    pan, ms = landscape(160, 160)
    ms[1] = value
    done = anypan.fuse(*write_pair(tmp_path, pan.astype("u2"), ms.astype("u2")), tmp_path / "out.tif", "GSA")
    assert done.r_ergas is not None and 0 < done.r_ergas < 20


def test_the_detail_that_the_pan_explains_is_said_band_by_band(tmp_path: Path) -> None:
    pan, ms = landscape(256, 256, seed=2)
    ms[1] = np.random.default_rng(0).normal(500, 20, ms.shape[1:])
    files = write_pair(tmp_path, pan, ms)
    run = CliRunner().invoke(cli, ["fuse", *map(str, files), str(tmp_path / "out.tif"), "-m", "EXP"])
    assert run.exit_code == 0 and "R-ERGAS" in run.output and "explained by the PAN: band 1" in run.output
    done = anypan.fuse(*files, tmp_path / "two.tif", "EXP")
    assert done.explained[0] > 0.5 and done.explained[2] > 0.5 and done.explained[1] < 0.1
    assert any("hardly any of the detail of band 2" in note for note in done.notes)


@pytest.mark.parametrize("gaps", ["columns", "checks"])
def test_detail_is_explained_between_gaps_as_it_is_without(tmp_path: Path, gaps: str) -> None:
    pan, ms = landscape(256, 256, seed=2)
    whole = explained(pair_of_arrays(pan, ms).scene)
    rows, cols = np.ogrid[:64, :64]
    ms[:, (cols + 0 * rows) % 4 == 0 if gaps == "columns" else (rows + cols) % 2 == 0] = np.nan
    assert np.allclose(explained(pair_of_arrays(pan, ms).scene), whole, atol=0.1)


def test_shares_of_detail_that_nothing_tells_are_not_said(tmp_path: Path) -> None:
    pan, ms = landscape(64, 64)
    files = write_pair(tmp_path, pan[:3], ms)
    run = CliRunner().invoke(cli, ["fuse", *map(str, files), str(tmp_path / "out.tif"), "-m", "GSA"])
    assert run.exit_code == 0 and "explained by the PAN: not measurable" in run.output and "hardly" not in run.output


def test_bands_from_a_coarser_grid_are_named(tmp_path: Path) -> None:
    pan, ms = landscape(192, 192, seed=2)
    coarse = torch.from_numpy(ms[:1].astype(np.float32))[None]
    ms = np.concatenate([ms, resampled(coarse, 12)[0].numpy()]).astype("u2")
    notes = anypan.fuse(*write_pair(tmp_path, pan.astype("u2"), ms), tmp_path / "out.tif", "EXP").notes
    assert any(f"coarser grid than the others: band {len(ms)};" in note for note in notes)


def test_bands_outside_of_the_range_of_a_known_pan_are_named() -> None:
    sensor = SENSORS["S2"] if "S2" in SENSORS else next(iter(SENSORS.values()))
    names = tuple(band.name for band in sensor.bands)
    low, high = sensor.pan.low_nm, sensor.pan.high_nm
    outside = [band.name for band in sensor.bands if not low <= band.centre_nm <= high]
    notes = detail_notes([0.9] * len(names), names, sensor)
    assert bool(notes) == bool(outside) and all(name in notes[0] for name in outside)


def test_the_tags_do_not_depend_on_the_tile(tmp_path: Path) -> None:
    pan, ms = landscape(192, 256, seed=2)
    files, found = write_pair(tmp_path, pan.astype("u2"), ms.astype("u2")), []
    for tile in (32, 64, 1024):
        anypan.fuse(*files, tmp_path / f"{tile}.tif", "GSA", tile=tile)
        found.append((tmp_path / f"{tile}.tif").read_bytes())
    assert found[0] == found[1] == found[2]


def test_an_output_farther_from_its_ms_than_allowed_is_kept_under_another_name(tmp_path: Path) -> None:
    files = write_pair(tmp_path, *landscape(128, 128, seed=2))
    words = ["fuse", *map(str, files), str(tmp_path / "out.tif"), "-m", "EXP", "--verify"]
    run = CliRunner().invoke(cli, [*words, "0.001"])
    assert run.exit_code == 3 and "out.unverified.tif" in run.output
    assert not (tmp_path / "out.tif").exists()
    with rasterio.open(tmp_path / "out.unverified.tif") as kept:
        assert float(kept.tags()["ANYPAN_R_ERGAS"]) > 0.001
    assert CliRunner().invoke(cli, [*words, "50"]).exit_code == 2  # what is kept aside is not replaced unasked
    (tmp_path / "out.unverified.tif").unlink()
    assert CliRunner().invoke(cli, [*words, "50"]).exit_code == 0
    good = (tmp_path / "out.tif").read_bytes()
    assert CliRunner().invoke(cli, [*words, "0.001", "--overwrite"]).exit_code == 3
    assert (tmp_path / "out.tif").read_bytes() == good and (tmp_path / "out.unverified.tif").exists()
    assert {file.name for file in tmp_path.iterdir()} == {"pan.tif", "ms.tif", "out.tif", "out.unverified.tif"}


@pytest.mark.parametrize("option", [{"verify": 0.0}, {"uncertainty": "w.tif"}, {"format": "VRT-recipe"}])
def test_options_of_files_are_refused_where_none_is_written(option: dict[str, object]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(option))} is for files"):
        anypan.fuse(*landscape(64, 64, seed=2), method="EXP", **option)


@pytest.mark.parametrize("other", [5, None, 0.5])
def test_what_is_no_path_and_no_array_is_one_sentence(other: Any) -> None:
    pan, ms = landscape(64, 64, seed=2)
    calls: dict[str, Callable[[], object]] = {
        "image": lambda: anypan.open_pair(other, other), "images": lambda: anypan.open_pair("pan.tif", [other]),
        "fused": lambda: anypan.fuse(other, other, "out.tif"), "planned": lambda: anypan.plan(other, other),
    }  # fmt: skip
    if other is not None:
        calls |= {"out": lambda: anypan.fuse(pan, ms, other, "EXP"), "weights": lambda: anypan.adapt(pan, ms, other)}
    for name, call in calls.items():
        with pytest.raises(UserError, match=f"given as a {type(other).__name__}: give"):
            call()
            pytest.fail(name)


def test_sidecars_of_a_file_that_is_kept_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, side = write_pair(tmp_path, *landscape(64, 64, seed=2)), tmp_path / "out.tif.aux.xml"

    def appeared(*_: object) -> None:
        side.write_text("mine")
        raise UserError("it has appeared meanwhile")

    monkeypatch.setattr("anypan.raster.write.put_in_place", appeared)
    with pytest.raises(UserError, match="meanwhile"):
        anypan.fuse(*files, tmp_path / "out.tif", "EXP")
    assert side.read_text() == "mine"


def test_tags_name_what_stood_in_for_the_method(tmp_path: Path) -> None:
    pan, ms = landscape(64, 64)
    pan[::3] = np.nan  # no MS pixel is whole
    done = anypan.fuse(*write_pair(tmp_path, pan, ms), tmp_path / "out.tif", register=False)
    with rasterio.open(done.output) as out:
        assert done.method == out.tags()["ANYPAN_METHOD"] == "EXP" and "ANYPAN_WEIGHTS_SHA256" not in out.tags()


def test_tags_have_the_gains_that_a_resampled_ms_was_fused_with(tmp_path: Path) -> None:
    pan, _ = landscape(256, 256, seed=2)
    ms = np.stack([pan[1::4, 2::4]] * 3)
    pair = write_pair(tmp_path, pan, ms)
    for method, used in (("anypan-s", True), ("GSA", False)):
        done = anypan.fuse(*pair, tmp_path / f"{method}.tif", method, register=False)
        with rasterio.open(done.output) as out:
            gains = [float(gain) for gain in out.tags()["ANYPAN_GAINS"].split()]
        assert done.resampled and (min(gains) > 0.45) == used

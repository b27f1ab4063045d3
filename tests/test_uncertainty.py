"""Half-widths: laws of their pattern and size, tile by tile the same, and the file that fuse() writes beside."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import torch
from click.testing import CliRunner
from pairs import landscape, read, write_pair

import anypan
from anypan.cli import cli
from anypan.fusing import fuse_scene, fuse_with_halfwidths
from anypan.judging.gallery import HALFWIDTHS
from anypan.methods import METHODS, uncertainty
from anypan.methods.uncertainty import GROWTH, SHARE, Halfwidths, calibrated, halfwidths
from anypan.pair.scene import ArraySource, from_arrays
from anypan.report import documents
from anypan.runtime.errors import UserError

CLASSICAL, NETWORK = "MTF-GLP-FS", "anypan-s"


def pair(folder, rows=480, cols=512, **profile):
    """The paths of a PAN and its MS in whole numbers, a corner of the PAN being 0."""
    pan, ms = (image.astype("uint16") for image in landscape(rows, cols))
    pan[:40, :40] = 0
    return write_pair(folder, pan, ms, **profile)


@pytest.fixture(scope="module")
def scene():
    """PAN of 480 x 512 pixels with an MS a quarter as fine."""
    pan, lrms = map(torch.from_numpy, landscape(480, 512))
    return from_arrays(pan[None], lrms)


@pytest.mark.parametrize("name", [CLASSICAL, NETWORK])
def test_the_stated_share_of_the_reduced_scene_is_held_in_every_band(scene, name):
    ((reduced, truth),) = uncertainty._reduced(scene)
    patch, fused = reduced.whole(), fuse_scene(reduced, METHODS[name](reduced))
    widths = replace(Halfwidths.of(reduced), factors=calibrated(METHODS[name], scene) / GROWTH)
    held = (fused - truth).abs() <= widths(patch.pan, patch.lrms, fused)
    assert held[:, 8:-8, 8:-8].double().mean((1, 2)).tolist() == pytest.approx([SHARE] * len(held), abs=0.01)


@pytest.mark.parametrize("gain", [0.01, 300.0])
def test_halfwidths_have_the_units_of_the_bands(scene, gain):
    patch = scene.whole()
    scaled = replace(scene, source=ArraySource(gain * patch.pan, gain * patch.lrms, patch.mask))
    method = METHODS[CLASSICAL]
    pairs = (fuse_with_halfwidths(each, method(each), halfwidths(method, each)) for each in (scene, scaled))
    one, other = (widths for _, widths in pairs)
    assert torch.allclose(gain * one, other, rtol=1e-2)


def test_they_are_wider_where_the_bands_do_not_follow_the_pan_and_where_more_is_injected():
    (pan, lrms), (_, other) = (map(torch.from_numpy, landscape(256, 256, seed=seed)) for seed in (1, 2))
    lrms[:, :, 32:] = other[:, :, 32:]  # on the right side nothing is alike
    scene = from_arrays(pan[None], lrms)
    halfwidths_of, exp = Halfwidths.of(scene), scene.sampling.expand(lrms)
    widths = halfwidths_of(pan[None], lrms, exp)
    assert widths[:, 40:-40, 168:-40].mean() > 1.2 * widths[:, 40:-40, 40:88].mean()
    detail = 5 * torch.randn(exp.shape, generator=torch.Generator().manual_seed(1))
    assert bool((halfwidths_of(pan[None], lrms, exp + detail) > widths).all())


@pytest.mark.parametrize("name", [CLASSICAL, NETWORK])
def test_tiles_make_no_difference_and_the_image_is_that_of_the_plain_method(scene, name):
    fuser, widths = METHODS[name](scene), halfwidths(METHODS[name], scene)
    whole, tiled = (fuse_with_halfwidths(scene, fuser, widths, tile) for tile in (None, 256))
    for one, other in zip(whole, tiled, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4 * float(one.std()))
    assert torch.equal(whole[0], fuse_scene(scene, METHODS[name](scene)))


def test_nothing_beyond_the_halo_reaches_a_pixel(scene):
    method, patch = METHODS[CLASSICAL], scene.whole()
    fuser, widths = method(scene), halfwidths(method, scene)
    before = widths(patch.pan, patch.lrms, fuser(patch.pan, patch.lrms))
    pan, lrms = patch.pan.clone(), patch.lrms.clone()
    pan[..., :40] += 50.0
    lrms[..., :10] -= 50.0
    after = widths(pan, lrms, fuser(pan, lrms))
    inside = 40 + widths.halo(fuser)
    assert torch.equal(before[..., inside:], after[..., inside:])
    assert not torch.equal(before[..., 40:44], after[..., 40:44])


def test_a_second_file_holds_them(tmp_path):
    pan, ms = pair(tmp_path, 256, 256, nodata=0)
    plain, out, aside = (tmp_path / f"{name}.tif" for name in ("plain", "out", "aside"))
    anypan.fuse(pan, ms, plain)
    done = anypan.fuse(pan, ms, out, uncertainty=aside)
    assert done.uncertainty == str(aside) and plain.read_bytes() == out.read_bytes()
    with rasterio.open(aside) as dataset, rasterio.open(out) as image:
        assert (dataset.count, dataset.dtypes[0], dataset.shape) == (image.count, "float32", image.shape)
        assert (dataset.transform, dataset.crs) == (image.transform, image.crs)
        assert dataset.descriptions[0].startswith("half-width of ") and dataset.tags()["HALFWIDTH_SHARE"] == str(SHARE)
    widths = read(aside)
    assert np.isnan(widths[:, :30, :30]).all() and np.nanmin(widths) > 0 and np.isfinite(widths).mean() > 0.9


def test_the_command_says_where_they_are_and_calibrates_by_the_best_of_eight_ways_too(tmp_path):
    pan, ms = pair(tmp_path, 256, 256)
    told = [str(path) for path in (pan, ms, tmp_path / "out.tif", "--best", "--uncertainty", tmp_path / "aside.tif")]
    told += ["--report", str(tmp_path / "look.html")]
    done = CliRunner().invoke(cli, ["fuse", *told, "--json", "-q"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["uncertainty"] == str(tmp_path / "aside.tif") and (tmp_path / "aside.tif").is_file()
    page = (tmp_path / "look.html").read_text(encoding="utf-8")
    assert HALFWIDTHS in page and str(tmp_path / "aside.tif") in page


@pytest.mark.parametrize(
    ("aside", "words"),
    [("out.tif", "is the output, too"), ("pan.tif", "one of the inputs"), ("gone/a.tif", "does not exist"),
     ("old.tif", "exists already")],
)  # fmt: skip
def test_a_file_that_cannot_be_theirs_is_said_before_the_work(tmp_path, aside, words):
    pan, ms = pair(tmp_path, 128, 128)
    (tmp_path / "old.tif").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=words):
        anypan.fuse(pan, ms, tmp_path / "out.tif", uncertainty=tmp_path / aside)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_scene_too_small_to_calibrate_on_is_said_and_nothing_is_written(tmp_path):
    pan, ms = pair(tmp_path, 120, 160)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="too small to measure its uncertainty on: its MS has 30 x 40 pixels"):
        anypan.fuse(pan, ms, tmp_path / "out.tif", uncertainty=tmp_path / "aside.tif")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_plan_counts_them_and_the_help_names_their_share(tmp_path):
    paths = *map(str, pair(tmp_path)), str(tmp_path / "out.tif")
    planned = CliRunner().invoke(cli, ["fuse", *paths, "--uncertainty", str(tmp_path / "aside.tif"), "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert planned.stdout.splitlines()[-1] == "widths   3 MiB of half-widths before compression"
    assert "half-widths" not in CliRunner().invoke(cli, ["fuse", *paths, "--dry-run"]).stdout
    assert f"{SHARE:.0%}".replace("%", " %") in CliRunner().invoke(cli, ["fuse", "--help"]).stdout


def test_arrays_need_a_file_for_them():
    pan, lrms = landscape(480, 512)
    with pytest.raises(UserError, match="name an output file"):
        anypan.fuse(pan, lrms, uncertainty="aside.tif")


@pytest.fixture
def page(benchmark_script):
    return benchmark_script("uncertainty")


def test_the_table_counts_each_sensor_once(page):
    row = {"method": "m", "within 2": 0.9, "within 3": 1.0, "holds": 1.2, "worst over best": 2.0}
    figures = (("a", "A", 0.5), ("b", "A", 0.7), ("c", "B", 0.8), ("gf2-02", "GF2", 0.9))
    rows = [row | {"scene": scene, "sensor": sensor, "within 1": share} for scene, sensor, share in figures]
    rows.append({"method": "m", "scene": "d", "sensor": "C", "error": "too small"})
    lines = page.table(rows, "m").splitlines()
    assert lines[2:] == ["| A | 2 | 60 % | 90 % | 100 % | 1.20 | 2.0 |", "| B | 1 | 80 % | 90 % | 100 % | 1.20 | 2.0 |",
                         "| mean over sensors | 3 | 70 % | 90 % | 100 % | 1.20 | 2.0 |",
                         "| GF2, degraded by others | 1 | 90 % | 90 % | 100 % | 1.20 | 2.0 |"]  # fmt: skip


def test_the_published_page_is_up_to_date(page):
    assert not documents.stale(page.pages()), "run python runs/benchmark/uncertainty.py"

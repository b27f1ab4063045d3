"""The benchmark: from scene folders to rows, and one image judged from files."""

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

from anypan.fusing import fuse_scene
from anypan.geometry.tiles import Tile
from anypan.judging import assess, contenders, find_scenes, judge_case, prepare, run, write_rows
from anypan.methods import METHODS
from anypan.metrics import METRICS, q2n, sam
from anypan.pair import wald
from anypan.pair.crop import Crop, covered
from anypan.pair.pair import open_pair
from anypan.pair.scene import ArraySource, from_arrays
from anypan.report import Row, read
from anypan.runtime.columns import HIGH, LOW
from anypan.runtime.errors import UserError
from anypan.weights import available

RATIO, BANDS = 4, 3
EXP = {"EXP": METHODS["EXP"]}


def write(path: Path, image: np.ndarray, nodata: float | None = None, **place: Any) -> Path:
    count, height, width = image.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": image.dtype}
    with rasterio.open(path, "w", **profile, nodata=nodata, **place) as file:
        file.write(image)
    return path


def truth_image(size: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(4)
    noise = torch.rand(1, BANDS, size + 8, size + 8, generator=rng) + torch.rand(
        1, 1, size + 8, size + 8, generator=rng
    )
    return 100 + 900 * torch.nn.functional.avg_pool2d(noise, 9, 1)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scene whose truth is known, beside one without it and one that is broken."""
    truth = truth_image(160)
    scene = from_arrays(truth.mean(0, keepdim=True), truth[:, ::RATIO, ::RATIO])
    lrms = scene.sampling.degrade(truth, scene.gnyq)
    for name in ("one", "two", "broken"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "ms.tif", lrms.numpy())
        (tmp_path / name / "scene.json").write_text(json.dumps({"sensor": "nothing known", "bit_depth": 11}))
        if name != "broken":
            write(tmp_path / name / "pan.tif", truth.mean(0, keepdim=True).numpy())
    write(tmp_path / "one" / "gt.tif", truth.numpy())
    return tmp_path


def test_every_scene_protocol_and_method_is_a_row(folder: Path) -> None:
    methods = contenders(["EXP", "GSA"])
    rows = list(run(find_scenes(folder), methods))
    found = [(row["scene"], row["protocol"], row["method"]) for row in rows]
    assert found == [(s, p, m) for s in ("broken", "one", "two") for p in ("rr", "fr") for m in ("EXP", "GSA")]
    assert [bool(row.get("error")) for row in rows] == [True] * 4 + [False] * 8
    assert "pan.tif" in rows[0]["error"]


def test_a_row_says_how_it_came_about(folder: Path) -> None:
    for row in run([folder / "one"], EXP):
        names = {name for name, metric in METRICS.items() if metric.kind == row["protocol"]}
        assert names <= row.keys() and all(isinstance(row[name], float) for name in names)
        assert row["seconds"] > 0 and row["peak_mib"] > 10 and row["degraded"]
        said = {"mode": "physical", "ratio": RATIO, "bands": BANDS, "cut": 0, "gnyq_source": "generic", "masked": 0}
        assert said.items() <= row.items()
        assert {"anypan", "torch", "numpy", "python"} <= row["versions"].keys()
        assert {"shift", "registered", "block", "size", "gnyq", "gnyq_pan"} <= row.keys()
        json.dumps(dict(row), allow_nan=False)


def test_a_scene_with_truth_is_judged_against_it(folder: Path) -> None:
    case = prepare(folder / "one", "rr")
    row = judge_case(case, "EXP", METHODS["EXP"])
    scene = open_scene(folder / "one")
    fused = fuse_scene(scene, METHODS["EXP"](scene))
    with rasterio.open(folder / "one" / "gt.tif") as file:
        truth = torch.from_numpy(file.read())
    assert row["size"] == list(truth.shape[1:])
    assert row["Q2n"] == pytest.approx(q2n(fused, truth), abs=1e-4)


def test_a_truth_of_another_place_is_no_truth(folder: Path) -> None:
    one = folder / "one"
    images = {name: rasterio.open(one / name).read() for name in ("pan.tif", "ms.tif", "gt.tif")}
    place = rasterio.transform.from_origin(500_000, 4_000_000, 1, 1)
    moved = {"gt.tif": rasterio.transform.from_origin(500_007, 4_000_000, 1, 1), "ms.tif": place * place.scale(RATIO)}
    for name, image in images.items():
        write(one / name, image, transform=moved.get(name, place), crs="EPSG:32633")
    with pytest.raises(UserError, match="lies 7 pixels off the PAN's grid: give the truth"):
        prepare(one, "rr")
    with pytest.raises(UserError, match="lies 7 pixels off the PAN's grid: give the truth"):
        assess(one / "pan.tif", one / "ms.tif", _on(one, place), one / "gt.tif")


def _on(one: Path, place: rasterio.Affine) -> Path:
    write(one / "fused.tif", rasterio.open(one / "gt.tif").read(), transform=place, crs="EPSG:32633")
    return one / "fused.tif"


def open_scene(folder: Path):
    with open_pair(folder / "pan.tif", folder / "ms.tif") as pair:
        patch = pair.scene.whole()
        return from_arrays(patch.pan, patch.lrms, phase=pair.scene.sampling.phase)


def test_a_scene_without_truth_is_degraded(folder: Path) -> None:
    reduced, reference = wald.degrade(open_scene(folder / "two"))
    fused = fuse_scene(reduced, METHODS["EXP"](reduced))
    row = next(run([folder / "two"], EXP, ["rr"]))
    assert row["SAM"] == pytest.approx(sam(fused, reference), abs=1e-3) and not row["degraded"]


def test_toolbox_mode_is_said_and_cut(folder: Path) -> None:
    row = next(run([folder / "one"], EXP, ["rr"], "toolbox"))
    assert (row["mode"], row["cut"], row["registered"]) == ("toolbox", 21, False)
    case = prepare(folder / "one", "rr", "toolbox")
    rows = torch.arange(160)[:, None].expand(160, 160)
    assert case.inner(rows)[:, 0].tolist() == list(range(20, 139))
    small = next(run([folder / "two"], EXP, ["rr"], "toolbox"))
    assert "border cut" in small["error"]


def test_toolbox_mode_brings_reflectances_to_whole_numbers(folder: Path) -> None:
    """The toolbox rounds: without it, reflectances of 0 to 1 would all be 0 or 1."""
    (folder / "one" / "scene.json").write_text(json.dumps({"bit_depth": "reflectance"}))
    physical = next(run([folder / "one"], EXP, ["rr"]))
    for name in ("pan", "ms", "gt"):
        with rasterio.open(folder / "one" / f"{name}.tif") as file:
            image = file.read()
        write(folder / "one" / f"{name}.tif", image / 2047)
    small, exact = (next(run([folder / "one"], EXP, ["rr"], mode)) for mode in ("toolbox", "physical"))
    assert exact["Q2n"] == pytest.approx(physical["Q2n"], rel=1e-5) and exact["unit"] == 1
    assert small["unit"] > 2000 and small["Q2n"] == pytest.approx(physical["Q2n"], abs=0.1)


def test_toolbox_mode_leaves_whole_numbers_as_they_are(folder: Path) -> None:
    """Of a full scale that nobody states: a stretch by one factor or another would round them otherwise."""
    (folder / "two" / "scene.json").write_text(json.dumps({"sensor": "nothing known"}))
    for name in ("pan", "ms"):
        with rasterio.open(folder / "two" / f"{name}.tif") as file:
            image = file.read()
        write(folder / "two" / f"{name}.tif", image.round())
    assert next(run([folder / "two"], EXP, ["fr"], "toolbox"))["unit"] == 1


def test_a_method_that_fails_is_a_row(folder: Path) -> None:
    def broken(scene):
        raise RuntimeError("no such luck")

    row = judge_case(prepare(folder / "two", "fr"), "broken", broken)
    assert row["error"] == "RuntimeError: no such luck" and row["method"] == "broken" and row["ratio"] == RATIO


def test_rows_are_appended_one_by_one(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    seen = []

    def say(row):
        seen.append(row)
        assert len(out.read_text().splitlines()) == len(seen)

    assert write_rows(run([folder / "one"], EXP), out, say) == 2
    assert write_rows(run([folder / "broken"], EXP, ["fr"]), out) == 1
    assert [json.loads(line)["protocol"] for line in out.read_text().splitlines()] == ["rr", "fr", "fr"]
    with pytest.raises(UserError, match="is a folder"):
        write_rows([], folder)


def test_users_are_told_what_is_missing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="EXP"):
        contenders(["no such method"])
    with pytest.raises(UserError, match="not a folder"):
        find_scenes(folder / "one" / "pan.tif")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="no scenes"):
        find_scenes(empty)
    assert [scene.name for scene in find_scenes(folder / "one")] == ["one"]


@pytest.mark.parametrize("text", ["{broken", "[1]", "null", "\xff", "[" * 100_000])
def test_a_scene_whose_description_cannot_be_read_is_a_row_that_says_so(folder: Path, text: str) -> None:
    (folder / "two" / "scene.json").write_text(text, encoding="latin1")
    row = next(run([folder / "two"], EXP, ["fr"]))
    assert "mend it or take it away, a scene needs none" in row["error"] and row["sensor"] == "unknown"
    (folder / "two" / "scene.json").write_text('{"bit_depth": 99999}')
    assert next(run([folder / "two"], EXP, ["fr"]))["full_scale"] is None


def test_assess_agrees_with_the_benchmark(folder: Path) -> None:
    case = prepare(folder / "one", "fr")
    fused = fuse_scene(case.scene, METHODS["EXP"](case.scene)).numpy()
    path = write(folder / "fused.tif", fused)
    values = assess(folder / "one" / "pan.tif", folder / "one" / "ms.tif", path, folder / "one" / "gt.tif")
    rr, fr = run([folder / "one"], EXP)
    assert METRICS.keys() <= values.keys()
    for name, metric in METRICS.items():
        if name not in ("PSNR", "SSIM"):  # these take the full scale, which a file does not tell
            assert values[name] == pytest.approx((rr if metric.kind == "rr" else fr)[name], rel=1e-6), name
    assert values["mode"] == "physical" and values["ratio"] == RATIO


def test_assess_leaves_out_what_is_nodata(folder: Path) -> None:
    one = folder / "one"
    case = prepare(one, "fr")
    fused = fuse_scene(case.scene, METHODS["EXP"](case.scene)).numpy()
    whole = write(folder / "whole.tif", fused)
    fused[:, 20:30, 40:50] = -1
    holed, holey = write(folder / "holed.tif", fused, nodata=-1), write(folder / "holey.tif", fused)
    right, told, wrong = (assess(one / "pan.tif", one / "ms.tif", f, one / "gt.tif") for f in (whole, holed, holey))
    for name in ("ERGAS", "SAM", "D_rho", "R-ERGAS"):
        assert abs(told[name] - right[name]) < 0.1 * abs(wrong[name] - right[name]), name
    assert all(math.isfinite(told[name]) for name in METRICS)


def test_what_pan_ms_or_truth_lack_moves_no_figure(folder: Path) -> None:
    """Neither of an image that differs there, nor by the largest value of the truth, which is PSNR's peak."""
    one = folder / "one"
    truth = truth_image(160).numpy()
    ms = rasterio.open(one / "ms.tif").read()
    ms[:, 10:13, 20:23] = -1  # MS pixels; of the PAN four times as many
    files = one / "pan.tif", write(folder / "holed.tif", ms, nodata=-1)
    case = prepare(one, "fr")
    fused = fuse_scene(case.scene, METHODS["EXP"](case.scene)).numpy()
    plain = assess(*files, write(folder / "fused.tif", fused), write(folder / "truth.tif", truth))
    fused[:, 40:52, 80:92], truth[:, 40:52, 80:92] = 9e5, 6e5
    other = assess(*files, write(folder / "fused2.tif", fused), write(folder / "truth2.tif", truth))
    found, expected = ({name: each[name] for name in METRICS} for each in (other, plain))
    assert found == pytest.approx(expected, rel=1e-6, nan_ok=True) and sum(map(math.isfinite, found.values())) > 15


@pytest.mark.parametrize("known", [True, False])
def test_the_peak_is_of_valid_pixels_where_no_full_scale_is_stated(folder: Path, known: bool) -> None:
    one = folder / "one"
    (one / "scene.json").write_text(json.dumps({"sensor": "nothing known"} | ({"bit_depth": 11} if known else {})))
    truth = truth_image(160).numpy()
    highest = truth[:, 40:].max()
    truth[:, :40] = 65535
    write(one / "gt.tif", truth, nodata=65535)
    assert prepare(one, "rr").facts["peak"] == (2047 if known else pytest.approx(highest))
    pan = rasterio.open(one / "pan.tif").read()
    most = max(pan.max(), rasterio.open(one / "ms.tif").read().max())
    assert prepare(folder / "two", "fr").facts["peak"] == 2047
    (one / "gt.tif").unlink()
    assert prepare(one, "fr").facts["peak"] == (2047 if known else pytest.approx(most))


def test_assess_refuses_an_image_of_another_shape(folder: Path) -> None:
    one = folder / "one"
    with pytest.raises(UserError, match="does not have the PAN's size"):
        assess(one / "pan.tif", one / "ms.tif", one / "ms.tif")
    write(folder / "bands.tif", np.ones((2, 160, 160), np.float32))
    with pytest.raises(UserError, match="bands"):
        assess(one / "pan.tif", one / "ms.tif", folder / "bands.tif")


def test_a_crop_reads_as_the_cropped_arrays_would() -> None:
    pan, lrms = torch.rand(1, 60, 72), torch.rand(2, 15, 18)
    mask = torch.rand(60, 72) > 0.1
    crop = Crop(ArraySource(pan, lrms, mask), (2, 3), (9, 12), 4)
    cut = ArraySource(pan[:, 8:44, 12:60], lrms[:, 2:11, 3:15], mask[8:44, 12:60])
    for tile in (Tile(0, 0, 9, 12), Tile(0, 0, 9, 12, 5), Tile(3, 4, 2, 5, 1), Tile(6, 8, 3, 4, 20)):
        one, two = crop.read(tile), cut.read(tile)
        assert all(torch.equal(a, b) for a, b in ((one.pan, two.pan), (one.lrms, two.lrms), (one.mask, two.mask)))


def test_only_whole_covered_pixels_are_judged(shared: Path) -> None:
    """A misregistered scene loses its rim, and nothing in what is left is invalid."""
    folder = shared / "scenes" / "qb-02"
    with open_pair(folder / "pan.tif", folder / "ms.tif") as pair:
        scene, corner = covered(pair)
        patch = scene.whole()
        assert patch.mask.all() and min(corner) >= 0
        with rasterio.open(folder / "pan.tif") as file:
            pan = torch.from_numpy(file.read().astype(np.float32))
        rows, cols = (slice(a, a + n) for a, n in zip(corner, patch.mask.shape, strict=True))
        assert torch.equal(patch.pan, pan[:, rows, cols])


def summarise(rows: list[dict], **options) -> dict:
    path = Path(__file__).parents[1] / "runs" / "benchmark" / "table.py"
    spec = importlib.util.spec_from_file_location("table", path)
    assert spec and spec.loader
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    return {(e["protocol"], e["ratio"], e["method"]): e for e in table.summarise(rows, **options)}


def row(scene: str, sensor: str, method: str, protocol: str = "rr", ratio: int = 4, **values) -> Row:
    about = {"scene": scene, "sensor": sensor, "method": method, "protocol": protocol, "ratio": ratio}
    return Row.of({**about, **values})


def test_summary_means_over_sensors_against_the_oracle_of_each_metric() -> None:
    """Two scenes of one sensor count as much as one of another; the oracle is Q2n of a and SAM of b."""
    rows = []
    for scene, sensor in (("1", "A"), ("2", "A"), ("3", "B")):
        rows += [
            row(scene, sensor, "a", Q2n=0.9, ERGAS=4.0, SAM=3.0),
            row(scene, sensor, "b", Q2n=0.8, ERGAS=5.0, SAM=2.0),
        ]
    rows += [row("1", "A", "ours", Q2n=0.92, ERGAS=2.0, SAM=1.0), row("2", "A", "ours", Q2n=0.96, ERGAS=2.0, SAM=3.0)]
    rows += [row("3", "B", "ours", Q2n=0.98, ERGAS=4.0, SAM=1.0), row("4", "B", "ours", error="broken")]
    found = summarise(rows, classical=("a", "b"))["rr", 4, "ours"]
    assert found["Q2n - oracle"] == pytest.approx((0.94 + 0.98) / 2 - 0.9)
    assert found["ERGAS / oracle"] == pytest.approx((2 + 4) / 2 / 4)
    assert found["SAM / oracle"] == pytest.approx((2 + 1) / 2 / 2)
    assert found["wins"] == pytest.approx(1 / 3) and found["scenes"] == 3


def test_summary_at_full_resolution() -> None:
    low, high = LOW, HIGH
    rows = [row("1", "A", "MTF-GLP-HPM-R", "fr", D_rho=0.2), row("1", "A", "MTF-GLP-FS", "fr", **{"R-ERGAS": 2.0})]
    rows += [row("1", "A", "ours", "fr", R2=0.9, D_rho=0.1, **{low: 0.8, high: 1.0, "R-ERGAS": 1.0})]
    rows += [row("2", "A", "ours", "fr", R2=0.5, D_rho=0.9, **{low: 0.2, high: 0.3, "R-ERGAS": 9.0})]
    rows += [row("3", "A", "ours", "fr", R2=0.9, degraded=True, **{low: 0.1, high: 0.1})]
    found = summarise(rows)["fr", 4, "ours"]
    assert found["scenes"] == 2 and found["worst"] == 0.8 and found[low] == pytest.approx(0.5)
    assert found["D_rho / MTF-GLP-HPM-R"] == pytest.approx(0.5)
    assert found["R-ERGAS / MTF-GLP-FS"] == pytest.approx(0.5)


RESULTS = Path(__file__).parents[1] / "results"


@pytest.mark.parametrize("name", ["benchmark.jsonl", "generalisation.jsonl"])
def test_rows_that_are_read_and_written_are_the_same_bytes(name: str, tmp_path: Path) -> None:
    write_rows(read([RESULTS / name]), tmp_path / name)
    assert (tmp_path / name).read_bytes() == (RESULTS / name).read_bytes()


def test_rows_of_networks_that_ship_are_of_the_weights_that_ship() -> None:
    """A figure of weights that are no longer there is no figure of ours: `python runs/renew.py` makes all of them."""
    pinned, found = {card.name: card.sha256 for card in available()}, set()
    for path in sorted(RESULTS.rglob("*.jsonl")):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            for column, told in (("method", "weights_sha256"), ("start", "start_sha256")):
                name = str(row.get(column)).partition(",")[0].removesuffix("+")
                if name in pinned and told in row:
                    found.add(path.name)
                    assert row[told] == pinned[name], f"{path.relative_to(RESULTS)}: {row['method']}"
    assert {"benchmark.jsonl", "generalisation.jsonl", "optimisers.jsonl", "scenes.jsonl", "gf2.jsonl"} <= found


def test_a_row_keeps_columns_that_nothing_knows_and_their_order(tmp_path: Path) -> None:
    line = {"later": {"a": [1, None]}, "method": "EXP", "scene": "a", "é": 0.1, "protocol": "fr", "ratio": 3.97}
    (tmp_path / "rows.jsonl").write_text(json.dumps(line) + "\n")
    (row,) = read([tmp_path / "rows.jsonl"])
    assert (row.scene, row.method, row.protocol, row.ratio, row.error, row.mode) == ("a", "EXP", "fr", 4, "", "")
    assert list(row.items()) == list(line.items())

"""Programs that optimise for each image, through the runner that starts them: a stand-in reads and writes files."""

import importlib.util
import json
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from pairs import landscape, write_pair

from anypan.judging import contenders, run

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / "runs" / "contenders" / "run.py"
SPEC = importlib.util.spec_from_file_location("runs_contenders", RUN)
RUNNER = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(RUNNER)
KNOWN = tomllib.loads(RUN.with_name("contenders.toml").read_text())


@pytest.fixture
def code(tmp_path):
    return Path(shutil.copytree(ROOT / "tests" / "competitors" / "per_image", tmp_path / "code"))


@pytest.fixture
def pair(tmp_path):
    return list(write_pair(tmp_path, *landscape(128, 128)))


def start(monkeypatch, name, code, pair, out, *more):
    """The runner in this process, with another for the program. What it exits with: None, or a sentence."""
    words = [RUN, name, "--code", code, "--pan", pair[0], "--ms", pair[1], "--out", out, *more]
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    try:
        return RUNNER.main()
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize("name", KNOWN)
def test_a_program_gets_the_pair_in_its_file_and_its_image_comes_back(tmp_path, monkeypatch, code, pair, name):
    assert start(monkeypatch, name, code, pair, tmp_path / "out.tif", "--sensor", "WV3") is None
    with rasterio.open(tmp_path / "out.tif") as out, rasterio.open(pair[1]) as ms:
        fused, bands = out.read(), ms.read()
    assert fused.shape == (len(bands), 128, 128)
    means = fused.reshape(len(bands), 32, 4, 32, 4).mean((2, 4))
    tolerance = 1e-4 if name == "Z-PNN" else 0.1  # repeated exactly, or interpolated
    assert np.abs(means - bands).mean() < tolerance * bands.std()


@pytest.mark.parametrize(
    "more, word",
    [
        (["--ratio", "2"], "ratio 4 only"),
        (["--sensor", "none"], "ended with status 1"),
        (["--sensor", "short"], "wrote an image of (3, 127, 128)"),
        (["--code", "nowhere"], "clone https://github.com/matciotola/Z-PNN"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_no_image(tmp_path, monkeypatch, code, pair, more, word):
    said = start(monkeypatch, "Z-PNN", code, pair, tmp_path / "out.tif", *more)
    assert isinstance(said, str) and word in said and not (tmp_path / "out.tif").exists()


def test_it_is_judged_beside_the_methods_of_the_package(tmp_path, code):
    scene = tmp_path / "scenes" / "one"
    scene.mkdir(parents=True)
    pan, ms = write_pair(scene, *landscape(160, 160))
    Path(pan).rename(scene / "pan.tif")
    Path(ms).rename(scene / "ms.tif")
    (scene / "scene.json").write_text(json.dumps({"sensor": "WV3", "bit_depth": 11}))
    words = f"{shlex.quote(sys.executable)} {shlex.quote(str(RUN))} Z-PNN --code {shlex.quote(str(code))}"
    command = f"Z-PNN=cmd:{words} --pan {{pan}} --ms {{ms}} --out {{out}} --ratio {{ratio}} --sensor {{sensor}}"
    rows = list(run([scene], contenders([command, "EXP"]), protocols=("rr",)))
    assert [row["method"] for row in rows] == ["Z-PNN", "EXP"] and not [row for row in rows if row.get("error")]
    assert rows[0]["seconds"] > 0 and rows[0]["peak_mib"] > 20 and rows[0]["Q2n"] > 0.1


def test_every_contender_says_where_it_is_from_and_under_which_licence():
    for name, one in KNOWN.items():
        assert one["code"].startswith("https://") and one["licence"] and one["paper"], name
        assert one["layout"] in ("mat", "h5") and one["ratio"] == 4, name


def test_kz_pan_makes_an_image_of_the_pan_s_size_and_learns_what_makes_the_pan(monkeypatch, pair):
    """A few of its steps, on a pair whose sides are no multiples of its cell."""
    spec = importlib.util.spec_from_file_location("kz_pan", RUN.with_name("kz_pan.py"))
    kz_pan = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kz_pan)
    monkeypatch.setattr(kz_pan, "STAGES", (5, 5, 5))
    pan, ms = (rasterio.open(file).read()[:, :size, :size] for file, size in zip(pair, (40, 10), strict=True))
    pan, ms = (torch.from_numpy(image / 2047).float()[None] for image in (pan, ms))
    pan, ms, gnyq = kz_pan.whole(pan, kz_pan.CELL), kz_pan.whole(ms, kz_pan.CELL // 4), (0.3,) * ms.shape[1]
    torch.manual_seed(1)
    found = kz_pan.fuse(pan, ms, gnyq, 0.15)
    assert found.shape == (1, len(gnyq), 64, 64) and found.min() > 0 and found.max() < 1
    assert torch.equal(kz_pan.parts(found[:, :, :8, :12], 4)[4], found[0, :, 4:8, 4:8])
    flat = torch.full_like(pan, 0.4)
    assert torch.allclose(kz_pan.sampled(kz_pan.blur(flat, [0.15])), flat[..., ::4, ::4])
    low, to_pan = kz_pan.sampled(kz_pan.blur(pan, [0.15])), kz_pan.Small(len(gnyq), 16, 1)
    errors = [float(kz_pan.root(low, to_pan(ms)).detach())]
    kz_pan.descend(lambda: kz_pan.root(low, to_pan(ms)), 40, (to_pan, kz_pan.PAN_RATE))
    errors.append(float(kz_pan.root(low, to_pan(ms)).detach()))
    assert errors[1] < errors[0]

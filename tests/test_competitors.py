"""Methods from outside: images that were fused elsewhere, and programs that are started, judged like our own."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from anypan.fusing import fuse_scene
from anypan.judging import contenders, find_scenes, judge_case, opened, prepare, run, write_inputs, write_rows
from anypan.judging.contenders import Function
from anypan.methods import METHODS, Fuser
from anypan.metrics import METRICS
from anypan.pair.scene import from_arrays
from anypan.runtime.errors import UserError

RATIO, BANDS = 4, 3
PROGRAMS = Path(__file__).parent / "competitors"
OTHER = f"{shlex.quote(sys.executable)} {shlex.quote(str(PROGRAMS / 'brovey.py'))} {{pan}} {{ms}} {{out}}"
COST = ("seconds", "peak_mib", "threads")


def python(code: str) -> str:
    """A command of these statements; the usual three fields come as arguments."""
    return f"cmd:{shlex.quote(sys.executable)} -c {shlex.quote(code)} {{pan}} {{ms}} {{out}}"


def write(path: Path, image: np.ndarray) -> Path:
    count, height, width = image.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": image.dtype}
    with rasterio.open(path, "w", **profile) as file:
        file.write(image)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Scenes `one`, whose truth is known, and `two`."""
    noise = torch.rand(1, BANDS + 1, 136, 136, generator=torch.Generator().manual_seed(4))
    smooth = torch.nn.functional.avg_pool2d(noise, 9, 1)[0]
    truth = (100 + 900 * (smooth[:BANDS] + smooth[BANDS:])).round()
    scene = from_arrays(truth.mean(0, keepdim=True), truth[:, ::RATIO, ::RATIO])
    lrms = scene.sampling.degrade(truth, scene.gnyq)
    for name in ("one", "two"):
        place = tmp_path / "scenes" / name
        place.mkdir(parents=True)
        write(place / "ms.tif", lrms.numpy())
        write(place / "pan.tif", truth.mean(0, keepdim=True).numpy())
        (place / "scene.json").write_text(json.dumps({"sensor": "nothing known", "bit_depth": 11}))
    write(tmp_path / "scenes" / "one" / "gt.tif", truth.numpy())
    return tmp_path / "scenes"


def values(row: dict) -> dict:
    return {name: row[name] for name in METRICS if name in row}


def test_a_program_is_judged_with_its_time_and_memory(folder: Path) -> None:
    rows = list(run([folder / "two"], contenders([f"theirs=cmd:{OTHER}"])))
    for row in rows:
        kind = [name for name, metric in METRICS.items() if metric.kind == row["protocol"]]
        assert row["method"] == "theirs" and all(isinstance(row[name], float) for name in kind), row
        assert row["seconds"] > 0 and row["peak_mib"] > 20
        assert row["command"] == OTHER and len(row["files_sha256"]["brovey.py"]) == 64
    assert rows[0]["Q2n"] > 0.5


def test_a_program_gets_what_our_methods_get(folder: Path) -> None:
    """A program that writes down its inputs: fused here from those, the result is our method's to the last bit."""
    case = prepare(folder / "two", "rr")
    pan, ms = write_inputs(case, folder.parent)
    with rasterio.open(pan) as first, rasterio.open(ms) as second:
        assert first.bounds == second.bounds and first.crs == second.crs and second.res == (RATIO, RATIO)
        scene = from_arrays(torch.from_numpy(first.read()), torch.from_numpy(second.read()))
    ours = fuse_scene(case.scene, METHODS["MTF-GLP"](case.scene))
    assert torch.equal(fuse_scene(scene, METHODS["MTF-GLP"](scene)), ours)


def test_what_goes_wrong_is_a_row(folder: Path) -> None:
    copy = "import shutil, sys; shutil.copy(sys.argv[{}], sys.argv[3])"
    programs = {
        "crash": python("raise SystemExit('out of luck')"),
        "late": python("import time; time.sleep(60)"),
        "nothing": python("print('done')"),
        "wrong shape": python(copy.format(2)),
        "wrong bands": python(copy.format(1)),
        "no image": python("import sys; open(sys.argv[3], 'w').write('nonsense')"),
    }
    late = contenders([f"late={programs['late']}"], timeout=1)
    judged = contenders([f"{name}={command}" for name, command in programs.items() if name != "late"]) | late
    start = time.monotonic()
    rows = {row["method"]: row["error"] for row in run([folder / "two"], judged, ["rr"])}
    assert time.monotonic() - start < 50
    said = {
        "crash": "exit code 1 (out of luck)",
        "late": "after 1 s",
        "nothing": "without writing {out} (done)",
        "wrong shape": "out.tif has 8 x 8 pixels, not the PAN's 32 x 32",
        "wrong bands": "has 1 bands, not the MS's 3",
        "no image": "cannot be read",
    }
    assert rows.keys() == said.keys() and not [name for name in said if said[name] not in rows[name]], rows
    assert rows["no image"].startswith("out.tif")  # not where it lay, which is another place each time


def test_pixels_without_a_value_are_an_error(folder: Path) -> None:
    case = prepare(folder / "two", "rr")
    image = fuse_scene(case.scene, METHODS["EXP"](case.scene)).numpy()
    image[1, 3, 4:6] = np.nan
    images = folder.parent / "images" / "rr"
    images.mkdir(parents=True)
    write(images / "two.tif", image)
    row = judge_case(case, "theirs", contenders([str(images.parent)])[str(images.parent)])
    assert "no value in 2 of the pixels" in row["error"]


def test_a_late_program_leaves_no_process_behind(folder: Path) -> None:
    """Its children die with it."""
    mark = folder.parent / "alive"
    child = f"import time\nwhile True:\n open({str(mark)!r}, 'w').close()\n time.sleep(.05)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    judged = contenders([python(code)], timeout=2)
    assert "after 2 s" in next(run([folder / "two"], judged, ["rr"]))["error"]
    assert mark.exists()
    time.sleep(0.3)
    mark.unlink()
    time.sleep(0.5)
    assert not mark.exists()


def test_memory_is_the_programs_own(folder: Path) -> None:
    """Neither this process's memory nor a constant: 200 MiB more are 200 MiB more."""
    copy = f"import sys, runpy; sys.argv = ['', *sys.argv[1:]]; runpy.run_path({str(PROGRAMS / 'brovey.py')!r})"
    small, large = python(copy), python(f"held = b'1' * (200 * 2**20); {copy}")
    rows = list(run([folder / "two"], contenders([f"small={small}", f"large={large}"]), ["rr"]))
    assert 150 < rows[1]["peak_mib"] - rows[0]["peak_mib"] < 250
    assert rows[0]["peak_mib"] < 200


def test_images_fused_elsewhere_are_judged_as_our_own(folder: Path) -> None:
    """On the grid of what was exported and, where the scene is not reduced, on that of the PAN's own file."""
    images = folder.parent / "images"
    for protocol in ("rr", "fr"):
        (images / protocol).mkdir(parents=True)
        for scene in find_scenes(folder):
            case = prepare(scene, protocol)
            image = fuse_scene(case.scene, METHODS["GSA"](case.scene)).numpy()
            if scene.name == "one":
                whole = np.full((BANDS, *case.origin.pan_size), -1, np.float32)
                (top, left), (height, width) = case.origin.corner, case.size
                whole[:, top : top + height, left : left + width] = image
                image = whole
            write(images / protocol / f"{scene.name}.tif", image)
    for row in run(find_scenes(folder), contenders(["GSA", f"theirs=dir:{images}"])):
        if row["method"] == "GSA":
            ours = row
            continue
        assert values(row) == values(ours) and row["inputs_sha256"] == ours["inputs_sha256"]
        assert row["seconds"] is None and len(row["image_sha256"]) == 64


def test_a_missing_image_is_a_row(folder: Path) -> None:
    row = next(run([folder / "two"], contenders([f"theirs=dir:{folder.parent}"]), ["rr"]))
    assert "has no rr/two.tif" in row["error"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cmd:no-such-program {pan} {ms} {out}", "no program 'no-such-program'"),
        ("cmd:python {pan} {ms}", "has no {out}"),
        ("cmd:python {pan} {ms} {out} {speed}", "unknown {speed}"),
        ("cmd:python '{pan} {ms} {out}", "quotes"),
        ("theirs=dir:/no/such/folder", "not a folder"),
        ("no such method", "EXP"),
    ],
)
def test_users_are_told_what_is_wrong_with_a_competitor(name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        contenders([name])


def test_two_methods_need_two_names() -> None:
    with pytest.raises(UserError, match="twice"):
        contenders([f"theirs=cmd:{OTHER}", f"theirs=cmd:{OTHER}"])


# ------------------------------------------------------------------------------------------------------- GDAL's own


def test_gdal_inside_rasterio(folder: Path) -> None:
    """The weighted Brovey of gdal_pansharpen.py: its detail is the PAN's wherever the weights explain the PAN."""
    script = shlex.quote(str(PROGRAMS / "gdal_brovey.py"))
    command = f"{shlex.quote(sys.executable)} {script} {{pan}} {{ms}} {{out}}"
    exp, gdal = run([folder / "two"], contenders(["EXP", f"GDAL=cmd:{command}"]), ["fr"])
    assert gdal["D_rho"] < 0.2 < exp["D_rho"], gdal


@pytest.mark.skipif(not shutil.which("gdal_pansharpen.py"), reason="gdal_pansharpen.py is not installed")
def test_gdal_pansharpen(folder: Path) -> None:
    """The program itself, in its own language and with its own libraries, and the same engine inside rasterio."""
    script = shlex.quote(str(PROGRAMS / "gdal_brovey.py"))
    programs = ["gdal_pansharpen.py -q", f"{shlex.quote(sys.executable)} {script}"]
    judged = contenders([f"{k}=cmd:{program} {{pan}} {{ms}} {{out}}" for k, program in enumerate(programs)])
    theirs, inside = run([folder / "two"], judged, ["rr"])
    assert values(theirs) == pytest.approx(values(inside), rel=1e-4)


# -------------------------------------------------------------------------------------------- resume, jobs, one writer


def alike(rows: list[dict]) -> list[str]:
    """Rows without what a clock and a meter say, in an order of their own."""
    return sorted(json.dumps({k: v for k, v in row.items() if k not in COST}) for row in rows)


def test_scenes_side_by_side_give_the_same_rows(folder: Path) -> None:
    names = ["EXP", f"theirs=cmd:{OTHER}", python("raise SystemExit(3)")]
    one, two = (list(run([folder / "two"], contenders(names), jobs=jobs)) for jobs in (1, 2))
    assert alike(one) == alike(two) and len(one) == 6


def test_what_is_done_is_not_done_again(folder: Path, tmp_path: Path) -> None:
    out, scenes, judged = tmp_path / "rows.jsonl", [folder / "two"], contenders(["EXP", "GSA", "Brovey"])
    whole = list(run(scenes, judged))
    for kept in (2, 3, 6):
        write_rows(whole[:kept], out)
        with opened(out) as ledger:
            rest = list(run(scenes, judged, done=ledger.rows))
        assert [(r["scene"], r["protocol"], r["method"]) for r in whole[kept:]] == [
            (r["scene"], r["protocol"], r["method"]) for r in rest
        ]
        out.unlink()


def test_other_images_another_seed_or_mode_are_another_run(folder: Path) -> None:
    scenes, judged = find_scenes(folder), contenders(["EXP", "GSA"])
    done = list(run(scenes, judged, ["fr"]))[:3]
    assert len(list(run(scenes, contenders(["EXP", "GSA"], seed=1), ["fr"], done=done))) == 4
    assert len(list(run(scenes, judged, ["fr"], "toolbox", done=done))) == 4
    with rasterio.open(folder / "two" / "pan.tif") as file:
        pan = file.read()
    write(folder / "two" / "pan.tif", pan + 1)
    again = list(run(scenes, judged, ["fr"], done=done))
    assert [(row["scene"], row["method"]) for row in again] == [("two", "EXP"), ("two", "GSA")]


def test_a_killed_run_is_finished_by_resume(folder: Path, tmp_path: Path) -> None:
    """Killed without warning in the middle, and half a row at the end as of a full disk: every row is there once."""
    out = tmp_path / "rows.jsonl"
    command = [sys.executable, "-m", "anypan", "benchmark", str(folder), "--out", str(out), "-q"]
    command += ["-m", "EXP", "-m", "GSA", "-m", python("import time; time.sleep(60)")]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 60
        while not (out.exists() and out.read_bytes().count(b"\n") >= 2) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = out.read_bytes()
    assert before.count(b"\n") == 2
    out.write_bytes(before + before[:50])
    names = ["EXP", "GSA", "Brovey"]
    with opened(out) as ledger:
        assert len(ledger.rows) == 2
        for row in run(find_scenes(folder), contenders(names), done=ledger.rows):
            ledger.append(row)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert out.read_bytes().startswith(before)
    assert len({(r["scene"], r["protocol"], r["method"]) for r in rows}) == len(rows) == 12


def test_images_that_were_fused_anew_are_judged_anew(folder: Path) -> None:
    """Of a folder of images, only what is missing still or the same as before counts as done."""
    (folder.parent / "images" / "fr").mkdir(parents=True)
    image, scenes = folder.parent / "images" / "fr" / "two.tif", find_scenes(folder)
    judged = contenders(["EXP", f"theirs=dir:{image.parents[1]}"])
    case = prepare(folder / "two", "fr")
    done: list[dict] = []
    for value, made in ((None, 4), (None, 0), (1.0, 1), (1.0, 0), (2.0, 1), (2.0, 0)):
        if value:
            write(image, np.full((BANDS, *case.size), value, "f4"))
        rows = list(run(scenes, judged, ["fr"], done=done))
        assert len(rows) == made
        done += rows
    assert [("error" in row, "image_sha256" in row) for row in done[-2:]] == [(False, True)] * 2
    write(image, np.ones((BANDS, 8, 8), "f4"))
    wrong = list(run(scenes, judged, ["fr"], done=done))
    assert [("error" in row, "image_sha256" in row) for row in wrong] == [(True, True)]
    assert not list(run(scenes, judged, ["fr"], done=[*done, *wrong]))


def test_one_writer(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    with opened(out), pytest.raises(UserError, match="another process"), opened(out):
        pass


@pytest.mark.parametrize("text", ["not a row\n", "[1]\n", '{"scene": 1}\n', "notes without an end"])
def test_a_file_of_other_things_is_left_alone(tmp_path: Path, text: str) -> None:
    out = tmp_path / "notes.txt"
    out.write_text(text)
    with pytest.raises(UserError, match="anypan benchmark"):
        write_rows([{"scene": "a"}], out)
    assert out.read_text() == text


def test_rows_say_what_they_rest_on(folder: Path) -> None:
    row = next(run([folder / "two"], contenders(["anypan-s"], seed=7), ["rr"]))
    assert row["seed"] == 7 and len(row["inputs_sha256"]) == len(row["weights_sha256"]) == 64
    assert row["full_scale"] == 2047 and row["phase"] == [0, 0] and row["block"] == 32 and row["cut"] == 0
    assert {"anypan", "torch", "numpy", "rasterio", "python"} <= row["versions"].keys()


def test_a_method_that_draws_at_random_is_repeatable(folder: Path) -> None:
    def noisy(scene):
        offset = torch.randn(1)
        exp = METHODS["EXP"](scene)
        noise = {"halo": exp.halo, "__call__": lambda _, pan, lrms: exp(pan, lrms) + offset}
        return type("Noisy", (Fuser,), noise)()

    case = prepare(folder / "two", "rr")
    one, two, other = (judge_case(case, "noisy", Function(noisy, seed))["ERGAS"] for seed in (1, 1, 2))
    assert one == two != other

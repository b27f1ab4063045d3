"""Readers of published sets, on small files that are written here in exactly the published structure."""

import base64
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from pairs import landscape, write, write_pair
from published import SIDE, full, last, reduced, write_mat, write_mat73, write_stack
from torch.utils.data import random_split

from anypan.cli import cli
from anypan.judging import find_scenes, prepare, run
from anypan.judging.readers import LAYOUTS, Layout, mat, panbench
from anypan.methods import METHODS
from anypan.optics.sensors import SENSORS
from anypan.runtime.errors import UserError

EXP = {"EXP": METHODS["EXP"]}


@pytest.fixture(scope="module")
def pancollection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("PanCollection")
    write_stack(root / "WV3" / "test_wv3_multiExm1.h5", [reduced("WV3", 8, seed) for seed in (1, 2)])
    write_stack(root / "WV3" / "test_wv3_OrigScale_multiExm1.h5", [full(8, 3)])
    write_stack(root / "GF2" / "test_gf2_multiExm1.h5", [reduced("GF2", 4, 4)], compression="gzip")
    write_stack(root / "GF2" / "valid_gf2.h5", [reduced("GF2", 4, 5)])
    return root


def names(spec: str) -> list[str]:
    return [scene.name for scene in find_scenes(spec)]


def test_pancollection_is_its_test_stacks_in_order(pancollection: Path) -> None:
    wv3 = ["wv3/full/0001", "wv3/reduced/0001", "wv3/reduced/0002"]
    assert sorted(names(f"pancollection:{pancollection}")) == [f"pancollection/{n}" for n in ("gf2/reduced/0001", *wv3)]
    assert names(f"pancollection/valid:{pancollection}") == ["pancollection/gf2/valid/0001"]
    stack = pancollection / "WV3" / "test_wv3_OrigScale_multiExm1.h5"
    assert names(f"pancollection:{stack}") == ["pancollection/wv3/full/0001"]


def test_pancollection_keeps_values_and_says_what_is_known(pancollection: Path) -> None:
    second = find_scenes(f"pancollection:{pancollection / 'WV3' / 'test_wv3_multiExm1.h5'}")[1]
    case, written = prepare(second, "rr", "toolbox"), reduced("WV3", 8, 2)
    patch = case.scene.whole()
    for image, key in ((patch.pan, "pan"), (patch.lrms, "ms"), (case.reference, "gt")):
        assert image is not None and np.array_equal(image.numpy(), written[key].astype(np.float32))
    said = {"scene": "pancollection/wv3/reduced/0002", "layout": "pancollection", "sensor": "WV3", "split": "test"}
    said |= {"full_scale": 2047, "phase_convention": "toolbox", "unit": 1.0, "bands": 8, "size": [SIDE, SIDE]}
    assert said.items() <= case.facts.items() and case.peak == 2047
    assert prepare(find_scenes(f"pancollection:{pancollection / 'GF2'}")[0], "rr").peak == 1023


def test_a_stated_phase_holds_and_registration_agrees_with_it(pancollection: Path) -> None:
    """MS sampled at 4 i + 2 lie half a PAN pixel beyond the middle of their block."""
    for scene in find_scenes(f"pancollection:{pancollection / 'WV3'}"):
        phase = prepare(scene, scene.protocols[0]).scene.sampling.phase
        assert phase == pytest.approx((0.5, 0.5) if "reduced" in scene.name else (0, 0), abs=0.15)


def test_each_scene_is_judged_as_it_is_published(pancollection: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    spec = f"pancollection:{pancollection}"
    done = CliRunner().invoke(cli, ["benchmark", spec, "--protocol", "both", "-m", "EXP", "-o", str(out), "-q"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    none = CliRunner().invoke(cli, ["benchmark", f"{spec}/GF2", "--protocol", "fr", "-o", str(out)])
    assert none.exit_code == 2 and "not for protocol fr" in none.stderr
    assert len(rows) == 4 and not any("error" in row for row in rows)
    assert all(row["protocol"] == ("fr" if "full" in row["scene"] else "rr") for row in rows)
    assert all(np.isfinite(row["Q2n" if row["protocol"] == "rr" else "HQNR"]) for row in rows)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20_000])


def not_hdf5(path: Path) -> None:
    path.write_text("<html>Too many downloads</html>")


def linked(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["pan"]
        file["pan"] = h5py.ExternalLink("other.h5", "pan")


def virtual(path: Path) -> None:
    with h5py.File(path, "a") as file:
        source = h5py.VirtualSource(str(path.with_name("other.h5")), "pan", file["pan"].shape)
        layout = h5py.VirtualLayout(file["pan"].shape, file["pan"].dtype)
        layout[:] = source
        del file["pan"]
        file.create_virtual_dataset("pan", layout)


def stored_elsewhere(path: Path) -> None:
    with h5py.File(path, "a") as file:
        shape = file["pan"].shape
        del file["pan"]
        other = str(path.with_name("other.h5"))
        file.create_dataset("pan", shape, "f8", external=[(other, 0, h5py.h5f.UNLIMITED)])


def bomb(path: Path) -> None:
    """A kilobyte that claims 40 TB."""
    with h5py.File(path, "a") as file:
        del file["pan"]
        file.create_dataset("pan", (2, 1, 2**21, 2**21), "u8", chunks=(1, 1, 64, 64), compression="gzip")


def never_written(path: Path) -> None:
    with h5py.File(path, "a") as file:
        shape = file["pan"].shape
        del file["pan"]
        file.create_dataset("pan", shape, "f8")


def words(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["pan"]
        file["pan"] = np.full((2, 1, SIDE, SIDE), b"word")


def one_less(path: Path) -> None:
    with h5py.File(path, "a") as file:
        ms = file["ms"][:1]
        del file["ms"]
        file["ms"] = ms


WRONG = (cut_off, not_hdf5, linked, virtual, stored_elsewhere, bomb, never_written, words, one_less)


@pytest.mark.parametrize("spoil", WRONG, ids=lambda spoil: spoil.__name__)
def test_a_stack_that_cannot_be_trusted_is_an_error_row(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    scene = {"gt": np.ones((4, SIDE, SIDE)), "ms": np.ones((4, 24, 24)), "pan": np.ones((1, SIDE, SIDE))}
    write_stack(tmp_path / "other.h5", [scene] * 2)
    path = write_stack(tmp_path / "test_qb_multiExm1.h5", [scene] * 2)
    spoil(path)
    rows = list(run(find_scenes(f"pancollection:{tmp_path}"), EXP))
    last = rows[-1]
    assert last["scene"].startswith("pancollection/qb/reduced") and last["sensor"] == "QB"
    assert str(path) in last["error"] and last["error"].endswith(
        ("fetch the published file.", "fetch it again.", "fetch the file again.")
    )


def test_a_scene_is_read_when_its_turn_comes(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "test_qb_OrigScale_multiExm1.h5", [full(4, 7)])
    scenes = find_scenes(f"pancollection:{path}")
    path.unlink()
    assert "cannot be read" in next(run(scenes, EXP))["error"]


def test_what_is_asked_for_wrongly_is_said(pancollection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for spec, said in (
        ("pancolection:/x", "names no known layout"),
        ("pancollection:/no/such/place", "does not exist"),
        (f"pancollection/tests:{pancollection}", "has no split 'tests'"),
        (f"pancollection/train:{pancollection}", "holds no scenes of PanCollection, split 'train'"),
    ):
        with pytest.raises(UserError, match=said):
            find_scenes(spec)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"pip install 'anypan\[benchmark\]'"):
        find_scenes(f"pancollection:{pancollection}")


def test_two_copies_of_a_set_are_refused(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        write_stack(tmp_path / folder / "test_qb_OrigScale_multiExm1.h5", [full(4, 7)])
    with pytest.raises(UserError, match="more than one 'pancollection/qb/full/0001'"):
        find_scenes(f"pancollection:{tmp_path}")
    here, there = (f"pancollection:{tmp_path / folder}" for folder in ("here", "there"))
    assert len(find_scenes(here)) == 1
    with pytest.raises(UserError, match=r"here and .*there: there is more than one"):
        find_scenes(here, there)


# I_PAN = uint16([0 1 2; 3 4 5]), sensor = 'WV3', ratio = 4, deflated, as another writer of the format makes it.
FOREIGN = (
    "DwAAADYAAAB4nONjYGDwAGI2IOYAYm4GCGCF8pmAmBmIGaFinvEBjn5AmgWIecAqmYFyLEB1rGAeAFTaAi4PAAAALwAAAHic42NgYLAAYjYg5gBiFgYI"
    "YIXyGYGYGUqD1BSn5hXnFzEwCABFw8OMGQA94gP+DwAAACkAAAB4nONjYGBwAGI2IOaA0iDACuUzImGQWFFiSWY+kOaEykOAgAMATSgC+A=="
)


def test_a_matlab_file_of_another_writer_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "foreign.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + base64.b64decode(FOREIGN))
    found = mat.read(path, ["I_PAN", "sensor", "ratio", "absent"])
    assert np.array_equal(found.pop("I_PAN"), [[0, 1, 2], [3, 4, 5]])
    assert found == {"sensor": "WV3", "ratio": 4.0}


WRITERS = (write_mat, partial(write_mat, compress=False), write_mat73)
VERSIONS = ("7", "5", "7.3")


@pytest.mark.parametrize("write", WRITERS, ids=VERSIONS)
def test_matlab_files_keep_axes_types_and_texts(write: Callable[..., Path], tmp_path: Path) -> None:
    images = {code: np.arange(24).reshape(2, 3, 4).astype(code) for code in ("u1", "u2", "i2", "f4", "f8")}
    found = mat.read(write(tmp_path / "any.mat", sensor="QB", **images), [*images, "sensor"])
    assert found.pop("sensor") == "QB"
    assert all(
        np.array_equal(found[code], image) and found[code].dtype == image.dtype for code, image in images.items()
    )


@pytest.mark.parametrize("write", WRITERS, ids=VERSIONS)
def test_a_damaged_matlab_file_is_said_to_be_damaged(write: Callable[..., Path], tmp_path: Path) -> None:
    """Cut off, a byte changed, or a shape that the file cannot hold: one sentence, and nothing else is raised."""
    image = np.random.default_rng(1).integers(0, 2047, (40, 30, 4)).astype("u2")
    path = write(tmp_path / "any.mat", I_PAN=image)
    good = path.read_bytes()
    for start in range(128, len(good) - 1, len(good) // 40):
        for bad in (good[:start], good[:start] + bytes([good[start] ^ 0xFF]) + good[start + 1 :]):
            path.write_bytes(bad)
            with suppress(UserError):
                mat.read(path, ["I_PAN"])
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(UserError, match="damaged or cut off"):
        mat.one(path, ["I_PAN"])


def test_a_matlab_file_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = write_mat(tmp_path / "any.mat", compress=False, I_PAN=np.ones((4, 4), "u2"))
    raw = path.read_bytes()
    shape = np.array([4, 4], "<i4").tobytes()
    assert raw.count(shape) == 1
    path.write_bytes(raw.replace(shape, np.array([2**30, 2**30], "<i4").tobytes()))
    with pytest.raises(UserError, match="more than it can hold"):
        mat.read(path, ["I_PAN"])
    packed = write_mat(tmp_path / "packed.mat", I_PAN=np.zeros((2000, 2000), "u2"))
    raw = packed.read_bytes()
    packed.write_bytes(raw[:-2] + b"??")
    with pytest.raises(UserError, match="damaged"):  # the checksum at the end
        mat.read(packed, ["I_PAN"])


def test_pancollection_as_single_files(tmp_path: Path) -> None:
    """Their full-resolution images are not those of the stacks, so their names differ."""
    scene, pair = reduced("WV2", 8, 8), full(8, 9)
    write_mat(tmp_path / "Test(HxWxC)_wv2_data7.mat", **{key: last(image) for key, image in scene.items()})
    write_mat73(tmp_path / "Test(HxWxC)_wv2_data_fr12.mat", **{key: last(image) for key, image in pair.items()})
    one, two = sorted(find_scenes(f"pancollection:{tmp_path}"), key=lambda scene: scene.name)
    assert [one.name, two.name] == ["pancollection/wv2/full-mat/0012", "pancollection/wv2/reduced-mat/0007"]
    case = prepare(two, "rr", "toolbox")
    assert case.reference is not None and np.array_equal(case.reference.numpy(), scene["gt"].astype(np.float32))
    assert np.array_equal(prepare(one, "fr", "toolbox").scene.whole().pan.numpy(), pair["pan"].astype(np.float32))


def test_toolbox_files_tell_what_they_hold(tmp_path: Path) -> None:
    scene, pair = {key: last(image) for key, image in reduced("WV3", 8, 1).items()}, full(4, 3, side=416)
    names = {"I_PAN": "pan", "I_MS_LR": "ms", "I_MS": "lms", "I_GT": "gt"}
    images = {name: scene[key] for name, key in names.items()}
    write_mat(tmp_path / "RR" / "NY1_WV3_RR.mat", sensor="WV3", ratio=4.0, L=11.0, **images)
    write_mat73(tmp_path / "imgGE1.mat", I_MS=last(pair["ms"]).astype("u2"), I_PAN=last(pair["pan"]).astype("u2"))
    write_mat(tmp_path / "QB_unit.mat", pan=scene["pan"] / 2047, lrms=scene["ms"] / 2047, gt=scene["gt"] / 2047)
    write_mat(tmp_path / "broken.mat", I_PAN=scene["pan"], I_MS=scene["lms"])
    rows = {row["scene"]: row for row in run(find_scenes(f"toolbox:{tmp_path}"), EXP, ["rr"], "toolbox")}
    assert sorted(rows) == [f"toolbox/{name}" for name in ("QB_unit", "RR/NY1_WV3_RR", "broken", "imgGE1")]
    known = rows["toolbox/RR/NY1_WV3_RR"]
    said = {"sensor": "WV3", "full_scale": 2047, "phase_convention": "toolbox", "degraded": True}
    assert said.items() <= known.items()
    unit = rows["toolbox/QB_unit"]
    assert (unit["sensor"], unit["full_scale"], unit["unit"]) == ("QB", 1, 2047)
    assert unit["Q2n"] == pytest.approx(known["Q2n"], abs=1e-3)
    assert "no MS smaller than its PAN" in rows["toolbox/broken"]["error"]
    assert {"sensor": "GE1", "full_scale": None, "phase_convention": "unknown"}.items() <= rows[
        "toolbox/imgGE1"
    ].items()


def nbu(root: Path, folder: str, count: int, keys: tuple[str, str]) -> None:
    for index in range(1, count + 1):
        pair = full(4, index, side=256)
        path = root / "1_Satellite_Dataset" / "Dataset" / folder
        write_mat(path / "MS_256" / f"{index}.mat", **{keys[0]: last(pair["ms"]).astype("u2")})
        write_mat(path / "PAN_1024" / f"{index}.mat", **{keys[1]: last(pair["pan"]).astype("u2")})


def test_nbu_is_six_sensors_with_their_own_keys(tmp_path: Path) -> None:
    nbu(tmp_path, "1_IKONOS", 2, ("imgMS", "imgPAN"))
    nbu(tmp_path, "3 Gaofen-1", 1, ("I_MS", "I_PAN"))
    nbu(tmp_path, "2_QuickBird", 1, ("imgMS", "block"))
    nbu(tmp_path / "2_Thematic", "urban", 1, ("imgMS", "imgPAN"))
    scenes = find_scenes(f"nbu:{tmp_path}")
    assert [scene.name for scene in scenes] == ["nbu/ikonos/0001", "nbu/ikonos/0002", "nbu/qb/0001", "nbu/gf1/0001"]
    rows = [row for row in run(scenes, EXP, ["rr"], "physical")]
    assert [(row["sensor"], row["full_scale"]) for row in rows] == [("IKONOS", 2047)] * 2 + [
        ("QB", 2047),
        ("GF1", 1023),
    ]
    assert not any(row["degraded"] for row in rows) and all(row["Q2n"] for row in rows)


def test_nbu_pairs_that_lack_a_half_are_error_rows(tmp_path: Path) -> None:
    nbu(tmp_path, "6_WorldView-3", 2, ("imgMS", "imgPAN"))
    next(tmp_path.rglob("PAN_1024/2.mat")).unlink()
    row = list(run(find_scenes(f"nbu:{tmp_path}"), EXP, ["fr"]))[1]
    assert row["scene"] == "nbu/wv3/0002" and "PAN_1024" in row["error"] and "cannot be opened" in row["error"]


def test_nbu_splits_are_read_from_the_published_lists(tmp_path: Path) -> None:
    """The lists number the file names as text: 1, 10, 2 ... A list is a literal; code in it is not executed."""
    folder = tmp_path / "5 WorldView-2"
    for index in range(1, 11):
        for part in ("MS_256", "PAN_1024"):
            write_mat(folder / part / f"{index}.mat", I_MS=np.ones((2, 2)))
    with pytest.raises(UserError, match="put UniPAN's"):
        find_scenes(f"nbu/test:{tmp_path}")
    lists = tmp_path / "sequence.py"
    lists.write_text("\nseq = {\n    'wv2': [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],\n}\n")
    found = {part: [n.removeprefix("nbu/wv2/") for n in names(f"nbu/{part}:{tmp_path}")] for part in ("test", "valid")}
    assert found == {"test": ["0001", "0010"], "valid": ["0002"]}
    assert len(names(f"nbu/train:{tmp_path}")) == 7
    lists.write_text("seq = __import__('os').getcwd()")
    with pytest.raises(UserError, match="is no valid list of literals"):
        find_scenes(f"nbu/test:{tmp_path}")
    lists.write_text("seq = {'wv2': [0, 1, 2]}")
    with pytest.raises(UserError, match="10 pairs, but UniPAN's list for it 3"):
        find_scenes(f"nbu/test:{tmp_path}")


def write_panbench(root: Path, sensor: str, names: Sequence[str], dtype: str = "u1") -> None:
    for seed, name in enumerate(names):
        pan, ms = landscape(256, 256, 4, seed=seed)
        for part, image in (("PAN_1024", pan[None]), ("RGB_256", ms[:3]), ("NIR_256", ms[3:])):
            (root / sensor / part).mkdir(parents=True, exist_ok=True)
            write(root / sensor / part / name, (image / 4 if dtype == "u1" else image).astype(dtype))


def test_panbench_joins_its_two_ms_files(tmp_path: Path) -> None:
    write_panbench(tmp_path, "WV2", ["0_urban.tif", "1_water,ice.tif"], "u2")
    write_panbench(tmp_path, "LC8", ["2_crops.tif"])
    (tmp_path / "WV2" / "NIR_256" / "1_water,ice.tif").unlink()
    scenes = find_scenes(f"panbench/all:{tmp_path}")
    assert [scene.name for scene in scenes] == [
        "panbench/lc8/2_crops",
        "panbench/wv2/0_urban",
        "panbench/wv2/1_water,ice",
    ]
    landsat, wv2, broken = run(scenes, EXP, ["rr"])
    assert (landsat["sensor"], landsat["full_scale"], landsat["ratio"]) == ("Landsat8", 255, 4)
    assert (wv2["sensor"], wv2["full_scale"], wv2["bands"]) == ("WV2", 2047, 4)
    gains = {band.name: band.gnyq for band in SENSORS["WV2"].bands}
    assert wv2["gnyq"] == [gains[name] for name in ("red", "green", "blue", "nir1")]
    assert "NIR_256" in broken["error"] and "does not exist" in broken["error"]
    with pytest.raises(UserError, match="3 of the 5,898 pairs"):
        find_scenes(f"panbench:{tmp_path}")


def test_panbench_splits_are_the_authors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn as torch.utils.data.random_split draws with seed 42, here of a hundredth; no file is opened for it."""
    assert panbench.SHARES == {"train": 4718, "valid": 590, "test": 590}
    monkeypatch.setattr(panbench, "SHARES", {"train": 47, "valid": 6, "test": 7})
    folder = tmp_path / "GF1" / "RGB_256"
    folder.mkdir(parents=True)
    for index in range(60):
        (folder / f"{index:04d}_urban.tif").touch()
    drawn = random_split(range(60), [47, 6, 7], torch.Generator().manual_seed(42))
    for split, part in zip(("train", "valid", "test"), drawn, strict=True):
        found = names(f"panbench/{split}:{tmp_path}")
        assert found == [f"panbench/gf1/{index:04d}_urban" for index in sorted(part.indices)]


def psbench(root: Path, group: str, bands: int, path: str) -> dict[str, str]:
    """The four images of one place, and the line that names them."""
    line = {}
    images = {"pan_label": landscape(256, 256, bands)[0], "ms_label": landscape(256, 256, bands)[1]}
    images |= {"pan": landscape(64, 64, bands)[0], "ms": landscape(64, 64, bands)[1]}
    for key, image in images.items():
        file = root / group / path / f"{key}.tif"
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, image.astype("u2"))
        line[key] = f"/somewhere/else/PSBench/{group}/{path}/{key}.tif"
    return line


def test_psbench_lines_are_a_reduced_and_a_full_scene(tmp_path: Path) -> None:
    root = tmp_path / "PSBench"
    lines = [psbench(root, "maxar", 8, "images/WV3_007"), psbench(root, "maxar", 8, "images/9")]
    outside = {key: "../../../secret.tif" for key in lines[0]}
    text = [json.dumps(lines[0]), "", json.dumps(lines[1]), "{not JSON", json.dumps(outside)]
    (root / "maxar" / "8").mkdir()
    (root / "maxar" / "8" / "test.json").write_text("\n".join(text))
    (tmp_path / "secret.tif").touch()
    scenes = find_scenes(f"psbench:{root}")
    assert [scene.name for scene in scenes][:3] == [
        "psbench/maxar/8/test/000001/reduced",
        "psbench/maxar/8/test/000001/full",
        "psbench/maxar/8/test/000003/reduced",
    ]
    rows = list(run(scenes, EXP))
    first, second, third = rows[:3]
    assert (first["sensor"], first["full_scale"], first["protocol"], first["size"]) == ("WV3", 10000, "rr", [64, 64])
    assert (second["protocol"], second["size"], second["degraded"]) == ("fr", [256, 256], False)
    assert third["sensor"] == "maxar" and first["degraded"] and "error" not in third
    said = [row["error"] for row in rows[4:]]
    assert ["is no valid JSON" in each for each in said] == [True, True, False, False]
    assert all("which is not below" in each for each in said[2:])


def test_plain_pairs_are_found_by_a_word_of_their_paths(tmp_path: Path) -> None:
    pan, ms = landscape(256, 256, 4)
    for name in ("QB_rome", "oslo"):
        (tmp_path / name).mkdir()
        write_pair(tmp_path / name, pan, ms)
    (tmp_path / "oslo" / "ms.tif").rename(tmp_path / "oslo" / "MUL.tif")
    for name, image in (("PAN_1024/7", pan), ("MS_256/7", ms), ("lima_pan", pan), ("lima_ms", ms), ("kiel-pan", pan)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / f"{name}.tif", image)
    rows = {row["scene"]: row for row in run(find_scenes(f"pairs:{tmp_path}"), EXP, ["fr"])}
    assert sorted(rows) == [f"pairs/{name}" for name in ("7", "QB_rome", "kiel", "lima", "oslo")]
    assert [name for name, row in rows.items() if "error" in row] == ["pairs/kiel"]
    assert "has no partner with 'ms'" in rows["pairs/kiel"]["error"]
    assert rows["pairs/QB_rome"]["sensor"] == "QB" and rows["pairs/oslo"]["sensor"] == "unknown"
    write(tmp_path / "lima_MUL.tif", ms)
    rows = {row["scene"]: row for row in run(find_scenes(f"pairs:{tmp_path}"), EXP, ["fr"])}
    assert "could both belong to pairs/lima" in rows["pairs/lima"]["error"]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_is_documented_and_refuses_an_empty_folder(layout: Layout, tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "benchmark-sets.md").read_text(encoding="utf-8")
    assert (
        f"## `{layout.name}`" in page and layout.home in page and all(f"`{split}`" in page for split in layout.splits)
    )
    assert layout.terms.split("; ")[-1] in page
    with pytest.raises(UserError):
        find_scenes(f"{layout.name}/{layout.splits[0]}:{tmp_path}")

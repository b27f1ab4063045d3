"""Readers of published sets, on small files that are written here in exactly the published structure."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from published import SIDE, full, reduced, write_stack

from anypan.benchmark import find_scenes, prepare, run
from anypan.cli import cli
from anypan.errors import UserError
from anypan.methods import METHODS

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
    with pytest.raises(UserError, match="more than once"):
        find_scenes(f"pancollection:{tmp_path}")

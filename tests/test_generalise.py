"""The generalisation protocol: nothing is judged on what it learnt from or made twice, and the card is its rows."""

import itertools
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import anypan
from anypan.cli import cli
from anypan.judging import find_scenes, prepare
from anypan.judging import generalise as run
from anypan.judging import unseen as sensors
from anypan.judging.generalise import generalise
from anypan.judging.protocol import Generalisation, read_protocol
from anypan.judging.readers import Entry
from anypan.judging.unseen import cells, sensors_of
from anypan.metrics import described
from anypan.report import Row
from anypan.report.generalisation import card
from anypan.runtime.errors import UserError
from anypan.simulate.demo import make
from anypan.train.adapt import ONE_SHOT
from anypan.weights import stored

ROOT = Path(__file__).resolve().parents[1]
TOML = """
scenes = ["scenes"]
classical = ["EXP"]
adapt_on = { GF2 = "gf2-02" }
side = 96
steps = 1
optimisation = { patches = 1, warmup = 1 }
[random]
PanNet = { features = 4, blocks = 1 }
"""
SIZES = {"gf2-01": 160, "gf2-02": 192, "wv2-01": 160}  # PAN pixels along a side


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rendered scenes, two of one sensor and one of another, the protocol and what it gave."""
    folder = tmp_path_factory.mktemp("protocol")
    for name, size in SIZES.items():
        make(folder / "scenes" / name, size)
        (folder / "scenes" / name / "scene.json").write_text(json.dumps({"sensor": name[:3].upper()}))
    (folder / "protocol.toml").write_text(TOML)
    generalise(folder / "protocol.toml", folder / "out", say=_silent)
    return folder


def _silent(line: str) -> None:
    """Says nothing."""


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def again(place: Path, out: Path, text: str = TOML) -> list[str]:
    """What a run in a copy of the finished folder says."""
    if not out.exists():
        (out / "weights").mkdir(parents=True)
        for file in (place / "out" / "weights").iterdir():
            (out / "weights" / file.name).write_bytes(file.read_bytes())
        (out / "rows.jsonl").write_bytes((place / "out" / "rows.jsonl").read_bytes())
    (place / "other.toml").write_text(text)
    said: list[str] = []
    generalise(place / "other.toml", out, say=said.append)
    return said


def unread() -> Any:
    raise AssertionError("nothing is read here")


def set_of(monkeypatch: pytest.MonkeyPatch, counts: dict[str, int]) -> None:
    """Let every folder hold so many scenes of each sensor."""
    found = [Entry(f"{s}-{n}", "folder", s, unread) for s, count in counts.items() for n in range(count)]
    monkeypatch.setattr(sensors, "find_scenes", lambda spec: found)


@pytest.mark.parametrize(("per_sensor", "judged"), list(itertools.product((0, 1, 2), (0, 1, 3))))
def test_nothing_is_judged_on_a_scene_or_a_left_out_sensor_that_it_learnt_from(
    monkeypatch: pytest.MonkeyPatch, per_sensor: int, judged: int
) -> None:
    set_of(monkeypatch, {"GF2": 5, "QB": 2, "WV2": 1, "MySat": 4})
    protocol = Generalisation(("any",), per_sensor=per_sensor, judged=judged, tunings=("full", "freeze"))
    known = sensors_of(protocol)
    every = cells(protocol, {"a": False, "b": True}, known)
    assert len({cell.name for cell in every}) == len(every) == 1 + 2 * 8 + 1 + 8
    for cell, sensor in itertools.product(every, known.values()):
        if not cell.judges(sensor):
            continue
        assert not {scene.name for scene in cell.learnt} & {scene.name for scene in sensor.judged}
        if cell.kind == "leave-one-out":
            assert sensor.name == cell.sensor not in {scene.sensor for scene in cell.learnt}
            assert {scene.sensor for scene in cell.learnt} == set(known) - {cell.sensor}
    assert {name: len(sensor.judged) for name, sensor in known.items()} == {
        "GF2": min(4, judged or 4), "QB": 1, "WV2": 1, "MySat": min(3, judged or 3),
    }  # fmt: skip
    assert [cell.sensor for cell in every if cell.kind == "one-shot" and not cell.judges(known["WV2"])] == ["WV2"] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stpes = 3\n" + TOML, "unknown key 'stpes'"),
        (TOML.replace("warmup", "warmpu"), "unknown key 'warmpu'"),
        (TOML.replace("patches = 1", "steps = 1"), "take it out"),
        (TOML.replace('["EXP"]', '"EXP"'), "is no list"),
        (TOML.replace('["EXP"]', '["EXP", "EXQ"]'), "knows no 'EXQ'"),
        (TOML.replace('["EXP"]', '["EXP", "EXP"]'), "twice"),
        (TOML.replace("PanNet", "PanNett"), "knows no 'PanNett'"),
        (TOML.replace("features", "featurse"), "unknown key 'featurse'"),
        (TOML.replace("side = 96", "side = -1"), "negative"),
        (TOML.replace("steps = 1", "steps = 0"), "no end"),
        (TOML.replace("[random]\nPanNet", "other"), "unknown key 'other'"),
        (TOML.split("[random]")[0], "names no weights"),
        ('kinds = ["few-shot"]\n' + TOML, "knows no 'few-shot'"),
        ("kinds = []\n" + TOML, "empty list"),
        ('starts = ["nowhere.safetensors"]\n' + TOML, "does not exist"),
        ('sensors = ["GF2", "QB"]\n' + TOML, "no scene of the sensor 'QB': choose among GF2, WV2"),
        ('sensors = ["GF2"]\n' + TOML, "needs two sensors"),
        (TOML.replace('GF2 = "gf2-02"', 'GF2 = "gf2-03"'), "choose among gf2-01, gf2-02"),
        (TOML.replace('GF2 = "gf2-02"', 'QB = "qb-01"'), "no scene of the sensor 'QB'"),
        (TOML.replace('["scenes"]', '["scenes", "scenes"]'), "two scenes called gf2-01"),
        (TOML.replace('["scenes"]', '["out/weights"]'), "holds no scenes"),
        ("scenes", "no valid TOML"),
    ],
)
def test_what_is_wrong_with_a_protocol_is_one_sentence(place: Path, tmp_path: Path, text: str, message: str) -> None:
    (place / "wrong.toml").write_text(text)
    with pytest.raises(UserError, match=re.escape(message)):
        generalise(place / "wrong.toml", tmp_path / "out", say=_silent)


def test_a_scene_of_no_sensor_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    set_of(monkeypatch, {"GF2": 2, "unknown": 1})
    with pytest.raises(UserError, match="Nothing says which sensor saw unknown-0"):
        sensors_of(Generalisation(("any",)))


def test_the_command_writes_rows_weights_and_a_card(place: Path) -> None:
    told = CliRunner().invoke(cli, ["generalise", str(place / "protocol.toml"), "-o", str(place / "out"), "-q"])
    assert told.exit_code == 0 and told.output.strip() == str(place / "out" / "card.md")
    missing = CliRunner().invoke(cli, ["generalise", str(place / "no.toml"), "-o", str(place / "out")])
    assert missing.exit_code == 2 and "does not exist" in missing.stderr


def test_rows_hold_the_law_and_say_what_they_rest_on(place: Path) -> None:
    rows = rows_of(place / "out")
    judged = {(row["method"], row["scene"], row["protocol"]) for row in rows}
    assert len(judged) == len(rows) == 2 * (5 + 4) and not any("error" in row for row in rows)
    for row in rows:
        assert row["scene"] not in row.get("train_scenes", {}) and row["scene"] != "gf2-02"
        assert max(row["size"]) <= 96 and row["inputs_sha256"] and row["versions"] and row["seed"] == 1
        if row["kind"] == "leave-one-out":
            assert row["left_out"] == row["sensor"]
        if row["kind"] == "one-shot":
            assert row["train_sensor"] != row["sensor"] or row["scene"] == "gf2-01"
        if row["kind"] not in ("classical", "zero-shot"):
            assert len(row["trained_sha256"]) == 64
    headers = {path.name.rsplit("-", 1)[0]: stored(path).header for path in (place / "out" / "weights").iterdir()}
    assert headers["pannet-random-one-shot-wv2-full"]["sensor"] == "WV2"
    assert headers["pannet-random-leave-one-out-without-wv2-full"]["sensor"] == "GF2"


def test_one_shot_learns_as_adapt_does(place: Path, tmp_path: Path) -> None:
    weights = place / "out" / "weights"
    (base,) = weights.glob("pannet-random-????????????.safetensors")
    scene = place / "scenes" / "gf2-02"
    o = replace(ONE_SHOT, steps=1)
    case = run._learnt(find_scenes(scene)[0])
    run.teach(stored(base), [case.scene], o).write(tmp_path / "one.safetensors")
    done = anypan.adapt(
        scene / "pan.tif", scene / "ms.tif", tmp_path / "two.safetensors", base, sensor="GF2", steps=1
    )  # fmt: skip
    one, two = stored(tmp_path / "one.safetensors"), stored(done.output)
    assert all(torch.equal(tensor, two.tensors[key]) for key, tensor in one.tensors.items())
    assert all(one.header[key] == two.header[key] for key in ("base_sha256", "sensor", "steps", "seed", "loss_after"))


def test_an_interrupted_run_goes_on_without_repeating_or_losing_a_row(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("weights that are there are not made again")

    monkeypatch.setattr(run, "teach", never)
    assert again(place, tmp_path / "out") == ["GF2: 0 rows made", "WV2: 0 rows made"]
    lines = (place / "out" / "rows.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "out" / "rows.jsonl").write_text("".join(lines[:-2]) + lines[-2][:40])
    assert again(place, tmp_path / "out") == ["GF2: 0 rows made", "WV2: 2 rows made"]
    measured = ("seconds", "peak_mib")
    kept, before = ([{k: v for k, v in row.items() if k not in measured} for row in rows_of(folder)]
                    for folder in (tmp_path / "out", place / "out"))  # fmt: skip
    assert kept == before


def test_another_protocol_in_the_same_folder_adds_rows_and_its_card_has_its_own_only(
    place: Path, tmp_path: Path
) -> None:
    text = 'kinds = ["zero-shot"]\nprotocols = ["rr"]\n' + TOML.replace('"EXP"', '"EXP", "GS"')
    assert again(place, tmp_path / "out", text) == ["GF2: 1 rows made", "WV2: 1 rows made"]
    card = (tmp_path / "out" / "card.md").read_text()
    assert "| GS |" in card and "learnt from GF2" not in card and "D_rho ↓ | GF2" not in card


def test_a_training_that_fails_is_a_row_and_the_others_go_on(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fails(*_: Any) -> None:
        tried.append(1)
        raise UserError("The scene is too small.")

    monkeypatch.setattr(run, "teach", fails)
    again(place, tmp_path / "out", TOML.replace("steps = 1", "steps = 2"))
    failed = [row for row in rows_of(tmp_path / "out") if "error" in row]
    assert len(tried) == 4 and {row["error"] for row in failed} == {"The scene is too small."}
    card = (tmp_path / "out" / "card.md").read_text()
    who = "PanNet (random), one-shot, GF2, full; PanNet (random), leave-one-out, without WV2, full"
    assert f"wv2-01, fr: The scene is too small. ({who})" in card
    assert "| as it is |" in card and "learnt from WV2" not in card


def test_a_card_of_errors_alone_names_them(place: Path) -> None:
    kept = ("inputs_sha256", "size", "ratio", "kind", "start", "cell", "method", "versions", "device", "machine")
    heads = [
        {key: row[key] for key in (*kept, "scene", "sensor", "protocol", "mode")} for row in rows_of(place / "out")
    ]
    path = place / "card.md"
    (text,) = card((Row.of(row | {"error": "It broke."}) for row in heads), TOML, path, described()).values()
    assert "gf2-01, rr: It broke. (EXP; PanNet (random), zero-shot;" in text and "| EXP |" not in text


def tables(text: str) -> dict[tuple[str, str], dict[str, list[str]]]:
    """Heading and corner of every table -> its lines by their label; the first line is its head."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE):
        for block in re.findall(r"(?:^\|.*\n)+", part, re.MULTILINE):
            lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines()]
            found[part.split("\n")[0], lines[0][0]] = {line[0]: line[1:] for line in lines}
    return found


def test_the_card_says_what_the_rows_say(place: Path) -> None:
    rows, card = rows_of(place / "out"), (place / "out" / "card.md").read_text()

    def mean(name: str, sensor: str, **wanted: str) -> float:
        return fmean(
            row[name] for row in rows
            if row.get(name) is not None and row["sensor"] == sensor and wanted.items() <= row.items()
        )  # fmt: skip

    found = tables(card)
    for name, goal, digits in (("Q2n", "↑", 4), ("ERGAS", "↓", 3), ("SAM", "↓", 3), ("D_rho", "↓", 3)):
        lines = found[f"PanNet (random): {name}", f"{name} {goal}"]
        assert lines[f"{name} {goal}"] == ["GF2", "WV2"]
        as_it_is = [mean(name, sensor, kind="zero-shot") for sensor in ("GF2", "WV2")]
        assert lines["as it is"] == [f"{value:.{digits}f}" for value in as_it_is]
        one = [mean(name, sensor, kind="one-shot", train_sensor="GF2") for sensor in ("GF2", "WV2")]
        assert lines["learnt from GF2, full"] == [f"**{one[0]:.{digits}f}**", f"{one[1]:.{digits}f}"]
        assert lines["learnt from WV2, full"][1] == "-" != lines["learnt from WV2, full"][0]
    short = found["In short", "PanNet (random)"]
    assert short["learnt from another sensor, full"][1] == f"{mean('ERGAS', 'GF2', train_sensor='WV2'):.3f}"
    assert "WV2 after learning from WV2: its only scene is the one learnt from." in card
    assert TOML.strip() in card and all(row["inputs_sha256"][:12] in card for row in rows)
    for plot in re.findall(r"\]\((.*\.svg)\)", card):
        drawn = (place / "out" / plot).read_text()
        assert ElementTree.fromstring(drawn).tag.endswith("svg")
        assert all(f".{kind}{{" in drawn for kind in re.findall(r"<rect class='(\w+)'", drawn))


@pytest.mark.parametrize("protocol", ["rr", "fr"])
def test_a_side_cuts_the_case_to_its_middle(place: Path, protocol: Any) -> None:
    (scene,) = find_scenes(place / "scenes" / "gf2-02")
    whole, part = prepare(scene, protocol), prepare(replace(scene, side=30), protocol)
    (rows, cols), ratio = whole.scene.shape, whole.scene.ratio
    top, left, size = (rows - 4) // 2, (cols - 4) // 2, 4
    window = (slice(ratio * top, ratio * (top + size)), slice(ratio * left, ratio * (left + size)))
    assert part.scene.shape == (size, size) and part.facts["size"] == [size * ratio] * 2
    assert torch.equal(part.scene.whole().pan, whole.scene.whole().pan[:, *window])
    assert torch.equal(part.scene.whole().lrms, whole.scene.whole().lrms[:, top : top + size, left : left + size])
    if whole.reference is not None:
        assert part.reference is not None and torch.equal(part.reference, whole.reference[:, *window])


@pytest.mark.parametrize("name", ["development", "smoke"])
def test_the_protocols_that_ship_can_be_read(name: str) -> None:
    assert read_protocol(ROOT / "runs" / "generalisation" / f"{name}.toml").steps > 0

"""The study of the paper: its cells, its rows on the disk, and that docs/paper.md says what the rows say."""

import dataclasses
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import torch

from anypan.judging.readers.entry import Entry
from anypan.report import documents
from anypan.report.plots import standalone
from anypan.runtime.columns import LOW
from anypan.runtime.errors import UserError
from anypan.simulate.effects import EFFECTS
from anypan.train import Optimisation

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "runs" / "paper"
sys.path.insert(0, str(FOLDER))
import cells  # noqa: E402
import figures  # noqa: E402
import judging  # noqa: E402
import page  # noqa: E402
import study as command  # noqa: E402
import tables  # noqa: E402
import training  # noqa: E402

SMOKE, STUDY = cells.read(FOLDER / "smoke.toml"), cells.read(FOLDER / "study.toml")


def row(cell: str, **more: object) -> dict[str, object]:
    return {"cell": cell, "rows": 1, "scene": "s", "protocol": "rr", **more}


@pytest.mark.parametrize("study", [SMOKE, STUDY], ids=["smoke", "study"])
def test_cells_have_names_of_their_own_and_begin_with_what_answers_the_claims(study: cells.Study) -> None:
    every = cells.cells(study)
    names = [cell.name for cell in every]
    assert len(set(names)) == len(names)
    assert {"A/pannet/gf2/seed1", "B/anypan-t/natural/seed1", "ablation/no-noise", "time/x4"} <= set(names)
    known = set()
    for cell in every:  # what a cell starts from comes before it
        assert cell.start is None or cell.start.name in known
        known.add(cell.name)
    first = next(n for n, cell in enumerate(every) if cell.stage == "ablation")
    done = {(cell.stage, cell.network, cell.source) for cell in every[:first]}
    assert all(("B", name, source) in done for name in study.names for source in cells.SOURCES)
    assert {name.name.removeprefix("ablation/no-").replace("-", " ") for name in every if name.off} == {
        name.replace("-", " ").lower() for name in EFFECTS
    }


def test_weights_change_with_what_decides_them_and_with_nothing_else() -> None:
    cell = cells.Cell("B", "PanNet", "both")
    before = cells.digest(cell, STUDY, "cpu")
    assert before == cells.digest(cell, dataclasses.replace(STUDY, judged=("other",), seeds=5), "cpu")
    assert before != cells.digest(cell, dataclasses.replace(STUDY, budget=9.0), "cpu")
    assert before != cells.digest(dataclasses.replace(cell, seed=2), STUDY, "cpu")


def test_a_study_with_an_unknown_key_is_an_error(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("bugdet = 1\n" + (FOLDER / "smoke.toml").read_text())
    with pytest.raises(UserError, match="bugdet"):
        cells.read(wrong)


def test_an_interrupted_cell_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    command.append([row("one")], out)
    command.append([row("two", rows=2)], out)
    with out.open("a") as file:
        file.write('{"cell": "thr')
    assert command.whole(out) == {"one"}
    assert [json.loads(line)["cell"] for line in out.read_text().splitlines()] == ["one"]
    assert command.whole(tmp_path / "none.jsonl") == set()


def test_no_cell_is_judged_on_what_it_was_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "part_of", lambda entry, protocol, side: Named(entry.name, protocol))
    sensors = {"gf2": "GF2", "qb": "QB", "pleiades": "Pleiades"}
    scenes = {name: Entry(name, "folder", sensors.get(name.split("-")[0], "other"), _unread) for name in STUDY.judged}

    def seen(cell: cells.Cell) -> set[str]:
        return {case.name for case in judging.judged(cell, STUDY, scenes)}

    assert seen(cells.Cell("B", "PanNet", "both")) == set(STUDY.judged)
    assert not any(name.startswith("gf2") for name in seen(cells.Cell("A", "PanNet", "GF2")))
    assert seen(cells.Cell("C", "PanNet", "both", 1, "Pleiades", "full")) == {"pleiades-01"}


def _unread() -> Any:
    raise AssertionError("nothing is read here")


@dataclasses.dataclass(frozen=True)
class Named:
    """A case that is not read."""

    name: str
    protocol: str

    @property
    def facts(self) -> dict[str, bool]:
        return {"degraded": False}


def test_a_study_runs_on_scenes_and_images_of_its_own_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toml, out = tmp_path / "smoke.toml", tmp_path / "rows.jsonl"
    toml.write_text((FOLDER / "smoke.toml").read_text())  # nothing that it names lies beside it
    wanted = ["classical/exp", "A/pannet/gf2/seed1", "B/pannet/both/seed1", "C/pannet/gf2/*/seed1", "time/x4"]
    monkeypatch.setattr(
        sys, "argv", ["study.py", str(toml), "--out", str(out), "--work", str(tmp_path), "--cells", *wanted]
    )
    command.main()
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    steps = {one["cell"]: one.get("steps", 0) for one in rows}
    assert steps == {"classical/exp": 0, "A/pannet/gf2/seed1": 2, "B/pannet/both/seed1": 2, "time/x4": 8} | {
        f"C/pannet/gf2/{tuning}/seed1": 2 for tuning in ("full", "freeze")
    }
    assert all(one["Q2n"] > 0.2 for one in rows if one["protocol"] == "rr")
    assert {one["sensor"] for one in rows if one["cell"].startswith("A")} == {"WV2"}
    assert {one["scene"] for one in rows if one["cell"].startswith("C")} == {"gf2-02"}
    capsys.readouterr()
    command.main()
    assert capsys.readouterr().out == "" and len(out.read_text().splitlines()) == len(rows)


def test_a_training_that_diverges_is_a_row_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training.Run, "advance", lambda run, batches: float("nan"))
    cell = cells.Cell("B", "PanNet", "both")
    (one,) = command.run(cell, SMOKE, judging.scenes_of(SMOKE, tmp_path), tmp_path, "cpu")
    assert one["cell"] == cell.name and one["rows"] == 1 and "is no number" in one["error"]
    assert "is no number" in command.said(cell, [one])
    known = tables.Results([*(row for rows in results().rows.values() for row in rows), one], STUDY)
    assert known.failed == {cell.name: one["error"]} and one not in known.rows[cell.name]


def test_batches_depend_on_seed_and_step_only() -> None:
    tiles = torch.randint(0, 255, (3, 4, 256, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    simulation = training._simulation(cells.Cell("B", "PanNet", "both"), SMOKE)
    o = Optimisation(steps=1, scenes=2, patches=1, seed=4)
    one, two = (training.Pool(tiles, 64, o, simulation) for _ in range(2))
    one.draw(0)
    assert torch.equal(one.draw(1).reference, two.draw(1).reference)
    other = training.Pool(tiles, 64, dataclasses.replace(o, seed=5), simulation)
    assert other.draw(1).reference.shape != two.draw(1).reference.shape or not torch.equal(
        other.draw(1).reference, two.draw(1).reference
    )


def test_the_light_blur_and_what_is_off_reach_the_simulator() -> None:
    light, plain = (cell for cell in cells.cells(STUDY) if cell.change in (cells.LIGHT, "no noise"))
    assert set(training._simulation(light, STUDY).kernels) == {"light"}
    assert training._simulation(plain, STUDY).off == ("noise",)


def results() -> tables.Results:
    """Two seeds of two ways, of which the second is sharper and the first seeds differ by .02."""
    rows = []
    for cell, quality in (("A/pannet/gf2/seed1", 0.8), ("B/pannet/both/seed1", 0.9), ("B/pannet/both/seed2", 0.92)):
        facts = {"stage": cell[0], "seed": int(cell[-1]), "scene": "wv2-01", "sensor": "WV2"}
        rows.append(row(cell, **facts, Q2n=quality, ERGAS=10 - 10 * quality, SAM=1.0))
        full = {LOW: quality, "D_rho": 1 - quality, "R-ERGAS": 1.0}
        rows.append(row(cell, **facts, **full) | {"protocol": "fr"})
    return tables.Results(rows, STUDY)


def test_a_claim_compares_the_seeds_that_both_have_and_a_win_at_reduced_resolution_alone_is_none() -> None:
    said = tables.CLAIMS["pretraining"](results())
    assert "| PanNet | 0.8000 → 0.9000 |" in said and said.rstrip().endswith("better |")
    assert "0.9100 ± 0.0141" in tables.zero_shot(results())
    means = {"Q2n": (0.8, 0.9), "ERGAS": (2.0, 1.0), LOW: (1.0, 1.0), "D_rho": (0.1, 0.1)}
    assert tables.verdict(means) == "better"
    for name, worse in ((LOW, (1.0, 0.9)), ("D_rho", (0.1, 0.2))):
        assert tables.verdict(means | {name: worse}) == "better at reduced resolution only"
    near = means | {"Q2n": (0.8, 0.801), "ERGAS": (1.0, 1.005)}
    assert tables.verdict(near) == "no difference"
    assert tables.verdict({name: pair[::-1] for name, pair in means.items()}) == "worse"


def test_the_ablation_says_how_many_steps_each_training_took() -> None:
    about = {"sensor": "WV2", "scene": "wv2-01", **dict.fromkeys(tables.COLUMNS, 0.5)}
    cells_of = {"B/pannet/both/seed1": 10, "B/pannet/both/seed2": 14, "ablation/no-noise": 17}
    rows = [row(cell, stage=cell[0], seed=1, **about, steps=steps) for cell, steps in cells_of.items()]
    lines = {line.split(" | ")[0]: line for line in tables.ablation(tables.Results(rows, STUDY)).splitlines()}
    assert lines["| everything on"].endswith("| 10 |") and lines["| everything on, all seeds"].endswith("| 12 ± 3 |")
    assert lines["| no noise"].endswith("| 17 |")


def test_what_has_no_seed_counts_once_and_one_shot_is_compared_on_the_scenes_that_it_was_judged_on() -> None:
    rows = [row("classical/gsa", stage="classical", seed=1, sensor="QB", Q2n=0.5)]
    for cell, scene, quality in (("B/pannet/both/seed1", "other", 0.1), ("B/pannet/both/seed1", "s", 0.6)):
        rows.append(row(cell, stage="B", seed=1, sensor="QB", Q2n=quality) | {"scene": scene})
    about = {"stage": "C", "network": "PanNet", "tuning": "full", "seed": 1, "sensor": "QB"}
    rows.append(row("C/pannet/qb/full/seed1", **about, Q2n=0.7))
    said = tables.one_shot(tables.Results(rows, STUDY))
    assert "| GSA | 0.5000 |" in said
    assert "| PanNet, zero-shot | 0.6000 |" in said and "| PanNet, one-shot, full | 0.7000 |" in said


def test_a_seed_that_was_adapted_to_some_of_the_sensors_only_does_not_count() -> None:
    about = {"stage": "C", "network": "PanNet", "tuning": "full"}
    every = [(1, "qb", 0.7), (1, "landsat7", 0.5), (2, "qb", 0.9)]
    rows = [row(f"C/pannet/{sensor}/full/seed{seed}", **about, seed=seed, sensor=sensor, Q2n=quality)
            for seed, sensor, quality in every]  # fmt: skip
    assert "| PanNet, one-shot, full | 0.6000 |" in tables.one_shot(tables.Results(rows, STUDY))
    rows.append(row("C/pannet/landsat7/full/seed2", **about, seed=2, sensor="landsat7", Q2n=0.7))
    assert "| PanNet, one-shot, full | 0.7000 ± 0.1414 |" in tables.one_shot(tables.Results(rows, STUDY))


def test_plots_are_well_formed_files() -> None:
    drawn = standalone(figures.PLOTS["plane"](results()))
    assert ElementTree.fromstring(drawn).tag.endswith("svg")


def test_the_document_is_up_to_date() -> None:
    assert not documents.stale(page.wanted(ROOT)), "run python runs/paper/page.py"


def test_the_page_of_the_study_is_short() -> None:
    assert len((ROOT / "docs" / "paper.md").read_text().split()) <= 3000


def test_the_document_has_every_table_and_all_rows_of_the_checklist() -> None:
    text = "".join((ROOT / "docs" / name).read_text() for name in page.PAGES)
    named = set(re.findall(r"<!-- paper:(\S+) -->", text))
    longer = {name for name in named if name.startswith(page.LONG)}
    assert named - longer == set(tables.TABLES) | {f"plot-{name}" for name in figures.PLOTS}
    assert {name.removeprefix(page.LONG) for name in longer} < set(tables.TABLES)
    checklist = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert [int(number) for number, *_ in checklist] == list(range(1, 26))
    for *_, modules, _ in checklist:
        for path in re.findall(r"`((?:\w+/)+\w*(?:\.py)?|\w+\.py)`", modules):
            place = ROOT / path if path.startswith("runs/") else ROOT / "src" / "anypan" / path
            assert place.exists(), path

"""The study of the paper: its cells and budgets, its rows on the disk, and what docs/paper.md says of them."""

import dataclasses
import json
import math
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from anypan.judging.readers.entry import Entry
from anypan.models import ARCHITECTURES
from anypan.report import documents
from anypan.runtime.errors import UserError
from anypan.simulate.effects import EFFECTS
from anypan.train import Optimisation, Run
from anypan.train.tunings import TUNINGS
from anypan.weights import available, load

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "runs" / "paper"
sys.path.insert(0, str(FOLDER))
import batches  # noqa: E402
import cells  # noqa: E402
import claims  # noqa: E402
import forest  # noqa: E402
import judging  # noqa: E402
import luck  # noqa: E402
import outcomes  # noqa: E402
import page  # noqa: E402
import paired  # noqa: E402
import study as command  # noqa: E402
import tables  # noqa: E402
import training  # noqa: E402

TOML = FOLDER / "study.toml"
SMOKE, CPU, GPU, OPEN = (cells.read(TOML, budget) for budget in cells.BUDGETS)
DEVELOPMENT = "docs/limits.md"


@pytest.mark.parametrize("study", [SMOKE, CPU, GPU], ids=cells.BUDGETS[:3])
def test_cells_have_names_of_their_own_and_what_a_cell_starts_from_comes_before_it(study: cells.Study) -> None:
    every = cells.cells(study)
    names = [cell.name for cell in every]
    assert len(set(names)) == len(names)
    for number, cell in enumerate(every):
        assert cell.base is None or cell.base.name in names[:number], cell.name
    assert {cell.arm for cell in every} == {"U", "A", "A*", "B", "P", "C", "images", "steps", "ablation"}
    assert {cell.tuning for cell in every if cell.arm == "C"} == set(TUNINGS)
    assert {cell.source for cell in every if cell.arm == "B"} == set(cells.SOURCES)


def test_the_budgets_hold_what_the_study_promises() -> None:
    every = cells.cells(CPU)
    for name in ("PanNet", "anypan-s"):
        for arm in ("A", "B", "P"):
            assert {cell.seed for cell in every if (cell.network, cell.arm) == (name, arm)} == {1, 2, 3}
        left = {cell.off[0] for cell in every if cell.network == name and cell.off}
        assert left == set(EFFECTS) and {c.seed for c in every if c.network == name and c.off} == {1, 2}
        assert len({cell.source for cell in every if (cell.network, cell.arm) == (name, "A")}) >= 3
    shares = {name: CPU.effect.get(name, {}).get("share", kind().share) for name, kind in EFFECTS.items()}
    assert all(shares.values()), [name for name, share in shares.items() if not share]  # else nothing is left out
    assert not [cell for cell in every if cell.arm == "U" and not ARCHITECTURES[cell.network].any_bands]
    assert {ARCHITECTURES[name].family for name in CPU.networks} == {"cnn", "transformer", "mamba"}
    trained = [cell for cell in every if cell.arm in ("A", "A*", "B", "P")]
    long = dict.fromkeys(CPU.networks, 9000) | {"Pan-Mamba": 5040}
    assert {cell.network: cells.steps_of(cell, CPU) for cell in trained} == long
    assert ARCHITECTURES["PanFormer"].config() == ARCHITECTURES["PanFormer"].config(**GPU.sizes.get("PanFormer", {}))


def test_panformer_has_the_published_number_of_parameters() -> None:
    architecture = ARCHITECTURES["PanFormer"]
    assert sum(p.numel() for p in architecture.network(architecture.config()).parameters()) == 1_525_144
    assert "1,525,144" in (ROOT / "docs" / "paper.md").read_text()


def test_weights_change_with_what_decides_them_and_with_nothing_else() -> None:
    cell = cells.Cell("B", "PanNet", "both")
    before = cells.digest(cell, CPU, "cpu")
    assert before == cells.digest(cell, dataclasses.replace(CPU, judged=("other",), seeds=5, judging=1.0), "cpu")
    assert before != cells.digest(cell, dataclasses.replace(CPU, steps=9), "cpu")
    assert before != cells.digest(dataclasses.replace(cell, seed=2), CPU, "cpu")
    assert before != cells.digest(dataclasses.replace(cell, off=("noise",)), CPU, "cpu")


def test_an_unknown_key_budget_or_network_is_an_error(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("bugdet = 1\n" + TOML.read_text())
    with pytest.raises(UserError, match="bugdet"):
        cells.read(wrong, "cpu")
    with pytest.raises(UserError, match="no budget 'night'"):
        cells.read(TOML, "night")
    wrong.write_text(TOML.read_text().replace('whole = ["PanNet"]', 'whole = ["PanNot"]'))
    with pytest.raises(UserError, match="PanNot"):
        cells.read(wrong, "smoke")


def test_an_interrupted_cell_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    command.append([{"about": {"device": "cpu"}}, {"cell": "one", "rows": 2}, {"cell": "one", "scene": "s"}], out)
    command.append([{"cell": "two", "rows": 3}, {"cell": "two", "scene": "s"}], out)
    with out.open("a") as file:
        file.write('{"cell": "thr')
    assert {row.get("cell") for row in command.whole(out)} == {None, "one"}
    command.keep(command.whole(out), out)
    assert len(out.read_text().splitlines()) == 3
    assert outcomes.read_rows([out])[0]["made"] == {"device": "cpu"}
    assert command.whole(tmp_path / "none.jsonl") == []


def test_the_estimate_takes_what_was_measured_here_before_what_was_guessed() -> None:
    rows = [{"cell": n, "network": "PanNet", "steps": 10, "train_seconds": s, "device": "cpu", "rows": 1}
            for n, s in (("a", 10.0), ("b", 30.0))]  # fmt: skip
    paces = command.pace(rows, "cpu")
    assert paces == {"PanNet": 2.0} and command.pace(rows, "cuda") == {}
    cell, steps = cells.Cell("B", "PanNet", "both"), 9000
    assert cells.cost(cell, CPU, paces) == steps * 2.0 + CPU.judging
    assert cells.cost(dataclasses.replace(cell, seed=2), CPU, paces) == steps * 2.0 + CPU.judging * cells.REDUCED
    assert cells.cost(cell, CPU, {}) == steps * CPU.pace["cpu"]["PanNet"] + CPU.judging
    said = command.estimate([cell], [cell], CPU, paces, True)
    assert "measured on such a device" in said[1] and "5.06 hours" in said[-1]
    assert "guessed" in command.estimate([cell], [cell], CPU, {}, False)[0]


def test_no_cell_is_judged_on_what_it_was_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "case_of", lambda entry, protocol, mode, side: Named(entry.name, entry.sensor))
    judging._kind.cache_clear()
    names = {"gf2-01": "GF2", "gf2-03": "GF2", "qb-01": "QB", "qb-02": "QB", "wv3-01": "WV3", "landsat7-01": "Landsat7"}
    scenes = {name: Entry(name, "folder", sensor, _unread) for name, sensor in names.items()}

    def seen(cell: cells.Cell) -> set[str]:
        return {case.name for case in judging.judged(cell, CPU, scenes)}

    assert seen(cells.Cell("B", "PanNet", "both")) == set(names)
    assert seen(cells.Cell("A", "PanNet", "GF2")) == {"qb-01", "qb-02"}  # neither another ratio nor 8 bands
    assert seen(cells.Cell("A*", "PanNet", "QB")) == {"qb-01", "qb-02"}
    assert seen(cells.Cell("C", "PanNet", "both", 1, "B", "QB", "full")) == {"qb-01"}


def _unread() -> Any:
    raise AssertionError("nothing is read here")


@dataclasses.dataclass(frozen=True)
class Named:
    """A case that is not read."""

    name: str
    sensor: str
    protocol: str = "rr"
    mode: str = "physical"

    @property
    def facts(self) -> dict[str, Any]:
        ratio, bands = {"WV3": (4, 8), "Landsat7": (2, 6)}.get(self.sensor, (4, 4))
        way = {"scene": self.name, "protocol": self.protocol, "mode": self.mode}
        return {"degraded": False, "ratio": ratio, "bands": bands} | way


def test_validation_is_never_of_what_is_learnt_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from anypan.pair.scene import from_arrays

    scene = from_arrays(torch.rand(1, 384, 400), torch.rand(4, 96, 100), gnyq=(0.3,) * 4)
    left, right = batches.parted(scene)
    assert left.shape[1] + right.shape[1] == 100 and min(left.shape[1], right.shape[1]) >= 32
    assert torch.equal(torch.cat([left.whole().pan, right.whole().pan], 2), scene.whole().pan)
    tiles = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(40, 4, 256, 256)
    monkeypatch.setattr(batches, "source_tiles", lambda *_: (tiles, torch.arange(40) % 20))  # two tiles of an image
    o = Optimisation(steps=1, scenes=1, patches=1)
    taught, judged = batches.batches_of(cells.Cell("B", "PanNet", "both"), SMOKE, {}, tmp_path, o)
    learnt = {int(tile[0, 0, 0]) for tile in taught.tiles}
    kept = set(range(40)) - learnt
    assert len(kept) == 2 and len(judged) == batches.BATCHES
    assert not {number % 20 for number in kept} & {number % 20 for number in learnt}  # no image on both sides
    few, _ = batches.batches_of(cells.Cell("images", "PanNet", "both", images=10), SMOKE, {}, tmp_path, o)
    assert len(few.tiles) == 10 and not kept & {int(tile[0, 0, 0]) for tile in few.tiles}


def test_the_paper_like_recipe_and_what_is_off_reach_the_simulator() -> None:
    paper = batches.simulation_for(cells.Cell("P", "PanNet", "both"), CPU)
    assert set(paper.kernels) == {"light"} and "sharpening" in paper.off
    without = cells.Cell("ablation", "PanNet", "both", change="no noise", off=("noise",))
    assert batches.simulation_for(without, CPU).off == ("noise",)


def test_a_study_runs_on_scenes_of_its_own_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.jsonl"
    wanted = [
        "A/pannet/gf2/seed1",
        "B/pannet/both/seed1",
        "C/pannet/from-b/gf2/lora/seed1",
        "steps/pannet/both/x4/seed1",
    ]
    line = ["study.py", str(TOML), "--budget", "smoke", "--out", str(out), "--work", str(tmp_path), "--cells", *wanted]
    monkeypatch.setattr(sys, "argv", line)
    command.main()
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    told = {one["cell"]: one for one in rows if "rows" in one}
    assert {name: one["steps"] for name, one in told.items()} == dict(zip(wanted, (2, 2, 2, 8), strict=True))
    assert told[wanted[2]]["learning"] < told[wanted[1]]["learning"] and told[wanted[1]]["remaining"] is None
    assert len(told[wanted[3]]["curve"]) == 8
    judged = [one for one in rows if "scene" in one]
    assert all(one["Q2n"] > 0.2 for one in judged if one["protocol"] == "rr") and "versions" not in judged[0]
    assert {one["sensor"] for one in judged if one["cell"] == wanted[0]} == {"WV2"}
    assert sum("about" in one for one in rows) == 1
    capsys.readouterr()
    command.main()
    assert "0 of 4 cells left" in capsys.readouterr().out and len(out.read_text().splitlines()) == len(rows)


def test_a_training_that_was_stopped_goes_on_to_the_weights_that_it_would_have_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = torch.randint(0, 255, (40, 4, 256, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(batches, "source_tiles", lambda *_: (tiles, torch.arange(40)))
    cell, longer = cells.Cell("B", "PanNet", "both"), dataclasses.replace(SMOKE, steps=5)
    found = []
    for name in ("whole", "pieces"):
        (tmp_path / name).mkdir()
        until = time.monotonic() if name == "pieces" else float("inf")
        stops = 0
        while True:
            try:
                path, spent = training.train(cell, longer, {}, tmp_path / name, "cpu", until)
                break
            except training.OutOfTime:
                stops += 1
        assert stops == (4 if name == "pieces" else 0)
        assert [path] == list((tmp_path / name).iterdir()) and spent["steps"] == 5
        found.append((load(path).state_dict(), spent["curve"]))
    assert found[0][1] == found[1][1]
    assert all(torch.equal(tensor, found[1][0][key]) for key, tensor in found[0][0].items())


def test_a_training_that_diverges_is_a_row_and_answers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = torch.zeros(40, 4, 256, 256, dtype=torch.uint8)
    monkeypatch.setattr(batches, "source_tiles", lambda *_: (tiles, torch.arange(40)))
    monkeypatch.setattr(Run, "advance", lambda run, batches: float("nan"))
    cell = cells.Cell("B", "PanNet", "both")
    (one,) = command.run(cell, SMOKE, {}, tmp_path, "cpu", float("inf"))
    assert one["cell"] == cell.name and one["rows"] == 1 and "is no number" in command.said(cell, [one])
    assert "diverged" in outcomes.Results([one], [], SMOKE).trouble([cell])


def test_an_effect_is_left_out_of_what_b_goes_on_to_learn_from_and_says_nothing_unless_it_has_levelled() -> None:
    left = [cell for cell in cells.cells(CPU) if cell.off and cell.network == "anypan-s"]
    for cell in left:
        assert cell.base == cells.Cell("B", cell.network, "both", cell.seed)
        assert training._optimisation(cell, CPU).seed not in {one.seed for one in cells.cells(CPU) if one.arm == "B"}
    cell = left[0]
    changed = dataclasses.replace(CPU, effect=CPU.effect | {"zoom": {"share": 0.9}})
    assert cells.recipe(cell, CPU) != cells.recipe(cell, changed)
    assert cell.base
    for own, begun, trouble in ((True, True, ""), (True, False, ""), (False, True, "1 of 2 cells not converged")):
        rows = [*rows_of(cell, 1.0, own), *rows_of(cell.base, 1.0, begun)]
        assert outcomes.Results(rows, [], CPU).trouble([cell]) == trouble
    assert outcomes.Results(rows_of(cell, 1.0), [], CPU).trouble([cell]) == "1 of 2 cells not run"


def rows_of(cell: cells.Cell, factor: float, levelled: bool = True) -> list[dict[str, Any]]:
    """Rows of a cell whose ERGAS is ``factor`` on every scene."""
    common = {"cell": cell.name, "network": cell.network, "seed": cell.seed}
    common |= {"budget": "cpu", "recipe": cells.recipe(cell, CPU)}
    found = [common | {"rows": 5, "steps": 10, "remaining": 0.0 if levelled else 0.2}]
    for number in range(4):
        about = {"scene": f"wv{number}-01", "sensor": f"WV{number}", "protocol": "rr", "mode": "physical"}
        about |= {"ratio": 4, "bands": 4}
        found.append(common | about | {"ERGAS": factor, "Q2n": 1 - factor / 10, "SAM": factor})
    return found


def answered(levelled: bool = True, missing: bool = False) -> dict[tuple[str, str], claims.Answer]:
    chosen = [cell for cell in cells.cells(CPU) if cell.network == "PanNet" and cell.arm in ("P", "B")]
    chosen = [cell for cell in chosen if not (missing and cell.arm == "P" and cell.seed == 3)]
    rows = [row for cell in chosen for row in rows_of(cell, 2.0 if cell.arm == "P" else 1.0, levelled or cell.seed < 3)]
    found = outcomes.Results(rows, [], CPU)
    return {(c.name, n): claims.answer(c, n, found) for c in claims.claims(CPU) for n in c.networks}


def test_a_claim_is_answered_only_where_every_cell_was_run_and_has_converged() -> None:
    plain = answered()[("simulation", "PanNet")]
    assert plain.said == "supported" and "-50.0 % [-50.0, -50.0]" in plain.sentence and "3 seeds" in plain.sentence
    assert answered()[("natural-both", "PanNet")].said == "contradicted"
    rough, part = answered(levelled=False)[("simulation", "PanNet")], answered(missing=True)[("simulation", "PanNet")]
    assert rough.why == "2 of 6 cells not converged"
    assert part.why == "1 of 6 cells not run"
    assert "undecided" in part.sentence and "So far ERGAS -50.0 %" in part.sentence and "2 seeds" in part.sentence
    silent = answered()[("real-A", "PanNet")]
    assert (silent.said, silent.why, silent.found) == ("undecided", "not run", {})


def test_every_claim_has_cells_on_both_sides() -> None:
    for study in (SMOKE, CPU, GPU):
        for claim in claims.claims(study):
            for network in claim.networks:
                assert claim.after(network), (study.budget, claim.name, network)
                assert claim.before(network), (study.budget, claim.name, network)


def test_exp_stands_for_what_networks_without_physics_are_before_they_learn() -> None:
    exp = [{"method": "EXP", "scene": "wv1-01", "sensor": "WV1", "protocol": "rr", "mode": "physical", "ERGAS": 3.0}]
    found = outcomes.Results([], exp, CPU)
    (claim,) = (claim for claim in claims.claims(CPU) if claim.name == "exp")
    assert found.arm(claim.before("PanNet")) == exp and "anypan-s" not in claim.networks
    (claim,) = (claim for claim in claims.claims(CPU) if claim.name == "untrained")
    assert found.arm(claim.before("anypan-s")) == [] and "PanNet" not in claim.networks


def test_weights_that_ship_beat_the_best_formula_of_each_scene_on_every_sensor() -> None:
    """On rows of these very weights."""
    every = page.results_of(ROOT)
    for card in available():
        rows = [row for row in every.methods.get(card.name, []) if row["protocol"] == "rr"]
        made = {row["weights_sha256"] for row in rows}
        assert made == {card.sha256}, f"{card.name}: run the benchmark with the weights that ship"
        assert len(tables.group_rows(every, card.name)) >= 10
        assert tables.losing(every, card.name) == []


def test_a_network_that_loses_on_one_sensor_is_named() -> None:
    every = page.results_of(ROOT)
    for row in (rows := every.methods["anypan-s"]):
        if row["sensor"] == "QB" and row["protocol"] == "rr":
            rows[rows.index(row)] = {**row, "ERGAS": row["ERGAS"] * 2}
    assert [line.partition(":")[0] for line in tables.losing(every, "anypan-s")] == ["QB, ERGAS"]


def test_the_document_is_up_to_date() -> None:
    assert not documents.stale(page.wanted(ROOT)), "run python runs/paper/page.py"


def test_every_answer_is_a_row_of_the_forest_at_its_place() -> None:
    rows = [forest.Found("one", -30.0, -45.0, -15.0, "better"), forest.Found("two", 0.0, -90.0, 90.0, "open")]
    more = [forest.Found("three", 30.0, 15.0, 45.0, "worse")]
    svg = forest.forest({"A claim & more": rows, "Another": more}, "%", 60.0)
    kinds = re.findall(r"<circle class=(\w+) cx=([\d.]+) cy=([\d.]+)", svg)
    assert [kind for kind, *_ in kinds] == ["own", "far", "worse"] and "A claim &amp; more" in svg
    left, middle, right = (float(x) for _, x, _ in kinds)
    assert right - middle == pytest.approx(middle - left, abs=0.2) and right > middle > left
    spans = [tuple(map(float, found)) for found in re.findall(r"d='M([\d.]+) [\d.]+H([\d.]+)'", svg)]
    assert (spans[1][0] + spans[1][1]) / 2 == pytest.approx(middle, abs=0.2)  # held at the edges
    assert spans[0][0] > spans[1][0] and spans[2][1] < spans[1][1] and forest.forest({}, "%", 60.0) == ""


def test_the_page_of_the_study_is_short() -> None:
    assert len((ROOT / "docs" / "paper.md").read_text().split()) <= 3000


def test_every_figure_that_a_development_choice_touches_says_so() -> None:
    text = (ROOT / "docs" / "paper.md").read_text()
    body = text.partition("## Checklist")[2].partition("\n## ")[2]
    for line in body.splitlines():
        if "zero-shot" in line.lower():
            assert "development" in line, line
    assert "## What was chosen on development scenes" in (ROOT / DEVELOPMENT).read_text()


def test_the_document_has_every_table_and_all_rows_of_the_checklist() -> None:
    text = "".join((ROOT / "docs" / name).read_text() for name in page.PAGES)
    named = set(re.findall(r"<!-- paper:(\S+) -->", text))
    assert named == set(tables.TABLES) | {f"plot-{name}" for name in tables.plots_of(CPU)}
    checklist = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert [int(number) for number, *_ in checklist] == list(range(1, 26))
    for *_, modules, _ in checklist:
        for path in re.findall(r"`((?:\w+/)+\w*(?:\.py)?|\w+\.py)`", modules):
            place = ROOT / path if path.startswith("runs/") else ROOT / "src" / "anypan" / path
            assert place.exists(), path


def test_what_answers_the_first_claims_is_run_first() -> None:
    every = cells.cells(CPU)
    first = [cell for cell in every if cell.network in CPU.whole and cell.arm in cells.FIRST and cell.seed == 1
             and (cell.arm, cell.source) not in {("B", "natural"), ("B", "remote-sensing")}]  # fmt: skip
    assert set(every[: len(first)]) == set(first)
    assert [cell.arm for cell in every].index("ablation") == len([cell for cell in every if cell.arm != "ablation"])
    places = {cell.arm: number for number, cell in enumerate(every) if cell.network in CPU.whole}
    assert places["A"] < places["C"] < places["steps"] < places["ablation"]


def test_arms_see_as_large_a_part_of_the_pan_at_each_step() -> None:
    tiles, o = torch.zeros(2, 4, 256, 256, dtype=torch.uint8), Optimisation(**CPU.optimisation, steps=9)
    real = o.scenes * o.patches * (CPU.patch // 2) ** 2
    for arm in ("B", "P"):
        simulation = batches.simulation_for(cells.Cell(arm, "PanNet", "both"), CPU)
        pool = batches.Pool(tiles, CPU.paper_like["patch"] if arm == "P" else CPU.patch, o, simulation)
        assert abs(sum(pool.draw(n).pan.numel() for n in range(40)) / 40 / real - 1) < 0.3, arm


def test_rows_of_another_recipe_are_made_anew_and_answer_nothing(tmp_path: Path) -> None:
    cell, other = cells.Cell("B", "PanNet", "both"), cells.Cell("P", "PanNet", "both")
    rows = [*rows_of(cell, 1.0), *rows_of(other, 1.0)]
    paper = dataclasses.replace(CPU, paper_like={**CPU.paper_like, "kernels": {"mtf": 1.0}})
    assert command.is_done(cell, paper, rows) and not command.is_done(other, paper, rows)
    assert {row["cell"] for row in command.made_so(rows, paper)} == {cell.name}
    assert {row["cell"] for row in outcomes.current(rows, paper, cells.cells(paper))} == {cell.name}
    mixed = cells.Cell("A*", "PanNet", "QB")
    assert cells.digest(mixed, CPU, "cpu") != cells.digest(mixed, dataclasses.replace(CPU, apart=()), "cpu")
    moved = dataclasses.replace(CPU, sources={name: [{**table, "path": "elsewhere"} for table in tables_of]
                                              for name, tables_of in CPU.sources.items()})  # fmt: skip
    assert cells.recipe(cell, moved) == cells.recipe(cell, CPU) and cells.digest(cell, moved, "cpu") != cells.digest(
        cell, CPU, "cpu"
    )


def test_arms_of_two_budgets_are_never_compared(tmp_path: Path) -> None:
    for folder in ("runs/paper", "results/study"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "runs" / "paper" / "study.toml").write_text(TOML.read_text())
    (tmp_path / "results" / "benchmark.jsonl").write_text("")
    pretrained, paper = cells.Cell("B", "PanNet", "both"), cells.Cell("P", "PanNet", "both")
    of = {"cpu": [pretrained, paper], "gpu": [pretrained]}
    for study in (CPU, GPU):
        rows = [row | {"budget": study.budget, "recipe": cells.recipe(cell, study)}
                for cell in of[study.budget] for row in rows_of(cell, 1.0)]  # fmt: skip
        (tmp_path / "results" / "study" / f"{study.budget}.jsonl").write_text("".join(map(command._line, rows)))
    found = page.results_of(tmp_path)
    assert found.study.budget == "cpu" and {row["budget"] for row in found.trainings.values()} == {"cpu"}
    (tmp_path / "results" / "study" / "cpu.jsonl").unlink()
    assert page.results_of(tmp_path).study.budget == "gpu"


def test_a_claim_on_scenes_of_one_kind_leaves_out_the_others() -> None:
    (claim,) = (claim for claim in claims.claims(CPU) if claim.name == "simulation")
    every = [row for row in rows_of(cells.Cell("P", "PanNet", "both"), 1.0) if "scene" in row]
    rows = [{**row, "ratio": ratio, "bands": 4} for ratio in (2, 4) for row in every]
    found = outcomes.Results(rows, [], CPU)
    assert {row["ratio"] for row in claim.rows(claim.before("PanNet"), found)} == {4}


def test_other_seeds_move_an_arm_by_what_those_that_were_run_tell() -> None:
    every = {cell.name: cell for cell in cells.cells(CPU)}
    factors = {1: 1.0, 2: math.exp(0.01), 3: math.exp(0.02)}  # a deviation of 1 %
    rows = [row for seed, factor in factors.items() for row in rows_of(every[f"B/pannet/both/seed{seed}"], factor)]
    few = every["images/pannet/both/10/seed1"]
    found = outcomes.Results([*rows, *rows_of(few, 1.0)], [], CPU)
    pretrained = [every[f"B/pannet/both/seed{seed}"] for seed in factors]
    exp = [cells.Cell(outcomes.FORMULA, "PanNet", "EXP")]

    def of(before: list[cells.Cell], after: list[cells.Cell]) -> tuple[float, float]:
        noise = luck.noise_of(before, after, found, "ERGAS")
        assert noise
        return noise.deviation, noise.freedom

    assert of(exp, pretrained) == (pytest.approx(1 / math.sqrt(3)), pytest.approx(2))
    assert of([few], pretrained[:1]) == (pytest.approx(math.sqrt(2)), pytest.approx(4))  # one training each
    other = [every["B/fusionnet/both/seed1"]]
    assert of(exp, other) == (pytest.approx(1.0), pytest.approx(2))  # as the network that has several
    assert of(pretrained[:1], [every["C/pannet/from-b/qb/full/seed1"]])[0] == 0
    place = "ablation/pannet/both/{}/seed{}".format
    one, two = ([every[place(change, n)] for n in (1, 2)] for change in ("everything-on", "no-noise"))
    rows = [row for cell in one for row in rows_of(cell, 1.0)]
    rows += [row for cell in two for row in rows_of(cell, math.exp(0.03 * cell.seed))]
    effects = outcomes.Results(rows, [], CPU)
    noise = luck.noise_of(two, one, effects, "ERGAS")
    assert noise and noise.deviation == pytest.approx(3 / math.sqrt(2) / math.sqrt(2)) and noise.freedom == 1


def test_a_tuning_of_what_has_not_levelled_answers_nothing_nor_does_a_network_that_failed_on_a_scene() -> None:
    base, shot = cells.Cell("B", "PanNet", "both"), cells.Cell("C", "PanNet", "both", 1, "B", "QB", "full")
    rows = [*rows_of(base, 1.0, levelled=False), *rows_of(shot, 1.0)]
    assert outcomes.Results(rows, [], CPU).trouble([shot]) == "1 of 2 cells not converged"
    failed = [*rows_of(base, 1.0), {"cell": base.name, "scene": "wv1-01", "error": "no memory"}]
    assert outcomes.Results(failed, [], CPU).trouble([base]) == "1 of 1 cells failed on a scene"
    untrained = [cells.Cell("U", "anypan-s", seed=seed) for seed in (1, 2)]
    assert outcomes.Results(rows_of(untrained[0], 1.0), [], CPU).trouble(untrained) == "1 of 2 cells not run"


def test_errors_that_are_the_same_contradict_only_where_quality_is_the_same_too() -> None:
    def found(error: tuple[float, float], quality: tuple[float, float]) -> dict[str, paired.Estimate]:
        pairs = {"ERGAS": error, "Q2n": quality}
        return {name: paired.Estimate(name, sum(e) / 2, *e, None, 9, 3, 3) for name, e in pairs.items()}

    assert paired.verdict(found((-0.9, -0.3), (-0.001, 0.001)))[0] == "contradicted"
    assert paired.verdict(found((-0.9, -0.3), (0.0005, 0.001)))[0] == "supported"  # little, but surely
    assert paired.verdict(found((-0.9, -0.3), (0.01, 0.02)))[0] == "supported"
    assert paired.verdict(found((-0.9, 0.3), (0.01, 0.02))) == ("undecided", "the interval of ERGAS holds 0")
    assert paired.verdict(found((-9.0, -3.0), (-0.02, -0.01))) == ("undecided", "ERGAS and Q2n do not agree")


def test_a_judgement_that_was_stopped_goes_on_and_only_first_seeds_are_judged_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []

    def judge(case: Named, *_: Any) -> dict[str, Any]:
        judged.append(case.name)
        return {**case.facts, "Q2n": 0.5}

    monkeypatch.setattr(judging, "judge_case", judge)
    monkeypatch.setattr(judging, "case_of", lambda entry, protocol, mode, side: Named(entry.name, "QB", protocol, mode))
    scenes = {name: Entry(name, "folder", "QB", _unread) for name in ("qb-01", "qb-02")}
    cell, path, stops = cells.Cell("B", "PanNet", "both", 2), tmp_path / "cell.rows", 0
    while True:
        try:
            cases = judging.judged(cell, CPU, scenes)
            rows = judging.rows_of(cell, lambda *_: None, {}, CPU, cases, "cpu", path, time.monotonic())  # type: ignore[arg-type]
            break
        except training.OutOfTime:
            stops += 1
            with path.open("a") as file:
                file.write('{"scene": "qb-')  # killed while it wrote
    assert stops == 1 and judged == ["qb-01", "qb-02"] and [row.get("scene") for row in rows] == [None, *judged]
    assert rows[0]["rows"] == 3 and "took" not in rows[1] and not path.exists()
    full = list(judging.judged(dataclasses.replace(cell, seed=1), CPU, scenes))
    assert {(case.protocol, case.mode) for case in full} == set(judging.WAYS)


def test_a_kill_while_the_curve_is_written_loses_no_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = torch.randint(0, 255, (40, 4, 256, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(batches, "source_tiles", lambda *_: (tiles, torch.arange(40)))
    cell, write = cells.Cell("B", "PanNet", "both"), Path.write_text
    with pytest.raises(training.OutOfTime):
        training.train(cell, SMOKE, {}, tmp_path, "cpu", time.monotonic())

    def killed(path: Path, text: str, *words: Any, **more: Any) -> int:
        write(path, text[:3], *words, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(Path, "write_text", killed)
        training.train(cell, SMOKE, {}, tmp_path, "cpu")
    assert training.train(cell, SMOKE, {}, tmp_path, "cpu")[1]["steps"] == 2


def test_two_runs_into_one_file_are_refused_and_what_made_it_stands_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rows.jsonl"
    monkeypatch.setattr(command, "scenes_of", lambda *_: {})
    for _ in range(2):
        command.run_all([], SMOKE, tmp_path, out, "cpu", None)
    (line,) = out.read_text().splitlines()
    assert re.fullmatch(r"[0-9a-f]{8}", json.loads(line)["about"]["code"])
    monkeypatch.setattr(sys, "argv", ["study.py", str(TOML), "--budget", "smoke", "--out", str(out)])
    with command.Claim(out), pytest.raises(UserError, match="another process"):
        command.main()

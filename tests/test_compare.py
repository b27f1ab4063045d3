"""Comparing methods: the test, the interval and the ranks against known answers; published tables; the self-check."""

import importlib.util
import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from anypan.cli import cli
from anypan.judging import MODES, prepare, run, selfcheck
from anypan.judging.readers import find_scenes
from anypan.methods import METHODS
from anypan.metrics import METRICS
from anypan.metrics.unipan import unipan, whole_q
from anypan.pair.scene import from_arrays
from anypan.report import Row, comparable, compare, published
from anypan.report.compare import holm, interval, mean_ranks, quantile, sign_flip
from anypan.runtime.errors import UserError

KNOWN = {"ERGAS": (0.0, "lower", ""), "Q2n": (1.0, "higher", ""), "gain": (1.0, "nearest", "")}


def row(scene: object, method: str, **values: float) -> Row:
    return Row.of({"scene": str(scene), "method": method, "protocol": "rr", "sensor": "A", "ratio": 4, **values})


# Student's t, two-sided 95 %, as printed in every table of it
@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)]
)
def test_quantiles_of_student(freedom: int, t: float) -> None:
    assert quantile(freedom) == pytest.approx(t, abs=6e-4)


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = [low < 0.3 < high for low, high in (interval(rng.normal(0.3, 2, 6)) for _ in range(200))]
    assert 0.92 < np.mean(held) < 0.98


def test_sign_flips_of_darwins_plants() -> None:
    """Fisher, The Design of Experiments, section 21: of 32,768 choices of signs, 1,726 are as extreme."""
    differences = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48.0])
    assert sign_flip(differences) == pytest.approx(1726 / 32768, abs=1e-12)


def test_random_signs_agree_with_all_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48.0])
    monkeypatch.setattr(sys.modules[sign_flip.__module__], "EXACT", 3)
    assert sign_flip(differences) == pytest.approx(1726 / 32768, abs=3e-3)
    assert sign_flip(np.ones(40)) == pytest.approx(1e-5, rel=0.01)


def test_the_test_is_right_as_often_as_it_says() -> None:
    """Where nothing differs, p is below .1 in a tenth of the cases."""
    rng = np.random.default_rng(3)
    assert np.mean([sign_flip(rng.normal(size=8)) <= 0.1 for _ in range(500)]) == pytest.approx(0.1, abs=0.04)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


def test_equal_values_share_a_rank() -> None:
    losses = {"a": {"1": 1.0, "2": 3.0}, "b": {"1": 1.0, "2": 2.0}, "c": {"1": 5.0, "2": 1.0, "only here": 0.0}}
    assert mean_ranks(losses) == {"a": 2.25, "b": 1.75, "c": 2.0}


def test_ranks_of_any_table_add_up() -> None:
    rng = np.random.default_rng(2)
    table = rng.integers(0, 3, (5, 7)).astype(float)
    found = mean_ranks({str(k): {str(s): v for s, v in enumerate(line)} for k, line in enumerate(table)})
    assert sum(found.values()) == pytest.approx(15)


@pytest.mark.parametrize(("name", "better", "worse"), [("ERGAS", 1.0, 2.0), ("Q2n", 0.9, 0.8), ("gain", 1.1, 0.7)])
def test_a_gain_is_positive_where_a_method_is_better(name: str, better: float, worse: float) -> None:
    rows = [row(s, "a", **{name: better + s / 1000}) for s in range(5)] + [
        row(s, "b", **{name: worse}) for s in range(4)
    ]
    lines = {line.method: line for line in compare(rows, [name], KNOWN, "b")}
    assert lines["a"].gain > 0 and lines["a"].low > 0 and lines["a"].rank == 1 and lines["b"].rank == 2
    assert (lines["a"].scenes, lines["a"].pairs, lines["a"].p) == (5, 4, 0.125) and lines["b"].gain is None
    assert next(iter(lines)) == "a"


def test_one_scene_has_no_interval_and_no_test() -> None:
    line = compare([row(1, "a", ERGAS=1), row(1, "b", ERGAS=2)], ["ERGAS"], KNOWN, "b")[0]
    assert line.gain == 1 and (line.low, line.high, line.p, line.std) == (None, None, None, None)
    with pytest.raises(UserError, match="compare with one of a"):
        compare([row(1, "a", ERGAS=1)], ["ERGAS"], KNOWN, "none")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    made = [
        row(s, m, ERGAS=v + s / 10, Q2n=0.9, SAM=1.0) for s in range(4) for m, v in (("EXP", 2.0), ("a_b & c", 1.0))
    ]
    path.write_text("".join(json.dumps(dict(one)) + "\n" for one in made))
    return path


def told(*arguments: object) -> str:
    result = CliRunner().invoke(cli, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_compare_as_text_csv_and_latex(rows: Path) -> None:
    shared = ("compare", rows, "--against", "EXP", "--metric", "ERGAS")
    assert "a_b & c" in told(*shared) and "0.125" in told(*shared)
    table = told(*shared, "--csv").splitlines()
    assert table[0].startswith("group,metric,method,scenes,mean") and len(table) == 3
    assert r"a\_b \& c & 4 & 1.15" in told(*shared, "--latex")


def test_bad_requests_to_compare_are_one_sentence(rows: Path) -> None:
    for words, arguments in (
        ("compare with one of", (rows, "--against", "nobody")),
        ("ERGAS", (rows, "--against", "EXP", "--metric", "nothing")),
        ("Q2n, SAM, ERGAS", (rows, "--against", "EXP", "--metric", "D_rho")),
        ("pancollection-wv3-rr", (rows, "--beside", "nothing")),
        ("layout is None", (rows, "--beside", "pancollection-wv3-rr")),
        ("never published", (rows, "--beside", "grsm2022-wv-3-rio-rr")),
        ("either", (rows,)),
    ):
        result = CliRunner().invoke(cli, ["compare", *map(str, arguments)])
        assert result.exit_code == 2 and words in result.stderr and len(result.stderr.strip().splitlines()) == 1


# ---------------------------------------------------------------------------------------------------- published tables


@pytest.mark.parametrize("name", published())
def test_published_tables_are_whole(name: str) -> None:
    table = published()[name]
    assert table.source and table.values and table.title and bool(table.rules) != bool(table.why)
    assert set(table.metrics) <= METRICS.keys()
    for of in table.values.values():
        for metric, value in of.items():
            if METRICS[metric].best in (0, 1) and metric not in ("SAM", "ERGAS"):
                assert 0 <= value <= 1, (metric, value)
    if table.rules:
        assert table.images > 0 and table.rules["mode"] in MODES
        cut = MODES[str(table.rules["mode"])].cut
        assert table.rules.get("cut", 0) == (cut if table.rules["protocol"] == "rr" else 0)
    assert "EXP" in table.values or not name.startswith("grsm")


def test_products_of_published_tables_are_products() -> None:
    """HQNR is (1 - D_lambda_K)(1 - D_s) and QNR likewise: a slip of the pen in a table would show.

    Not in NBU's, where each is the middle of an interval of its own.
    """
    for table in (each for each in published().values() if not each.name.startswith("nbu")):
        for method, of in table.values.items():
            for whole, part in (("HQNR", "D_lambda_K"), ("QNR", "D_lambda")):
                if {whole, part, "D_s"} <= of.keys():
                    assert of[whole] == pytest.approx((1 - of[part]) * (1 - of["D_s"]), abs=0.013), (table.name, method)


def test_rows_stand_beside_a_table_of_the_same_set_and_rules_only() -> None:
    table = published()["pancollection-wv3-rr"]
    right = [Row.of({"scene": str(n), "method": "EXP", **table.rules}) for n in range(table.images)]
    assert comparable(table.name, right) is table
    for key in table.rules:
        with pytest.raises(UserError, match=key):
            comparable(table.name, [*right[:-1], Row.of({**right[-1], key: "another"})])
    with pytest.raises(UserError, match="19 scenes of 20"):
        comparable(table.name, right[:-1])


# ----------------------------------------------------------------------------------------------- self-check and modes


def independent():
    path = Path(__file__).parent / "independent.py"
    spec = importlib.util.spec_from_file_location("independent", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_selfcheck_passes_and_says_so() -> None:
    assert not [check for check in selfcheck() if not check.passed]
    said = told("benchmark", "--selfcheck").splitlines()
    assert "none failed" in said[-1] and sum(line.startswith("pass") for line in said) > 35


def test_a_broken_ruler_fails_the_selfcheck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[selfcheck.__module__], "ergas", lambda *one: 1.0)
    result = CliRunner().invoke(cli, ["benchmark", "--selfcheck"])
    assert result.exit_code == 1 and "FAIL  ERGAS of an offset" in result.stdout


def test_golden_values_are_those_of_an_independent_implementation() -> None:
    from anypan.judging.selfcheck import GOLDEN, PEAK, RATIO, golden_pair

    other = independent()
    one, two = other.fused()
    assert np.array_equal(one, golden_pair()[0].numpy()) and np.array_equal(two, golden_pair()[1].numpy())
    found = {"SAM": other.sam(one, two), "ERGAS": other.ergas(one, two, RATIO), "PSNR": other.psnr(one, two, PEAK)}
    found |= {"CC": other.cc(one, two), "SCC": other.scc(one, two), "Q2n": other.q2n(one, two)}
    assert found == pytest.approx(GOLDEN, rel=1e-10)


def test_unipan_by_hand() -> None:
    """Q spelt out pair by pair, with the constants of that code."""
    image = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = whole_q(image)
    for i, j in itertools.product(range(3), range(3)):
        a, b = (image[k].numpy() for k in (i, j))
        covariance = ((a - a.mean()) * (b - b.mean())).mean()
        total = (a.var() + b.var()) * (a.mean() ** 2 + b.mean() ** 2) + 1e-8
        assert found[i, j] == pytest.approx(4 * covariance * a.mean() * b.mean() / total)


def test_unipan_of_a_copy() -> None:
    """An MS that is the fused image reduced by its own interpolation has D_rho 0."""
    fused = 2047 * torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(1))
    lrms = torch.nn.functional.interpolate(fused[None], (32, 32), mode="bicubic", align_corners=True)[0]
    values = unipan(fused, from_arrays(fused.mean(0, keepdim=True), lrms), 2047.0)
    assert values["D_rho"] == pytest.approx(0, abs=1e-4)
    assert values["QNR"] == pytest.approx((1 - values["D_lambda"]) * (1 - values["D_s"]))


def test_every_mode_judges_what_it_says(shared: Path) -> None:
    scene = find_scenes(shared / "scenes" / "pleiades-01")[0]
    exp = {"EXP": METHODS["EXP"]}
    rows = {(m, r["protocol"]): r for m, mode in MODES.items() for r in run([scene], exp, mode.protocols, m)}
    assert not [r["error"] for r in rows.values() if "error" in r]
    for (name, protocol), one in rows.items():
        assert one["mode"] == name and one["cut"] == (MODES[name].cut if protocol == "rr" else 0)
        assert math.isfinite(one["QNR"] if protocol == "fr" else one["Q2n"])
    toolbox, paper = rows["toolbox", "fr"], rows["paper", "fr"]
    assert (
        paper["D_s"] == toolbox["D_s (paper)"] != toolbox["D_s"]
        and rows["paper", "rr"]["Q2n"] == rows["toolbox", "rr"]["Q2n"]
    )
    assert rows["unipan", "fr"].keys().isdisjoint({"HQNR", "R-ERGAS"})
    with pytest.raises(UserError, match="does not judge"):
        prepare(scene, "rr", "unipan")

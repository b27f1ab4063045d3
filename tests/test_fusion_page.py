"""The page of one fusion: seen at once, true to what was measured, small, usable by keyboard and on paper."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from axe_core_python.base import AXE_FILE_PATH
from browser import browse

from anypan.geometry.grid import Grid
from anypan.judging.findings import findings
from anypan.options import Report
from anypan.report import Agreement, Finding, Layer, Look, Spectra, agreement, fusion, fusion_page
from anypan.report.inspection import inspection_page
from anypan.runtime.columns import HIGH, LOW

METRICS = {"D_rho": (0.0, "lower", "Correlation lost."), "SAM": (0.0, "lower", "Angle.")}
RNG = np.random.default_rng(3)


def seen(side=240):
    rough = np.repeat(np.repeat(RNG.uniform(100, 800, (4, side // 4, side // 4)), 4, 1), 4, 2).astype(np.float32)
    pan = rough.mean(0) + RNG.normal(0, 20, (side, side)).astype(np.float32)
    cubes = {"EXP": rough, "anypan-s": rough + pan - rough.mean(0), "reference": rough + 1}
    layers = {"PAN": pan, **{name: cube[:3] for name, cube in cubes.items()}, "added": Layer(pan - rough[0], "signed")}
    errors = {name: np.abs(cube - cubes["reference"]).mean(0) / 400 for name, cube in list(cubes.items())[:2]}
    return Look(layers, "", errors, Spectra(cubes, ["b", "g", "r", "n"]))


def bands(count=2):
    ms = RNG.normal(300, 60, 900)
    return [Agreement(f"band {n}", ms, ms + RNG.normal(0, 2, 900)) for n in range(count)]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    scores = {name: {"EXP": {"D_rho": 0.5, "SAM": 2.0}, "anypan-s": {"D_rho": 0.1, "SAM": 1.0}} for name in ("a", "b")}
    lights = [Finding(light, f"{light} <thing>", "A sentence.", "A rule.") for light in ("green", "amber", "red")]
    facts = {"method": "anypan-s", "notes": ["one", "two"]}
    path = tmp_path_factory.mktemp("page") / "look.html"
    return fusion_page(path, seen(), facts, scores, METRICS, lights, bands())


def report(**changes):
    grid = Grid((400, 400), (1, 0, 0, 0, -1, 0), None)
    made = Report("out.tif", "anypan-s", grid, ("red",), 4, (0.0, 0.0), 0.9, True, 1.0, 1, ())
    return dataclasses.replace(made, **changes)


def said(done, valid=1.0, **own):
    plain = {"ERGAS": 4.0, "R-ERGAS": 1.0, LOW: 0.1, HIGH: 0.1}
    best = {"ERGAS": 2.0, "R-ERGAS": 0.5, LOW: 1.0, HIGH: 1.0}
    scores = {"EXP": plain, "formula": best | {"ERGAS": 3.0}, "anypan-s": best | own}
    return {one.title: one for one in findings(done, scores, "formula", valid)}


# --- what is said ---


@pytest.mark.parametrize(("title", "name", "values"), [
    ("Error against the truth", "ERGAS", {"green": (2.0, 3.0), "amber": (3.5,), "red": (4.0, 9.0)}),
    ("Colours kept", "R-ERGAS", {"green": (0.0, 1.0, 1.09), "amber": (1.11, 1.5, 2.0), "red": (2.1,)}),
    ("Detail that arrives", LOW, {"green": (0.8, 1.25), "amber": (0.6, 1.5), "red": (0.4, 2.0)}),
    ("Detail that arrives", HIGH, {"green": (1.0,), "amber": (0.5,), "red": (-0.1,)}),
])  # fmt: skip
def test_lights_follow_the_rule_that_is_said(title, name, values):
    for light, numbers in values.items():
        for number in numbers:
            found = said(report(), **{name: number})[title]
            assert (found.light, bool(found.rule)) == (light, True), (name, number)
    assert title not in said(report(), **{name: math.nan})


def test_detail_is_not_rated_where_the_truth_has_less_of_it_than_the_pan():
    found = said(report(resampled=True), **{LOW: 0.4, HIGH: 0.4})["Detail that arrives"]
    assert found.light == "amber" and "not rated" in found.sentence and "40%" in found.sentence


@pytest.mark.parametrize(("changes", "light", "words"), [
    ({}, "green", "are aligned to"),
    ({"shift": (0.4, -0.3)}, "green", "corrected"),
    ({"shift": (3.0, 0.0)}, "amber", "corrected"),
    ({"shift": (3.0, 0.0), "registered": False}, "red", "left, as asked"),
    ({"confidence": 0.1, "registered": False}, "amber", "could not be registered"),
])  # fmt: skip
def test_a_shift_is_told_as_it_was_treated(changes, light, words):
    found = said(report(**changes))["Alignment of PAN and MS"]
    assert found.light == light and words in found.sentence
    assert "+0.00, +0.00" not in found.sentence


@pytest.mark.parametrize(
    ("share", "words"), [(1.05, "about as sharp"), (1.23, "sharper"), (0.85, "softer"), (3, "sharper")]
)
def test_more_or_less_detail_than_the_pan_has_is_said_whatever_the_light(share, words):
    assert words in said(report(), **{LOW: share, HIGH: 1.0})["Detail that arrives"].sentence


def test_pixels_without_data_are_counted():
    assert said(report(), 1.0)["Pixels with data"].light == "green"
    assert "87.5%" in said(report(), 0.875)["Pixels with data"].sentence


def test_a_band_that_agrees_lies_on_the_line_and_its_curves_on_each_other():
    ms = np.linspace(0, 100, 500)
    drawn = agreement.agreement([Agreement("red", ms, ms)], "ours")
    assert "mean difference +0, root mean square 0" in drawn
    first, second = (part.split("d='")[1].split("'")[0] for part in drawn.split("<path class='curve")[1:3])
    assert first == second
    assert "mean difference +5" in agreement.agreement([Agreement("red", ms, ms + 5)], "ours")


def test_many_bands_are_thinned_and_that_is_said():
    drawn = agreement.agreement(bands(40), "ours")
    assert drawn.count("<svg") == 2 * agreement.MOST_BANDS and "12 of 40 bands" in drawn
    assert agreement.agreement([], "ours") == ""


def test_each_table_has_its_own_caption(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("<caption><span>a</span></caption>") == text.count("<caption><span>b</span></caption>") == 1


def test_a_page_keeps_to_its_size(tmp_path, monkeypatch):
    """Noise is what compresses worst; the rest of a page is a few hundred kilobytes."""
    assert fusion.BUDGET + 500_000 < 8_000_000
    monkeypatch.setattr(fusion, "BUDGET", 600_000)
    noise = RNG.integers(0, 2000, (3, 640, 640)).astype(np.float32)
    look = Look({"PAN": noise[0], "EXP": noise, "anypan-s": noise[::-1]}, spectra=Spectra({"EXP": noise}, "abc"))
    made = fusion_page(tmp_path / "noise.html", look, {"method": "anypan-s"}, {}, METRICS, (), bands(12))
    assert made.stat().st_size < 1_100_000


# --- in a browser ---

SCREEN = """async (found) => {
  const figure = document.querySelector(".viewer"); viewerOf(figure);
  const box = (what) => {
    const one = figure.querySelector(what).getBoundingClientRect();
    return [one.top, one.bottom];
  };
  found.stage = box(".stage"); found.controls = box(".slider"); found.zooms = box(".zooms");
  found.high = innerHeight; found.wide = document.documentElement.scrollWidth - innerWidth;
  found.fit = figure.querySelector(".stage").clientHeight;
  found.titles = [...document.querySelectorAll("main > section > h2")].map((one) => one.textContent);
}"""
PAPER = """async (found) => {
  dispatchEvent(new Event("beforeprint"));
  await new Promise((done) => setTimeout(done, 300));
  found.images = [...document.querySelectorAll(".printed img")].map((one) => one.naturalWidth);
  found.names = [...document.querySelectorAll(".printed figcaption")].map((one) => one.textContent);
  dispatchEvent(new Event("beforeprint"));
  found.again = document.querySelectorAll(".printed").length;
}"""
CHECKED = """async (found) => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  viewerOf(document.querySelector(".viewer"));
  for (const theme of ["light", "dark"]) {
    document.documentElement.dataset.theme = theme;
    const result = await axe.run(document, { resultTypes: ["violations"] });
    found[theme] = result.violations.filter((one) => ["serious", "critical"].includes(one.impact))
      .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | ")}`);
    found.passed = result.passes.length;
  }
}"""
KEYS = """async (found) => {
  const reach = [...document.querySelectorAll("a[href], button, select, input, summary, [tabindex='0']")]
    .filter((one) => one.offsetParent !== null || one.matches(".skip"));
  found.named = reach.filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") || one.title
    || one.labels?.length)).map((one) => one.outerHTML.slice(0, 120));
  found.untouchable = reach.filter((one) => one.tabIndex < 0).length;
  found.many = reach.length;
}"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_viewer_is_in_the_first_screen(page, tmp_path, width, height):
    found = browse(page, SCREEN, tmp_path, width, height)
    assert found["seen"] == [] and found["high"] == height and found["wide"] <= 0
    assert 0 < found["stage"][0] < found["stage"][1] < found["controls"][1] < found["zooms"][1] <= height
    assert found["fit"] >= 300
    assert found["titles"][:2] == ["Look", "What was measured"]


def test_paper_has_the_two_images(page, tmp_path):
    found = browse(page, PAPER, tmp_path)
    assert found["seen"] == [] and found["images"] == [240, 240] and found["names"] == ["EXP", "anypan-s"]
    assert found["again"] == 1


def test_no_serious_finding_of_axe(page, tmp_path):
    found = browse(page, CHECKED, tmp_path, script=AXE_FILE_PATH.read_text(encoding="utf-8"))
    assert found["light"] == [] and found["dark"] == [] and found["passed"] > 15


def test_everything_is_reached_and_named_by_keyboard(page, tmp_path):
    found = browse(page, KEYS, tmp_path)
    assert found["named"] == [] and found["untouchable"] == 0 and found["many"] > 15


def test_the_page_before_a_fusion_says_which_curve_is_which_band(tmp_path: Path) -> None:
    bands = [{"band": name, "gain": "0.3"} for name in ("a<b", "nir")]
    found = inspection_page(tmp_path / "i.html", {"grid": "1"}, bands, (), {"a<b": [(0.1, 0.5), (0.3, 0.7)], "nir": []})
    text = found.read_text(encoding="utf-8")
    assert "<li class='run0'>a&lt;b</li>" in text and "<li class='run1'>nir</li>" in text
    assert "<th scope=row>nir</th><td>0.3</td>" in text and "a&lt;b, gain at the MS Nyquist frequency 0.3: 0.7" in text

"""The report: what it averages and marks, how it shows pictures, and that the page works in a real browser."""

import base64
import csv
import importlib.util
import io
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import browse
from PIL import Image

from anypan.report import (
    Layer,
    Look,
    Spectra,
    benchmark,
    documents,
    exports,
    fusion_page,
    look,
    markdown_table,
    pictures,
    radar,
    read,
    rows,
    tables,
    viewer,
    write,
)
from anypan.runtime.columns import LOW
from anypan.runtime.errors import UserError


def script(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "runs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


docs, renew = script("docs"), script("renew")

METRICS = {
    "Q2n": (1.0, "higher", "Likeness of the spectra."),
    "SAM": (0.0, "lower", "Angle."),
    "ERGAS": (0.0, "lower", "Error."),
    "PSNR": (math.inf, "higher", "Peak over noise."),
    "D_rho": (0.0, "lower", "Correlation lost."),
    LOW: (1.0, "nearest", "Share of weak texture that arrives."),
}
CLASSICAL = ("EXP", "GSA", "MTF-GLP-FS")
HOSTILE = "<script>alert('a')</script>\"&"


def row(method, scene="a-01", sensor="a", protocol="rr", **values):
    about = {"scene": scene, "sensor": sensor, "protocol": protocol, "mode": "physical", "method": method}
    return rows.Row.of({**about, "ratio": 4, "seconds": 1.0, **values})


def many_rows():
    found = []
    for index, (scene, sensor) in enumerate([("a-01", "a"), ("a-02", "a"), ("b-01", "b"), (HOSTILE, "b")]):
        for rank, method in enumerate((*CLASSICAL, "anypan-s")):
            wobble = 0.01 * index
            found.append(row(method, scene, sensor, Q2n=0.7 + 0.05 * rank - wobble, SAM=4.0 - rank + wobble,
                             ERGAS=5.0 - rank + wobble, versions={"anypan": "0"}))  # fmt: skip
            found.append(
                row(
                    method,
                    scene,
                    sensor,
                    "fr",
                    **{"D_rho": 0.4 - 0.1 * rank, LOW: 0.8 + 0.09 * rank},
                )
            )
    return [*found, row("PCA", error="a-01: the PAN is constant: give another <file>.")]


def scene_layers(side=200):
    rng = np.random.default_rng(5)
    exp = np.repeat(np.repeat(rng.uniform(100, 800, (3, side // 4, side // 4)), 4, 1), 4, 2)
    pan = exp.mean(0) + rng.normal(0, 20, (side, side))
    return {"PAN": pan, "EXP": exp, "MTF-GLP-FS": lambda: exp + 5, "anypan-s": exp + (pan - exp.mean(0)),
            "difference": Layer(pan - exp.mean(0), "signed")}  # fmt: skip


def decoded(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_a_sensor_with_many_scenes_weighs_no_more_than_one_with_few():
    found = [row("GSA", f"a-{n}", "a", SAM=1.0) for n in range(9)] + [row("GSA", "b-0", "b", SAM=3.0)]
    assert rows.mean(found, "SAM") == rows.Mean(2.0, pytest.approx(math.sqrt(2)), 10)


def test_the_oracle_takes_the_best_classical_value_of_each_scene_and_metric():
    found = [row("EXP", Q2n=0.9, SAM=3.0), row("GSA", Q2n=0.8, SAM=1.0), row("anypan-s", Q2n=0.99, SAM=0.5),
             row("GSA", "a-02", Q2n=0.5), row("GSA", "a-01", protocol="fr", D_rho=0.1)]  # fmt: skip
    best = rows.oracle(found, METRICS, CLASSICAL)
    assert [(one["scene"], one.get("Q2n"), one.get("SAM"), one.get("D_rho")) for one in best] == [
        ("a-01", 0.9, 1.0, None), ("a-02", 0.5, None, None)]  # fmt: skip
    assert rows.wins([found[2]], best, METRICS, ["Q2n", "SAM"]) == (1, 1)


@pytest.mark.parametrize(("name", "values", "winner"), [
    ("Q2n", {"EXP": 0.7, "GSA": 0.9}, {"GSA"}),
    ("SAM", {"EXP": 2.0, "GSA": 3.0}, {"EXP"}),
    ("PSNR", {"EXP": 30.0, "GSA": 33.0}, {"GSA"}),
    (LOW, {"EXP": 0.96, "GSA": 1.05}, {"EXP"}),
    ("SAM", {"EXP": 2.00001, "GSA": 2.00002}, {"EXP", "GSA"}),
])  # fmt: skip
def test_best_follows_the_metric_and_equal_print_is_equal(name, values, winner):
    table = tables.build([row(method, **{name: value}) for method, value in values.items()], METRICS)
    assert table.best(name) == winner


def test_a_mean_over_fewer_scenes_is_marked_and_does_not_compete():
    found = [row("EXP", SAM=3.0), row("EXP", "a-02", SAM=3.0), row("GSA", SAM=1.0)]
    found += [row("MTF-GLP-FS", SAM=2.0), row("MTF-GLP-FS", "a-02", SAM=2.0)]
    table = tables.build(found, METRICS)
    assert table.best("SAM") == {"MTF-GLP-FS"}
    assert "| GSA | 1.000† |" in markdown_table(found, ["SAM"], METRICS)


def test_a_repeated_run_replaces_the_first_and_not_a_number_is_no_value():
    found = rows.latest([row("EXP", SAM=9.0), row("EXP", SAM=2.0)])
    assert [one["SAM"] for one in found] == [2.0]
    assert all(rows.number({"SAM": value}, "SAM") is None for value in (math.nan, math.inf, None, "3", True))


def test_scenes_that_came_degraded_stand_apart_at_full_resolution_only():
    found = [row("EXP", protocol=protocol, degraded=given) for protocol in ("rr", "fr") for given in (True, False)]
    assert [len(of) for of in rows.groups(found).values()] == [2, 1, 1]


@pytest.mark.parametrize("text", ["{", "[]", '{"scene": "a"}', "3"])
def test_a_broken_rows_file_is_named_with_its_line(tmp_path, text):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(dict(row("EXP"))) + "\n" + text + "\n")
    with pytest.raises(UserError, match=r"rows\.jsonl, line 2"):
        read([path])


def test_no_rows_and_an_unwritable_folder_are_said_in_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no result rows"):
        write([], tmp_path, METRICS)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write(many_rows(), tmp_path / "file", METRICS)


def test_a_failure_midway_leaves_no_file(tmp_path):
    def broken(scene):
        raise RuntimeError(scene)

    with pytest.raises(RuntimeError):
        write(many_rows(), tmp_path, METRICS, pictures=broken)
    assert not list(tmp_path.iterdir())


def test_markdown_table_marks_the_best_and_ends_with_the_oracle():
    found = [row("EXP", Q2n=0.7, SAM=2.0), row("GSA", Q2n=0.8, SAM=3.0), row("anypan-s", Q2n=0.9, SAM=1.0)]
    assert markdown_table(found, ["Q2n", "SAM"], METRICS, ["EXP", "GSA"]).splitlines()[2:] == [
        "| EXP | 0.7000 | 2.000 | - |",
        "| GSA | 0.8000 | 3.000 | - |",
        "| anypan-s | **0.9000** | **1.000** | 1 of 1 |",
        "| *Oracle* | *0.8000* | *2.000* |  |",
    ]


def test_csv_keeps_every_digit_and_what_is_missing_is_empty():
    found = [row("EXP", Q2n=1 / 3, SAM=2.0, seconds=None), row("EXP", "a-02", Q2n=1 / 3, seconds=None),
             row('G,"A', SAM=1.5, seconds=None), row("anypan-s", Q2n=0.9, SAM=1.0, seconds=None)]  # fmt: skip
    text = exports.csv_text(tables.build(found, METRICS, ["EXP"]))
    assert list(csv.reader(io.StringIO(text))) == [
        ["Method", "Q2n", "SAM", "Beats oracle", "Scenes"],
        ["EXP", repr(1 / 3), "2.0", "", "1"],
        ['G,"A', "", "1.5", "", "1"],
        ["anypan-s", "0.9", "1.0", "1 of 1", "1"],
        ["Oracle", repr(1 / 3), "2.0", "", ""],
    ]


def test_latex_is_escaped_and_has_one_cell_a_column():
    found = [row("R&D_100%", Q2n=0.7, **{"D_rho": 0.1}), row("a{b}~^\\", Q2n=0.8, **{"D_rho": 0.2})]
    text = exports.latex(tables.build(found, METRICS), "50 % of $5 & <more>")
    assert r"\caption{50 \% of \$5 \& $<$more$>$}" in text and r"D\_rho $\downarrow$" in text
    assert r"R\&D\_100\% & 0.7000 & \textbf{0.1000}" in text
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {3} and r"\begin{tabular}{lrrr}" in text


def test_every_table_is_saved_under_its_own_name(tmp_path):
    write(many_rows(), tmp_path, METRICS, CLASSICAL, export=True)
    names = {path.name for path in (tmp_path / "tables").iterdir()}
    assert len(names) == 2 * 2 * 3 and {"a-reduced-resolution-ratio-4-physical-mode.tex"} <= names
    table = tables.build([row("EXP", SAM=1.0)], METRICS)
    assert len(set(exports.save({"a b": table, "A-b": table}, tmp_path / "more"))) == 4
    with pytest.raises(UserError, match="cannot be written"):
        exports.save({"a": table}, tmp_path / "report.html")


def test_a_radar_reaches_the_rim_for_the_best_and_the_centre_for_the_worst():
    found = [row(name, Q2n=0.5 + k / 10, SAM=4.0 - k, ERGAS=3.0 - k, PSNR=30.0 + k) for k, name in enumerate("abc")]
    drawn = radar.radar(tables.build(found, METRICS), ("Q2n", "SAM", "ERGAS", "PSNR"), ("c",), "all")
    outlines = dict(re.findall(r"data-method='(.)'.*?<path class=outline d='M(.*?)Z'", drawn))
    (across, down), radius = radar.CENTRE, radar.RADIUS
    distance = {name: [math.dist(map(float, point.split()), (across, down)) for point in path.split("L")]
                for name, path in outlines.items()}  # fmt: skip
    assert distance["c"] == pytest.approx([radius] * 4, abs=0.1) and distance["a"] == pytest.approx([0] * 4, abs=0.1)
    assert distance["b"] == pytest.approx([radius / 2] * 4, abs=0.1)
    assert drawn.count(" checked") == 1 and drawn.count(" hidden") == 2
    assert radar.radar(tables.build(found, METRICS), ("Q2n", "SAM"), (), "two") == ""


def test_rows_of_new_weights_stand_where_those_before_stood_and_new_ones_at_the_end(tmp_path):
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    lines = [
        json.dumps({"scene": scene, "protocol": "rr", "method": method, "Q2n": value})
        for scene, method, value in (
            ("a", "EXP", 1),
            ("a", "net", 2),
            ("b", "net", 3),
            ("a", "net", 4),
            ("c", "net", 5),
        )
    ]
    before.write_text("\n".join(lines[:3]) + "\n")
    after.write_text("\n".join(lines[3:]) + "\n")
    renew.merge([after], before)
    assert before.read_text().splitlines() == [lines[n] for n in (0, 3, 2, 4)]


def test_documents_are_renewed_once_and_then_current(tmp_path, capsys):
    (tmp_path / "results").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("before\n<!-- table:rr-4 -->\nold\n<!-- /table -->\nafter\n")
    (tmp_path / "results" / "a.jsonl").write_text("\n".join(json.dumps(dict(one)) for one in many_rows()))
    assert [documents.renew(docs.wanted(tmp_path), check, "it") for check in (True, False, True)] == [1, 0, 0]
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{tmp_path / 'README.md'}: out of date, run it", f"{tmp_path / 'README.md'}: rewritten"]
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n<!-- table:rr-4 -->\n| Method |") and text.endswith("<!-- /table -->\nafter\n")
    with pytest.raises(UserError, match="there is no table"):
        docs.table("nonsense", many_rows())


def test_colour_layers_share_one_stretch_and_zero_difference_is_mid_grey():
    layers = scene_layers()
    view = viewer.render({**layers, "same": layers["EXP"].copy(), "flat": Layer(np.zeros((200, 200)), "signed")})
    assert np.array_equal(view.images["EXP"], view.images["same"])
    assert (view.images["MTF-GLP-FS"].astype(int) - view.images["EXP"]).min() >= 0
    assert abs(np.median(view.images["difference"].astype(float)) - 127.5) < 3


def test_stretch_is_monotone_and_survives_invalid_pixels():
    ramp = np.linspace(-10, 3000, 4096).reshape(64, 64)
    ramp[0, :3] = np.nan, np.inf, -np.inf
    shown = pictures.stretch(ramp, pictures.limits(ramp), pictures.GAMMA)
    assert shown.dtype == np.uint8 and (np.diff(shown.ravel()[3:].astype(int)) >= 0).all()
    assert shown[0, 0] == 0 and shown[0, 1] == 255


def test_crops_are_lossless_and_views_keep_full_colour_resolution():
    image = np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    assert np.array_equal(decoded(pictures.lossless(image)), image)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2, 0], stripes[:, 1::2, 2] = 255, 255
    error = np.abs(decoded(pictures.lossy(stripes)).astype(int) - stripes)
    assert error.mean() < 8


def test_places_lie_inside_do_not_overlap_and_find_the_bright_target():
    rng = np.random.default_rng(2)
    pan = rng.normal(300, 1, (500, 700))
    pan[:, 350:] += rng.normal(0, 60, (500, 350))
    pan[100:104, 100:104] = 4000
    found = pictures.places(pan, 128)
    assert list(found) == ["Bright target", "Strong texture", "Weak texture"]
    row_, col = found["Bright target"]
    assert row_ <= 100 < row_ + 128 and col <= 100 < col + 128
    assert found["Strong texture"][1] >= 222 and found["Weak texture"][1] <= 222
    corners = list(found.values())
    assert all(max(abs(a[0] - b[0]), abs(a[1] - b[1])) >= 128 for a in corners for b in corners if a != b)


@pytest.mark.parametrize("shape", [(5, 7), (64, 300), (16, 16)])
def test_small_and_flat_scenes_have_a_viewer(shape):
    flat = viewer.render({"PAN": np.zeros(shape), "EXP": np.ones((3, *shape))})
    made, _ = viewer.scene("tiny", flat, ("EXP", "x"), 10**6)
    assert f"data-width={shape[1]} data-height={shape[0]}" in made


def test_a_scene_keeps_to_its_budget_by_a_smaller_window():
    noise = np.random.default_rng(3).integers(0, 2000, (3, 1200, 900)).astype(np.float32)
    view = viewer.render({"PAN": noise[0], "EXP": noise, "anypan-s": noise})
    made = "".join(viewer.scene("noise", view, ("EXP", "anypan-s"), 1_400_000))
    assert len(made) < 1_450_000
    assert "from the centre of 900" in made


def whole_look(side=120, bands=5):
    """A look with all there is: a bright corner stretches the range, so that small values are few levels."""
    layers = scene_layers(side)
    rng = np.random.default_rng(8)
    truth = rng.uniform(50, 300, (bands, side, side)).astype(np.float32)
    truth[:, :2, :2] = 2000
    cubes = {"EXP": truth + 30, "MTF-GLP-FS": truth + rng.normal(0, 9, truth.shape), "anypan-s": truth + 1,
             "reference": truth}  # fmt: skip
    errors = {name: np.abs(cubes[name] - truth).mean(0) / truth.mean() for name in list(cubes)[:3]}
    spectra = Spectra(cubes, [f"b{n}" for n in range(bands)], [500.0 + 80 * n for n in range(bands)])
    return Look({**layers, "reference": layers["EXP"]}, "Against the truth", errors, spectra, ["PAN", "EXP"])


def test_spectra_keep_to_their_room_by_fewer_pixels_and_give_way_in_the_end():
    spectra = whole_look().spectra
    strides = []
    for room in (1_000_000, 60_000, 20_000):
        made = look.packed(spectra, (10, 20), (80, 64), room)
        assert len(json.dumps(made)) <= room
        strides.append(made["stride"])
        assert made["shape"] == [len(range(made["stride"] // 2, length, made["stride"])) for length in (80, 64)]
    assert strides[0] == 1 and strides == sorted(set(strides))
    assert look.packed(spectra, (0, 0), (80, 64), 200) is None


def test_error_maps_share_one_scale_and_brighten_with_the_error():
    view = viewer.render(whole_look())
    assert list(view.errors) == ["EXP", "MTF-GLP-FS", "anypan-s"] and view.errors["EXP"].shape == (120, 120, 3)
    ramp = pictures.error_picture(np.linspace(-1, 2, 400).reshape(20, 20), 1.0).astype(int).sum(-1).ravel()
    assert (np.diff(ramp) >= 0).all() and ramp[0] == sum(pictures.ERROR_COLOURS[0])
    assert view.errors["EXP"].mean() > view.errors["MTF-GLP-FS"].mean() > view.errors["anypan-s"].mean()


def test_a_look_keeps_to_its_budget_with_all_it_shows():
    made = "".join(viewer.scene("noise", viewer.render(whole_look(400)), ("EXP", "anypan-s"), 900_000))
    assert 400_000 < len(made) < 920_000 and '"stride"' in made and "class=closer" in made


def test_a_page_of_many_scenes_stays_within_its_size(tmp_path, monkeypatch):
    """A twentieth of the pictures for four scenes is what a page of forty gives each, halved; all would be more."""
    monkeypatch.setattr(benchmark, "TOTAL", benchmark.TOTAL // 20)
    shown = [whole_look(320), Look(scene_layers(320), close=())]
    found = [row("EXP", f"s-{n}", Q2n=0.5) for n in range(4)]
    page = write(found, tmp_path, METRICS, pictures=lambda scene: shown)
    assert benchmark.TOTAL / 2 < page.stat().st_size < 60 / 54 * benchmark.TOTAL


def test_layers_of_different_size_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        viewer.render({"PAN": np.zeros((8, 8)), "EXP": np.zeros((3, 4, 4))})
    with pytest.raises(ValueError, match="differ in size"):
        viewer.render(Look({"EXP": np.zeros((3, 8, 8))}, errors={"EXP": np.zeros((4, 4))}))
    with pytest.raises(ValueError, match="not"):
        viewer.render({"EXP": np.zeros((4, 8, 8))})


# --- in a browser ---

TABLES = """async (found) => {
  const saved = {};
  Blob = class { constructor(parts) { this.text = parts.join(""); } };
  URL.createObjectURL = (blob) => blob.text; URL.revokeObjectURL = () => {};
  HTMLAnchorElement.prototype.click = function () { saved[this.download] = this.getAttribute("href"); };
  const [csv, latex] = document.querySelector(".exports").querySelectorAll("button");
  csv.click(); latex.click(); found.saved = { ...saved };
  for (const one of document.querySelectorAll(".exports button")) one.click(); // none may fail
  const radar = document.querySelector(".radars"), box = radar.querySelector("input");
  const outline = () => getComputedStyle(radar.querySelector("g[data-method]")).display;
  found.radar = [outline()]; box.click(); found.radar.push(outline());
  const table = document.querySelector("table.sortable");
  const methods = () => [...table.tBodies[0].rows].map((line) => line.cells[0].textContent);
  const button = table.tHead.rows[0].cells[1].querySelector("button");
  button.click(); found.down = methods(); found.aria = table.tHead.rows[0].cells[1].ariaSort;
  button.click(); found.up = methods();
  document.getElementById("theme").click(); found.theme = document.documentElement.dataset.theme;
  found.links = document.querySelectorAll("header a").length;
  found.scenes = document.querySelectorAll(".scenes a").length;
  found.wide = document.documentElement.scrollWidth - innerWidth;
  found.alien = document.querySelectorAll("section script:not([type])").length;
}"""
VIEWER = """(found) => {
  const figure = document.querySelector(".viewer");
  found.ready = viewers.has(figure);
  const [left, right] = figure.querySelectorAll(".stage img");
  const stage = figure.querySelector(".stage"), swipe = figure.querySelector(".swipe");
  const press = (key) => stage.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  found.widths = [left.naturalWidth, right.naturalWidth];
  found.shown = [left.alt, right.alt];
  swipe.value = 25; swipe.dispatchEvent(new Event("input"));
  found.clip = right.parentElement.style.clipPath;
  figure.querySelector("[data-zoom='4']").click();
  const before = left.style.transform; press("ArrowDown");
  found.moved = before !== left.style.transform; found.together = left.style.transform === right.style.transform;
  found.scale = left.style.transform.match(/scale\\((.*)\\)/)[1];
  const drag = (element, from, to) => { // a made-up pointer cannot be captured
    element.setPointerCapture = () => {}; element.hasPointerCapture = () => true;
    for (const [name, [clientX, clientY]] of [["pointerdown", from], ["pointermove", to]]) {
      element.dispatchEvent(new PointerEvent(name, { clientX, clientY, bubbles: true }));
    }
  };
  const place = () => left.style.transform.match(/-?[\\d.]+/g).map(Number);
  const box = stage.getBoundingClientRect(), start = place();
  drag(stage, [200, 200], [190, 230]);
  found.dragged = [place()[0] - start[0], place()[1] - start[1]];
  drag(figure.querySelector(".edge"), [0, 0], [box.left + box.width * 0.6, 0]);
  found.edge = Number(swipe.value);
  press("x"); found.swapped = [left.alt, right.alt];
  press("0"); found.fit = figure.querySelector("[data-zoom=fit]").getAttribute("aria-pressed");
  const select = figure.querySelector("select"); select.value = "PAN"; select.dispatchEvent(new Event("change"));
  found.chosen = left.alt;
  document.body.style.width = "390px"; found.wide = document.body.scrollWidth - 390;
  document.querySelector(".goto").click(); found.gone = left.style.transform.includes("scale(2)");
}"""


@pytest.mark.parametrize("width", [1200, 390])
def test_the_benchmark_page_sorts_and_fetches_nothing(tmp_path, width):
    page = write(many_rows(), tmp_path, METRICS, CLASSICAL, pictures={"a-01": scene_layers(), HOSTILE: scene_layers()})
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:|//)""", text)
    found = browse(page, TABLES, tmp_path, width)
    assert found["seen"] == [] and found["fetched"] == [] and found["alien"] == 0
    assert found["down"] == ["anypan-s", "MTF-GLP-FS", "GSA", "EXP"] and found["aria"] == "descending"
    assert found["up"] == found["down"][::-1]
    assert found["theme"] in ("light", "dark") and found["links"] == 6 and found["scenes"] == 2
    assert found["wide"] <= 0 and found["radar"] == ["inline", "none"]
    group = next(iter(rows.groups(many_rows())))
    table = tables.build(rows.groups(many_rows())[group], METRICS, CLASSICAL)
    name = "reduced-resolution-ratio-4-physical-mode-mean-over-2-sensors-4-scenes"
    caption = "Reduced resolution, ratio 4, physical mode: mean over 2 sensors, 4 scenes"
    assert found["saved"] == {name + ".csv": exports.csv_text(table), name + ".tex": exports.latex(table, caption)}


LOOK = """async (found) => {
  const figure = document.querySelector(".viewer"), seen = viewerOf(figure);
  await seen.profile.ready;
  const stage = figure.querySelector(".stage"), field = figure.querySelector(".panels");
  const press = (key, more) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  const at = (column, row) => { // the pointer, without a button
    const box = stage.getBoundingClientRect(), [left, top] = seen.offset(), scale = seen.scale();
    stage.dispatchEvent(new PointerEvent("pointermove", { bubbles: true,
      clientX: box.left + left + (column + 0.5) * scale, clientY: box.top + top + (row + 0.5) * scale }));
  };
  const values = () => seen.profile.packed.names.map((name, rank) => seen.profile.values(rank, ...seen.pixel));
  stage.focus();
  at(30, 70); found.pixel = seen.pixel; found.stride = seen.profile.stride; found.values = values();
  press("ArrowRight", { shiftKey: true }); found.stepped = seen.pixel; found.next = values();
  found.caption = figure.querySelector(".values caption").textContent;
  found.lines = figure.querySelectorAll(".spectra .curve").length;
  found.cells = figure.querySelectorAll(".values tbody td").length;
  const image = figure.querySelector(".right img"), plain = image.src;
  press("e"); found.error = [image.alt, image.src !== plain, figure.querySelector(".scale").hidden];
  press("e"); found.plain = image.src === plain;
  press("n"); found.turned = image.alt; press("N"); found.left = figure.querySelector(".left img").alt;
  press("g"); found.focus = document.activeElement === field; found.hidden = [stage.hidden, field.hidden];
  press("2"); press("ArrowLeft");
  const places = [...field.querySelectorAll("img")].map((one) => one.style.transform);
  found.panels = places.length; found.together = new Set(places).size; found.place = places[0];
  seen.zoomAt([60, 60], 1.5); found.scale = seen.scale();
  const wheel = (ctrlKey) => field.dispatchEvent(new WheelEvent("wheel", { deltaY: -60, ctrlKey, bubbles: true }));
  wheel(false); found.scrolled = seen.scale(); wheel(true); found.wheeled = seen.scale();
  press("g"); found.back = document.activeElement === stage;
  found.wide = document.documentElement.scrollWidth - innerWidth;
}"""


@pytest.mark.parametrize("width", [1200, 390])
def test_a_look_has_error_maps_panels_and_the_spectra_of_a_pixel(tmp_path, width):
    seen = whole_look()
    page = write(many_rows(), tmp_path, METRICS, CLASSICAL, pictures={"a-01": seen})
    found = browse(page, LOOK, tmp_path, width)
    assert found["seen"] == [] and found["fetched"] == []
    assert found["stride"] == 1 and found["pixel"] == [30, 70] and found["stepped"] == [31, 70]
    cubes = np.stack(list(seen.spectra.cubes.values()))
    span = np.ptp(cubes, axis=(0, 2, 3))
    for values, column in ((found["values"], 30), (found["next"], 31)):
        assert (np.abs(np.array(values) - cubes[:, :, 70, column]) / span).max() < 0.004
    assert "Row 70, column 31" in found["caption"] and found["lines"] == 4 and found["cells"] == 4 * 5
    assert found["error"] == ["anypan-s: error", True, False] and found["plain"]
    assert found["turned"] == "difference" and found["left"] == "MTF-GLP-FS"
    assert found["focus"] and found["hidden"] == [True, False] and found["back"]
    assert found["panels"] == 6 and found["together"] == 1 and "scale(2)" in found["place"]
    assert found["scale"] == pytest.approx(3) and found["scrolled"] == found["scale"] < found["wheeled"]
    assert found["wide"] <= 0


def test_the_viewer_swipes_zooms_moves_and_swaps(tmp_path):
    facts = {"method": "anypan-s", "grid": HOSTILE, "notes": ["one", "two"]}
    scores = {"Without a truth": {"EXP": {"D_rho": 0.5}, "anypan-s": {"D_rho": 0.1, "unknown": 3}}}
    page = fusion_page(tmp_path / "look.html", scene_layers(), facts, scores, METRICS)
    unseen = "window.IntersectionObserver = class { observe() {} };"  # as while no frame is drawn
    found = browse(page, VIEWER, tmp_path, width=500, script=unseen)
    assert found["seen"] == [] and found["fetched"] == []
    assert found["ready"] and found["widths"] == [200, 200] and found["shown"] == ["EXP", "anypan-s"]
    assert found["clip"] == "inset(0px 0px 0px 25%)" and found["scale"] == "4"
    assert found["moved"] and found["together"] and found["swapped"] == ["anypan-s", "EXP"]
    assert found["fit"] == "true" and found["chosen"] == "PAN" and found["gone"]
    assert found["dragged"] == [-10, 30] and found["edge"] == 60
    assert found["wide"] <= 0

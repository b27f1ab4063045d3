"""The page about training runs shows what the logs say, and nothing else."""

import json
import re

import pytest
from click.testing import CliRunner

from anypan.cli import cli
from anypan.report import training_page
from anypan.report.plots import curves, standalone, thinned
from anypan.runtime.errors import UserError


def log(folder, count=30, loss=1.0, **more):
    folder.mkdir(parents=True)
    same = {"rate": 0.001, "samples_per_second": 40.0, "waiting": 0.2}
    rows = [same | {"step": 20 * n, "loss": loss / n, "seconds": 6.0 * n} for n in range(1, count + 1)]
    for row in rows[9::10]:
        row["validation"] = row["loss"] / 2
    (folder / "log.jsonl").write_text("".join(json.dumps(row | more) + "\n" for row in rows))
    return folder


def figures(html):
    return dict(re.findall(r"<figure class=plot><figcaption>(.*?)</figcaption>(<svg.*?</svg>)", html))


def test_runs_are_laid_over_each_other(tmp_path):
    folders = [log(tmp_path / "a"), log(tmp_path / "b<", loss=2.0)]
    path = training_page(folders)
    html = path.read_text()
    assert path == folders[0] / "training.html"
    assert (
        "http" not in html.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
        and "b&lt;" in html
        and "b<<" not in html
    )
    shown = figures(html)
    assert len(shown) == 5  # no GPU memory, no figure of it
    assert all(svg.count("class='curve run") == 2 for svg in shown.values())
    assert "<td>600</td><td>3.0</td><td>0.01667</td><td>600</td><td>0.01667</td><td>0</td>" in html


def test_a_log_may_be_named_itself_and_runs_of_one_name_are_told_apart(tmp_path):
    folders = [log(tmp_path / "one" / "run"), log(tmp_path / "two" / "run", gpu_mib=300)]
    html = training_page([folders[0] / "log.jsonl", folders[1]], tmp_path / "out").read_text()
    assert "one/run" in html and "two/run" in html
    assert len(figures(html)) == 6


def test_steps_repeated_after_a_stop_count_once(tmp_path):
    folder = log(tmp_path / "a", 10)
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": 100, "loss": 9.0, "broken": ["x.png", "y.png"]}) + "\n")
    html = training_page([folder]).read_text()
    assert "step 100: 9<" in html and html.count("step 100: ") == 1  # the row that was left behind is gone
    assert "<td>2</td></tr>" in html


def test_a_curve_goes_from_corner_to_corner_and_is_thinned():
    svg = curves({"line": [(0.0, 0.0), (100.0, 1.0)]}, ("step", "loss"), 0.0)
    (start_x, start_y), (end_x, end_y) = (
        map(float, p.split()) for p in re.search(r"d='M([\d. L]+)'", svg)[1].split("L")
    )
    assert start_x < end_x and start_y > end_y
    many = [(float(n), 1.0) for n in range(5001)]
    assert len(thinned(many)) <= 601 and thinned(many)[0] == many[0] and thinned(many)[-1] == many[-1]
    assert curves({"empty": []}, ("step", "loss")) == ""


def test_curves_of_a_file_of_their_own_have_names_colours_and_intervals():
    lines = {"one": [(1.0, 0.0), (2.0, 1.0)], "two": [(1.0, 0.5), (2.0, 0.5)]}
    svg = curves(
        lines, ("tiles", "%"), named=True, whiskers={"one": [(-1.0, 1.0), (0.5, 1.5)]}, said="{:g} tiles".format
    )
    drawn = standalone(svg)
    assert drawn.count("class='named run") == 2 and ".run1{--run:" in drawn and "1 tiles" in drawn
    (bars,) = re.findall(r"class='curve thin run0' d='([^']+)'", drawn)
    ends = [tuple(map(float, bar.split("V"))) for bar in re.findall(r"M[\d.]+ ([\d.]+V[\d.]+)", bars)]
    assert len(ends) == 2 and ends[0][0] - ends[0][1] == pytest.approx(2 * (ends[1][0] - ends[1][1]), abs=0.2)


def test_an_empty_log_and_a_run_named_twice_are_refused(tmp_path):
    folder = log(tmp_path / "a")
    with pytest.raises(UserError, match="twice"):
        training_page([folder, folder / "log.jsonl"])
    (folder / "log.jsonl").write_text("")
    with pytest.raises(UserError, match="no rows of training"):
        training_page([folder])


def test_the_verb_takes_runs_or_rows_not_both(tmp_path):
    folder = log(tmp_path / "a")
    said = CliRunner().invoke(cli, ["report", str(folder)])
    assert said.exit_code == 0 and said.stdout.strip() == str(folder / "training.html")
    (tmp_path / "rows.jsonl").write_text("{}\n")
    for arguments, word in (
        ([str(tmp_path / "rows.jsonl")], "-o"),
        ([str(folder), str(tmp_path / "rows.jsonl")], "one page"),
    ):
        refused = CliRunner().invoke(cli, ["report", *arguments])
        assert refused.exit_code == 2 and word in refused.stderr

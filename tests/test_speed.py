"""The page about speed says what its rows say; what is measured there is measured right."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from anypan.report import documents

FOLDER = Path(__file__).parents[1] / "speed"


@pytest.fixture
def speed():
    spec = importlib.util.spec_from_file_location("speed", FOLDER / "speed.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rows():
    """A machine of 100 GFLOP/s on which everything is easy to reckon."""
    shape = {"figure": "convolution", "shape": "1 x 8 to 8, 3 x 3, 64", "layout": "channels_last"}
    found = [shape | {"gflops": 40.0, "intensity": 30.0}, shape | {"gflops": 100.0, "intensity": 30.0}]
    found.append({"figure": "bandwidth", "gb_s": 10.0})
    found.append({"figure": "block", "shape": "16 x 560", "gflops": 60.0})
    alone = {"figure": "network", "side": 1000, "intensity": 50.0}
    found.append(alone | {"method": "anypan-s", "bands": 4, "macs": 25_000, "seconds": 1.0, "gflops": 50.0})
    found.append(
        {"figure": "former", "side": 1000, "commit": "abc", "former": 4.0, "now": 3.0, "gdal_pansharpen.py": 0.5}
    )
    for method, bands, side, seconds in (
        ("anypan-s", 4, 1000, 2.0), ("anypan-s", 8, 1000, 3.0), ("anypan-s", 4, 2000, 8.0), ("PanNet", 4, 1000, 6.0),
        ("GSA", 4, 1000, 0.3), ("gdal_pansharpen.py", 4, 1000, 0.1),
    ):  # fmt: skip
        fused = {"figure": "fuse", "method": method, "bands": bands, "side": side, "seconds": seconds}
        found.append(fused | {"output": "COG", "stages": {"read": seconds / 10, "fuse": seconds / 2}})
    found += [{"figure": "start", "command": name, "seconds": s} for name, s in (("import torch", 2.0), ("other", 0.2))]
    return [row | {"machine": "a machine", "threads": 1} for row in found]


def test_the_table_says_what_the_rows_say(speed, rows):
    said = speed.table(rows)
    for cell in (
        "100 GFLOP/s", "10.0 GB/s", "1.00 Mpixel/s, 50% of the peak", "0.50 Mpixel/s, 25% of the peak", "1.00 x",
        "60 GFLOP/s, 60% of the peak", "1.50 x the time", "read 10%, fuse 50%", "3.0 x as fast",
        "3.0 x the time, 3.33 Mpixel/s", "0.75 x, 6.0 x the time",
        "0.20 s, 0.10 x the import of torch",
    ):  # fmt: skip
        assert f"| {cell} |" in said


def test_of_machines_and_of_repeated_figures_the_last_counts(speed, rows):
    other = {"figure": "bandwidth", "gb_s": 99.0, "machine": "another", "threads": 1}
    assert "99.0" not in speed.table([other, *rows]) and "40 GFLOP/s" not in speed.table(rows)
    assert speed.table([*rows, other]).count("|\n") == 3


def test_a_missing_program_is_said_not_reckoned(speed, rows):
    kept = [row for row in rows if row.get("method") != speed.GDAL]
    absent = rows[-3] | {"method": speed.GDAL, "missing": "gdal_pansharpen.py is not installed"}
    absent.pop("seconds")
    assert "| gdal_pansharpen.py is not installed |" in speed.table([*kept, absent])
    assert "GSA against" not in speed.table([*kept, absent])


def test_the_plot_puts_the_roof_where_bandwidth_meets_the_peak(speed, rows):
    drawn = speed.plot(rows)
    path = drawn.split("class=ideal d='M")[1].split("'")[0]
    corners = [tuple(map(float, pair.split())) for pair in path.split("L")]
    # three decades across 482 px; 10 GB/s reach 100 GFLOP/s at 10 FLOP a byte, the end of the first
    assert corners[1][0] == pytest.approx(58 + 482 / 3, abs=0.1) and corners[1][1] == corners[2][1]
    assert drawn.count("<circle") == 3 and ">anypan-s, file to file</text>" in drawn


def test_the_published_page_is_up_to_date(speed):
    assert not documents.stale(speed.wanted(FOLDER.parent)), "run python speed/speed.py"


def test_stages_add_up(tmp_path, monkeypatch):
    """In a process of its own, as the benchmark runs it."""
    monkeypatch.syspath_prepend(FOLDER)
    from memory import make_scene
    from roofline import Bench, _fused

    assert callable(make_scene)
    row = _fused(Bench((128,), 1, str(tmp_path)), "GSA", 128, 3, ("DRIVER=GTiff",))
    assert set(row["stages"]) == {"open and register", "fit", "read", "fuse", "write", "compress"}
    assert 0.5 * row["seconds"] < sum(row["stages"].values()) <= 1.01 * row["seconds"]
    assert json.dumps(row) and not list(tmp_path.iterdir()) and "roofline" in sys.modules

"""The plug-in of QGIS: the calls that it makes, what it reads of their progress, and a run within QGIS."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pairs import landscape, write_pair

import anypan
from anypan.cli import cli

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "qgis"))
from anypan_provider.command import Failed, Wish, percent, run, words  # noqa: E402

PLUGIN = ROOT / "qgis" / "anypan_provider"
QGIS = "/usr/bin/python3"  # the Python that Debian's QGIS belongs to


def _script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def program(tmp_path: Path) -> str:
    """The command as if installed: QGIS's own paths are not passed on."""
    source = Path(anypan.__file__).parents[1]
    return _script(tmp_path / "anypan", f"PYTHONPATH='{source}' exec '{sys.executable}' -m anypan \"$@\"")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    pan, ms = write_pair(tmp_path, *(image.astype("u2") for image in landscape(96, 120)), nodata=0)
    return str(pan), str(ms)


def test_metadata_say_all_that_qgis_wants() -> None:
    parser = configparser.ConfigParser()
    parser.read(PLUGIN / "metadata.txt", encoding="utf-8")
    said = parser["general"]
    for key in ("name", "description", "about", "version", "qgisMinimumVersion", "author"):
        assert said[key].strip()
    assert said["version"] == anypan.__version__ and said["hasProcessingProvider"] == "yes"


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(("pan.tif", "ms.tif"), "out.tif"), {"method": "anypan-s", "register": True, "orthorectify": False}),
        (Wish(("-pan.tif", "a.tif", "b.tif"), "out.tif", "GSA", "3, 1"), {"method": "GSA", "bands": [3, 1]}),
        (Wish(("a folder",), "out.tif", dtype="uint16", sensor="GF2"), {"dtype": "uint16", "sensor": "GF2", "ms": ()}),
        (Wish(("p", "m"), "o.tif", register=False, orthorectify=True), {"register": False, "orthorectify": True}),
        (Wish(("p", "m"), "o.tif", orthorectify="d e m.tif"), {"orthorectify": "d e m.tif"}),
    ],
)
def test_the_command_understands_its_calls(wish: Wish, expected: dict[str, object]) -> None:
    call = words("anypan", wish)
    parsed = cli.commands[call[1]].make_context("fuse", call[2:]).params
    assert {key: parsed[key] for key in expected} == expected
    assert (parsed["pan"], *parsed["ms"], parsed["out"]) == (*wish.inputs, wish.out) and parsed["overwrite"]


def test_a_run_tells_its_progress_and_makes_the_file(program: str, pair: tuple[str, str], tmp_path: Path) -> None:
    said, done = [], []
    run(words(program, Wish(pair, str(tmp_path / "out.tif"), "EXP")), said.append, done.append, lambda: False)
    assert (tmp_path / "out.tif").exists() and done and done == sorted(done) and done[-1] == 100
    assert any(line.startswith("output") for line in said) and not any(percent(line) is not None for line in said)


def test_what_goes_wrong_is_the_sentence_of_the_command(program: str, pair: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"swapped|has 3 bands"):
        run(words(program, Wish(pair[::-1], str(tmp_path / "out.tif"), "EXP")), print, print, lambda: False)
    with pytest.raises(Failed, match="install anypan, or give its path"):
        run(words(str(tmp_path / "nowhere"), Wish(pair, "out.tif")), print, print, lambda: False)


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_cancelled_run_ends(tmp_path: Path, stubborn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anypan_provider.command.PATIENCE", 1.0)
    handler = "" if stubborn else f"kill $!; touch '{tmp_path}/swept'; exit 143"
    program = _script(
        tmp_path / "slow", f"trap '{handler}' TERM\necho 'fusing 10 % (1 of 10)' >&2\nsleep 60 >/dev/null 2>&1 &\n"
        "while true; do wait; sleep 0.1 >/dev/null 2>&1; done"
    )  # fmt: skip
    done: list[float] = []
    start = time.monotonic()
    run([program], print, done.append, lambda: bool(done) or time.monotonic() > start + 30)
    assert done == [10] and (tmp_path / "swept").exists() != stubborn


HEADLESS = """
import sys
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback, QgsRasterLayer
app = QgsApplication([], False)
app.initQgis()
sys.path.append("/usr/share/qgis/python/plugins")
import anypan_provider
plugin = anypan_provider.classFactory(None)
plugin.initProcessing()
registry = QgsApplication.processingRegistry()
assert registry.algorithmById("anypan:pansharpenproduct") is not None
algorithm = registry.algorithmById("anypan:pansharpen")
program, pan, ms, out = sys.argv[1:]
feedback, context, seen = QgsProcessingFeedback(), QgsProcessingContext(), []
feedback.progressChanged.connect(seen.append)
layers = [QgsRasterLayer(path, path) for path in (pan, ms)]
given = {"PAN": layers[0], "MS": [layers[1]], "METHOD": "EXP", "BANDS": "3,1", "COMMAND": program, "OUTPUT": out}
ok, message = algorithm.checkParameterValues(given, context)
assert ok, message
results, ok = algorithm.run(given, context, feedback)
print(feedback.textLog())
assert ok and results["OUTPUT"] == out and seen and max(seen) == 100, (results, seen)
made = QgsRasterLayer(out, "made")
assert made.isValid() and made.bandCount() == 2 and made.width() == 120
bad, ok = algorithm.run(given | {"METHOD": "none such"}, context, feedback)
assert not ok and "No method is called" in feedback.textLog()
plugin.unload()
assert registry.algorithmById("anypan:pansharpen") is None
print("all is well")
"""


def _has_qgis() -> bool:
    if shutil.which(QGIS) is None:
        return False
    return subprocess.run([QGIS, "-c", "import qgis.core"], capture_output=True).returncode == 0


@pytest.mark.skipif(not _has_qgis(), reason="no QGIS here: apt-get install python3-qgis")
def test_within_qgis(program: str, pair: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "headless.py").write_text(HEADLESS)
    where = {
        "PATH": "/usr/bin:/bin",
        "QT_QPA_PLATFORM": "offscreen",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(PLUGIN.parent),
    }
    call = [QGIS, str(tmp_path / "headless.py"), program, *pair, str(tmp_path / "out.tif")]
    done = subprocess.run(call, capture_output=True, text=True, env=where, cwd=tmp_path, timeout=400)
    assert "all is well" in done.stdout, done.stdout[-2000:] + done.stderr[-3000:]

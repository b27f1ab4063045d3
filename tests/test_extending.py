"""docs/extending.md followed to the letter in a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import test_golden_methods
from copies import lend_bytecode

ROOT = Path(__file__).resolve().parents[1]
FILE = re.compile(r"File `([^`]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
LINE = re.compile(r"Line in `([^`]+)`, after `([^`]+)`[^`]*?:\n\n```\w+\n(.*?)```", re.DOTALL)
CONTRACTS = (
    "test_methods.py::test_tiles_equal_the_whole",
    "test_methods.py::test_halo_is_honest",
    "test_methods.py::test_gain_of_everything",
    "test_methods.py::test_offset_of_everything",
    "test_methods.py::test_flat_pan_gives_exp",
    "test_methods.py::test_band_order_permutes_through",
    "test_methods.py::test_invalid_pixels_teach_nothing",
    "test_golden_methods.py",
    "test_metrics.py",
    "test_sensors.py",
    "test_effects.py",
    "test_simulate.py::test_what_is_off_leaves_the_sample_as_with_a_share_of_0_and_it_was_there_before",
    "test_architecture.py",
    "test_resolve.py",
)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with what the page says added."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    lend_bytecode(copy)
    shutil.copy(ROOT / "pyproject.toml", copy)
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    for name, content in FILE.findall(text):
        assert not (copy / name).exists(), name
        (copy / name).write_text(content, encoding="utf-8")
    for name, anchor, line in LINE.findall(text):
        before = (copy / name).read_text(encoding="utf-8")
        assert before.count(f"{anchor}\n") == 1, f"{name} has no line {anchor!r} alone"
        (copy / name).write_text(before.replace(f"{anchor}\n", f"{anchor}\n{line}"), encoding="utf-8")
    return copy


def test_the_page_shows_one_of_each_kind() -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    assert len(FILE.findall(text)) == 4 and len(LINE.findall(text)) == 9


def test_what_is_added_by_the_page_passes_the_contracts(extended: Path) -> None:
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in CONTRACTS)]
    line += ["-k", "Mean or RMSE or Example or vignette or has_a_law or golden_value or imports or screen or public"]
    settings = os.environ | {"PYTHONPATH": str(extended / "src")}
    done = subprocess.run(line, cwd=extended, env=settings, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= 20


def test_a_method_without_a_golden_value_is_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_golden_methods, "CLASSICAL", (*test_golden_methods.CLASSICAL, "Mean"))
    with pytest.raises(AssertionError, match=r"give golden values of \['Mean'\]"):
        test_golden_methods.test_every_classical_method_has_a_golden_value()

"""Names as people type them: methods in any case, without spaces or by alias, and what a shell completes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pairs
import pytest
from click.testing import CliRunner

from anypan.cli import cli
from anypan.judging.contenders import contenders
from anypan.methods import METHODS
from anypan.methods.resolve import ALIASES, resolve, spelt
from anypan.optics.sensors import SENSORS


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_found_in_any_case_and_without_spaces(name: str) -> None:
    for typed in (name.lower(), name.upper(), name.replace(" ", ""), name.replace("-", "_"), f" {name}"):
        assert resolve(typed) == resolve(name)
        assert list(contenders([typed])) == [name]


def test_aliases_name_methods_and_hide_none() -> None:
    assert all(spelt(alias) == name in METHODS for alias, name in ALIASES.items())
    assert all(spelt(name) == name for name in METHODS)
    assert all(any(spelt(alias) == name for alias in ALIASES) for name in METHODS if " " in name)


def test_what_is_no_method_stays_as_it_is() -> None:
    assert spelt("Mine.safetensors+") == "Mine.safetensors+"
    assert spelt("MTF") == "MTF"


def test_the_command_takes_a_method_in_small_letters(tmp_path: Path) -> None:
    pan, ms = landscape_of(tmp_path)
    for method in ("GSA", "gsa", "mtf-glp-fs+c"):
        line = ["fuse", str(pan), str(ms), str(tmp_path / f"{method}.tif"), "-m", method]
        done = CliRunner().invoke(cli, line)
        assert done.exit_code == 0, done.output
    assert "MTF-GLP-FS + consistency" in done.stdout
    assert np.array_equal(pairs.read(tmp_path / "GSA.tif"), pairs.read(tmp_path / "gsa.tif"))


def landscape_of(folder: Path) -> tuple[Path, Path]:
    return pairs.write_pair(folder, *pairs.landscape(48, 48))


def completed(line: str) -> list[str]:
    """What bash is offered for the last word of a command line."""
    asked = {"_ANYPAN_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    command = [sys.executable, "-m", "anypan"]
    done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=True, timeout=120)
    return [row.split(",", 1)[1] for row in done.stdout.splitlines()]


def test_the_shell_completes_methods_and_sensors() -> None:
    found = completed("anypan fuse -m mtf")
    assert {spelt(name) for name in found} == {name for name in METHODS if name.startswith("MTF")}
    assert not any(" " in name for name in found)
    assert completed("anypan assess --sensor landsat") == [name for name in SENSORS if name.startswith("Landsat")]

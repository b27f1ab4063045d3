"""rio anypan: found by rasterio's command as a plug-in, and the same as anypan fuse."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import numpy as np
import pairs
import pytest
from click.testing import CliRunner, Result
from rasterio.rio.main import main_group

import anypan
from anypan.cli.fuse import fuse

GROUP = "rasterio.rio_plugins"
ROOT = Path(__file__).resolve().parents[1]


def declared() -> EntryPoint:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return EntryPoint("anypan", project["entry-points"][GROUP]["anypan"], GROUP)


def rio(*arguments: object) -> Result:
    command = declared().load()
    main_group.add_command(command)
    return CliRunner().invoke(main_group, ["anypan", *map(str, arguments)])


def test_it_gives_what_fuse_gives(tmp_path: Path) -> None:
    pan, ms = pairs.write_pair(tmp_path, *pairs.landscape(48, 48))
    done = rio(pan, ms, tmp_path / "one.tif", "-m", "gsa", "--tile", 32)
    assert done.exit_code == 0 and "GSA" in done.stdout, done.output
    anypan.fuse(pan, ms, tmp_path / "two.tif", "GSA")
    assert np.array_equal(pairs.read(tmp_path / "one.tif"), pairs.read(tmp_path / "two.tif"))


def test_a_mistake_is_one_sentence(tmp_path: Path) -> None:
    pan, ms = pairs.write_pair(tmp_path, *pairs.landscape(48, 48))
    done = rio(ms, pan, tmp_path / "one.tif")
    assert done.exit_code == 2 and "a PAN has one" in done.stderr and "Traceback" not in done.output


def test_it_has_the_options_of_fuse_and_its_own_name() -> None:
    command = declared().load()
    assert command.name == "anypan" and command.params == fuse.params
    assert "rio anypan pan.tif" in rio("--help").stdout


def test_rasterio_finds_it(tmp_path: Path) -> None:
    if "anypan" not in entry_points(group=GROUP).names:
        if os.environ.get("CI") == "true":
            pytest.fail("the plug-in is not installed: on CI the package is installed anew")
        pytest.skip("anypan was installed before it had a plug-in: install it again")
    line = [sys.executable, "-c", "from rasterio.rio.main import main_group; main_group()", "--help"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=120)
    assert any(row.split()[:1] == ["anypan"] for row in done.stdout.splitlines())

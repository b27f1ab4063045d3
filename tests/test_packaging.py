"""What is handed out: the source archive carries all that its tests need, and says where it runs."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from copies import lend_bytecode

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ASIDE = (".ci/", ".gitignore", ".pre-commit-config.yaml")  # of the repository, not of the package


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, built and unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    lend_bytecode(folder / archive.name.removesuffix(".tar.gz"))
    return folder / archive.name.removesuffix(".tar.gz")


def test_the_source_archive_has_everything_that_is_tracked(unpacked: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no repository to compare with")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    tracked = [name for name in listed.stdout.split("\0") if name and not name.startswith(ASIDE)]
    assert not [name for name in tracked if (ROOT / name).exists() and not (unpacked / name).exists()]


def test_tests_of_the_source_archive_run(unpacked: Path) -> None:
    """Some are run, on the archive's own package: all that they read is there, as the test above says."""
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/test_sensors.py",
        "tests/test_window.py",
    ]
    elsewhere = {name: value for name, value in os.environ.items() if name != "CI"}  # without the real scenes
    told = elsewhere | {"PYTHONPATH": str(unpacked / "src")}
    done = subprocess.run(line, cwd=unpacked, env=told, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d{2,} passed", done.stdout) is not None, done.stdout[-300:]


def test_what_each_extra_brings_is_tested() -> None:
    """Extras are in dev, too, and none of them is needed to install anypan."""
    bare = {name: set(map(_name, _whole(wanted))) for name, wanted in PROJECT["optional-dependencies"].items()}
    core = {_name(one) for one in PROJECT["dependencies"]}
    assert not [name for name, wanted in bare.items() if name != "dev" and not wanted <= bare["dev"]]
    assert not [name for name, wanted in bare.items() if wanted & core]


def _whole(wanted: list[str]) -> list[str]:
    """Requirements with those of another extra of the package in its place."""
    extras = PROJECT["optional-dependencies"]
    own = [name for one in wanted if one.startswith("anypan[") for name in one[len("anypan[") : -1].split(",")]
    return [one for one in wanted if not one.startswith("anypan[")] + [one for name in own for one in extras[name]]


def _name(requirement: str) -> str:
    return requirement.split(">")[0].split("[")[0].strip().lower()


def test_every_requirement_has_a_tested_version() -> None:
    pins = {line.split("==")[0].lower().replace("_", "-") for line in _lines() if "==" in line}
    extras = PROJECT["optional-dependencies"].values()
    wanted = {*PROJECT["dependencies"], *(one for listed in extras for one in _whole(listed))}
    assert not [one for one in wanted if _name(one).replace("_", "-") not in pins]


def _lines() -> list[str]:
    return (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_the_versions_of_python_are_said() -> None:
    said = {line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if line.startswith("Programming Language")}
    assert {"3", "3.11", "3.12", "3.13"} <= said

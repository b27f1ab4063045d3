"""What a release says of itself agrees, and its extras are made from what is there."""

import importlib.util
import re
import shutil
import subprocess

import pytest
import yaml
from pages import ROOT

import anypan
from anypan.cli import cli

_SPEC = importlib.util.spec_from_file_location("release", ROOT / "runs" / "release.py")
release = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(release)


def test_the_version_is_the_same_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)[1]
    assert cited["version"] == newest == anypan.__version__


def test_the_citation_has_what_an_archive_asks_for():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"title", "abstract", "authors", "license", "version", "date-released", "keywords", "type"} <= cited.keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", cited["date-released"]) and cited["license"] == "Apache-2.0"


def test_the_manual_has_every_command():
    text = release.manual()
    assert all(f".SH ANYPAN {name.upper()}\n" in text for name in cli.commands)
    if shutil.which("man"):
        said = subprocess.run(["man", "--warnings", "-l", "-"], input=text, capture_output=True, text=True, check=False)
        assert said.returncode != 0 or "Sharpen MS with PAN" in said.stdout


def test_the_bill_of_materials_lists_what_is_installed():
    made = release.materials([["anypan", "1", ""], ["numpy", "2.4", "BSD-3-Clause\nmore"]])
    assert made["bomFormat"] == "CycloneDX" and [part["name"] for part in made["components"]] == ["numpy"]
    assert made["components"][0]["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]


def test_the_first_page_is_short_and_names_the_commands():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 90
    text = "\n".join(lines)
    words = ("make demo", "make test", "--index-url https://download.pytorch.org/whl/cpu", "<!-- table:short -->")
    assert all(word in text for word in words)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "README.md"])
def test_links_of_the_front_pages_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    linked = {target for target in re.findall(r"\]\(([^)#:]+)\)", text)} - {"SECURITY.md"}  # which may come later
    assert linked and not [target for target in linked if not (ROOT / target).exists()]


def test_what_an_earlier_release_left_is_cleared_and_nothing_else(tmp_path):
    for name in ("anypan-0.0.1-py3-none-any.whl", "anypan-0.0.1.tar.gz", "anypan.1", "anypan.cdx.json", "thesis.tex"):
        (tmp_path / name).write_text("")
    (tmp_path / "photos").mkdir()
    release.clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "thesis.tex"]

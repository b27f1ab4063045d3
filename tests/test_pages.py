"""Every code block of the documentation runs, on small files."""

import dataclasses
import os
import re
import shutil
import tomllib

import pages
import pytest

from anypan.dataset import SOURCES
from anypan.train import Optimisation

RUN = {str(page.relative_to(pages.ROOT)): page for page in pages.PAGES if any(not b.why for b in pages.blocks(page))}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    pages.inputs(folder)
    return folder


@pytest.fixture
def here(files, tmp_path, monkeypatch):
    """A folder of its own with all files, where the page is followed."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", sorted(RUN))
def test_the_blocks_of_a_page_run_in_order(name, here):
    space = pages.names(here)
    for block in pages.blocks(RUN[name]):
        if not block.why:
            pages.run(block, space)
    assert os.listdir(here)


def test_every_block_says_what_it_is_and_toml_can_be_read():
    """Text is output, a drawing or a part of a file; everything else is run or read."""
    for page in pages.PAGES:
        for kind, text in pages.OPENING.findall(page.read_text(encoding="utf-8")):
            assert kind in ("bash", "sh", "python", "toml", "text"), f"{page.name}: {text[:60]}"
            assert kind != "toml" or tomllib.loads(text)


def test_every_key_of_a_recipe_is_explained():
    page = (pages.ROOT / "docs" / "pretraining.md").read_text(encoding="utf-8")
    kinds = (Optimisation, *SOURCES.values())
    keys = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    assert not sorted(key for key in keys if not re.search(rf"`{key}(`| = )", page))


def test_what_is_not_run_says_why():
    silent = [str(page) for page in pages.PAGES for block in pages.blocks(page) if block.why and len(block.why) < 10]
    assert not silent
    ran = sum(not block.why for page in pages.PAGES for block in pages.blocks(page))
    assert ran > 30, ran

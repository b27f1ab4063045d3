"""Training in pieces on a GPU elsewhere: dry runs on a CPU, at a tiny budget."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from copies import lend_bytecode
from PIL import Image

CARD = Path(__file__).resolve().parents[1] / "runs" / "pretrain" / "card.py"
RECIPE = """
out = "../../elsewhere"
architecture = "anypan-s"

[model]
trunk = 8
band = 8
blocks = 1
bases = 1

[train]
steps = {steps}
scenes = 1
patches = 2
validate_every = 2
validation_batches = 1
log_every = 1
threads = 1

[[sources]]
kind = "webdataset"
path = "tiles.tar"
keys = "^kept"
held_out = "^kept1"
weight = 1
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    with tarfile.open(tmp_path / "tiles.tar", "w") as archive:
        for name in [f"kept{n}" for n in range(12)] + ["left0"]:
            file = io.BytesIO()
            Image.fromarray(rng.integers(0, 255, (288, 288, 3), dtype=np.uint8)).save(file, "PNG")
            member = tarfile.TarInfo(f"{name}.png")
            member.size = len(file.getvalue())
            archive.addfile(member, io.BytesIO(file.getvalue()))
    (tmp_path / "recipe.toml").write_text(RECIPE.format(steps=2))
    return tmp_path


def call(*words, code=0):
    done = subprocess.run([sys.executable, CARD, *map(str, words)], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def names(archive):
    with tarfile.open(archive) as tar:
        return {member.name for member in tar}


def images(archive):
    with tarfile.open(archive) as tar, tarfile.open(fileobj=tar.extractfile("images/0.tar")) as inner:
        return [member.name for member in inner]


def test_two_pieces_in_folders_of_their_own_are_one_run(folder):
    for piece, steps in (("one", 2), ("two", 4)):
        (folder / "recipe.toml").write_text(RECIPE.format(steps=steps))
        resume = ["--resume", folder / "one-made"] if piece == "two" else []
        call("pack", folder / "recipe.toml", "--out", folder / "card.tar", *resume)
        with tarfile.open(folder / "card.tar") as tar:
            tar.extractall(folder / piece, filter="data")
        lend_bytecode(folder / piece)
        words = ["piece", "--out", folder / f"{piece}-made", "--minutes", "4", "--device", "cpu"]
        done = subprocess.run([sys.executable, "card.py", *map(str, words)], cwd=folder / piece, timeout=300)
        assert done.returncode == 0
    assert {"card.py", "recipe.toml", "src/anypan/__init__.py", "images/0.tar"} <= names(folder / "card.tar")
    assert sorted(images(folder / "card.tar")) == sorted(f"kept{n}.png" for n in range(12))
    rows = [json.loads(line) for line in (folder / "two-made" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert (folder / "two-made" / "weights.safetensors").stat().st_size < 2**24


def test_a_small_archive_holds_a_part_of_the_images_always_the_same(folder):
    fixed = 4.7
    call("pack", folder / "recipe.toml", "--out", folder / "a.tar", "--most", fixed)
    call("pack", folder / "recipe.toml", "--out", folder / "b.tar", "--most", fixed)
    assert 0 < len(images(folder / "a.tar")) < 12 and images(folder / "a.tar") == images(folder / "b.tar")
    assert (folder / "a.tar").stat().st_size <= fixed * 2**20
    assert "raise --most" in call("pack", folder / "recipe.toml", "--out", folder / "c.tar", "--most", 0.1, code=1)


def test_weights_of_its_own_and_a_piece_without_time_are_refused(folder):
    (folder / "recipe.toml").write_text('start = "a.safetensors"\n' + RECIPE.format(steps=2))
    assert "--resume" in call("pack", folder / "recipe.toml", "--out", folder / "card.tar", code=1)

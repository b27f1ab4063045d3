"""The study in pieces on a GPU elsewhere: a dry run on a CPU, at a tiny budget."""

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from copies import lend_bytecode
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
CARD = ROOT / "runs" / "paper" / "card.py"
CELLS = ("B/pannet/both/seed1", "C/pannet/from-b/gf2/adapter/seed1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study whose images and scenes lie in the folder, at the smoke budget's sizes."""
    tmp_path = tmp_path_factory.mktemp("study")
    sys.path.insert(0, str(ROOT / "runs" / "paper"))
    from rendered import render_scenes

    render_scenes(tmp_path / "scenes")
    rng = np.random.default_rng(0)
    for name in ("natural-a", "natural-b", "naip-a", "rs-a"):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as archive:
            for number in range(6):
                file = io.BytesIO()
                Image.fromarray(rng.integers(0, 255, (288, 288, 3), dtype=np.uint8)).save(file, "PNG")
                member = tarfile.TarInfo(f"{name}{number}.png")
                member.size = len(file.getvalue())
                archive.addfile(member, io.BytesIO(file.getvalue()))
    text = (ROOT / "runs" / "paper" / "study.toml").read_text()
    text = re.sub(r'"../../../shared/data/pretrain/', '"', text)
    text = re.sub(r"^scenes = \[.*", 'scenes = ["scenes"]', text, count=1, flags=re.MULTILINE)
    text = text.replace("\nscenes = []\n", "\n")
    text = re.sub(r"\[budget.smoke.sources\]\n.*\n.*\n", "", text)
    (tmp_path / "study.toml").write_text(text)
    return tmp_path


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path, dirs_exist_ok=True)


def call(*words, cwd, code=0):
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, timeout=500, cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def pack(folder, out, most=60, code=0):
    words = (CARD, "pack", "--study", folder / "study.toml", "--out", out, "--most", most, "--budget", "smoke")
    return call(*words, cwd=folder, code=code)


def test_two_pieces_are_one_run(folder):
    for piece, minutes in (("one", 0.0001), ("two", 4)):
        pack(folder, folder / "study.tar")
        assert (folder / "study.tar").stat().st_size < 60 * 2**20
        with tarfile.open(folder / "study.tar") as tar:
            tar.extractall(folder / piece, filter="data")
        lend_bytecode(folder / piece)
        words = ("card.py", "piece", "--out", folder / f"{piece}-made", "--budget", "smoke", "--device", "cpu")
        call(*words, "--minutes", minutes, "--cells", *CELLS, cwd=folder / piece)
        assert all(path.stat().st_size < 2**24 for path in (folder / f"{piece}-made").iterdir())
        call(CARD, "fetch", folder / f"{piece}-made", "--budget", "smoke", cwd=folder)
        begun = [path.suffix for path in (folder / "work" / "study" / "smoke").iterdir()]
        assert (".pt" in begun) == (piece == "one")
    rows = [json.loads(line) for line in (folder / "results" / "study" / "smoke.jsonl").read_text().splitlines()]
    assert [row["cell"] for row in rows if "rows" in row] == list(CELLS)
    assert [row["steps"] for row in rows if "rows" in row] == [2, 2]
    assert {row["sensor"] for row in rows if "scene" in row} == {"GF2", "WV2"}


def test_what_does_not_fit_is_said_and_nothing_to_fetch_too(folder):
    assert "raise --most" in pack(folder, folder / "study.tar", most=2, code=1)
    (folder / "empty").mkdir()
    assert "holds nothing" in call(CARD, "fetch", "empty", cwd=folder, code=1)


def test_rows_that_were_made_here_meanwhile_are_kept(tmp_path):
    sys.path.insert(0, str(CARD.parent))
    import card

    there, here = tmp_path / "there.jsonl", tmp_path / "here.jsonl"
    there.write_text('{"about":1}\n{"cell":"one","rows":1,"seed":2}\n')
    here.write_text('{"about":2}\n{"cell":"one","rows":1}\n')
    assert card.merged(there, here) == there.read_text()
    here.write_text(here.read_text() + '{"cell":"two","rows":1}\n')
    assert card.merged(there, here) == there.read_text() + '{"about":2}\n{"cell":"two","rows":1}\n'


def test_a_judgement_at_hand_takes_its_weights_along(tmp_path):
    sys.path.insert(0, str(CARD.parent))
    import card

    names = ("A_x_seed1-0a.safetensors", "A_x_seed1-0a.rows", "A_y_seed1-0b.safetensors", "B_z_seed1-0c.safetensors")
    for name in names:
        (tmp_path / name).touch()
    assert [name for name in names if card.is_needed(tmp_path / name)] == [names[0], names[1], names[3]]

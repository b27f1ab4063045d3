"""The place of an output: one process holds it at a time, however many take turns, and nothing is left of any."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anypan.runtime.claim import Claim, drafted
from anypan.runtime.errors import UserError

TURNS = """
import sys, time
from pathlib import Path
from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError

me, out, end = sys.argv[1], Path(sys.argv[2]), time.time() + 2
while time.time() < end:
    try:
        with drafted(out) as draft:
            assert not draft.exists(), "another's draft"
            draft.write_text(me)
            time.sleep(0.0005)
            assert draft.read_text() == me, "another wrote my draft"
    except UserError:
        pass
"""


def test_processes_that_take_turns_never_meet(tmp_path: Path) -> None:
    words = [[sys.executable, "-c", TURNS, name, str(tmp_path / "out.txt")] for name in "abcd"]
    runs = [subprocess.Popen(each, stderr=subprocess.PIPE, text=True) for each in words]
    assert not "".join(run.communicate()[1] for run in runs)
    assert [file.name for file in tmp_path.iterdir()] == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() in "abcd"


def test_a_place_that_is_held_is_refused_and_free_afterwards(tmp_path: Path) -> None:
    with Claim(tmp_path / "out.txt"), pytest.raises(UserError, match="another process"), drafted(tmp_path / "out.txt"):
        pass
    with drafted(tmp_path / "out.txt") as draft:
        draft.write_text("mine")
    assert [file.name for file in tmp_path.iterdir()] == ["out.txt"]


def test_what_has_appeared_meanwhile_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with pytest.raises(UserError, match="has appeared meanwhile"), drafted(out, overwrite=False) as draft:
        draft.write_text("mine")
        out.write_text("theirs")
    assert out.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [out]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    claim = Claim(tmp_path / "out.txt")
    (claim.folder / "draft").write_text("half")
    (claim.folder / "parts").mkdir()
    (claim.folder / "parts" / "1").write_text("half")
    claim._lock.release()  # as the system does
    with Claim(tmp_path / "out.txt") as again:
        assert [file.name for file in again.folder.iterdir()] == ["lock"]
    assert not list(tmp_path.iterdir())

"""Text from elsewhere: whatever it is, it is read or refused in one sentence, soon, by the one parser there is."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import landscape, write_pair

from anypan.cli import cli
from anypan.report import exports
from anypan.report.rows import read
from anypan.runtime.cells import plain
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import json_of, lines_of, literal_of, number_or_name, text_of, toml_of

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "anypan"
PARSERS = {"json": json_of, "toml": toml_of, "literal": literal_of}
HOSTILE = {
    "json": [
        "[" * 10**6,
        '{"a":' * 10**5,
        '{"a": ' + "9" * 5000 + "}",
        '{"a": 1e400}',
        '{"a": -1e999}',
        '{"a": "\\ud800"}',
        '{"\\udfff": 1}',
        '{"a": ' + "[" * 33 + "]" * 33 + "}",
        '{"a": ' + str(2**63) + "}",
        "",
        "[]",
        "7",
        "\0",
    ],
    "toml": [
        "a = " + "[" * 10**5,
        "a = " + "{a = " * 5000,
        "a = " + "9" * 5000,
        "a = 0x" + "f" * 5000,
        "a = 1e400",
        ".".join("a" * 10**5) + " = 1",
        "[" + ".".join("a" * 10**5) + "]",
        'a = "\\ud800"',
        "a = 2026-11-28",
        "a",
        "#" * 2**19,
    ],
    "literal": ["a = " + "-" * 10**5 + "1", "a = " + "(" * 10**5, "a = [1]", "a()", "", "a = {'b': f()}", "\0"],
}


@pytest.mark.parametrize(("kind", "number"), [(kind, n) for kind, texts in HOSTILE.items() for n in range(len(texts))])
def test_a_hostile_text_is_one_short_sentence_at_once(kind: str, number: int) -> None:
    begun = time.process_time()
    with pytest.raises(UserError, match=r"^FILE [^\n]{1,200}: give another\.$"):
        PARSERS[kind](HOSTILE[kind][number], "FILE", "give another")
    assert time.process_time() - begun < 60  # what is unbounded takes minutes


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_what_json_writes_within_the_bounds_is_read_back(table: dict[str, object]) -> None:
    assert json_of(json.dumps(table), "FILE", "give another") == table


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(PARSERS)), st.text(max_size=60))
def test_any_text_is_a_table_or_a_sentence(kind: str, text: str) -> None:
    try:
        assert isinstance(PARSERS[kind](text, "FILE", "give another"), dict)
    except UserError as error:
        assert "\n" not in str(error) and str(error).endswith(".")


@pytest.mark.parametrize("place", ["/dev/zero", "fifo", "folder", "absent", "large", "latin", "a\0b"])
def test_only_a_plain_file_of_text_is_read(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin").write_bytes(b"\xe9\xff")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**33)  # takes no room
    with pytest.raises(UserError, match=r"give another\.$"):
        text_of(tmp_path / place, "give another")


def test_lines_are_numbered_as_editors_do(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text('{"a": "\\u2028"}\n\n{"b": "\x85\x1c"}\r\n', encoding="utf-8")
    assert [number for number, _ in lines_of(tmp_path / "rows", "give another")] == [1, 3]


def test_no_other_place_parses_text() -> None:
    """The one parser stays the one: json.loads, tomllib and ast.literal_eval are called in foreign.py only."""
    offenders = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("json.load", "json.loads", "tomllib.load", "tomllib.loads", "ast.literal_eval", "eval"):
                offenders += [f"{file.name}: {called}"] if file.name != "foreign.py" else []
    assert not offenders


@pytest.mark.parametrize("text", ["²", "٣", "9" * 5000, "-1", "1.5", " red ", "½", ""])
def test_what_is_no_number_in_plain_digits_is_a_name(text: str) -> None:
    assert number_or_name(text) == text.strip()
    assert number_or_name(" 12 ") == 12


GOOD = {"scene": "a", "sensor": "s", "protocol": "rr", "mode": "physical", "method": "EXP", "ratio": 4, "Q2n": 0.5}
ODD = ([], {}, 7, True, [1], {"a": 1}, [[["a"]]])


@pytest.mark.parametrize("key", ["scene", "sensor", "protocol", "mode", "method", "ratio", "error"])
def test_a_row_with_another_kind_of_value_is_a_sentence_of_every_reader(tmp_path: Path, key: str) -> None:
    rows, runner = tmp_path / "rows.jsonl", CliRunner()
    for odd in {"ratio": ("4", [], {}), "protocol": (*ODD, "\0", "full", "RR")}.get(key, ODD):
        rows.write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD | {key: odd}) + "\n")
        with pytest.raises(UserError, match=r"line 2"):
            read([rows])
    for command in (["report", str(rows), "-o", str(tmp_path / "page")], ["compare", str(rows), "--against", "EXP"]):
        found = runner.invoke(cli, command)
        assert found.exit_code == 2 and "line 2" in found.stderr and found.stderr.count("\n") == 1, found.output


@pytest.mark.parametrize("row", ["[" * 10**5, '{"scene": ' + "9" * 5000 + "}", '{"scene": "\\ud800"}', "{}", "7"])
def test_a_ledger_with_a_hostile_row_is_refused_and_kept(tmp_path: Path, row: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(row + "\n")
    found = CliRunner().invoke(cli, ["compare", str(rows), "--against", "EXP"])
    assert found.exit_code == 2 and found.stderr.startswith("error: ") and found.stderr.count("\n") == 1
    assert rows.read_text() == row + "\n"


# --- tables ---


@pytest.mark.parametrize("text", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\uff1d1", "-1+2"])
def test_a_cell_never_begins_a_formula(text: str) -> None:
    assert plain([text]) == [f"'{text}"]


@pytest.mark.parametrize("cell", ["-0.5", "+1e-3", "1", -0.5, "", "EXP", "a=b", None, "-.5"])
def test_numbers_and_plain_texts_stay(cell: object) -> None:
    assert plain([cell]) == [cell]


def test_every_table_as_csv_is_free_of_formulas(tmp_path: Path) -> None:
    """Method names come from rows, and rows from anyone."""
    rows = tmp_path / "rows.jsonl"
    every = [GOOD | {"method": name, "scene": scene} for name in ("=cmd|'x'!A", "@x", "EXP") for scene in "abc"]
    rows.write_text("".join(json.dumps(row) + "\n" for row in every))
    told = CliRunner().invoke(cli, ["compare", str(rows), "--against", "EXP", "--metric", "Q2n", "--csv"])
    made = CliRunner().invoke(cli, ["report", str(rows), "-o", str(tmp_path / "page"), "--tables"])
    assert told.exit_code == made.exit_code == 0, told.output + made.output
    texts = [told.stdout, *(file.read_text(encoding="utf-8") for file in (tmp_path / "page" / "tables").glob("*.csv"))]
    assert len(texts) > 1 and all("cmd|" in text for text in texts)
    cells = [cell for text in texts for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not [cell for cell in cells if plain([cell]) != [cell]]
    assert exports.plain is plain


# --- systems without POSIX ---

POSIX = ("resource", "fcntl", "pwd", "grp", "termios")


def test_every_module_is_there_without_what_only_posix_has() -> None:
    modules = [file.relative_to(PACKAGE.parent).with_suffix("") for file in sorted(PACKAGE.rglob("*.py"))]
    names = [
        ".".join(path.parts).removesuffix(".__init__") for path in modules if path.stem not in ("__main__", "meter")
    ]
    script = (
        # what Python and the libraries import for themselves is there already; what we import comes after
        "import sys, torch, rasterio, filelock, psutil, rich.progress, tempfile, subprocess, multiprocessing.pool\n"
        f"for name in {POSIX!r}: sys.modules[name] = None\n"
        f"import importlib\nfor name in {names!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- what nobody foresaw ---


def _broken(raised: Exception) -> Callable[[], None]:
    def work() -> None:
        raise raised

    return work


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (KeyError("a"), 70, "unexpected: KeyError: 'a'; run with --traceback and report it.\n"),
        (AssertionError(), 70, "unexpected: AssertionError; run with --traceback and report it.\n"),
        (ValueError("one\ntwo."), 70, "unexpected: ValueError: one two; run with --traceback and report it.\n"),
        (RecursionError("deep"), 70, "unexpected: RecursionError: deep; run with --traceback and report it.\n"),
        (
            MemoryError(),
            1,
            "error: the memory ran out: end what else uses it, or choose a formula (-m MTF-GLP-HPM-R --tile 256).\n",
        ),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "error: the memory ran out: "),
        (OSError(28, "No space left on device", "x"), 2, "error: x cannot be used (No space left on device): "),
    ],
)
def test_what_nobody_foresaw_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, code: int, said: str
) -> None:
    monkeypatch.setattr("anypan.weights.available", _broken(raised))
    found = CliRunner().invoke(cli, ["models"])
    assert found.exit_code == code and found.stderr.startswith(said) and found.stderr.count("\n") == 1
    if code == 70:
        found = CliRunner().invoke(cli, ["models", "--traceback"])
        assert found.exit_code == code and "Traceback" in found.stderr and f"\n{said}" in found.stderr


def test_every_verb_knows_the_option_traceback() -> None:
    assert all("traceback" in [each.name for each in verb.params] for verb in cli.commands.values())


def test_a_full_disk_below_stdout_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "anypan", "models"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


STOPPED = """
import sys
class Stopped:
    def find_spec(self, name, *_):
        if name == "anypan.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stopped())
from anypan.__main__ import main
main()
"""


def test_a_stop_while_the_command_line_is_read_is_one_word() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


EACH = """
import ast, os, sys
from anypan.cli import main
for folder, line in ast.literal_eval(sys.argv[1]):
    os.chdir(folder)
    sys.argv = ["anypan", *line]
    try:
        main()
    except SystemExit as end:
        print(end.code, flush=True)
"""  # command lines in their folders, one after another in one process: what each says, and its status


def test_names_that_are_no_text_are_said_as_they_are(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe.tif"
    names = [os.fsdecode(name), os.fsdecode(name), os.fsdecode(name + b"2")]
    lines = [(".", [verb, *names]) for verb in ("fuse", "assess")]
    done = subprocess.run([sys.executable, "-c", EACH, repr(lines)], capture_output=True, check=False)
    assert done.returncode == 0 and done.stdout.split() == [b"2", b"2"]
    said = done.stderr.splitlines()
    assert len(said) == 2 and all(name in each for each in said)


def _product(folder: Path) -> str:
    (folder / "product").mkdir()
    os.mkfifo(folder / "product" / "LC09_L1TP_000000_20260101_20260101_02_T1_MTL.txt")
    return str(folder / "product")


def _beside(folder: Path) -> str:
    write_pair(folder, *(image.astype("u2") for image in landscape(64, 64)))
    os.mkfifo(folder / "pan.tif.aux.xml")
    return str(folder / "pan.tif")


def _fifo(name: str) -> Callable[[Path], str]:
    return lambda folder: os.mkfifo(folder / name) or str(folder / name)


WAITING: dict[str, tuple[Callable[[Path], str], Sequence[str]]] = {
    "a manifest": (_fifo("scenes.csv"), ("batch", "{}", "-o", "out")),
    "a catalogue": (_fifo("catalog.json"), ("batch", "{}", "-o", "out")),
    "a sidecar": (_beside, ("fuse", "{}", "ms.tif", "out.tif", "-m", "EXP")),
    "a product's metadata": (_product, ("fuse", "{}", "out.tif", "-m", "EXP")),
    "rows": (_fifo("rows.jsonl"), ("compare", "{}", "--against", "EXP")),
    "a recipe": (_fifo("run.toml"), ("pretrain", "{}")),
    "weights": (_fifo("w.safetensors"), ("fuse", "pan.tif", "ms.tif", "out.tif", "-m", "{}")),
}


def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    """In a process of its own, which a pipe that nobody writes to would hold for ever."""
    lines = []
    for kind, (make, line) in WAITING.items():
        (tmp_path / kind).mkdir()
        place = make(tmp_path / kind)
        lines.append((str(tmp_path / kind), [word.format(place) for word in line]))
    command = [sys.executable, "-c", EACH, repr(lines)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    said = dict(zip(WAITING, found.stderr.splitlines(), strict=True))
    assert found.stdout.split() == ["2"] * len(WAITING), said
    assert all(each.startswith("error: ") for each in said.values()), said

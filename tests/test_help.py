"""Help: at once, with examples that run, options that mean the same everywhere, and no file that the wheel lacks."""

import re
import shlex
import shutil
import subprocess
import sys

import click
import numpy as np
import pages
import pytest

from anypan.cli import cli

HEAVY = {"torch", "numpy", "rasterio", "rich", "PIL"}
NOT_RUN = {
    "pancollection:": "a published set",
    "mine=cmd:": "a program of the reader",
    "catalog.json": "a catalogue of the reader",
    "tcp://": "a cluster",
    "pancollection-wv3-rr": "rows of a published set",
    "LC09_L1TP": "a product of the reader; made by tests/test_products.py",
    "--selfcheck": "takes a minute; tests of its own",
    "anypan serve": "serves until it is stopped; tests of its own",
}
OWN_DEFAULT = {
    ("batch", "--device"): "processes side by side would share one GPU",
    ("batch", "--threads"): "scenes run side by side",
    ("benchmark", "--seed"): "what published rows have",
    ("benchmark", "--method"): "a list: all",
    ("benchmark", "--jobs"): "scenes side by side would spoil the times",
    ("compare", "--protocol"): "chooses rows",
    ("compare", "--mode"): "chooses rows",
}


def help_of(name):
    command = cli.commands[name]
    return command.get_help(click.Context(command, info_name=f"anypan {name}"))


def examples(name):
    part = help_of(name).partition("Examples:")[2].partition("\n\n")[0]
    return [line.strip() for line in part.splitlines() if line.strip().startswith("anypan ")]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    pages.inputs(folder)
    shutil.copy(folder / "reference.tif", folder / "truth.tif")
    (folder / "scenes" / "two").rename(folder / "scenes" / "wv3-01")
    shutil.copy(folder / "photo.png", folder / "photo.jpg")
    cube = np.linspace(300, 900, 60 * 160 * 160, dtype=np.float32).reshape(60, 160, 160)
    pages.write(folder / "cube.tif", cube, 5)
    (folder / "scenes.csv").write_text("name,pan,ms\none,pan.tif,ms.tif\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pages.call(["benchmark", "scenes/one", "-m", "MTF-GLP-FS", "-m", "anypan-s", "-m", "EXP", "-o", "rows.jsonl"])
        pages.call(["fuse", "pan.tif", "ms.tif", "fused.tif", "-m", "EXP"])
        pages.call(["pretrain", "run.toml"])
        for copy in ("first", "second"):
            shutil.copytree("run", copy)
        shutil.rmtree("run")
        pages.call(["generalise", "protocol.toml", "-o", "matrix"])
    return folder


def test_help_is_there_at_once_and_imports_nothing_heavy():
    """Of all commands in one process: those who come first may not import anything for the others either."""
    code = (
        "import contextlib, sys; from anypan.cli import cli\n"
        "for name in cli.commands:\n"
        "    with contextlib.suppress(SystemExit): cli.main([name, '--help'], prog_name='anypan')\n"
        f"    print(name, *(sys.modules.keys() & {HEAVY}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == list(cli.commands)


@pytest.mark.parametrize("name", cli.commands)
def test_every_help_has_an_example_that_runs(name):
    ran = [line for line in examples(name) if not any(part in line for part in NOT_RUN)]
    assert ran or name == "serve"


@pytest.mark.parametrize("name", cli.commands)
def test_examples_run(name, files, tmp_path, monkeypatch):
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for line in examples(name):
        if any(part in line for part in NOT_RUN):
            continue
        words = shlex.split(re.split(r" {4,}", line)[0])[1:]
        command = cli.commands[words[0]]
        can = any("--overwrite" in option.opts for option in command.params)
        pages.call([*words, *(["--overwrite"] if can else [])])


def test_reasons_for_not_running_are_of_examples_that_there_are():
    every = "\n".join(line for name in cli.commands for line in examples(name))
    assert [part for part in NOT_RUN if part not in every] == []


def test_what_pages_leave_to_the_examples_is_one_of_them():
    assert not [line for line in pages.ELSEWHERE if line not in examples(line.split()[1])]


def test_help_names_no_file_that_the_wheel_lacks():
    found = {name: re.findall(r"(?:docs|runs|tests|results)/\S+", help_of(name)) for name in cli.commands}
    assert not any(found.values()), found


def test_options_of_one_name_have_one_default():
    seen, others = {}, []
    for name, command in cli.commands.items():
        for option in command.params:
            long = next((flag for flag in option.opts if flag.startswith("--")), None)
            if long and (name, long) not in OWN_DEFAULT:
                first = seen.setdefault(long, (name, option.default))
                if first[1] != option.default:
                    others.append(f"{long}: {option.default} in {name}, {first[1]} in {first[0]}")
    assert not others, others

"""Make anew all rows, tables and pictures that depend on the weights of the default network.

python runs/renew.py ../shared/data/scenes ../shared/data/scenes-2 [--jobs 2] [--label "2.3"]

What is done already for these weights lies in work/renew/ and is not done again. The first folder has the scenes that
are adapted to. `--label` names a point of the frontier; without it none is added. Cards and log are written by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from anypan.models import ARCHITECTURES
from anypan.runtime.digest import sha256
from anypan.weights import FOLDER, save

NAME, UNTRAINED = "anypan-s", "anypan-s untrained"
RESULTS = Path("results")
ADAPTED, JUDGED = "gf2-01", ("gf2-03", "gf2-04")
BEST = ("wv3-01", "qb-01", "landsat7-06")
CONTENDED, MOVED = ("wv3-01", "qb-01", "gf2-01", "pleiades-01"), "qb-01"  # beside an optimiser, whose rows stay
KEY = ("scene", "protocol", "mode", "method")
PAGES = ("runs/docs.py", "runs/concepts.py", "runs/paper/page.py", "runs/benchmark/uncertainty.py",
         "runs/benchmark/truth.py", "runs/picture.py")  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A command whose last word is the file that it writes."""

    words: tuple[str, ...]
    out: Path

    def run(self) -> Path:
        """The file, from an earlier sitting if it is there."""
        if not self.out.is_file():
            part = self.out.with_suffix(".part" + self.out.suffix)
            part.unlink(missing_ok=True)
            subprocess.run([*self.words, str(part)], check=True, stdout=subprocess.DEVNULL)
            os.replace(part, self.out)
            print(self.out, flush=True)
        return self.out


def rows_of(scenes: list[Path], work: Path) -> Iterator[Step]:
    """The rows of the benchmark: both protocols, and reduced resolution in the toolbox's convention."""
    for folder in scenes:
        for protocol, mode in (("fr", "physical"), ("rr", "physical"), ("rr", "toolbox")):
            yield judged(NAME, folder, protocol, mode, work / f"{folder.name}-{protocol}-{mode}.jsonl")


def judged(method: str, folder: Path, protocol: str, mode: str, out: Path) -> Step:
    """The rows of a method on a folder of scenes."""
    words = ("runs/benchmark/rows.py", "--method", method, "--protocol", protocol, "--mode", mode, str(folder))
    return Step((sys.executable, *words), out)


def untrained(scenes: list[Path], work: Path) -> list[Path]:
    """The rows of the network before it learns: all that physics alone does."""
    architecture, file = ARCHITECTURES[NAME], work / "untrained.safetensors"
    settings = architecture.config()
    save(file, architecture.network(settings).state_dict(), NAME, settings)
    found = []
    for folder, protocol in product(scenes, ("fr", "rr")):
        path = judged(str(file), folder, protocol, "physical", work / f"untrained-{folder.name}-{protocol}.jsonl").run()
        path.write_text(path.read_text(encoding="utf-8").replace(f'"{file}"', f'"{UNTRAINED}"'), encoding="utf-8")
        found.append(path)
    return found


def others(scenes: list[Path], work: Path) -> Iterator[Step]:
    """Settings of --sharpness, half-widths, how sharp the truth is, and the best of eight ways."""
    python, benchmark = sys.executable, (sys.executable, "-m", "anypan", "benchmark")
    yield Step((python, "runs/benchmark/sharpness.py", *map(str, scenes), "--out"), work / "sharpness.jsonl")
    yield Step((python, "runs/benchmark/uncertainty.py", *map(str, scenes), "--out"), work / "uncertainty.jsonl")
    yield Step((python, "runs/benchmark/truth.py", *map(str, scenes), "--out"), work / "truth.jsonl")
    eight = (*(str(scenes[0] / name) for name in BEST), "-m", NAME, "-m", f"{NAME}+")
    yield Step((*benchmark, *eight, "-o"), work / "best.jsonl")


def contended(scenes: Path, work: Path) -> Path:
    """The rows beside an optimiser's, in the toolbox's convention; of one scene also with its PAN moved into place."""
    copy = work / f"{MOVED}-moved"
    subprocess.run([sys.executable, "runs/contenders/moved.py", str(scenes / MOVED), str(copy)], check=True)
    asked = [word for name in ("EXP", "MTF-GLP-FS + consistency", NAME) for word in ("-m", name)]
    pairs = [*(str(scenes / name) for name in CONTENDED), str(copy)]
    words = (sys.executable, "-m", "anypan", "benchmark", *pairs, *asked, "--mode", "toolbox", "--protocol", "rr", "-o")
    return Step(words, work / "optimisers.jsonl").run()


def generalised(work: Path) -> Path:
    """The rows of the protocol across sensors, which the weights begin."""
    folder = work / "generalisation"
    protocol = ("runs/generalisation/development.toml", "-o", str(folder))
    subprocess.run([sys.executable, "-m", "anypan", "generalise", *protocol, "--quiet"], check=True)
    return folder / "rows.jsonl"


def adapted(scenes: Path, work: Path) -> Path:
    """Rows of the network adapted to one scene, full and frozen, on others of its sensor."""
    pair = [str(scenes / ADAPTED / f"{name}.tif") for name in ("pan", "ms")]
    settings = ("--quiet", "--sensor", "GF2", "--steps", "100", "--device", "cpu", "--tuning")
    for tuning in ("full", "freeze"):
        words = (sys.executable, "-m", "anypan", "adapt", *pair, *settings, tuning, "-o")
        Step(words, work / f"{tuning}.safetensors").run()
    methods = [NAME, *(str(work / f"{tuning}.safetensors") for tuning in ("full", "freeze")), "MTF-GLP-HPM-R"]
    asked = [word for method in methods for word in ("-m", method)]
    pairs = [str(scenes / name) for name in JUDGED]
    made = Step((sys.executable, "-m", "anypan", "benchmark", *pairs, *asked, "-o"), work / "gf2.jsonl").run()
    made.write_text(made.read_text(encoding="utf-8").replace(f"{work}/", ""), encoding="utf-8")  # names, not places
    return made


def merge(parts: list[Path], into: Path) -> None:
    """Rows in the place of those of the same scene, protocol, mode and method."""
    new = {_key(line): line for part in parts for line in part.read_text(encoding="utf-8").splitlines()}
    lines = [new.pop(_key(line), line) for line in into.read_text(encoding="utf-8").splitlines()]
    into.write_text("\n".join([*lines, *new.values()]) + "\n", encoding="utf-8")


def _key(line: str) -> tuple[str, ...]:
    row = json.loads(line)
    return tuple(row.get(name, "") for name in KEY)


def main() -> None:
    """Rows side by side, then what is drawn from them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="+", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--label")
    wanted = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    work = Path("work", "renew", sha256(FOLDER / f"{NAME}.safetensors")[:12])
    work.mkdir(parents=True, exist_ok=True)
    rows, more = list(rows_of(wanted.scenes, work)), list(others(wanted.scenes, work))
    with ThreadPoolExecutor(wanted.jobs) as jobs:
        tuned = jobs.submit(adapted, wanted.scenes[0], work)
        beside, across = jobs.submit(contended, wanted.scenes[0], work), jobs.submit(generalised, work)
        before = jobs.submit(untrained, wanted.scenes, work)
        made = list(jobs.map(Step.run, [*more, *rows]))
    merge([*made[len(more) :], *before.result()], RESULTS / "benchmark.jsonl")
    merge([beside.result()], RESULTS / "contenders" / "optimisers.jsonl")
    shutil.copyfile(across.result(), RESULTS / "generalisation.jsonl")
    for name, path in zip(
        ("sharpness/scenes", "uncertainty/scenes", "truth/scenes", "best/scenes"), made, strict=False
    ):
        shutil.copyfile(path, RESULTS / f"{name}.jsonl")
    shutil.copyfile(tuned.result(), RESULTS / "adaptation" / "gf2.jsonl")
    if wanted.label:
        adding = ("--add", wanted.label, str(RESULTS / "benchmark.jsonl"), "--method", NAME)
        subprocess.run([sys.executable, "runs/benchmark/frontier.py", *adding], check=True)
    for page in PAGES:
        subprocess.run([sys.executable, page], check=True)


if __name__ == "__main__":
    main()

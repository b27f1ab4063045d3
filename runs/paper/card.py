"""Run the study in pieces on a GPU elsewhere: what a piece needs in one small file, what it made in a folder.

python runs/paper/card.py pack [--study STUDY] [--budget gpu] [--out work/study.tar] [--most 60]
    the package, the study, all scenes, a part of its images, rows that there are, weights that other cells begin with
tar xf study.tar && python card.py piece --out FOLDER [--minutes 8.5] [--device cuda] [--cells PATTERN ...]
    there: cell after cell for so long, then rows and weights into FOLDER, in files under 16 MiB
python runs/paper/card.py fetch FOLDER [--budget gpu]
    here again: rows into results/study/BUDGET.jsonl, weights and the training at hand into work/study/BUDGET

The next `pack` goes on where the last piece stopped. There, anypan's dependencies have to be installed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from glob import glob
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path += [str(ROOT.parent), str(ROOT / "runs")]  # where pieces.py lies here, and there
import pieces  # noqa: E402
from pieces import MIB, MINUTES, MOST_BACK, MOST_OUT, RESERVE  # noqa: E402

HOME = ROOT.parents[1] if len(ROOT.parents) > 1 else ROOT
STUDY, ROWS, WORK = "runs/paper/study.toml", "rows.jsonl", "work"
AT_HAND = (".pt", ".json", ".best", ".rows")  # of a training or a judgement that is to go on
START = re.compile(r"^[BPU]_.*seed\d+-\w+\.safetensors$")  # weights that other cells begin with
CHUNK = MOST_BACK - 2**16


def main() -> int:
    """Exit status 1, and a sentence, if something does not fit or nothing was made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing, piece, fetching = (verbs.add_parser(name) for name in ("pack", "piece", "fetch"))
    packing.add_argument("--study", type=Path, default=HOME / STUDY)
    packing.add_argument("--out", type=Path, default=Path("work/study.tar"))
    packing.add_argument("--most", type=float, default=MOST_OUT, help="MiB of the file (%(default)s)")
    piece.add_argument("--out", type=Path, required=True)
    piece.add_argument("--minutes", type=float, default=MINUTES)
    piece.add_argument("--device", default="cuda")
    piece.add_argument("--cells", nargs="+", default=["*"])
    fetching.add_argument("folder", type=Path)
    for verb in (packing, piece, fetching):
        verb.add_argument("--budget", default="gpu")
    for verb in (packing, fetching):
        verb.add_argument("--rows", type=Path, help="results/study/BUDGET.jsonl")
        verb.add_argument("--work", type=Path, help="work/study/BUDGET")
    wanted = parser.parse_args()
    if wanted.verb == "piece":
        return run(wanted.out, wanted.minutes, wanted.device, wanted.budget, wanted.cells)
    rows = wanted.rows or Path("results") / "study" / f"{wanted.budget}.jsonl"
    work = wanted.work or Path("work") / "study" / wanted.budget
    if wanted.verb == "pack":
        return pack(wanted.study, wanted.out, wanted.most * MIB, rows, work)
    return fetch(wanted.folder, rows, work)


def pack(study: Path, out: Path, most: float, rows: Path, work: Path) -> int:
    """Write the archive. Exit status 1 if nothing of the images would fit."""
    text = study.read_text(encoding="utf-8")
    values = tomllib.loads(text)
    fixed = pieces.package(HOME) | {"card.py": Path(__file__).read_bytes()}
    fixed |= {f"runs/paper/{path.name}": path.read_bytes() for path in sorted(ROOT.glob("*.py"))}
    fixed |= {"runs/pieces.py": Path(pieces.__file__).read_bytes(), STUDY: localised(text).encode()}
    for number, folder in enumerate(values["scenes"]):
        files = (path for path in sorted((study.parent / folder).rglob("*")) if path.is_file())
        fixed |= {f"scenes/{number}/{p.relative_to(study.parent / folder)}": p.read_bytes() for p in files}
    if rows.is_file():
        fixed[ROWS] = rows.read_bytes()
    fixed |= {f"{WORK}/{path.name}": path.read_bytes() for path in sorted(work.glob("*")) if is_needed(path)}
    sources = [_samples(study.parent / one["path"]) for each in values["sources"].values() for one in each]
    part = pieces.part_for(most - RESERVE - sum(len(data) + 1024 for data in fixed.values()), sources)
    if part <= 0:
        print(f"nothing of the images fits into {most / MIB:.0f} MiB: raise --most.", file=sys.stderr)
        return 1
    pieces.write(out, fixed | {f"images/{n}.tar": pieces.shard(found, part) for n, found in enumerate(sources)})
    print(f"{out}: {out.stat().st_size / MIB:.1f} MiB, {part:.0%} of the images")
    return 0


def is_needed(path: Path) -> bool:
    """Whether the next piece needs a file: a start of other cells, what is at hand, the weights that it judges."""
    return path.suffix in AT_HAND or bool(START.match(path.name)) or path.with_suffix(".rows").is_file()


def _samples(pattern: Path) -> list[pieces.Sample]:
    return [sample for path in sorted(glob(str(pattern))) for sample in pieces.samples(Path(path))]


def localised(study: str) -> str:
    """The study with scenes and images where the archive has them, sources in the order in which they stand."""
    number = iter(range(len(study)))
    study = re.sub(r'^path = ".*"', lambda _: f'path = "../../images/{next(number)}.tar"', study, flags=re.MULTILINE)
    count = len(tomllib.loads(study)["scenes"])
    there = ", ".join(f'"../../scenes/{n}"' for n in range(count))
    return re.sub(r"^scenes = \[.*\]", f"scenes = [{there}]", study, count=1, flags=re.MULTILINE)


def run(out: Path, minutes: float, device: str, budget: str, cells: list[str]) -> int:
    """Run the study for ``minutes`` and bring back what was made. Exit status 1 if that is nothing."""
    command = [sys.executable, str(ROOT / "runs" / "paper" / "study.py"), str(ROOT / STUDY), "--budget", budget]
    command += ["--device", device, "--minutes", str(minutes), "--out", str(ROOT / ROWS), "--work", str(ROOT / WORK)]
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run([*command, "--cells", *cells], env=os.environ | {"PYTHONPATH": path}, check=False)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for file in sorted((ROOT / WORK).glob("*")):
            if file.is_file() and not file.name.startswith("tiles-"):
                pieces.add(archive, file.name, file.read_bytes())
    whole, parts = made.getvalue(), []
    for start in range(0, len(whole), CHUNK):
        parts.append(ROOT / f"{WORK}-{start // CHUNK:03d}.part")
        parts[-1].write_bytes(whole[start : start + CHUNK])
    return pieces.bring_back([ROOT / ROWS, *parts], out) or done.returncode


def merged(there: Path, here: Path) -> str:
    """The rows of a piece, then those here of other cells: what was run here meanwhile is not lost."""
    theirs, ours = (path.read_text(encoding="utf-8").splitlines() if path.is_file() else [] for path in (there, here))
    known = {json.loads(line).get("cell") for line in theirs} - {None}
    kept = [line for line in ours if json.loads(line).get("cell") not in known]
    if all("about" in json.loads(line) for line in kept):
        kept = []
    return "".join(f"{line}\n" for line in [*theirs, *kept])


def fetch(folder: Path, rows: Path, work: Path) -> int:
    """What a piece brought back, where the next ``pack`` and the page look for it. Exit status 1 if it is nothing."""
    parts = sorted(folder.glob(f"{WORK}-*.part"))
    if not (folder / ROWS).is_file() or not parts:
        print(f"{folder} holds nothing that a piece made.", file=sys.stderr)
        return 1
    rows.parent.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    from anypan.runtime.claim import drafted  # there is none where a piece runs
    from anypan.runtime.errors import UserError

    try:
        with drafted(rows) as draft:
            draft.write_text(merged(folder / ROWS, rows), encoding="utf-8")
    except UserError as error:  # the study runs here, too
        print(error, file=sys.stderr)
        return 1
    for stale in (path for path in work.glob("*") if path.suffix in AT_HAND):
        stale.unlink()
    with tarfile.open(fileobj=io.BytesIO(b"".join(part.read_bytes() for part in parts))) as archive:
        archive.extractall(work, filter="data")
    return 0


if __name__ == "__main__":
    sys.exit(main())

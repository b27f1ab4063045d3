"""Train a recipe on a borrowed GPU in pieces: what a piece needs in one small file, what it made in a folder.

python runs/pretrain/card.py pack runs/pretrain/anypan-s.toml [--out work/card.tar] [--most 60] [--resume FOLDER]
    the package, the recipe, a part of its images and, with --resume, what the last piece made
tar xf card.tar && python card.py piece --out FOLDER [--minutes 8.5] [--device auto]
    there: trains for so long, or to the end, and puts checkpoint.pt, log.jsonl and weights.safetensors into FOLDER

The recipe's own length counts: set `minutes` or `steps` in it. Of every source the same part of the images goes along,
chosen by their names alone, so that each piece gets the same ones. There, torch, numpy and anypan's other dependencies
have to be installed.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent
RECIPE, RUN = "recipe.toml", "run"
MADE = ("checkpoint.pt", "log.jsonl", "weights.safetensors")
MIB = 2**20
MOST_BACK = 16 * MIB  # bytes of a file that comes back
RESERVE = 2 * MIB  # for the recipe and the padding of the archive
Sample = list[tuple[str, bytes]]


def main() -> int:
    """Exit status 1, and a sentence, if a piece made what cannot come back, or nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack")
    packing.add_argument("recipe", type=Path)
    packing.add_argument("--out", type=Path, default=Path("work/card.tar"))
    packing.add_argument("--most", type=float, default=60, help="MiB of the file (%(default)s)")
    packing.add_argument("--resume", type=Path, metavar="FOLDER", help="what the last piece made")
    piece = verbs.add_parser("piece")
    piece.add_argument("--out", type=Path, required=True)
    piece.add_argument("--minutes", type=float, default=8.5)
    piece.add_argument("--device", default="auto")
    wanted = parser.parse_args()
    if wanted.verb == "pack":
        return pack(wanted.recipe, wanted.out, wanted.most * MIB, wanted.resume)
    return train(wanted.out, wanted.minutes, wanted.device)


def pack(recipe: Path, out: Path, most: float, resume: Path | None) -> int:
    """Write the archive. Exit status 1 if nothing of the images would fit."""
    fixed = {f"src/anypan/{path.relative_to(PACKAGE)}": path.read_bytes() for path in _package()}
    fixed |= {"card.py": Path(__file__).read_bytes(), RECIPE: localised(recipe.read_text(encoding="utf-8")).encode()}
    fixed |= {f"{RUN}/{name}": (resume / name).read_bytes() for name in MADE if resume and (resume / name).is_file()}
    sources = [(source, list(samples(source, recipe.parent))) for source in _sources(recipe)]
    room = most - RESERVE - sum(map(len, fixed.values()))
    part = min(1.0, room / max(1, sum(_size(sample) for _, found in sources for sample in found)))
    if part <= 0:
        print(f"nothing of the images fits into {most / MIB:.0f} MiB: raise --most.", file=sys.stderr)
        return 1
    out.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(out, "w") as archive:
        for name, data in fixed.items():
            _add(archive, name, data)
        for number, (_, found) in enumerate(sources):
            _add(archive, f"images/{number}.tar", shard(found, part))
    print(f"{out}: {out.stat().st_size / MIB:.1f} MiB, {part:.0%} of the images")
    return 0


PACKAGE = ROOT.parents[1] / "src" / "anypan" if len(ROOT.parents) > 1 else ROOT


def _package() -> Iterator[Path]:
    """The package without its weights, of which the largest part of its size is."""
    return (p for p in sorted(PACKAGE.rglob("*")) if p.is_file() and p.suffix not in (".pyc", ".safetensors"))


def _sources(recipe: Path) -> list[dict]:
    return tomllib.loads(recipe.read_text(encoding="utf-8"))["sources"]


def localised(recipe: str) -> str:
    """The recipe with its images beside it, and its run's folder; weights to start from are refused."""
    if re.search(r"^start *=", recipe, re.MULTILINE):
        raise SystemExit("the recipe starts from weights of its own: give them by --resume, or take 'start' out.")
    number = iter(range(len(recipe)))
    recipe = re.sub(r'^path = ".*"', lambda _: f'path = "images/{next(number)}.tar"', recipe, flags=re.MULTILINE)
    return re.sub(r'^out = ".*"', f'out = "{RUN}"', recipe, flags=re.MULTILINE)


def samples(source: dict, beside: Path) -> Iterator[Sample]:
    """The files of each sample that the source takes: those of one name up to the first dot."""
    found: dict[str, Sample] = {}
    with tarfile.open(beside / source["path"]) as archive:
        for member in archive:
            if member.isfile() and re.search(source.get("keys", ""), Path(member.name).name.partition(".")[0]):
                data = archive.extractfile(member)
                found.setdefault(member.name.partition(".")[0], []).append((member.name, data.read() if data else b""))
    yield from found.values()


def shard(found: list[Sample], part: float) -> bytes:
    """A tar of that part of the samples' bytes, in their order; which, their names decide."""
    budget, chosen = part * sum(map(_size, found)), set()
    for sample in sorted(found, key=lambda each: sha256(each[0][0].encode()).digest()):
        if _size(sample) <= budget:
            chosen.add(sample[0][0])
            budget -= _size(sample)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for sample in found:
            for name, data in sample if sample[0][0] in chosen else ():
                _add(archive, name, data)
    return out.getvalue()


def _size(sample: Sample) -> int:
    return sum(len(data) + 1024 for _, data in sample)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def train(out: Path, minutes: float, device: str) -> int:
    """Train for ``minutes`` and copy what was made. Exit status 1 if that is nothing, or too large to come back."""
    command = [sys.executable, "-m", "anypan", "pretrain", str(ROOT / RECIPE), "--device", device, "--quiet"]
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    run = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path})
    try:
        run.wait(60 * minutes)
    except subprocess.TimeoutExpired:
        run.send_signal(signal.SIGTERM)  # obeyed after the step at hand, when a checkpoint has been saved
        run.wait()
    made = [ROOT / RUN / name for name in MADE if (ROOT / RUN / name).is_file()]
    large = [path.name for path in made if path.stat().st_size > MOST_BACK]
    out.mkdir(parents=True, exist_ok=True)
    for path in made:
        shutil.copy2(path, out)
    if not made or large:
        print(f"{', '.join(large)} over 16 MiB" if made else "nothing was made", file=sys.stderr)
    return int(not made or bool(large))


if __name__ == "__main__":
    sys.exit(main())

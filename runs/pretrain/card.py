"""Train a recipe in pieces on a GPU elsewhere: what a piece needs in one small file, what it made in a folder.

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
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.append(str(ROOT.parent))  # where pieces.py lies here; there it lies beside this file
import pieces  # noqa: E402
from pieces import MIB, MINUTES, MOST_OUT, RESERVE  # noqa: E402

RECIPE, RUN = "recipe.toml", "run"
MADE = ("checkpoint.pt", "log.jsonl", "weights.safetensors")


def main() -> int:
    """Exit status 1, and a sentence, if a piece made what cannot come back, or nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack")
    packing.add_argument("recipe", type=Path)
    packing.add_argument("--out", type=Path, default=Path("work/card.tar"))
    packing.add_argument("--most", type=float, default=MOST_OUT, help="MiB of the file (%(default)s)")
    packing.add_argument("--resume", type=Path, metavar="FOLDER", help="what the last piece made")
    piece = verbs.add_parser("piece")
    piece.add_argument("--out", type=Path, required=True)
    piece.add_argument("--minutes", type=float, default=MINUTES)
    piece.add_argument("--device", default="auto")
    wanted = parser.parse_args()
    if wanted.verb == "pack":
        return pack(wanted.recipe, wanted.out, wanted.most * MIB, wanted.resume)
    return train(wanted.out, wanted.minutes, wanted.device)


def pack(recipe: Path, out: Path, most: float, resume: Path | None) -> int:
    """Write the archive. Exit status 1 if nothing of the images would fit."""
    fixed = pieces.package(ROOT.parents[1]) | {"pieces.py": Path(pieces.__file__).read_bytes()}
    fixed |= {"card.py": Path(__file__).read_bytes(), RECIPE: localised(recipe.read_text(encoding="utf-8")).encode()}
    fixed |= {f"{RUN}/{name}": (resume / name).read_bytes() for name in MADE if resume and (resume / name).is_file()}
    sources = [list(_samples(source, recipe.parent)) for source in _sources(recipe)]
    part = pieces.part_for(most - RESERVE - sum(map(len, fixed.values())), sources)
    if part <= 0:
        print(f"nothing of the images fits into {most / MIB:.0f} MiB: raise --most.", file=sys.stderr)
        return 1
    shards = {f"images/{number}.tar": pieces.shard(found, part) for number, found in enumerate(sources)}
    pieces.write(out, fixed | shards)
    print(f"{out}: {out.stat().st_size / MIB:.1f} MiB, {part:.0%} of the images")
    return 0


def _samples(source: dict, beside: Path) -> Iterator[pieces.Sample]:
    return pieces.samples(beside / source["path"], source.get("keys", ""))


def _sources(recipe: Path) -> list[dict]:
    return tomllib.loads(recipe.read_text(encoding="utf-8"))["sources"]


def localised(recipe: str) -> str:
    """The recipe with its images beside it, and its run's folder; weights to start from are refused."""
    if re.search(r"^start *=", recipe, re.MULTILINE):
        raise SystemExit("the recipe starts from weights of its own: give them by --resume, or take 'start' out.")
    number = iter(range(len(recipe)))
    recipe = re.sub(r'^path = ".*"', lambda _: f'path = "images/{next(number)}.tar"', recipe, flags=re.MULTILINE)
    return re.sub(r'^out = ".*"', f'out = "{RUN}"', recipe, flags=re.MULTILINE)


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
    return pieces.bring_back([ROOT / RUN / name for name in MADE], out)


if __name__ == "__main__":
    sys.exit(main())

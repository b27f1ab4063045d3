"""How far the figures of the default network hang on the seed: its recipe run with several, each judged on all scenes.

python runs/benchmark/seeds.py SCENES [SCENES ...] --add SEED WEIGHTS    judge weights, append their points
python runs/benchmark/seeds.py [--check]    rewrite the table of docs/weights/anypan-s.md from the points, or check it

The run of a seed is the recipe with ``seed = SEED`` in [train] and an ``out`` of its own. Formulas and the untrained
network are taken from results/benchmark.jsonl; the loss is that of the recipe's held-out pairs, the same for all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from frontier import measured
from rows import marked

from anypan.judging import PROTOCOLS, contenders, find_scenes, run
from anypan.report import Row, read, records
from anypan.report.documents import filled, renew
from anypan.report.rows import by, mean, real
from anypan.train import Run, held_out_batches, read_config
from anypan.weights import load, stored

ROOT = Path(__file__).resolve().parents[2]
POINTS, PAGE = ROOT / "results" / "training" / "seeds.jsonl", ROOT / "docs" / "weights" / "anypan-s.md"
BENCHMARK = ROOT / "results" / "benchmark.jsonl"
RECIPE = ROOT / "runs" / "pretrain" / "anypan-s.toml"
UNTRAINED = "anypan-s untrained"
OVER, WORST = "ERGAS / untrained", "the same, worst sensor"


def main() -> int:
    """Judge and append, or make the table; exit status 1 if --check finds it out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*")
    parser.add_argument("--add", nargs=2, metavar=("SEED", "WEIGHTS"))
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    if bool(wanted.scenes) != bool(wanted.add):
        parser.error("scenes and a seed go together")
    if wanted.add:
        points = judged(int(wanted.add[0]), Path(wanted.add[1]), wanted.scenes)
        with POINTS.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(point) + "\n" for point in points)
    return renew(pages(), wanted.check, "python runs/benchmark/seeds.py")


def judged(seed: int, weights: Path, scenes: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """A point for each ratio, of all scenes: the columns of the target table, and the error over that untrained."""
    own = {"steps": int(stored(weights).header["steps"]), "held-out loss": held_out_loss(weights)}
    method = contenders([str(weights)])
    rows = [Row.of(row) for place in scenes for row in marked(run(find_scenes(place), method, PROTOCOLS))]
    known = read([BENCHMARK])
    for point in measured([*known, *rows], str(weights), f"seed {seed}"):
        trained, plain = (real(of, point["ratio"], protocol="rr") for of in (rows, known))
        yield point | own | against(trained, [row for row in plain if row["method"] == UNTRAINED])


def held_out_loss(weights: Path) -> float:
    """The recipe's loss, of the pairs with which its runs are validated."""
    config = read_config(RECIPE)
    return round(Run(load(weights), config.train).validate(held_out_batches(config)), 4)


def against(trained: Sequence[Row], plain: Sequence[Row]) -> dict[str, float]:
    """ERGAS over that of the network untrained, sensor by sensor: the mean, and the largest."""
    scenes, before = {row["scene"] for row in trained}, by(plain, "sensor")
    same = {sensor: [row for row in each if row["scene"] in scenes] for sensor, each in before.items()}
    ratios = [_value(each) / _value(same[sensor]) for sensor, each in by(trained, "sensor").items()]
    return {OVER: round(fmean(ratios), 4), WORST: round(max(ratios), 4)}


def _value(rows: Sequence[Row]) -> float:
    found = mean(rows, "ERGAS")
    return found.value if found else float("nan")


def pages() -> Iterator[tuple[Path, str]]:
    """The card, and what it should hold."""
    points = records([POINTS], ("label", "ratio"), "benchmark")
    yield PAGE, filled(PAGE.read_text(encoding="utf-8"), "seeds", lambda ratio: table(points, int(ratio)))


def table(points: Sequence[Mapping[str, Any]], ratio: int) -> str:
    """A line for each figure: every seed's, of several their mean and standard deviation, too."""
    own = [point for point in points if point["ratio"] == ratio]
    names = [name for name, value in own[0].items() if isinstance(value, float)]
    head = [f"ratio {ratio}", *(point["label"] for point in own), *(["mean", "deviation"] if len(own) > 1 else [])]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name in names:
        values = [point[name] for point in own]
        cells = [f"{value:.4g}" for value in values]
        cells += [f"{fmean(values):.4g}", f"{stdev(values):.1g}"] if len(values) > 1 else []
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

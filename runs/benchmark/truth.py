"""How sharp the truth is, and how sharp each method makes it: reduced scenes, where both are known.

python runs/benchmark/truth.py ../shared/data/scenes ../shared/data/scenes-2    judge, write rows anew
python runs/benchmark/truth.py [--check]    rewrite the tables of docs/concepts/sharp-or-faithful.md from the rows

A transfer is the regression of detail of the intensity on the PAN's: of detail within 9 x 9 pixels where it is weakest
and strongest (anypan.metrics.detail), and of the finest octave of the whole scene. D_rho is that of the truth, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from rows import APART
from torch import Tensor

from anypan.fusing import fuse_scene
from anypan.judging import find_scenes, prepare
from anypan.judging.cases import Case
from anypan.methods import METHODS
from anypan.methods.neural import fitted
from anypan.methods.resolve import resolve
from anypan.metrics.d_rho import d_rho
from anypan.metrics.detail import band_weights, detail_transfer
from anypan.models import ARCHITECTURES
from anypan.report import records
from anypan.report.documents import filled, renew
from anypan.runtime.columns import HIGH, LOW
from anypan.train.losses import octave_transfer

ROOT = Path(__file__).resolve().parents[2]
ROWS, PAGE = ROOT / "results" / "truth" / "scenes.jsonl", ROOT / "docs" / "concepts" / "sharp-or-faithful.md"
TRUTH, NETWORK, UNTRAINED = "the truth", "anypan-s", "anypan-s untrained"
FORMULAS = ("MTF-GLP-HPM-R", "MTF-GLP-FS + consistency")
NAMES = (TRUTH, *FORMULAS, UNTRAINED, NETWORK)
NEAR = 0.1
FINEST = "finest octave"
COLUMNS = {"finest": FINEST, "weak": LOW, "strong": HIGH, "d_rho": "D_rho"}

Row = dict[str, Any]


def judged(folders: Sequence[str]) -> Iterator[Row]:
    """A row for each scene and what was made of it; scenes that came degraded are left out."""
    fits = {name: METHODS[name] for name in (*FORMULAS, NETWORK)}
    fits[UNTRAINED] = partial(fitted, ARCHITECTURES[NETWORK].network(ARCHITECTURES[NETWORK].config()).eval())
    own = {NETWORK: {"weights_sha256": resolve(NETWORK).weights_sha256}}
    for entry in (entry for folder in folders for entry in find_scenes(folder) if entry.name not in APART):
        case = prepare(entry, "rr")
        assert case.reference is not None
        facts = {"scene": case.name, "sensor": case.sensor, "ratio": round(case.scene.ratio)}
        yield facts | {"method": TRUTH} | figures(case, case.reference)
        for name, fit in fits.items():
            made = figures(case, fuse_scene(case.scene, fit(case.scene)))
            yield facts | {"method": name} | made | own.get(name, {})


def figures(case: Case, image: Tensor) -> Row:
    """Of an image (B, H, W) of the scene, the truth or a fusion."""
    weights, _ = band_weights(case.scene)
    intensity = (weights.to(image)[:, None, None] * image).sum(0)[None, None]
    octave = float(octave_transfer(intensity, case.scene.whole().pan[None]))
    found = detail_transfer(image, case.scene) | {FINEST: octave, "D_rho": d_rho(image, case.scene)}
    return {name: round(found[name], 4) for name in COLUMNS.values()}


def pages() -> Iterator[tuple[Path, str]]:
    """The page on sharp and faithful, and what it should hold."""
    rows = records([ROWS], ("scene", "method"), "benchmark")
    kept = PAGE.read_text(encoding="utf-8")
    kept = filled(kept, "truth", lambda name: table(rows, COLUMNS[name]) if name in COLUMNS else distances(rows))
    yield PAGE, kept


def of_sensors(rows: Sequence[Row], column: str) -> dict[str, dict[str, float]]:
    """Sensor -> method -> mean over its scenes."""
    found: dict[str, dict[str, float]] = {}
    for sensor in dict.fromkeys(row["sensor"] for row in rows):
        own = [row for row in rows if row["sensor"] == sensor]
        found[sensor] = {name: fmean(row[column] for row in own if row["method"] == name) for name in NAMES}
    return found


def table(rows: Sequence[Row], column: str) -> str:
    """A line for each sensor, means over its scenes; bold: what is farther from the truth than NEAR."""
    lines = [f"| {column} | scenes | {' | '.join(NAMES)} |", f"|---|---:|{'---:|' * len(NAMES)}"]
    for sensor, means in of_sensors(rows, column).items():
        count = len({row["scene"] for row in rows if row["sensor"] == sensor})
        cells = [f"**{m:.2f}**" if abs(m - means[TRUTH]) > NEAR else f"{m:.2f}" for m in means.values()]
        lines.append(f"| {sensor} | {count} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def distances(rows: Sequence[Row]) -> str:
    """Mean distance from the truth over sensors, and how many sensors are near it."""
    lines = [f"| distance from the truth | {' | '.join(NAMES[1:])} |", f"|---|{'---:|' * len(NAMES[1:])}"]
    for column in COLUMNS.values():
        sensors = of_sensors(rows, column).values()
        apart = {name: [abs(means[name] - means[TRUTH]) for means in sensors] for name in NAMES[1:]}
        cells = [f"{fmean(each):.2f} ({sum(one <= NEAR for one in each)})" for each in apart.values()]
        lines.append(f"| {column} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Judge, or make the tables; exit status 1 if --check finds them out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*")
    parser.add_argument("--out", type=Path, default=ROWS)
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    if wanted.scenes:
        wanted.out.parent.mkdir(parents=True, exist_ok=True)
        rows = (json.dumps(row) + "\n" for row in judged(wanted.scenes))
        wanted.out.write_text("".join(rows), encoding="utf-8")
    return renew(pages(), wanted.check, "python runs/benchmark/truth.py")


if __name__ == "__main__":
    sys.exit(main())

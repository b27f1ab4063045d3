"""How well figures on held-out simulated pairs predict those on real scenes: rank correlations over the study's runs.

python runs/pretrain/prediction.py --work FOLDER [--cells PATTERN ...]    judge the study's weights on simulated pairs
python runs/pretrain/prediction.py [--check]                              rewrite the tables of docs/pretraining.md

The runs are B cells of the study (study.py) as it was until 2026-11-28, whose weights lie in ``--work`` and whose rows
on scenes in results/prediction/scenes.jsonl; pairs and figures are those of held_out.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from held_out import COLUMNS, held_out_tiles, judged, truthful
from numpy.typing import NDArray

from anypan.report import records
from anypan.report.documents import filled, renew
from anypan.report.rows import mean
from anypan.runtime.columns import LOW
from anypan.train import read_config
from anypan.weights import load

Row = Mapping[str, Any]
ROOT = Path(__file__).resolve().parents[2]
ROWS, PAGE = ROOT / "results" / "prediction" / "study.jsonl", ROOT / "docs" / "pretraining.md"
RECIPE = Path(__file__).with_name("anypan-s.toml")
RATIOS = (4, 2)
AGAINST = {"error": "ERGAS", "D_rho": "D_rho", "residual": "R-ERGAS", "detail transfer": LOW}
LEFT_OUT = "*/pan-mamba/*"  # too slow on a CPU


def main() -> int:
    """Judge and add rows, or make the table; exit status 1 if --check finds it out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="the study's folder of weights; without it the table is made")
    parser.add_argument("--cells", nargs="+", default=["B/*"], metavar="PATTERN", help="only cells called so")
    parser.add_argument("--batches", type=int, default=6, help="of 9 patches (%(default)s)")
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    if not wanted.work:
        return renew(pages(), wanted.check, "python runs/pretrain/prediction.py")
    done = {row["cell"] for row in (records([ROWS], ("cell",), "study") if ROWS.is_file() else [])}
    for path in sorted(wanted.work.glob("B_*.safetensors")):
        cell = path.stem.rsplit("-", 1)[0].replace("_", "/")
        chosen = any(fnmatch(cell, pattern) for pattern in wanted.cells) and not fnmatch(cell, LEFT_OUT)
        if chosen and cell not in done:
            row = {"cell": cell} | simulated(str(path), wanted.batches)
            with ROWS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    return 0


def simulated(weights: str, batches: int) -> dict[str, float]:
    """The figures of held_out.py by name and ratio, as "error, 4"."""
    config, network, found = read_config(RECIPE), load(weights).eval(), {}
    tiles = list(held_out_tiles(config, batches))
    for ratio in RATIOS:
        values = judged(network, tiles, truthful(config.simulation, ratio))
        found |= {f"{name}, {ratio}": round(value, 5) for name, value in zip(COLUMNS, values, strict=True)}
    return found


def pages() -> Iterator[tuple[Path, str]]:
    """docs/pretraining.md, and what it should hold."""
    told = {row["cell"]: row for row in records([ROWS], ("cell",), "study")}
    scenes: dict[str, list[Row]] = {}
    for row in records([ROOT / "results" / "prediction" / "scenes.jsonl"], ("cell",), "study"):
        scenes.setdefault(row["cell"], []).append(row)

    def made(network: str) -> str:
        return table({cell: row for cell, row in told.items() if network in ("all", cell.split("/")[1])}, scenes)

    yield PAGE, filled(PAGE.read_text(encoding="utf-8"), "prediction", made)


def table(told: Mapping[str, Row], scenes: Mapping[str, Sequence[Row]]) -> str:
    """Rank correlations (Spearman) of each figure with that of the scenes of its ratio, means over sensors."""
    lines = ["| on simulated pairs | on real scenes | runs | ratio 4 | ratio 2 |", "|---|---|---|---|---|"]
    for name, metric in AGAINST.items():
        both = [list(_both(told, scenes, name, metric, ratio)) for ratio in RATIOS]
        cells = [f"{rank_correlation(*np.array(pairs).T):.2f}" for pairs in both]
        lines.append(f"| {name} | {metric} | {len(both[0])} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _both(
    told: Mapping[str, Row], scenes: Mapping[str, Sequence[Row]], name: str, metric: str, ratio: int
) -> Iterator[tuple[float, float]]:
    for cell, row in told.items():
        found = mean([scene for scene in scenes.get(cell, ()) if round(scene["ratio"]) == ratio], metric)
        if found is not None:
            yield row[f"{name}, {ratio}"], found.value


def rank_correlation(one: NDArray[Any], two: NDArray[Any]) -> float:
    """Spearman's: the correlation of the ranks; equal values are ranked as they come."""
    first, second = (values.argsort().argsort() for values in (one, two))
    return float(np.corrcoef(first, second)[0, 1])


if __name__ == "__main__":
    sys.exit(main())

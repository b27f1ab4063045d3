"""Does simulation contain reality? Statistics of simulated scenes beside those of the development scenes.

python runs/pretrain/realism.py SCENES ... [--config runs/pretrain/anypan-s.toml] [--batches 60]    measure, write rows
python runs/pretrain/realism.py [--check]                               rewrite the tables of docs/simulation.md

Reduced scenes (Wald's protocol, or a truth of their own) are held against the simulator's "reduced scenes", real pairs
against the rest, ratio by ratio. A figure is the percentile of the scene in the simulated distribution: below 2 or
above 98 the simulator does not contain it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anypan.judging import find_scenes
from anypan.judging.cases import prepare
from anypan.optics.mtf import DenseSampling
from anypan.optics.normalise import Moments, Scale, box_mean, pan_at_ms_scale
from anypan.pair.gain import LIGHT, measure_gains
from anypan.report import records
from anypan.report.documents import filled, renew
from anypan.train import read_config, training_batches
from anypan.train.losses import finest, local_correlation, octave_transfer

ROOT = Path(__file__).resolve().parents[2]
ROWS, PAGE = ROOT / "results" / "realism" / "statistics.jsonl", ROOT / "docs" / "simulation.md"
RECIPE = Path(__file__).with_name("anypan-s.toml")
KINDS = {"rr": "Reduced scenes", "fr": "Real pairs"}
SIDE = 512  # PAN pixels along a side of the middle of a scene that is measured
INSIDE = (2.0, 98.0)
Statistics = dict[str, float]


def statistics(pan: Tensor, lrms: Tensor, gnyq: Tensor, sampling: DenseSampling, truth: Tensor | None) -> Statistics:
    """Of one scene: pan (K, 1, H, W), lrms (K, B, h, w), gnyq (K, B), truth (K, B, H, W) where there is one."""
    pan_lr = pan_at_ms_scale(pan, gnyq, sampling)
    scale = Moments(Moments.of(lrms, pan_lr).products.sum(0)).scale()
    gain, explained, alone, _ = measure_gains(pan, lrms, sampling, len(pan))
    pan, lrms, pan_lr = scale.apply_pan(pan), scale.apply(lrms), scale.apply_pan(pan_lr)
    texture = finest(pan).square().mean().sqrt()
    detail = (pan - box_mean(pan, 9))[..., 4:-4, 4:-4].square().mean().sqrt()
    found = {
        "PAN detail that the bands explain": float(explained[0]),
        "log of gain measured over given": float(torch.log(gain[0] / gnyq[0].mean())),
        "band detail of its own, median band": float(alone[0].median()),
        "band detail of its own, worst band": float(alone[0].max()),
        "finest octave of the PAN over its detail": float(texture / detail.clamp(min=1e-6)),
        "contrast inverted, worst band": _inverted(lrms, pan_lr),
        "skew of values, median band": float(_skew(lrms).median()),
    }
    return found | (_of_truth(pan, scale.apply(truth), scale) if truth is not None else {})


def _of_truth(pan: Tensor, truth: Tensor, scale: Scale) -> Statistics:
    mixture = torch.einsum("b,kbhw->khw", scale.weights, truth)[:, None]
    apart = 1 - local_correlation(truth, pan).clamp(-1, 1)
    return {
        "finest octave of the PAN in the truth": float(octave_transfer(mixture, pan)),
        "D_rho of the truth": float(apart.mean()),
    }


def _inverted(lrms: Tensor, pan_lr: Tensor) -> float:
    """Share of the windows of 4 x 4 MS pixels, weighted by contrast, in which a band runs against the PAN."""
    correlation = local_correlation(lrms, pan_lr)
    contrast = F.avg_pool2d(pan_lr**2, 4, 2) - F.avg_pool2d(pan_lr, 4, 2) ** 2
    return float(((correlation < 0) * contrast).sum((0, 2, 3)).max() / contrast.sum().clamp(min=1e-9))


def _skew(lrms: Tensor) -> Tensor:
    return (lrms**3).mean((0, 2, 3)) / (lrms**2).mean((0, 2, 3)).clamp(min=1e-9) ** 1.5


def of_scenes(folders: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row for each scene and protocol."""
    for folder in folders:
        for scene in find_scenes(folder):
            for protocol in ("rr", "fr"):
                case = prepare(scene, protocol)
                if protocol == "fr" and case.facts["degraded"]:
                    continue
                patch, ratio = case.scene.whole(), case.scene.ratio
                rows, cols = (min(n, SIDE // ratio) // 4 * 4 for n in case.scene.shape)
                sampling = DenseSampling(ratio, (rows * ratio, cols * ratio), case.scene.sampling.phase)
                pan, truth = (None if i is None else i[None, :, : rows * ratio, : cols * ratio]
                              for i in (patch.pan, case.reference))  # fmt: skip
                assert pan is not None
                gnyq = torch.tensor([case.scene.gnyq])
                found = statistics(pan, patch.lrms[None, :, :rows, :cols], gnyq, sampling, truth)
                yield {
                    "of": case.facts["sensor"],
                    "scene": case.facts["scene"],
                    "kind": protocol,
                    "ratio": ratio,
                } | found


def of_simulation(config: Path, batches: int) -> Iterator[dict[str, Any]]:
    """A row for each simulated scene of the recipe, steps that no training has reached."""
    drawn = training_batches(read_config(config))
    for number in range(batches):
        batch = drawn.draw(10**6 + number)
        reduced = batch.history.hits.get("reduced scenes", torch.zeros(len(batch.pan) // batch.patches))
        for scene, one in enumerate(reduced.tolist()):
            own = slice(scene * batch.patches, (scene + 1) * batch.patches)
            parts = (batch.pan[own], batch.lrms[own], batch.gnyq[own], batch.sampling, batch.reference[own])
            kind = {"of": "simulation", "kind": "rr" if one else "fr", "ratio": batch.sampling.ratio}
            yield kind | statistics(*parts)


def pages() -> Iterator[tuple[Path, str]]:
    """docs/simulation.md, and what it should hold."""
    rows = records([ROWS], ("of", "kind"), "realism")
    yield PAGE, filled(PAGE.read_text(encoding="utf-8"), "realism", lambda kind: table(rows, kind))


def table(rows: Sequence[Mapping[str, Any]], kind: str) -> str:
    """For each statistic the simulated range, and each sensor's mean percentile; bold: beyond simulation."""
    real = [row for row in rows if row["of"] != "simulation" and row["kind"] == kind and not _resampled(row)]
    sensors = list(dict.fromkeys(f"{row['of']}" for row in real))
    names = [
        name for name in rows[0] if name not in ("of", "kind", "ratio", "scene") and any(name in row for row in real)
    ]
    lines = [
        f"| {KINDS[kind]} | 2 to 98 % of simulation | {' | '.join(sensors)} |",
        f"|---|---|{'---:|' * len(sensors)}",
    ]
    for name in names:
        pools = {ratio: np.array([row[name] for row in rows if row["of"] == "simulation" and row["kind"] == kind
                                  and row["ratio"] == ratio and name in row]) for ratio in (2, 4)}  # fmt: skip
        cells = []
        for sensor in sensors:
            mine = [row for row in real if row["of"] == sensor and name in row]
            places = [float(100 * (pools[round(row["ratio"])] < row[name]).mean()) for row in mine]
            beyond = sum(not INSIDE[0] <= place <= INSIDE[1] for place in places)
            said = f"{fmean(places):.0f}" if places else "-"
            cells.append(f"**{said}** ({beyond}/{len(places)})" if beyond else said)
        low, high = np.percentile(np.concatenate(list(pools.values())), INSIDE)
        lines.append(f"| {name} | {low:.2f} to {high:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _resampled(row: Mapping[str, Any]) -> bool:
    """True if PAN and MS were reduced without a low-pass: the gain between them is no instrument's."""
    return row["log of gain measured over given"] > math.log(LIGHT)


def main() -> int:
    """Measure, or make the tables; exit status 1 if --check finds them out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*")
    parser.add_argument("--config", type=Path, default=RECIPE)
    parser.add_argument("--batches", type=int, default=60, help="simulated (%(default)s)")
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    if wanted.scenes:
        ROWS.parent.mkdir(parents=True, exist_ok=True)
        with ROWS.open("w", encoding="utf-8") as file, torch.inference_mode():
            for row in (*of_scenes(wanted.scenes), *of_simulation(wanted.config, wanted.batches)):
                file.write(
                    json.dumps({key: round(v, 5) if isinstance(v, float) else v for key, v in row.items()}) + "\n"
                )
    return renew(pages(), wanted.check, "python runs/pretrain/realism.py")


if __name__ == "__main__":
    sys.exit(main())

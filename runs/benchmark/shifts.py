"""What registering by blocks, or each band by itself, would bring over one shift for the whole scene.

python runs/benchmark/shifts.py SCENES [--out results/registration/scenes.jsonl]

Real pairs are reduced by Wald's protocol, their PAN sampled at the phase of the whole scene's shift or at that of the
part alone: blocks of 64 x 64 MS pixels with all bands, then all of the scene with one band. Both ways are fused by
MTF-GLP-FS and judged against the same MS: ``gain`` is the ratio of the ERGAS, ``shift`` what the
part is off by beyond the scene, in PAN pixels, ``confidence`` how sure that is (0 to 1).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from anypan.fusing import fuse_scene
from anypan.judging import find_scenes, prepare
from anypan.methods import METHODS
from anypan.metrics import Reference, judge
from anypan.pair import wald
from anypan.pair.registration import CONFIDENT, measure_shift
from anypan.pair.scene import Scene, from_arrays, select

OUT = Path(__file__).resolve().parents[2] / "results" / "registration" / "scenes.jsonl"
METHOD, BLOCK, EDGE = METHODS["MTF-GLP-FS"], 64, 4
Row = dict[str, Any]


def main() -> None:
    """Add a row for each part of every real scene that has several blocks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes")
    parser.add_argument("--out", type=Path, default=OUT)
    wanted = parser.parse_args()
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    for entry in find_scenes(wanted.scenes):
        case = prepare(entry, "fr")
        if case.facts["degraded"] or min(case.scene.shape) < 2 * BLOCK:
            continue
        about = {key: case.facts[key] for key in ("scene", "sensor", "ratio")}
        for row in (*by_blocks(case.scene), *by_bands(case.scene)):
            with wanted.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(about | row) + "\n")
        print(f"{about['scene']} done", flush=True)


def by_blocks(scene: Scene) -> Iterator[Row]:
    """One row: the mean over the blocks whose shift is sure."""
    rows = [row for tile in scene.tiles(BLOCK) if min(tile.height, tile.width) == BLOCK
            for row in [_gained(scene.of(scene.read(tile)))] if row["confidence"] >= CONFIDENT]  # fmt: skip
    if rows:
        spread = torch.tensor([row["shift"] for row in rows]).std(0, correction=0).tolist()
        yield {"part": "blocks", "count": len(rows), "spread": spread, "gain": fmean(row["gain"] for row in rows)}


def by_bands(scene: Scene) -> Iterator[Row]:
    """A row for each band alone."""
    for band, name in enumerate(scene.bands):
        yield {"part": name} | _gained(select(scene, [band]))


def _gained(scene: Scene) -> Row:
    patch, phase = scene.whole(), scene.sampling.phase
    dy, dx, confidence = measure_shift(patch.pan, patch.lrms, scene.ratio, patch.mask, phase)
    errors = [_error(scene, at) for at in (phase, (phase[0] + dy, phase[1] + dx))]
    return {"shift": [dy, dx], "confidence": confidence, "gain": errors[1] / errors[0]}


@torch.inference_mode()
def _error(scene: Scene, phase: tuple[float, float]) -> float:
    """ERGAS away from the borders."""
    patch = scene.whole()
    moved = from_arrays(patch.pan, patch.lrms, scene.gnyq, scene.gnyq_pan, phase, mask=patch.mask)
    reduced, reference = wald.degrade(moved)
    images = fuse_scene(reduced, METHOD(reduced)), reference, reduced.whole().mask
    fused, truth, mask = (image[..., EDGE:-EDGE, EDGE:-EDGE] for image in images)
    return judge(fused, Reference(truth, scene.ratio, peak=1.0, mask=mask), ["ERGAS"])["ERGAS"]


if __name__ == "__main__":
    main()

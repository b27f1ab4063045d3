"""Metrics, degradation and resizing against values computed with the reference toolbox, and the CDIF oracle."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from torch import Tensor

from anypan.methods import METHODS
from anypan.metrics import cc, ergas, judge, psnr, q, q2n, sam, scc
from anypan.optics.resize import reduce_bicubic
from anypan.optics.toolbox import Toolbox
from anypan.pair import wald
from anypan.pair.scene import Scene, from_arrays

GAINS = {"qb": ((0.34, 0.32, 0.30, 0.22), 0.15), "wv2": ((0.35,) * 7 + (0.27,), 0.11)}
RR = ("Q2n", "Qavg", "SAM", "ERGAS", "SCC")


@cache
def arrays(golden: Path, name: str) -> dict[str, Tensor]:
    with np.load(golden / f"{name}.npz") as file:
        return {key: bands_first(file[key]) for key in file}


def bands_first(image: np.ndarray) -> Tensor:
    image = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    return torch.from_numpy(np.ascontiguousarray(image)).double()


def rows(golden: Path, resolution: str) -> list[dict]:
    return [row for row in json.loads((golden / "metrics.json").read_text()) if row["res"] == resolution]


def scene_of(golden: Path, tag: str) -> Scene:
    known = arrays(golden, f"{tag}_fr")
    return from_arrays(known["I_PAN"], known["I_MS_LR"], *GAINS[tag], convention=Toolbox)


def test_reduced_resolution_metrics(shared: Path) -> None:
    golden = shared / "golden"
    for row in rows(golden, "rr"):
        known = arrays(golden, f"{row['tag']}_rr")
        name = "EXP_toolbox" if row["method"] == "EXP" else "F_" + row["method"].replace("-", "_")
        cut = row["cut"]
        window = slice(cut - 1, -cut) if cut else slice(None)
        fused, reference = (image[:, window, window] for image in (known[name], known["I_GT"]))
        found = (
            q2n(fused, reference, toolbox=True),
            q(fused, reference),
            sam(fused, reference),
            ergas(fused, reference, ratio=4),
            scc(fused, reference),
        )
        assert found == pytest.approx([row[key] for key in RR], rel=1e-10), (row["tag"], row["method"], cut)


def test_full_resolution_metrics(shared: Path) -> None:
    """The stored images are float32, but for EXP, which is computed here."""
    golden = shared / "golden"
    for row in rows(golden, "fr"):
        known, scene = arrays(golden, f"{row['tag']}_fr"), scene_of(golden, row["tag"])
        exp, key = row["method"] == "EXP", "F_" + row["method"].replace("-", "_")
        if not exp and key not in known:
            continue
        fused = scene.sampling.expand(known["I_MS_LR"]) if exp else known[key]
        found = judge(fused, scene, ["QNR"])
        for name in ("D_lambda_K", "D_s", "HQNR", "D_lambda", "QNR"):
            close = pytest.approx(row[name], rel=1e-12 if exp else 1e-7, abs=1e-15)
            assert found[name] == close, (row["tag"], row["method"], name)


def test_wald_in_the_toolbox_convention(shared: Path) -> None:
    golden = shared / "golden"
    for tag in GAINS:
        known = arrays(golden, f"{tag}_rr")
        reduced, reference = wald.degrade(scene_of(golden, tag))
        patch = reduced.whole()
        found = ((reference, "I_GT"), (patch.pan, "I_PAN"), (patch.lrms, "I_MS_LR"))
        assert all(torch.allclose(image, known[key], rtol=1e-13, atol=0) for image, key in found)


def test_bicubic_reduction(shared: Path) -> None:
    for tag in GAINS:
        known = arrays(shared / "golden", f"{tag}_rr")
        reduced = reduce_bicubic(known["I_PAN"], 4)
        assert torch.allclose(reduced, known["PAN_imresize_quarter"], rtol=1e-12, atol=0)


def pleiades(shared: Path, name: str) -> Tensor:
    with rasterio.open(shared / "scenes" / "pleiades-01" / f"{name}.tif") as file:
        return torch.from_numpy(file.read()).double()


def test_cdif_oracle(shared: Path) -> None:
    """The toolbox's kernel at 2::4 made this scene's MS, stored as float32: all 16,384 values to their last bit.

    The value nearest to a rounding boundary lies 1.4e-9 DN from it, so the two agree to 1e-12 of full scale there.
    """
    degraded = Toolbox(4).degrade(pleiades(shared, "gt") / 1023, [0.3] * 4)
    assert torch.equal((1023 * degraded).float(), pleiades(shared, "ms").float())


PUBLISHED = {
    "EXP": (27.875, 4.644, 5.729, 0.8517),
    "MTF-GLP-FS": (36.763, 3.072, 2.207, 0.9775),
    "MTF-GLP-HPM-R": (37.755, 3.112, 2.052, 0.9814),
}


@pytest.mark.parametrize("method", PUBLISHED)
def test_values_of_an_independent_implementation(shared: Path, method: str) -> None:
    """CDIF's Pleiades image, reference clipped to [0, 1], 4 px border removed: PSNR, SAM, ERGAS, CC."""
    truth, pan, lrms = (pleiades(shared, name) / 1023 for name in ("gt", "pan", "ms"))
    scene = from_arrays(pan, lrms, convention=Toolbox)
    fused, reference = (image[:, 4:-4, 4:-4] for image in (METHODS[method](scene)(pan, lrms), truth.clamp(0, 1)))
    found = psnr(fused, reference, 1), sam(fused, reference), ergas(fused, reference, 4), cc(fused, reference)
    assert found == pytest.approx(PUBLISHED[method], rel=5e-4)

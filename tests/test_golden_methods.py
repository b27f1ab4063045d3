"""Classical methods against the reference toolbox's own outputs (data/golden/README.md)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from anypan.methods import CLASSICAL, METHODS
from anypan.optics.toolbox import Toolbox
from anypan.pair.scene import Scene, from_arrays

GAINS = {"qb": ((0.34, 0.32, 0.30, 0.22), 0.15), "wv2": ((0.35,) * 7 + (0.27,), 0.11)}
REDUCED = ("AWLP", "BDSD-PC", "BT-H", "GSA", "MTF-GLP-CBD", "MTF-GLP-FS", "MTF-GLP-HPM", "MTF-GLP-HPM-R")
FULL = ("EXP", "BT-H", "GSA", "MTF-GLP-HPM-R")


def golden(shared: Path, sensor: str, resolution: str, method: str) -> tuple[Scene, Tensor]:
    """The crop as a scene of the toolbox's kind, and what the toolbox made of it: (B, H, W)."""
    archive = np.load(shared / "golden" / f"{sensor}_{resolution}.npz")
    pan = torch.from_numpy(archive["I_PAN"])[None].double()
    lrms, fused = (
        torch.from_numpy(archive[key]).double().movedim(-1, 0).contiguous()
        for key in ("I_MS_LR", "F_" + method.replace("-", "_"))
    )
    gnyq, gnyq_pan = GAINS[sensor]
    return from_arrays(pan, lrms, gnyq, gnyq_pan, phase=(0.5, 0.5), convention=Toolbox), fused


def relative_error(scene: Scene, method: str, expected: Tensor) -> float:
    patch = scene.whole()
    fused = METHODS[method](scene)(patch.pan, patch.lrms)
    return float((fused - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("sensor", GAINS)
@pytest.mark.parametrize("method", REDUCED)
def test_reduced_resolution(shared: Path, sensor: str, method: str) -> None:
    scene, expected = golden(shared, sensor, "rr", method)
    assert relative_error(scene, method, expected) < 1e-9


@pytest.mark.parametrize("sensor", GAINS)
@pytest.mark.parametrize("method", FULL)
def test_full_resolution(shared: Path, sensor: str, method: str) -> None:
    """The archive keeps float32."""
    scene, expected = golden(shared, sensor, "fr", method)
    assert relative_error(scene, method, expected) < 1e-5


# Of methods whose output by the toolbox is not at hand: their equations once more, of EXP, PAN and low-passes.
def _equalised(pan: np.ndarray, low: np.ndarray, like: np.ndarray) -> np.ndarray:
    return (pan - low.mean()) * like.std() / low.std() + like.mean()


def _box(pan: np.ndarray) -> np.ndarray:
    padded = np.pad(pan, 2, mode="edge")
    return sum(padded[r : r + pan.shape[0], c : c + pan.shape[1]] for r in range(5) for c in range(5)) / 25


def _brovey(exp: np.ndarray, pan: np.ndarray, low: np.ndarray, _: np.ndarray) -> np.ndarray:
    return exp * _equalised(pan, low, exp.mean(0)) / exp.mean(0)


def _gs(exp: np.ndarray, pan: np.ndarray, *_: np.ndarray) -> np.ndarray:
    intensity = exp.mean(0)
    gains = [np.cov(intensity.ravel(), band.ravel())[0, 1] / intensity.var(ddof=1) for band in exp]
    return exp + np.array(gains)[:, None, None] * (_equalised(pan, pan, intensity) - intensity)


def _pca(exp: np.ndarray, pan: np.ndarray, *_: np.ndarray) -> np.ndarray:
    centred = exp.reshape(len(exp), -1) - exp.reshape(len(exp), -1).mean(1, keepdims=True)
    first = np.linalg.svd(centred, full_matrices=False)[0][:, 0]
    component = (first @ centred).reshape(pan.shape)
    if (component * (pan - pan.mean())).sum() < 0:
        first, component = -first, -component
    return exp + first[:, None, None] * (_equalised(pan, pan, component) - component)


def _hpf(exp: np.ndarray, pan: np.ndarray, *_: np.ndarray) -> np.ndarray:
    return exp + (exp.std((1, 2)) / pan.std())[:, None, None] * (pan - _box(pan))


def _sfim(exp: np.ndarray, pan: np.ndarray, *_: np.ndarray) -> np.ndarray:
    return exp * pan / _box(pan)


def _mtf_glp(exp: np.ndarray, pan: np.ndarray, low: np.ndarray, lows: np.ndarray) -> np.ndarray:
    return exp + (exp.std((1, 2)) / low.std())[:, None, None] * (pan - lows)


EQUATIONS = {"Brovey": _brovey, "GS": _gs, "PCA": _pca, "HPF": _hpf, "SFIM": _sfim, "MTF-GLP": _mtf_glp}


@pytest.mark.parametrize("method", EQUATIONS)
def test_equations_written_twice(method: str) -> None:
    rng, gnyq = torch.Generator().manual_seed(3), (0.34, 0.32, 0.30)
    lrms = 300 + 60 * torch.rand(3, 12, 12, generator=rng, dtype=torch.float64).cumsum(1)
    pan = 200 + 30 * torch.rand(1, 48, 48, generator=rng, dtype=torch.float64).cumsum(1)
    scene = from_arrays(pan, lrms, gnyq, convention=Toolbox)
    sampling = scene.sampling
    given = (
        sampling.expand(lrms),
        pan[0],
        sampling.low_for_gains(pan, gnyq)[0],
        sampling.expand(sampling.degrade(pan, gnyq)),
    )
    expected = EQUATIONS[method](*(each.numpy() for each in given))
    assert relative_error(scene, method, torch.from_numpy(expected)) < 1e-9


# Of methods that the toolbox does not have: both bands of pair() at the middle, by hand or by other software.
# A PAN that rises evenly has no detail there, wherever its low-pass looks to both sides alike: what is left is EXP, of
# the second band 2 (24 - 1.5) / 4.
PLANE = 10.0, 11.25
BY_HAND: dict[str, tuple[float, float]] = {
    "EXP": PLANE,
    "HPF": PLANE,
    "SFIM": PLANE,
    "MTF-GLP": PLANE,
    # a line each, as docs/extending.md shows
}


def pair() -> Scene:
    """A PAN of 48 x 48 pixels that rises by 1 a row; at ratio 4 a band of 10 and one that rises by 2 a column."""
    pan = torch.arange(48.0, dtype=torch.float64).repeat(48, 1).T[None].contiguous()
    lrms = torch.stack([torch.full((12, 12), 10.0), 2 * torch.arange(12.0).repeat(12, 1)]).double()
    return from_arrays(pan, lrms)


@pytest.mark.parametrize("method", BY_HAND)
def test_values_by_hand(method: str) -> None:
    scene = pair()
    fused = METHODS[method](scene)(scene.whole().pan, scene.whole().lrms)
    assert [float(fused[0, 24, 24]), float(fused[1, 24, 24])] == pytest.approx(BY_HAND[method], rel=1e-6)


def test_every_classical_method_has_a_golden_value() -> None:
    missing = set(CLASSICAL) - {*REDUCED, *FULL, *EQUATIONS, *BY_HAND, "MTF-GLP-FS + consistency"}
    assert not missing, f"give golden values of {sorted(missing)}: in BY_HAND, or of the toolbox in REDUCED"

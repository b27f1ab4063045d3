"""How sharp the truth is, beside what methods make of it: a truth stands at its own figures, a softer image below."""

from types import SimpleNamespace

import pytest
import torch

from anypan.optics.filters import SPLINE, separable
from anypan.pair.scene import from_arrays
from anypan.report import documents


@pytest.fixture
def page(benchmark_script):
    return benchmark_script("truth")


def test_detail_is_counted_as_much_as_there_is(page):
    generator = torch.Generator().manual_seed(3)
    pan = 500 + 20 * torch.randn(1, 256, 256, generator=generator)
    scene = from_arrays(pan, torch.nn.functional.avg_pool2d(pan, 4).expand(3, -1, -1).contiguous())
    case = SimpleNamespace(scene=scene)
    full = page.figures(case, pan.expand(3, -1, -1))
    blurred = separable(pan[None], SPLINE)[0]
    soft = page.figures(case, blurred.expand(3, -1, -1))
    harder = page.figures(case, (pan + 0.5 * (pan - blurred)).expand(3, -1, -1))
    assert full["finest octave"] == pytest.approx(full["detail transfer (high)"], rel=0.01)
    for name in ("finest octave", "detail transfer (low)", "detail transfer (high)"):
        assert soft[name] < 0.8 * full[name] and harder[name] > 1.1 * full[name]
    assert full["D_rho"] < 1e-3 < soft["D_rho"]


def test_bold_is_what_is_far_from_the_truth(page):
    figures = {page.TRUTH: 0.8, "MTF-GLP-HPM-R": 1.0, "MTF-GLP-FS + consistency": 0.89, page.UNTRAINED: 0.69}
    figures[page.NETWORK] = 0.71
    rows = [{"sensor": "A", "scene": "a", "method": name, "D_rho": value} for name, value in figures.items()]
    assert page.table(rows, "D_rho").splitlines()[2] == "| A | 1 | 0.80 | **1.00** | 0.89 | **0.69** | 0.71 |"
    every = [row | dict.fromkeys(page.COLUMNS.values(), row["D_rho"]) for row in rows]
    assert page.distances(every).splitlines()[-1] == "| D_rho | 0.20 (0) | 0.09 (1) | 0.11 (0) | 0.09 (1) |"


def test_the_published_page_is_up_to_date(page):
    assert not documents.stale(page.pages()), "run python runs/benchmark/truth.py"

"""How far a metric without a truth keeps the order of the error: 1 where it is the same, -1 where it is the reverse."""

import pytest

from anypan.report import documents
from anypan.report.rows import Row


@pytest.fixture
def page(benchmark_script):
    return benchmark_script("ranks")


def rows_of(scene, figures):
    for method, (error, hqnr) in figures.items():
        about = {"scene": scene, "method": method}
        yield Row.of(about | {"protocol": "rr", "ERGAS": error})
        yield Row.of(about | {"protocol": "fr", "HQNR": hqnr})


def test_the_same_order_is_1_and_the_reverse_is_minus_1(page):
    same = rows_of("a", {"x": (1.0, 0.9), "y": (2.0, 0.8), "z": (9.0, 0.1)})
    reverse = rows_of("b", {"x": (9.0, 0.9), "y": (2.0, 0.8), "z": (1.0, 0.1)})
    assert page.correlations([*same, *reverse], "HQNR") == pytest.approx([1, -1])


def test_a_scene_without_both_resolutions_does_not_count(page):
    both = rows_of("a", {"x": (1.0, 0.9), "y": (2.0, 0.8)})
    one = Row.of({"scene": "b", "method": "x", "protocol": "fr", "HQNR": 0.9})
    assert len(page.correlations([*both, one], "HQNR")) == 1


def test_the_published_page_is_up_to_date(page):
    assert not documents.stale(page.pages()), "run python runs/benchmark/ranks.py"

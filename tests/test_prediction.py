"""How simulated pairs predict scenes: ranks, not sizes, and figures of the same ratio."""

import sys
from pathlib import Path

import numpy as np
import pytest

from anypan.report import documents

FOLDER = Path(__file__).resolve().parents[1] / "runs" / "pretrain"
sys.path.insert(0, str(FOLDER))
try:
    import prediction
finally:
    sys.path.remove(str(FOLDER))


def test_rank_correlation_sees_order_only():
    one = np.array([0.3, 5.0, 1.0, 2.0])
    assert prediction.rank_correlation(one, np.exp(one)) == pytest.approx(1)
    assert prediction.rank_correlation(one, -one) == pytest.approx(-1)
    assert prediction.rank_correlation(one, np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)


def test_the_table_of_predictions_compares_the_same_ratio():
    names = [f"{name}, {ratio}" for name in prediction.AGAINST for ratio in prediction.RATIOS]
    told = {str(run): dict.fromkeys(names, float(run)) for run in range(4)}
    scenes = {str(run): [{"sensor": "A", "ratio": ratio} | dict.fromkeys(prediction.AGAINST.values(), sign * run)
                         for ratio, sign in ((4, 1.0), (2, -1.0))] for run in range(4)}  # fmt: skip
    assert prediction.table(told, scenes).splitlines()[2] == "| error | ERGAS | 4 | 1.00 | -1.00 |"


def test_the_published_predictions_are_up_to_date():
    assert not documents.stale(prediction.pages()), "run python runs/pretrain/prediction.py"

"""Paired differences, intervals and verdicts on rows whose answer is known."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "runs" / "paper"))
import convergence
import paired

METRICS = ("ERGAS", "Q2n")


def rows(factor, gain, sensors=6, scenes=3, seeds=(1, 2, 3), noise=0.0, rng=None):
    """Rows whose ERGAS is ``factor`` times, whose Q2n ``gain`` above that of factor 1, gain 0."""
    rng = rng or np.random.default_rng(0)
    hard = np.random.default_rng(9)
    found = []
    for sensor in range(sensors):
        for scene in range(scenes):
            base = 1 + 3 * hard.random()
            for seed in seeds:
                error = base * factor * math.exp(noise * rng.standard_normal())
                quality = 0.9 + 0.01 * base + gain + noise / 10 * rng.standard_normal()
                about = {"sensor": f"S{sensor}", "scene": f"S{sensor}-{scene}", "seed": seed}
                found.append(about | {"ERGAS": error, "Q2n": quality})
    return found


def test_a_known_difference_is_found_whatever_the_scenes_are_like():
    found = paired.compared(rows(1, 0), rows(0.9, 0.01), METRICS)
    assert found["ERGAS"].mean == pytest.approx(-10) and found["Q2n"].mean == pytest.approx(0.01)
    assert found["ERGAS"].low == pytest.approx(-10) and found["ERGAS"].high == pytest.approx(-10)
    assert (found["ERGAS"].scenes, found["ERGAS"].sensors, found["ERGAS"].seeds) == (18, 6, 3)
    assert paired.verdict(found)[0] == paired.SUPPORTED


@pytest.mark.parametrize(
    "factor, gain, expected",
    [
        (0.9, 0.01, ("supported", "")),
        (1.1, -0.01, ("contradicted", "it is worse")),
        (1.001, 0.0, ("contradicted", "within 1 %")),
        (0.9, -0.01, ("undecided", "do not agree")),
    ],
)
def test_verdicts(factor, gain, expected):
    said, why = paired.verdict(paired.compared(rows(1, 0), rows(factor, gain), METRICS))
    assert said == expected[0] and expected[1] in why


def test_noise_and_nothing_are_undecided():
    rng = np.random.default_rng(3)
    found = paired.compared(rows(1, 0, noise=0.2, rng=rng), rows(1, 0, noise=0.2, rng=rng), METRICS)
    assert paired.verdict(found) == ("undecided", "the interval of ERGAS and of Q2n holds 0")
    assert paired.verdict({}) == ("undecided", "it has not been run")
    few = paired.compared(rows(1, 0, 1, 2), rows(0.5, 0.1, 1, 2), METRICS)
    assert paired.verdict(few) == ("undecided", "2 scenes are too few")
    alone = paired.compared(rows(1, 0, 1, 9), rows(0.5, 0.1, 1, 9), METRICS)
    assert paired.verdict(alone) == ("undecided", "all scenes are of one sensor")


@pytest.mark.parametrize("layout", [(5, 5, 1), (2, 6, 2), (2, 6, 1, 6, 5, 2, 2), (3,) * 12])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(layout):
    """Sensors and scenes have their own error, seeds one that other seeds told of; the true change is 0."""
    rng, hits, times = np.random.default_rng(1), 0, 400
    for _ in range(times):
        luck = rng.normal(0, 0.3 / math.sqrt(3))  # of three seeds
        known = paired.Noise(0.3 * math.sqrt(rng.chisquare(6) / 6), 6).of(3)
        table = {}
        for sensor, scenes in enumerate(layout):
            own = rng.normal()
            for scene in range(scenes):
                table[f"S{sensor}", f"{sensor}-{scene}"] = {0: own + rng.normal(0, 0.5) + luck}
        found = paired.estimate(table, "Q2n", known)
        hits += found.low <= 0 <= found.high
    assert 0.925 < hits / times <= 1


def test_without_more_the_seeds_at_hand_widen_the_interval():
    level = {(f"S{n}", str(n)): {1: 1.0, 2: 1.0, 3: 1.0} for n in range(8)}
    apart = {(f"S{n}", str(n)): {1: 0.0, 2: 1.0, 3: 2.0} for n in range(8)}
    one, two = (paired.estimate(values, "Q2n") for values in (level, apart))
    assert one.mean == two.mean == 1.0 and one.low == one.high == 1.0
    half = 4.303 / math.sqrt(3)  # Student's t of two degrees of freedom, times 1 / sqrt(3)
    assert (two.low, two.high) == (pytest.approx(1 - half, rel=0.15), pytest.approx(1 + half, rel=0.15))


def test_what_other_seeds_would_move_is_measured_pooled_and_joined():
    values = {(f"S{n}", str(n)): {1: n + 1.0, 2: n + 3.0, 3: n + 2.0} for n in range(4)}
    found = paired.between(values, "Q2n")
    assert (found.deviation, found.freedom) == (pytest.approx(1.0), 2)
    assert paired.between({("A", "a"): {1: 2.0}}, "Q2n") is None
    errors = {("A", "a"): {1: 1.0, 2: math.exp(0.02)}}
    assert paired.between(errors, "ERGAS").deviation == pytest.approx(2 / math.sqrt(2))  # per cent, of logarithms
    both = paired.pooled([paired.Noise(1.0, 2), paired.Noise(2.0, 6)])
    assert (both.deviation, both.freedom) == (pytest.approx(math.sqrt(26 / 8)), 8)
    joined = paired.together(paired.Noise(3.0, 6), paired.Noise(4.0, 6))
    assert joined.deviation == pytest.approx(5.0) and 6 < joined.freedom < 12
    assert paired.together(paired.SILENT, both) == paired.Noise(both.deviation, pytest.approx(8.0))


def test_sensors_count_alike_whatever_the_number_of_their_scenes():
    values = {("A", str(n)): {0: 1.0} for n in range(9)} | {("B", "only"): {0: 3.0}}
    assert paired.estimate(values, "Q2n").mean == pytest.approx(2.0)


def test_the_effect_size_is_cohens_d_of_paired_differences_and_has_the_sign_of_the_mean():
    values = {("A", str(n)): {0: float(value)} for n, value in enumerate((1, 2, 3, 4, 5))}
    assert paired.estimate(values, "Q2n").effect == pytest.approx(3 / math.sqrt(2.5))
    many = {("A", str(n)): {0: -1.0 - n / 100} for n in range(20)} | {("B", "only"): {0: 2.0}}
    found = paired.estimate(many, "Q2n")
    assert found.mean > 0 and found.effect > 0


def test_only_scenes_and_seeds_that_both_have_are_compared_and_formulas_meet_every_seed():
    before = [{"sensor": "A", "scene": "a", "ERGAS": 2.0}, {"sensor": "B", "scene": "b", "ERGAS": 1.0}]
    after = [{"sensor": "A", "scene": "a", "seed": seed, "ERGAS": 1.0} for seed in (1, 2)]
    found = paired.changes(paired.values_of(before, "ERGAS"), paired.values_of(after, "ERGAS"), "ERGAS")
    assert found == {("A", "a"): {1: pytest.approx(100 * math.log(0.5)), 2: pytest.approx(100 * math.log(0.5))}}
    other = [{"sensor": "A", "scene": "a", "seed": 2, "ERGAS": 2.0}]
    found = paired.changes(paired.values_of(other, "ERGAS"), paired.values_of(after, "ERGAS"), "ERGAS")
    assert set(found["A", "a"]) == {2}


def curve(loss, steps=1000):
    return [(step, loss(step / steps)) for step in sorted(convergence.moments(steps))]


@pytest.mark.parametrize(
    "loss, expected",
    [
        (lambda at: 1.0, True),
        (lambda at: 1 + math.exp(-20 * at), True),
        (lambda at: 1 + at, True),  # rising: the best weights are kept
        (lambda at: 1 - 0.5 * at, False),
        (lambda at: 1 + math.exp(-2 * at), False),
    ],
)
def test_what_falls_no_more_at_the_constant_rate_has_levelled(loss, expected):
    assert convergence.levelled(convergence.remaining(curve(loss), 1000, 100, 0.4)) == expected


def test_the_falling_rate_and_the_warm_up_do_not_count_and_short_curves_say_nothing():
    falls_late = curve(lambda at: 1.0 if at <= 0.6 else 1.6 - at)
    assert convergence.levelled(convergence.remaining(falls_late, 1000, 100, 0.4))
    assert convergence.remaining(curve(lambda at: 1.0)[:7], 1000, 0, 0.4) is None
    assert not convergence.levelled(convergence.remaining([], 1000, 100, 0.4))
    assert convergence.moments(2) == {1, 2}


@pytest.mark.parametrize("steps", [1000, 100_000])
def test_of_a_power_law_as_much_is_left_however_long_it_was_and_it_is_what_twice_the_steps_take_off(steps):
    powers = [(step, 3.0 * step**-0.1) for step in sorted(convergence.moments(steps))]
    found = convergence.remaining(powers, steps, 0, 0.0)
    assert found == pytest.approx(1 - 2**-0.1, rel=0.01)

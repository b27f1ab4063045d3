"""Progress inside a tile: it grows to the end, and being watched changes no pixel."""

import warnings

import numpy as np
import pairs
import pytest

import anypan
from anypan.methods.steps import STEPS

RNG = np.random.default_rng(4)
PAN, MS = RNG.uniform(100, 900, (320, 320)).astype(np.float32), RNG.uniform(100, 900, (2, 80, 80)).astype(np.float32)


def watched(**options):
    seen = []
    image = anypan.fuse(PAN, MS, progress=lambda done, total: seen.append((done, total)), **options)
    return image, seen


@pytest.mark.parametrize("tile", [None, 176])
def test_a_network_tells_how_far_it_is_within_a_tile(tile, monkeypatch):
    if tile:
        pairs.in_tiles_of(monkeypatch, tile)
    image, seen = watched(method="anypan-s")
    done, totals = [one for one, _ in seen], {total for _, total in seen}
    tiles = 1 if tile is None else 4
    assert totals == {STEPS * tiles} and done == sorted(done) and done[-1] == STEPS * tiles
    assert len(set(done)) > 8 * tiles  # no step is much more than a tenth of a tile
    assert np.array_equal(image, anypan.fuse(PAN, MS, method="anypan-s"))


def test_the_best_of_eight_ways_tells_of_each():
    _, seen = watched(method="anypan-s", best=True)
    assert len(seen) > 60 and seen[-1] == (STEPS, STEPS)


def test_a_formula_tells_of_whole_tiles():
    _, seen = watched(method="GSA", tile=176)
    assert seen == [(STEPS * n, 4 * STEPS) for n in range(1, 5)]


def test_small_tiles_are_done_at_once():
    seen = []
    anypan.fuse(PAN[:160, :160], MS[:, :40, :40], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(STEPS, STEPS)]


def test_nothing_is_watched_after_a_failure():
    from torch.nn.modules import module

    def stop(done, total):
        raise KeyboardInterrupt

    before = len(module._global_forward_hooks)
    with pytest.raises(KeyboardInterrupt):
        anypan.fuse(PAN, MS, progress=stop)
    assert len(module._global_forward_hooks) == before


def test_what_is_counted_does_not_hang_on_whether_anybody_looks():
    def held(**options):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            anypan.fuse(PAN, ms, **options)
        return [str(note.message) for note in seen if "were clipped" in str(note.message)]

    ms = MS.copy()
    ms[:, ::7, ::5] *= 30
    assert held() == held(progress=lambda done, total: None) != []

"""What another seed would move an arm's mean by, from the arms that have several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cells import EVERYTHING, SOURCES, Cell, cells
from outcomes import FORMULA, Results
from paired import SILENT, Noise, between, changes, pooled, together, values_of

OWN = ("A", "P")  # arms that vary more than B: by their own seeds


def noise_of(before: Sequence[Cell], after: Sequence[Cell], results: Results, metric: str) -> Noise | None:
    """Of the mean change from one arm to another; None where nothing is known of it.

    Effects: from the two seeds of each effect of the network, less what the cell with all effects has of that seed.
    Arms with a training for each sensor have none: it is part of the spread over sensors. One-shot arms begin with one
    training of B, which is not in it.
    """
    seeds = _common(before, after, results)
    if any(cell.arm == "ablation" for cell in after):
        found = pooled(_of_effects(after[0].network, results, metric))
        return found.of(seeds) if found else None
    one_shot = any(cell.arm == "C" for cell in after)
    parts = [SILENT if one_shot else _of_arm(arm, results, metric) for arm in (before, after)]
    return together(*(part.of(seeds) for part in parts if part)) if all(parts) else None  # type: ignore[arg-type]


def _common(before: Sequence[Cell], after: Sequence[Cell], results: Results) -> int:
    """How many seeds both arms have; a formula meets all."""
    found = [
        {cell.seed for cell in arm if cell.name in results.trainings}
        for arm in (before, after)
        if arm[0].arm != FORMULA
    ]
    return len(set.intersection(*found)) or 1


def _of_arm(arm: Sequence[Cell], results: Results, metric: str) -> Noise | None:
    """Of one of its seeds."""
    first = arm[0]
    if first.arm in (FORMULA, "U", "A*"):
        return SILENT
    own = between(values_of(results.arm(arm), metric), metric) if first.arm in OWN else None
    return own or pretrained(first.network, results, metric)


def pretrained(network: str, results: Results, metric: str) -> Noise | None:
    """Of B, from all kinds of images together; of a network with one seed the most that one with several has."""
    own = pooled(list(_of_kinds(network, results, metric)))
    others = (pooled(list(_of_kinds(name, results, metric))) for name in results.study.whole)
    return own or max((one for one in others if one), key=lambda one: one.deviation, default=None)


def _of_kinds(network: str, results: Results, metric: str) -> Iterable[Noise]:
    every = [cell for cell in cells(results.study) if (cell.arm, cell.network) == ("B", network)]
    for source in SOURCES:
        rows = results.arm([cell for cell in every if cell.source == source])
        if found := between(values_of(rows, metric), metric):
            yield found


def _of_effects(network: str, results: Results, metric: str) -> list[Noise]:
    every = [cell for cell in cells(results.study) if (cell.arm, cell.network) == ("ablation", network)]
    kinds: dict[str, list[Cell]] = {}
    for cell in every:
        kinds.setdefault(cell.change, []).append(cell)
    plain = values_of(results.arm(kinds.pop(EVERYTHING, [])), metric)
    found = (changes(values_of(results.arm(arm), metric), plain, metric) for arm in kinds.values())
    return [one for values in found if (one := between(values, ""))]

"""What naming a sensor is worth: errors of the default network with gains other than the sensor's.

python runs/benchmark/gains.py SCENES [SCENES ...]

Two scenes of each sensor at most, reduced with the sensor's gains, and fused with .30 for every band, with the gains
that `anypan inspect` measures on the reduced pair, and with those of the pair as delivered. ERGAS over that with the
sensor's own gains, scene by scene, then mean and worst.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from rows import APART

from anypan.fusing import fuse_scene
from anypan.judging import find_scenes, prepare
from anypan.judging.inspect import FOLLOWED
from anypan.judging.readers.entry import Entry
from anypan.methods import METHODS
from anypan.metrics.ergas import ergas
from anypan.optics.sensors import GNYQ
from anypan.pair.quality import measure_quality
from anypan.pair.scene import Scene

EACH = 2  # scenes of a sensor
WAYS = ("no name", "measured reduced", "measured as delivered")


def measured(scene: Scene) -> list[float]:
    """The gains of the bands, as measured where the PAN explains them."""
    found = measure_quality(scene)
    return [gain if share >= FOLLOWED else GNYQ for gain, share in zip(found.gains, found.explained, strict=True)]


def changes(entry: Entry) -> list[float]:
    """ERGAS with other gains over that with the sensor's, in the order of WAYS."""
    case = prepare(entry, "rr")
    others = [GNYQ] * len(case.scene.bands), measured(case.scene), measured(prepare(entry, "fr").scene)

    def error(gains: Sequence[float]) -> float:
        scene = replace(case.scene, gnyq=tuple(gains))
        return ergas(fuse_scene(scene, METHODS["anypan-s"](scene)), case.reference, scene.ratio, case.mask)

    own = error(case.scene.gnyq)
    return [error(gains) / own for gains in others]


def main() -> None:
    """Print the table."""
    seen, table = Counter[str](), list[list[float]]()
    for folder in sys.argv[1:]:
        for entry in find_scenes(folder):
            seen[entry.sensor] += entry.name not in APART
            if entry.name not in APART and seen[entry.sensor] <= EACH:
                table.append(changes(entry))
                print(entry.name, *(f"{value:.3f}" for value in table[-1]), flush=True)
    for name, values in zip(WAYS, zip(*table, strict=True), strict=True):
        better = sum(value < row[0] for value, row in zip(values, table, strict=True))
        than = f"better than no name on {better} of {len(table)}"
        print(f"{name}: mean {fmean(values):.3f}, worst {max(values):.3f}, {than}")


if __name__ == "__main__":
    main()

"""Scenes of the package's own making, so that the study can be tried where there are no others."""

from __future__ import annotations

import json
from pathlib import Path

from anypan.simulate.demo import make

SENSORS = ("GF2", "WV2")
SIZE, GROWTH = 384, 64  # PAN pixels along a side of the first scene of a sensor; how much larger the second is


def render_scenes(folder: Path) -> Path:
    """Two scenes for each of two sensors, in ``folder``, which is returned. Pixels differ by the size alone."""
    for sensor in SENSORS:
        for number in (1, 2):
            scene = folder / f"{sensor.lower()}-{number:02d}"
            if not (scene / "scene.json").is_file():
                make(scene, SIZE + GROWTH * (number - 1), overwrite=True)
                (scene / "scene.json").write_text(json.dumps({"sensor": sensor, "ratio": 4, "bit_depth": 11}))
    return folder

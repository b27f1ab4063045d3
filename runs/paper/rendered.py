"""Scenes and images of the package's own making, so that the study can be tried where there are no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from anypan.runtime.errors import UserError
from anypan.simulate.demo import make

SENSORS = ("GF2", "WV2")
SIZE, GROWTH = 256, 64  # PAN pixels along a side of the first scene of a sensor; how much larger the second is


def render_scenes(folder: Path) -> Path:
    """Two scenes for each of two sensors, in ``folder``, which is returned. Pixels differ by the size alone."""
    for sensor in SENSORS:
        for number in (1, 2):
            scene = folder / f"{sensor.lower()}-{number:02d}"
            if not (scene / "scene.json").is_file():
                make(scene, SIZE + GROWTH * (number - 1))
                (scene / "scene.json").write_text(json.dumps({"sensor": sensor, "ratio": 4, "bit_depth": 11}))
    return folder


def images_of(table: dict[str, Any], stand_in: bool) -> dict[str, Any]:
    """The table of a source; where its files are not there and something may stand in, of rendered landscapes."""
    path = table.get("path", "")
    if not path or any(Path(path).parent.glob(Path(path).name)):
        return table
    if not stand_in:
        raise UserError(f"{path} does not exist: correct the path in the study.")
    seed = 1000 * (1 + sum(map(ord, Path(path).name)))
    return {"kind": "landscapes", "count": 2, "size": 256, "seed": seed}

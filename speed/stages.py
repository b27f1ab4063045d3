"""One fuse() in a process of its own, with the time that each of its stages takes; speed/roofline.py runs it.

    python speed/stages.py FOLDER METHOD THREADS [KEY=VALUE ...]

Fuses FOLDER/pan.tif and FOLDER/ms.tif with METHOD into FOLDER/out.tif, KEY=VALUE being GDAL's creation options, and
prints a JSON line: seconds of fuse(), without imports, and of these in each stage. With one thread the seconds are
those of the processor, so that other work on the machine has little say; else those of the clock. Stages may overlap.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from anypan import api, fusing
from anypan.methods import Fuser
from anypan.methods.resolve import MethodRef
from anypan.pair.scene import Scene
from anypan.raster import Writer

FOLDER, METHOD, THREADS, *CREATION = sys.argv[1:]
ALONE = int(THREADS) == 1
total: Callable[[], float] = time.process_time if ALONE else time.perf_counter
stage: Callable[[], float] = time.thread_time if ALONE else time.perf_counter
spent: dict[str, float] = defaultdict(float)
inside = threading.local()


def timed(work: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The same work, adding to ``spent[name]`` unless it is part of another stage."""

    @wraps(work)
    def run(*args: Any, **kwargs: Any) -> Any:
        if getattr(inside, "stage", None):
            return work(*args, **kwargs)
        inside.stage, begun = name, stage()
        try:
            return work(*args, **kwargs)
        finally:
            spent[name] += stage() - begun
            inside.stage = None

    return run


class TimedFuser(Fuser):
    """A fuser whose calls are timed."""

    def __init__(self, fuser: Fuser) -> None:
        self.halo, self.cell, self.tile, self._run = fuser.halo, fuser.cell, fuser.tile, timed(fuser.__call__, "fuse")

    def __call__(self, pan: Any, lrms: Any) -> Any:
        """As the fuser's."""
        return self._run(pan, lrms)


def main() -> None:
    """Time the stages where the main path calls them."""
    torch.set_num_threads(int(THREADS))
    fit: Any = MethodRef.fit
    MethodRef.fit = property(lambda ref: timed(fit.fget(ref), "fit"))
    api.fused_tiles = lambda scene, fuser, *rest: fusing.fused_tiles(scene, TimedFuser(fuser), *rest)
    api.pair_of = timed(api.pair_of, "open and register")
    Scene.read = timed(Scene.read, "read")
    Writer.write, Writer.finish = timed(Writer.write, "write"), timed(Writer.finish, "compress")
    begun = total()
    api.fuse(
        f"{FOLDER}/pan.tif",
        f"{FOLDER}/ms.tif",
        f"{FOLDER}/out.tif",
        METHOD,
        overwrite=True,
        creation=dict(pair.split("=", 1) for pair in CREATION),
    )
    seconds = total() - begun
    print(json.dumps({"seconds": round(seconds, 3), "stages": {name: round(s, 3) for name, s in spent.items()}}))


if __name__ == "__main__":
    main()

"""Trains the network of a cell; weights that are there already are not made again, and a stopped training goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from batches import batches_of
from cells import Cell, Study, digest, steps_of
from convergence import moments, remaining
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from anypan.judging.readers.entry import Entry
from anypan.models import ARCHITECTURES
from anypan.runtime.claim import drafted
from anypan.train import Optimisation, Run
from anypan.train.adapt import tuned_run
from anypan.train.run import Judged
from anypan.train.tunings import TUNINGS
from anypan.weights import save, stored

Row = dict[str, Any]


class OutOfTime(Exception):
    """The sitting is over; what was done is saved."""


class Watch:
    """Judges a run on held-out data as it goes, keeps its best weights, saves it, and ends the sitting in time."""

    def __init__(self, run: Run, judging: Judged, batches: Any, path: Path, until: float) -> None:
        self.run, self.judging, self.batches, self.until = run, judging, batches, until
        self.when, self.curve = moments(run.o.steps), list[list[float]]()
        self.checkpoint, self.seen, self.best = (path.with_suffix(f".{end}") for end in ("pt", "json", "best"))

    def resume(self) -> None:
        """Go on from where an earlier sitting ended, if there was one."""
        if self.checkpoint.is_file():
            self.run.load_checkpoint(self.checkpoint, self.batches)
            self.curve = [point for point in json.loads(self.seen.read_text()) if point[0] <= self.run.step]

    def __call__(self, run: Run) -> None:
        """After each step."""
        if run.step in self.when:
            loss = run.validate(self.judging)
            if loss <= min((point[1] for point in self.curve), default=loss):
                with drafted(self.best) as draft:
                    save_file({key: value.cpu().contiguous() for key, value in run.average.items()}, draft)
            self.curve.append([run.step, float(f"{loss:.5g}")])
        late = time.monotonic() > self.until
        if run.step in self.when or late:
            with drafted(self.seen) as draft:
                draft.write_text(json.dumps(self.curve))
            run.save_checkpoint(self.checkpoint, self.batches)
        if late and not run.finished:
            raise OutOfTime

    def done(self) -> None:
        """Nothing is kept of a training that is over."""
        for path in (self.checkpoint, self.seen, self.best):
            path.unlink(missing_ok=True)


def weights_of(cell: Cell, study: Study, work: Path, device: str) -> Path:
    """Where the weights of a cell lie in ``work``, once it is trained."""
    return work / f"{cell.name.replace('/', '_')}-{digest(cell, study, device)}.safetensors"


def train(
    cell: Cell, study: Study, scenes: dict[str, Entry], work: Path, device: str, until: float = float("inf")
) -> tuple[Path, Row]:
    """(weight file, what was spent), from ``work`` if made before; what a cell begins with is made if need be.

    Raises OutOfTime at ``until``, of time.monotonic(): the next call goes on.
    """
    path = weights_of(cell, study, work, device)
    if path.is_file():
        with safe_open(path, "pt") as file:
            return path, json.loads(file.metadata()["spent"])
    o = _optimisation(cell, study)
    if cell.base:
        base = stored(train(cell.base, study, scenes, work, device, until)[0])
        way = TUNINGS[cell.tuning or "full"]
        settings, run, plain = base.config, tuned_run(base, way, o, device), way.merged
    else:
        torch.manual_seed(cell.seed)
        architecture = ARCHITECTURES[cell.network]
        settings, plain = architecture.config(**study.sizes.get(cell.network, {})), dict
        run = Run(architecture.network(settings), o, device)
    spent, weights = _taught(run, cell, study, scenes, work, path, until)
    save(path, plain(weights), cell.network, settings, cell=cell.name, spent=json.dumps(spent))
    return path, spent


def _taught(
    run: Run, cell: Cell, study: Study, scenes: dict[str, Entry], work: Path, path: Path, until: float
) -> tuple[Row, Any]:
    """What was spent, and the weights with the least loss on held-out data; of an untrained cell those it has."""
    spent: Row = {"parameters": sum(p.numel() for p in run.network.parameters()), "steps": 0}
    spent["learning"] = sum(p.numel() for p in run.trained)
    if cell.arm == "U":
        return spent | {"learning": 0}, run.network.state_dict()
    o = run.o
    batches, judging = batches_of(cell, study, scenes, work, o, str(run.device))
    watch = Watch(run, judging, batches, path, until)
    watch.resume()
    run.finish(batches, clock_of(str(run.device)), watch)
    share = remaining(watch.curve, o.steps, o.warmup, o.decay)
    spent |= {"steps": run.step, "train_seconds": round(run.seconds, 1), "images": batches.images}
    spent |= {"curve": watch.curve, "remaining": None if share is None else round(share, 4)}
    best = load_file(watch.best)
    watch.done()
    return spent, best


def clock_of(device: str) -> Callable[[], float]:
    """What a device's seconds are: of the processor on a CPU, which others may use, too; else by the clock."""
    return time.process_time if device == "cpu" else time.monotonic


def _optimisation(cell: Cell, study: Study) -> Optimisation:
    seed = cell.seed + (study.seeds if cell.arm == "ablation" else 0)  # pairs that B has not seen
    o = Optimisation(**study.optimisation, steps=max(1, steps_of(cell, study)), seed=seed)
    return replace(o, rate=study.one_shot["rate"], optimiser="AdamW") if cell.adapted else o  # as `anypan adapt`

"""The one training loop: steps, a log, validation, checkpoints, and an orderly stop at any moment."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from anypan.runtime.errors import UserError
from anypan.runtime.lines import whole_lines
from anypan.train.batches import Batches
from anypan.train.run import Judged, Run

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
Say = Callable[[str], None]


def train(run: Run, batches: Batches, held_out: Judged, folder: Path, export: Callable[[], Any], say: Say) -> None:
    """Steps until the run is finished, from where it is.

    ``folder`` gets log.jsonl, a row every ``log_every`` steps, and checkpoint.pt, with the weights that ``export``
    writes, at every validation. An interruption, Ctrl-C, SIGTERM or SIGHUP, is obeyed after the step at hand, when a
    checkpoint has been saved. Raises UserError if loss or weights are no longer numbers: what was saved before stays.
    """
    o, clock, stop = run.o, _Clock(run), False
    if run.processes.leads:
        _cut_torn(folder / LOG)
    with _deferred() as asked:
        while not (run.finished or stop):
            run.advance(batches)
            run.seconds, stop = run.processes.largest([clock.seconds(), bool(asked)])
            judged = run.step % o.validate_every == 0 or run.finished
            if judged or stop:
                run.check_finite()
            if judged or run.step % o.log_every == 0:
                row = clock.row(batches.broken())
                row |= {"validation": round(run.validate(held_out), 5)} if judged else {}
                _write(run, row, folder / LOG, say)
                run.losses.clear()
            if judged or stop:
                run.save_checkpoint(folder / CHECKPOINT, batches)
            if judged:
                export()
    if stop and not run.finished:
        say(f"stopped at step {run.step}, saved in {folder / CHECKPOINT}: start the same command again to go on")
        signal.raise_signal(asked[0] if asked else signal.SIGTERM)


def _cut_torn(log: Path) -> None:
    """Half a row at the end, as a full disk leaves it, is cut off: the next would be glued to it."""
    if log.is_file():
        with log.open("r+b") as file:
            whole, _ = whole_lines(file)
            file.truncate(len(whole))


def _write(run: Run, row: dict[str, Any], path: Path, say: Say) -> None:
    """A row into the log, and what is worth saying; the broken images of every process, the rest of the first."""
    for name in row.get("broken", []):
        say(f"skipped a broken image: {name}")
    if run.processes.leads:
        with path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        say("  ".join(f"{key} {value}" for key, value in row.items() if key != "broken"))


class _Clock:
    """Time spent, and the rows that tell of it."""

    def __init__(self, run: Run) -> None:
        self.run, self.begun, self.before = run, time.monotonic(), run.seconds
        self.last = (run.step, run.seconds, run.waited)

    def seconds(self) -> float:
        """Spent on the run so far, in all its sittings."""
        return self.before + time.monotonic() - self.begun

    def row(self, broken: list[str]) -> dict[str, Any]:
        """What happened since the last row. ``waiting`` is the share of the time until batches were there."""
        run, o = self.run, self.run.o
        (loss,) = run.processes.mean([sum(run.losses) / len(run.losses)])
        if not math.isfinite(loss):
            raise UserError(f"The loss at step {run.step} is no number: lower the rate in [train] and start anew.")
        steps, seconds, waited = (now - then for now, then in zip(self._now(), self.last, strict=True))
        row: dict[str, Any] = {"step": run.step, "loss": round(loss, 5), "rate": run.rate}
        row["seconds"] = round(run.seconds, 1)
        row["samples_per_second"] = round(steps * o.scenes * o.patches * run.processes.world / max(seconds, 1e-9), 2)
        row["waiting"] = round(min(1.0, waited / max(seconds, 1e-9)), 3)
        if run.device.type == "cuda":
            row["gpu_mib"] = round(torch.cuda.max_memory_allocated(run.device) / 2**20)
        if broken:
            row["broken"] = broken
        self.last = self._now()
        return row

    def _now(self) -> tuple[float, float, float]:
        return self.run.step, self.run.seconds, self.run.waited


@contextmanager
def _deferred() -> Iterator[list[int]]:
    """Signals to stop are noted in the list; a second one acts at once. Only a main thread can be told."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    stops = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup sets it
        stops.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in stops}

    def note(number: int, _: Any) -> None:
        asked.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

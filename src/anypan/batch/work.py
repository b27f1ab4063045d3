"""What a process is given to do: a scene, a share of a scene's tiles, or the file of a scene's shares."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from anypan.batch.jobs import Job
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import json_of

Row = dict[str, Any]
TALLY = "tally.json"  # of a share, beside its tiles


@dataclass(frozen=True)
class Unit:
    """A scene to fuse to ``out``, or a part of that work; a value that can be sent to another process.

    ``shares``: how many the scene is cut into, each a share of its tiles that is kept in ``folder``; ``share``: which
    one to make, or None for the whole scene or, with several shares, the file made of them.
    """

    job: Job
    out: str
    method: str
    options: Mapping[str, Any]
    threads: int = 1
    shares: int = 1
    share: int | None = None
    folder: str = ""
    stac: bool = False  # also write a STAC item beside the output
    made: Row | None = None  # of a scene that lacks nothing but its item

    def run(self) -> Row:
        """Do it: a row with ``reason`` if the scene cannot be fused. It never raises for what is wrong with a scene."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            return self._done()
        except UserError as problem:
            return (self.made or {}) | {"reason": str(problem)}
        except MemoryError:
            return {"reason": "The memory ran out: choose fewer --jobs."}
        except Exception as problem:  # whatever is wrong with a scene, the others are to be fused
            return {"reason": f"{type(problem).__name__}: {problem}"}
        finally:
            torch.set_num_threads(before)

    def _done(self) -> Row:
        from anypan.api import fuse

        if self.stac:
            _check_item(self.job.time)
        if self.made:
            _write_item(self.out, self.made, self.job)
            return self.made
        job, keywords = self.job, {**self.options, **self.job.options, "overwrite": True}
        if self.share is not None:
            self._make_share(keywords)
            return {}
        joined = self.shares > 1
        report = self._joined(keywords) if joined else fuse(job.pan, list(job.ms), self.out, self.method, **keywords)
        row = _row(report)
        if self.stac:
            _write_item(report.output, row, job)
        return row

    def _make_share(self, keywords: dict[str, Any]) -> None:
        """Write a share's tiles into a folder that has its name when it is complete."""
        from anypan.api import fused_parts
        from anypan.methods.guard import Tally

        assert self.share is not None
        place = self._place(self.share)
        if place.is_dir():
            return
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            aside = TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent, ignore_cleanup_errors=True)
            with aside as name, self._opened(keywords) as (pair, chosen, settings):
                draft, tally = Path(name), Tally()
                parts = fused_parts(pair, chosen, settings, (self.share, self.shares), tally)
                for number, (row, col, images, mask) in enumerate(parts):
                    np.savez(draft / f"{number:06d}.npz", place=(row, col), image=images[0], mask=mask)
                (draft / TALLY).write_text(json.dumps(vars(tally)), encoding="utf-8")
                if not place.is_dir():
                    draft.rename(place)
        except OSError as problem:
            raise UserError(f"{place} cannot be written ({problem.strerror}): free some space.") from problem

    def _joined(self, keywords: dict[str, Any]) -> Any:
        from anypan.api import written
        from anypan.methods.guard import Tally

        start, tally = time.perf_counter(), Tally()
        for share in range(self.shares):
            text = (self._place(share) / TALLY).read_text(encoding="utf-8")
            tally += Tally(**json_of(text, TALLY, "run the batch again"))
        with self._opened(keywords) as (pair, chosen, settings):
            report = written(self.out, pair, chosen, settings, self._parts(), start, tally)
        shutil.rmtree(self.folder, ignore_errors=True)
        return report

    def _parts(self) -> Iterator[tuple[int, int, list[Any], Any]]:
        for share in range(self.shares):
            for file in sorted(self._place(share).glob("*.npz")):
                with np.load(file, allow_pickle=False) as held:
                    row, col = (int(n) for n in held["place"])
                    yield row, col, [held["image"]], held["mask"]

    def _place(self, share: int) -> Path:
        return Path(self.folder) / f"{share + 1} of {self.shares}"

    def _opened(self, keywords: dict[str, Any]) -> Any:
        from anypan.api import opened

        return opened(self.job.pan, list(self.job.ms), self.method, **keywords)


def _check_item(when: str | None) -> None:
    from anypan.batch.item import acquired

    acquired(when)


def _write_item(out: str, row: Row, job: Job) -> None:
    from anypan.batch.item import about, write_item

    write_item(out, job.time, about(row["method"], row["ratio"], row["notes"], (job.pan, *job.ms)))


def _row(report: Any) -> Row:
    rows, cols = report.grid.shape
    found = {"output": Path(report.output).name, "bands": list(report.bands), "shape": [rows, cols]}
    found |= {"method": report.method, "ratio": report.ratio}
    return found | {"bytes": report.size, "seconds": round(report.seconds, 3), "notes": list(report.notes)}

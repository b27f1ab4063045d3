"""The batch: what of a manifest is left to do, done by a pool and entered in the ledger, scene by scene."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anypan.batch.item import item_path
from anypan.batch.jobs import Job
from anypan.batch.manifest import LEDGER, Manifest
from anypan.batch.pools import Pool, pool_of
from anypan.batch.queue import Gone, Queue
from anypan.batch.work import Row, Unit
from anypan.judging.ledger import Ledger, opened
from anypan.raster import ENDINGS, is_whole
from anypan.runtime.errors import UserError

SHARES = ".shares"
KEYS = frozenset(("scene", "state", "key"))
DONE, BEGUN, FAILED = "done", "begun", "failed"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a batch is done: ``options`` are those of fuse(), the same for all scenes.

    ``jobs`` processes of this machine, or the workers of the Dask ``scheduler``, each with ``threads``, on which the
    last digit of a network's output depends: it does not on the former. ``shares``: parts to cut each scene's tiles
    into; unless given, as many as keep all workers busy. ``stac``: write an item beside each output. ``retry``: try
    failed scenes again. ``overwrite``: replace files that another command or another plan has made.
    """

    method: str = "anypan-s"
    options: Mapping[str, Any] = field(default_factory=dict)
    jobs: int = 1
    scheduler: str | None = None
    threads: int = 1
    shares: int | None = None
    stac: bool = False
    retry: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Summary:
    """How the scenes of a manifest stand: by name, rows with ``state`` done or failed.

    ``new``: how many of them this run has worked on. ``seconds`` of wall time.
    """

    folder: str
    rows: Mapping[str, Row]
    new: int
    seconds: float

    @property
    def failed(self) -> Mapping[str, str]:
        """Why scenes failed."""
        return {name: str(row["reason"]) for name, row in self.rows.items() if row["state"] == FAILED}


def run(manifest: Manifest, folder: str | Path, settings: Settings, progress: Progress | None = None) -> Summary:
    """Fuse the scenes of a manifest into ``folder``/NAME.tif (.zarr), as far as has not been done; see ``Settings``.

    A scene that cannot be fused is a row with a reason, and the rest goes on. UserError if the folder cannot be used,
    if another batch works in it, or if the scheduler goes away: what is done stays, and the same call goes on.
    """
    start, out = time.perf_counter(), Path(folder).absolute()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"{folder} cannot be made ({problem.strerror}): name another folder.") from problem
    with opened(out / LEDGER, KEYS, "anypan batch") as ledger:
        batch = _Batch(out, settings, ledger)
        left = batch.begin(manifest)
        for done in batch.work(left):
            if progress:
                progress(done, len(left))
    return Summary(str(out), batch.rows, len(left), time.perf_counter() - start)


class _Batch:
    """A folder of outputs and its ledger; ``rows`` are the latest of the manifest's scenes."""

    def __init__(self, out: Path, settings: Settings, ledger: Ledger) -> None:
        self._out, self._settings, self._ledger = out, settings, ledger
        self.rows: dict[str, Row] = {}
        self._keys: dict[str, str] = {}
        self._dates: dict[str, str | None] = {}  # of items
        self._read: set[str] = set()
        self._ending = ENDINGS[settings.options.get("format") or "COG"]

    def begin(self, manifest: Manifest) -> list[Unit]:
        """What is to be done, entered in the ledger as begun: a file that appears from now on is the batch's own."""
        last = {row["scene"]: row for row in self._ledger.rows}
        common = self._settings.method, self._settings.options
        self._keys = {job.name: job.key(*common) for job in manifest.jobs}
        self._dates = {job.name: job.time if self._settings.stac else None for job in manifest.jobs}
        self._read = {os.path.realpath(name) for job in manifest.jobs for name in (job.pan, *job.ms)}
        self.rows = {fault.name: _failed(fault.name, "", fault.reason) for fault in manifest.faults}
        left = [unit for job in manifest.jobs if (unit := self._planned(job, last.get(job.name)))]
        self._ledger.extend(
            [{"scene": unit.job.name, "state": BEGUN, "key": self._keys[unit.job.name]} for unit in left]
        )
        return left

    def _planned(self, job: Job, last: Row | None) -> Unit | None:
        """The unit that fuses a scene, or None with a row that stands."""
        key, path = self._keys[job.name], self._out / f"{job.name}{self._ending}"
        state, same = (last["state"], last["key"] == key) if last else ("", False)
        stands, settings = same and state == DONE and is_whole(path), self._settings
        dated = self._dates[job.name] == (last or {}).get("acquired")
        lacking = stands and settings.stac and not (dated and item_path(path).exists())
        if (stands and not lacking) or (same and state == FAILED and dated and not settings.retry):
            self.rows[job.name] = last or {}
            return None
        if os.path.realpath(path) in self._read:
            reason = f"{path} is read for a scene of the manifest: choose another folder, or give the scene a name."
            self.rows[job.name] = _failed(job.name, key, reason)
            return None
        own = self._own(last, key, path)
        made = (path, item_path(path)) if settings.stac else (path,)
        there = next((file for file in made if file.exists() and file not in own), None)
        if there and not settings.overwrite:
            what = "is of other inputs or options" if state == DONE else "is not of this batch"
            reason = f"{there} exists already and {what}: pass --overwrite, or choose another folder."
            self.rows[job.name] = _failed(job.name, key, reason)
            return None
        known = last if lacking else None
        return Unit(job, str(path), settings.method, settings.options, settings.threads, stac=settings.stac, made=known)

    def _own(self, last: Row | None, key: str, path: Path) -> set[Path]:
        """The files of a scene that this batch has made, or was making, by its last row."""
        if last is not None and last["state"] == BEGUN:
            return {path, item_path(path)}
        if last is None or "output" not in last:
            return set()
        return ({path} if last["key"] == key else set()) | ({item_path(path)} if last.get("acquired") else set())

    def work(self, left: Sequence[Unit]) -> Iterator[int]:
        """Do it, and count the scenes that are done."""
        if not left:
            return
        with ExitStack() as stack, pool_of(self._settings.jobs, self._settings.scheduler) as pool:
            queue = Queue(pool, self._cut(left, pool))
            stack.callback(queue.abandon)
            try:
                for done, (name, row) in enumerate(self._scenes(queue), 1):
                    self._enter(name, row)
                    yield done
            except Gone as problem:
                kept = sum(row["state"] == DONE for row in self.rows.values())
                raise UserError(
                    f"The scheduler {self._settings.scheduler} went away; {kept} finished scenes are kept: "
                    "run the same command again to go on."
                ) from problem
        shutil.rmtree(self._out / SHARES, ignore_errors=True)

    def _cut(self, left: Sequence[Unit], pool: Pool) -> Iterator[Unit]:
        shares = self._settings.shares or math.ceil(pool.workers / len(left))
        for unit in left:
            folder = str((self._out / SHARES / f"{unit.job.name} {self._keys[unit.job.name]}").absolute())
            whole = replace(unit, shares=shares, folder=folder if shares > 1 else "")
            yield from [unit] if unit.made or shares == 1 else (replace(whole, share=share) for share in range(shares))

    def _scenes(self, queue: Queue) -> Iterator[tuple[str, Row]]:
        """The row of each scene; shares are joined when all are there, and a failed one fails its scene."""
        made, failed = Counter[str](), set[str]()
        for unit, row in queue:
            name = unit.job.name
            if unit.share is None or ("reason" in row and name not in failed):
                failed |= {name} if "reason" in row else set()
                yield name, row
                continue
            made[name] += 1
            if made[name] == unit.shares and name not in failed:
                queue.add(replace(unit, share=None))

    def _enter(self, name: str, row: Row) -> None:
        """A scene's row, on the disk when this returns."""
        head = {"scene": name, "state": FAILED if "reason" in row else DONE, "key": self._keys[name]}
        self.rows[name] = row | head | {"acquired": self._dates[name]}
        self._ledger.append(self.rows[name])


def _failed(name: str, key: str, reason: str) -> Row:
    return {"scene": name, "state": FAILED, "key": key, "reason": reason}

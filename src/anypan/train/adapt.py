"""One-shot adaptation: pretrained weights learn from a single real scene, reduced by Wald's protocol."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

import torch
from numpy.typing import NDArray
from torch import nn

from anypan import __version__, raster
from anypan.methods.neural import fitted
from anypan.models import ARCHITECTURES
from anypan.pair.opening import Opening, OpeningWords
from anypan.pair.pair import pair_of
from anypan.pair.scene import Scene
from anypan.runtime.bounds import MOST_SEED, Bounds
from anypan.runtime.claim import Claim, real_place
from anypan.runtime.defaults import learning
from anypan.runtime.device import check_device
from anypan.runtime.errors import UserError
from anypan.runtime.keywords import options_of
from anypan.train import Optimisation, Run
from anypan.train.real import InTurn, Judging, RealPatches, remembered
from anypan.train.tunings import TUNINGS, Tuning
from anypan.weights import SUFFIX, Stored, save, stored

STEPS = 100
MOST = 10**8  # steps, or seconds
ONE_SHOT = Optimisation(warmup=10, decay=0.7, rate=3e-4, ema=0.98, scenes=1, patches=8)

File = str | PathLike[str]
Progress = Callable[[int, int], None]


class AdaptOptions(OpeningWords, total=False):
    """The keywords of adapt(), as ``Options`` explains them."""

    steps: int | None
    seconds: float | None
    seed: int
    device: str
    overwrite: bool
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class Options(Opening):
    """How adapt() goes about it.

    ``steps`` and ``seconds``: it ends at whichever comes first; 100 steps if neither is given. Equal steps and
    ``seed`` give equal weights on one machine. The pair is opened as ``Opening`` says; ``device`` and ``overwrite`` as
    for fuse(). ``progress``: called with (done, all), steps or seconds.
    """

    steps: int | None = None
    seconds: float | None = None
    seed: int = 1
    device: str = "cpu"
    overwrite: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_device(self.device)
        Bounds(0, MOST_SEED).check("seed", self.seed)
        for name, value in (("steps", self.steps), ("seconds", self.seconds)):
            if value is not None:
                Bounds(0, MOST, above=True).check(name, value)


@dataclass(frozen=True)
class Adapted:
    """What was done: ``before`` and ``after`` are the loss on patches of the reduced scene, always the same ones."""

    output: str
    weights: str
    architecture: str
    tuning: str
    steps: int
    seconds: float
    before: float
    after: float
    notes: tuple[str, ...]


def adapt(
    pan: File | NDArray[Any],
    ms: File | Sequence[File] | NDArray[Any],
    out: File,
    weights: str | Path = "anypan-s",
    tuning: str = "full",
    **options: Unpack[AdaptOptions],
) -> Adapted:
    """Adapt pretrained weights to one scene, files or arrays (H, W) and (B, h, w), and write the weight file ``out``.

    Values are of any unit that is linear in radiance: digital numbers or reflectance.

    fuse() takes that file as its method. The scene needs no reference: PAN and MS are degraded by Wald's protocol with
    the scene's own gains, and the MS itself is the reference. ``weights``: a name of ``available_models`` or a weight
    file. ``tuning``: what learns, of ``TUNINGS``. ``options`` are the fields of ``anypan.train.adapt.Options``. Raises
    UserError: one sentence on what the caller can mend.
    """
    settings = options_of(Options, options, "adapt()")
    o = _optimisation(settings)
    path, base = _output(out, settings.overwrite), stored(weights)
    with _claim(path), raster.environment(), learning(), pair_of(pan, ms, settings) as pair:
        begun = time.monotonic()
        taught = teach(base, [pair.scene], o, tuning, settings.device, settings.progress)
        taught.write(path, settings.overwrite)
    spent, losses = time.monotonic() - begun, (taught.before, taught.after)
    return Adapted(str(path), base.name, base.architecture, tuning, taught.run.step, spent, *losses, pair.notes)


@dataclass(frozen=True)
class Taught:
    """A finished run from ``base``; mean losses of its averaged weights on the scenes ``before`` and ``after``."""

    base: Stored
    tuning: str
    run: Run
    scenes: Sequence[Scene]
    before: float
    after: float

    def write(self, path: Path, overwrite: bool = True) -> None:
        """Write what the weights have become, with how it came about in the header. Raises UserError."""
        base, facts = self.base, {"base": self.base.name, "base_sha256": self.base.sha256, "tuning": self.tuning}
        facts |= {"steps": str(self.run.step), "seed": str(self.run.o.seed)}
        for key, values in _seen(self.scenes).items():
            facts[key] = "; ".join(dict.fromkeys(values))
        facts |= {"loss_before": f"{self.before:.6g}", "loss_after": f"{self.after:.6g}", "anypan": __version__}
        weights = _way(self.tuning).merged(self.run.average)
        save(path, weights, base.architecture, base.config, overwrite, **facts)


def teach(
    base: Stored,
    scenes: Sequence[Scene],
    o: Optimisation,
    tuning: str = "full",
    device: str = "cpu",
    progress: Progress | None = None,
) -> Taught:
    """Train weights on scenes in turn; those that are not random remember what they made of them at full resolution.

    Raises UserError.
    """
    run = tuned_run(base, _way(tuning), o, device)
    before, after = tune(run, scenes, progress, remember=not base.untrained)
    return Taught(base, tuning, run, scenes, before, after)


def tuned_run(base: Stored, way: Tuning, o: Optimisation, device: str = "cpu") -> Run:
    """A run that begins with weights and trains what the way of tuning trains. UserError if that is nothing."""
    architecture, network = ARCHITECTURES[base.architecture], base.network().train()
    with torch.random.fork_rng():
        torch.manual_seed(o.seed)
        way.prepare(network, architecture)
    return Run(network, replace(o, freeze=way.kept(architecture)), device)


def _seen(scenes: Sequence[Scene]) -> dict[str, list[str]]:
    return {
        "sensor": [scene.sensor for scene in scenes],
        "ratio": [str(scene.ratio) for scene in scenes],
        "bands": [", ".join(scene.bands) for scene in scenes],
    }


def tune(
    run: Run, scenes: Sequence[Scene], progress: Progress | None = None, remember: bool = True
) -> tuple[float, float]:
    """Train a run to its end on scenes in turn, each reduced and, if it is to ``remember``, as it is.

    Returns the mean loss of the averaged weights on the reduced scenes before and after. Raises UserError if a scene
    is too small, or if the loss is no longer a number.
    """
    teacher, scenes = deepcopy(run.network).eval(), [as_fused(scene) for scene in scenes]
    learnt, batches = [RealPatches(scene, run.o) for scene in scenes], list[RealPatches]()
    for scene, reduced in zip(scenes, learnt, strict=True):
        batches.append(reduced)
        if remember:
            batches.append(_remembered(teacher, scene, run))
    judging = Judging(learnt)
    before = run.validate(judging)
    run.finish(InTurn(batches), progress=(lambda now: progress(*_progress(now))) if progress else None)
    return before, run.validate(judging)


def as_fused(scene: Scene) -> Scene:
    """The scene as ``fuse`` gives it to a network: raised above zero if need be, and held."""
    raised = scene.raised(scene.limits.below) if scene.limits.below.any() else scene
    return raised.limits.hold(raised)


def _remembered(teacher: nn.Module, scene: Scene, run: Run) -> RealPatches:
    """What the teacher makes of a scene, with the gains that it was made with."""
    fuser = fitted(teacher, scene).to(str(run.device))
    known = replace(scene, gnyq=tuple(fuser.gnyq[0].tolist()))
    return RealPatches(known, run.o, remembered(scene, fuser, run.device))


def _progress(run: Run) -> tuple[int, int]:
    """Steps done and to do; where only time is limited, seconds."""
    if run.o.steps:
        return run.step, run.o.steps
    limit = math.ceil(60 * run.o.minutes)
    return min(limit, round(run.seconds)), limit


def _optimisation(settings: Options) -> Optimisation:
    steps = settings.steps or (0 if settings.seconds else STEPS)
    return replace(ONE_SHOT, steps=steps, minutes=(settings.seconds or 0) / 60, seed=settings.seed)


def _way(tuning: str) -> Tuning:
    if tuning not in TUNINGS:
        raise UserError(f"There is no tuning '{tuning}': choose {', '.join(TUNINGS)}.")
    return TUNINGS[tuning]


def _output(out: File, overwrite: bool) -> Path:
    path = raster.check_output(out, (), overwrite)
    if path.suffix != SUFFIX:
        raise UserError(f"{out} does not end in .safetensors, as a weight file does: give it such a name.")
    return path


def _claim(path: Path) -> Claim:
    """The work on a weight file, so that a second one is refused before it begins."""
    place = real_place(path)
    busy = f"Another process makes {path}: wait for it, or name another file."
    return Claim(place.with_suffix(".adapt"), busy)

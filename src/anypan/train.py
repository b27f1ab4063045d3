"""One training loop. Each step draws from a generator seeded by its number: a resumed run repeats the same curve."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anypan.dataset import Rendered, Shard, TilePool, read_pool
from anypan.errors import UserError
from anypan.losses import (
    CONSISTENCY_WEIGHT,
    TEXTURE_WEIGHT,
    UNFILTERED,
    consistency_loss,
    fusion_loss,
    texture_loss,
)
from anypan.models import ARCHITECTURES
from anypan.normalise import Moments, Scale, pan_at_ms_scale
from anypan.simulate.sample import Batch, Simulation, simulate_batch
from anypan.weights import load, save

HELD_OUT_SEED = 10**9  # far from every training step's seed


@dataclass(frozen=True)
class Optimisation:
    """How a run is optimised: AdamW on ``scenes`` x ``patches`` patches a step, weights averaged with ``ema``."""

    steps: int = 6000
    warmup: int = 100
    decay: float = 0.35  # share of the steps, at the end, over which the rate falls to zero
    rate: float = 1.5e-3
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.998
    scenes: int = 4
    patches: int = 4
    seed: int = 1
    log_every: int = 20
    validate_every: int = 200
    validation_batches: int = 12
    threads: int = 0  # 0 leaves it to torch


@dataclass(frozen=True)
class Config:
    """A pretraining run, as read from TOML; an unknown key is an error."""

    out: str
    architecture: str
    model: dict[str, Any]
    shards: tuple[Shard, ...] = ()
    landscapes: tuple[Rendered, ...] = ()
    train: Optimisation = field(default_factory=Optimisation)
    simulation: Simulation = field(default_factory=Simulation)
    start: str = ""  # weight file to start from


def read_config(path: str | Path) -> Config:
    """Read a TOML file; keys of tables whose names are numbers become numbers (ratios, bands)."""
    file = Path(path)
    if not file.is_file():
        raise UserError(f"The configuration {file} does not exist: give the path of a TOML file.")
    try:
        values = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"The configuration {file} is no valid TOML ({error}): correct that line.") from error
    shards = tuple(_build(Shard, {**s, "path": _beside(file, s["path"])}, file) for s in values.pop("shards", []))
    landscapes = tuple(_build(Rendered, s, file) for s in values.pop("landscapes", []))
    if values.get("start"):
        values["start"] = _beside(file, values["start"])
    tables = {"train": Optimisation, "simulation": Simulation}
    for name, kind in tables.items():
        values[name] = _build(kind, values.get(name, {}), file)
    return _build(Config, {**values, "shards": shards, "landscapes": landscapes}, file)


def _beside(file: Path, path: str) -> str:
    """Relative paths in a configuration count from its own folder."""
    return str((file.parent / path).resolve())


def _build(kind: Any, values: dict[str, Any], file: Path) -> Any:
    known = {f.name for f in dataclasses.fields(kind)}
    for key in values:
        if key not in known:
            raise UserError(f"{file} has the unknown key '{key}': {kind.__name__} knows {', '.join(sorted(known))}.")
    clean = {key: _numbered(value) for key, value in values.items()}
    return kind(**clean)


def _numbered(value: Any) -> Any:
    if isinstance(value, dict) and value and all(str(key).isdigit() for key in value):
        return {int(key): number for key, number in value.items()}
    return tuple(value) if isinstance(value, list) else value


def rate_at(step: int, o: Optimisation) -> float:
    """Warm-up, constant, then a cosine fall to zero over the last ``decay`` of the steps."""
    if step < o.warmup:
        return o.rate * (step + 1) / o.warmup
    start = o.steps * (1 - o.decay)
    fall = min(1.0, max(0.0, (step - start) / max(1.0, o.steps - start)))
    return o.rate * 0.5 * (1 + math.cos(math.pi * fall))


def scene_scale(batch: Batch) -> Scale:
    """Statistics over all patches of a scene, repeated for each of its patches."""
    pan_lr = pan_at_ms_scale(batch.pan, batch.gnyq, batch.sampling)
    products = Moments.of(batch.lrms, pan_lr).products.unflatten(0, (-1, batch.patches)).sum(1)
    scale = Moments(products).scale()
    parts = [getattr(scale, f.name).repeat_interleave(batch.patches, 0) for f in dataclasses.fields(scale)]
    return Scale(*parts)


def batch_loss(network: torch.nn.Module, batch: Batch) -> Tensor:
    """The training loss of a batch, standardised as when fusing."""
    scale = scene_scale(batch)
    pan, lrms, reference = scale.apply_pan(batch.pan), scale.apply(batch.lrms), scale.apply(batch.reference)
    fused = network(pan, lrms, scale, batch.gnyq, batch.sampling)
    slope, pan_lr = scale.slope[..., None, None], pan_at_ms_scale(pan, batch.gnyq, batch.sampling)
    injected = batch.sampling.expand(lrms - slope * pan_lr) + slope * pan
    left, plain = (lrms - batch.sampling.degrade(image, batch.gnyq) for image in (fused, injected))
    loss = fusion_loss(fused, reference, batch.pan_weights * scale.std)
    loss = loss + CONSISTENCY_WEIGHT * consistency_loss(left, plain)
    # Where nothing was low-passed the PAN's finest detail is aliased: only the reference's texture is asked for.
    follows = scale.slope * (batch.gnyq < UNFILTERED)
    return loss + TEXTURE_WEIGHT * texture_loss(fused, reference, injected, pan, follows)


class Run:
    """The state of a run and its steps; everything that a checkpoint holds."""

    def __init__(self, config: Config, device: str = "cpu") -> None:
        self.config, self.device = config, torch.device(device)
        torch.manual_seed(config.train.seed)
        architecture = ARCHITECTURES[config.architecture]
        self.settings = architecture.config(**config.model)
        self.network: Any = architecture.network(self.settings).to(self.device)
        self.network.to(memory_format=torch.channels_last)
        if config.start:
            self.network.load_state_dict(load(config.start, device).state_dict())
        self.average = {key: value.detach().clone() for key, value in self.network.state_dict().items()}
        o = config.train
        self.optimiser = torch.optim.AdamW(self.network.parameters(), o.rate, weight_decay=o.weight_decay)
        self.step, self.seconds = 0, 0.0

    def draw(self, pool: TilePool, seed: int) -> Batch:
        rng = torch.Generator().manual_seed(seed)
        o = self.config.train
        images = pool.draw(o.scenes * o.patches, rng).unflatten(0, (o.scenes, o.patches))
        batch = simulate_batch(images, rng, self.config.simulation)
        moved = {n: getattr(batch, n).to(self.device) for n in ("pan", "lrms", "reference", "gnyq", "pan_weights")}
        return dataclasses.replace(batch, **moved)

    def advance(self, pool: TilePool) -> float:
        """One step; returns its loss."""
        o = self.config.train
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, o)
        loss = batch_loss(self.network, self.draw(pool, o.seed * 10**6 + self.step))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), o.clip)
        self.optimiser.step()
        keep = min(o.ema, (1 + self.step) / (10 + self.step))
        for key, value in self.network.state_dict().items():
            self.average[key].lerp_(value, 1 - keep)
        self.step += 1
        return float(loss.detach())

    @torch.no_grad()
    def validate(self, pool: TilePool) -> float:
        """Mean loss of the averaged weights on held-out images, always the same samples."""
        current = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        batches = range(self.config.train.validation_batches)
        losses = [float(batch_loss(self.network, self.draw(pool, HELD_OUT_SEED + n))) for n in batches]
        self.network.load_state_dict(current)
        return sum(losses) / len(losses)

    def save_checkpoint(self, path: Path) -> None:
        state = {"network": self.network.state_dict(), "average": self.average, "step": self.step}
        state |= {"optimiser": self.optimiser.state_dict(), "seconds": self.seconds}
        part = path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, path)

    def load_checkpoint(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average, self.step, self.seconds = state["average"], state["step"], state["seconds"]


def pretrain(config_path: str | Path, device: str = "cpu", say: Any = print) -> Path:
    """Train as the TOML file says, resuming where a former run stopped; returns the path of the weights.

    The run's folder ``out`` gets checkpoint.pt, log.jsonl (step, loss, rate, samples/s, validation) and
    weights.safetensors (the averaged weights).
    """
    config = read_config(config_path)
    o = config.train
    if o.threads:
        torch.set_num_threads(o.threads)
    folder = Path(config_path).parent / config.out
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(config, device)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.is_file():
        run.load_checkpoint(checkpoint)
        say(f"resumed at step {run.step} of {o.steps}")
    sources = (config.shards, config.landscapes)
    pool, held_out = read_pool(*sources), read_pool(*sources, held_out=True)
    say(f"{len(pool.tiles)} training and {len(held_out.tiles)} held-out tiles")
    _loop(run, pool, held_out, folder, say)
    return _export(run, folder)


def _loop(run: Run, pool: TilePool, held_out: TilePool, folder: Path, say: Any) -> None:
    o = run.config.train
    begun, total, losses = time.monotonic(), run.seconds, []
    with (folder / "log.jsonl").open("a") as log:
        while run.step < o.steps:
            losses.append(run.advance(pool))
            run.seconds = total + time.monotonic() - begun
            if run.step % o.log_every and run.step < o.steps:
                continue
            row: dict[str, Any] = {"step": run.step, "loss": round(sum(losses) / len(losses), 5)}
            row |= {"rate": rate_at(run.step, o), "seconds": round(run.seconds, 1)}
            row["samples_per_second"] = round(run.step * o.scenes * o.patches / run.seconds, 2)
            losses = []
            if run.step % o.validate_every == 0 or run.step == o.steps:
                row["validation"] = round(run.validate(held_out), 5)
                run.save_checkpoint(folder / "checkpoint.pt")
                _export(run, folder)
            log.write(json.dumps(row) + "\n")
            log.flush()
            say("  ".join(f"{key} {value}" for key, value in row.items()))


def _export(run: Run, folder: Path) -> Path:
    path = folder / "weights.safetensors"
    save(path, run.average, run.config.architecture, run.settings, steps=run.step)
    return path

"""From a TOML file to weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from anypan.dataset import Source
from anypan.models import ARCHITECTURES, adapters
from anypan.runtime.claim import Claim
from anypan.runtime.defaults import learning
from anypan.runtime.device import check_device
from anypan.runtime.errors import UserError
from anypan.simulate.sample import Simulation, simulate_batch
from anypan.train.batches import Ahead, held_out_batches, training_batches
from anypan.train.config import Config, check, read_config
from anypan.train.loop import CHECKPOINT, Say, train
from anypan.train.objective import batch_loss
from anypan.train.processes import distributed
from anypan.train.run import Run
from anypan.weights import load, save

WEIGHTS = "weights.safetensors"


@learning()
def pretrain(config_path: str | Path, device: str = "cpu", say: Say = print) -> Path:
    """Train as the TOML file says, resuming where a former run stopped; returns the path of the weights.

    The run's folder ``out`` gets checkpoint.pt, log.jsonl and weights.safetensors (the averaged weights). Under
    torchrun all processes train one network together. Raises UserError for a configuration or images that do not do.
    """
    config = read_config(config_path)
    check(config.train)
    check_device(device)
    folder = Path(config_path).parent / config.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be made ({error.strerror}): choose another 'out'.") from error
    with (
        _own_state(config),
        distributed(device) as (processes, own),
        _claim(folder) if processes.leads else nullcontext(),
    ):
        tell = say if processes.leads else _named(say, processes.rank)
        network, settings = build(config)
        run = Run(network, config.train, own, processes)
        run.begun["start"] = Path(config.start).name
        run.images = repr([config.buffer, *map(_apart_from_path, config.sources)])
        batches = Ahead(training_batches(config, (processes.rank, processes.world), own))
        if (folder / CHECKPOINT).is_file():
            same = run.load_checkpoint(folder / CHECKPOINT, batches)
            anew = "" if same else "; sources, buffer or processes changed: images begin anew"
            tell(f"resumed at step {run.step}{', which was the last' * run.finished}{anew}")

        def export() -> None:
            if processes.leads:
                save(folder / WEIGHTS, run.average, config.architecture, settings, steps=run.step)

        held_out = held_out_batches(config)
        for name in held_out.broken if processes.leads else ():
            tell(f"skipped a broken image, held out: {name}")
        train(run, batches, held_out, folder, export, tell)
        export()
    return folder / WEIGHTS


@contextmanager
def _own_state(config: Config) -> Iterator[None]:
    """Threads and random numbers of the run: the caller's are as before afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(config.train.threads or threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _apart_from_path(source: Source) -> list[tuple[str, Any]]:
    """The settings of a source: the same images may lie elsewhere when a run goes on."""
    return sorted((key, value) for key, value in vars(source).items() if key != "path")


def _claim(folder: Path) -> Claim:
    """The folder of a run, which one process trains in. UserError where another does."""
    return Claim(
        folder / "run", f"Another process trains in {folder}: wait for it, or choose another 'out' in the recipe."
    )


def build(config: Config) -> tuple[torch.nn.Module, Any]:
    """The network of a configuration, with its own seed or the weights to start from, and its settings.

    Raises UserError.
    """
    if config.architecture not in ARCHITECTURES:
        raise UserError(f"There is no architecture '{config.architecture}': choose {', '.join(ARCHITECTURES)}.")
    torch.manual_seed(config.train.seed)
    architecture = ARCHITECTURES[config.architecture]
    settings = architecture.configured(config.model, f"[model] of {config.architecture}")
    try:
        network = architecture.network(settings)
        _try(network)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"The sizes of {config.architecture} do not fit it ({error}): correct its keys.") from error
    if config.start:
        begin_from(network, load(config.start))
    return network, settings


def _try(network: torch.nn.Module) -> None:
    """A step without learning, on a little image: some sizes do not fit one another, which is only found out there."""
    rng = torch.Generator().manual_seed(0)
    simulation = Simulation(ratios={4: 1.0}, bands={4: 1.0}, reductions={2: 1.0})
    batch = simulate_batch(torch.rand(1, 1, 4, 64, 64, generator=rng), rng, simulation)
    batch_loss(network, batch).backward()
    network.zero_grad()


def begin_from(network: torch.nn.Module, former: torch.nn.Module) -> None:
    """Take the tensors of ``former`` over; of another architecture, those that have the same name and shape.

    Raises UserError if there are none.
    """
    if type(former) is type(network):
        adapters.insert_as(network, former)
    tensors, own = former.state_dict(), network.state_dict()
    if type(former) is not type(network):
        tensors = {key: tensor for key, tensor in tensors.items() if key in own and tensor.shape == own[key].shape}
    if not tensors:
        raise UserError("The weights to start from have no tensor that fits: choose others, or other sizes in [model].")
    try:
        network.load_state_dict(tensors, strict=type(former) is type(network))
    except RuntimeError as error:
        raise UserError("The weights to start from have other sizes: give the same in [model].") from error


def _named(say: Say, rank: int) -> Callable[[str], None]:
    return lambda line: say(f"process {rank}: {line}")

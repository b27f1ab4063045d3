"""A run: network, optimiser, averaged weights and how far they are; its steps; everything that a checkpoint holds."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from zipfile import is_zipfile

import torch
from torch import Tensor, nn

from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError
from anypan.simulate.sample import Batch
from anypan.train.batches import Batches, moved
from anypan.train.config import Optimisation, check
from anypan.train.muon import Muon
from anypan.train.objective import batch_loss
from anypan.train.processes import SINGLE, Processes
from anypan.train.schedule import rate_at, share_done


class Diverged(UserError):
    """A training whose loss is no longer a number."""


class Judged(Sized, Protocol):
    """A fixed number of batches to validate on."""

    def draw(self, step: int) -> Batch:
        """The batch of that number."""
        ...


Progress = Callable[["Run"], None]
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"AdamW": torch.optim.AdamW, "Muon": Muon}


class Run:
    """Trains ``network`` on whatever batches it is given, wherever they come from."""

    def __init__(
        self, network: nn.Module, o: Optimisation, device: str | torch.device = "cpu", processes: Processes = SINGLE
    ) -> None:
        self.o, self.device, self.processes = check(o), torch.device(device), processes
        if o.compile and self.device.type == "cpu":  # minutes for every shape of a batch, and longer for all at once
            raise UserError("compile in [train] takes longer on a CPU than it saves: take it out, or train on a GPU.")
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        processes.share(self.network.state_dict().values())
        self.trained = _thaw(self.network, o.freeze)
        self.average = {key: value.detach().clone() for key, value in self.network.state_dict().items()}
        self.optimiser = OPTIMISERS[o.optimiser](self.trained, o.rate, weight_decay=o.weight_decay)
        self._compiled: Any = torch.compile(self.network, dynamic=True) if o.compile else self.network
        half = o.precision == "bfloat16" or (o.precision == "auto" and self.device.type == "cuda")
        self._autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=half)
        self.step, self.seconds, self.waited = 0, 0.0, 0.0
        self.losses: list[float] = []  # since the last row of the log
        self.begun = {"seed": str(o.seed), "optimiser": o.optimiser}  # which a run that goes on has to be of, too
        self.images = ""  # what its images come from

    @property
    def finished(self) -> bool:
        """Whether all its steps, or its seconds, are done."""
        return share_done(self.step, self.seconds, self.o) >= 1

    @property
    def rate(self) -> float:
        """The rate of the next step."""
        return rate_at(self.step, self.o, self.seconds)

    def advance(self, batches: Batches) -> float:
        """One step; returns its loss in this process. ``waited`` grows by the time until its batch was there."""
        begun = time.perf_counter()
        batch = batches.draw(self.step)
        self.waited += time.perf_counter() - begun
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        loss = batch_loss(self._forward, moved(batch, self.device), self.o)
        self.optimiser.zero_grad(set_to_none=True)
        with _compiling(self.o):
            loss.backward()
        self.processes.average_gradients(self.trained)
        nn.utils.clip_grad_norm_(self.trained, self.o.clip)
        self.optimiser.step()
        self._follow()
        self.step += 1
        self.losses.append(float(loss.detach()))
        return self.losses[-1]

    def finish(
        self, batches: Batches, clock: Callable[[], float] = time.monotonic, progress: Progress | None = None
    ) -> None:
        """Step until it is finished, in seconds of ``clock``; ``progress`` is called after each step.

        Raises Diverged at a loss that is no number.
        """
        begun = clock() - self.seconds
        while not self.finished:
            if not math.isfinite(self.advance(batches)):
                raise Diverged(f"The loss at step {self.step} is no number: lower the rate or take other weights.")
            self.seconds = clock() - begun
            if progress:
                progress(self)

    def _forward(self, *inputs: Any) -> Tensor:
        with _compiling(self.o), self._autocast:
            return self._compiled(*inputs).float()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights towards the network's."""
        keep = min(self.o.ema, (1 + self.step) / (10 + self.step))
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - keep)
            else:
                self.average[key].copy_(value)

    @torch.no_grad()
    def validate(self, batches: Judged) -> float:
        """Mean loss of the averaged weights over all batches; each process takes its share of them."""
        current = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        mine = range(self.processes.rank, len(batches), self.processes.world)
        losses = [float(batch_loss(self._forward, moved(batches.draw(n), self.device), self.o)) for n in mine]
        self.network.load_state_dict(current)
        total, count = self.processes.mean([sum(losses), len(losses)])
        return total / count

    def check_finite(self) -> None:
        """UserError if weights, or their average, are no numbers any more."""
        for state in (self.network.state_dict(), self.average):
            if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
                raise UserError(
                    f"The weights at step {self.step} are no numbers: lower the rate in [train] and start anew, or go "
                    "on from the checkpoint before."
                )

    def save_checkpoint(self, path: Path, batches: Batches) -> None:
        """Write all that ``load_checkpoint`` needs; every process has to take part. Raises UserError."""
        places = self.processes.gather(batches.state())
        if not self.processes.leads:
            return
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        state |= {"step": self.step, "seconds": self.seconds, "losses": self.losses, "places": places}
        state |= {"begun": self.begun, "images": self.images}
        try:
            with drafted(path) as draft:
                torch.save(state, draft)
        except (OSError, RuntimeError) as error:  # of torch's own writer
            raise UserError(
                f"{path} cannot be written ({str(error).splitlines()[0][:100]}): free some space, and start again: "
                "the run goes on from the checkpoint before, if there is one."
            ) from error

    def load_checkpoint(self, path: Path, batches: Batches) -> bool:
        """Go on from a checkpoint. False if the images begin anew, as they do with other sources or processes.

        Raises UserError if it is another network's, or of a run that was begun otherwise.
        """
        if not is_zipfile(path):
            raise UserError(f"The checkpoint {path} is damaged: move it away, and the run begins anew.")
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self._check_begun(path, state.get("begun", {}))
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.average, self.losses, places = state["average"], state["losses"], state["places"].cpu()
            self.step, self.seconds = int(state["step"]), float(state["seconds"])
        except UserError:
            raise
        except Exception as error:  # damage can surface anywhere in torch
            raise UserError(
                f"{path} is of another network or version: move it away, or choose another 'out'."
            ) from error
        same = self.images in ("", state.get("images", self.images))
        fits = same and places.shape == (self.processes.world, *batches.state().shape)
        if fits:
            batches.restore(places[self.processes.rank])
        return fits

    def _check_begun(self, path: Path, begun: Mapping[str, str]) -> None:
        differ = [key for key, value in self.begun.items() if begun.get(key, value) != value]
        if differ:
            raise UserError(
                f"{path} is of a run with another {' and '.join(differ)}: choose another 'out', or move it away, and "
                "the run begins anew."
            )


@contextmanager
def _compiling(o: Optimisation) -> Iterator[None]:
    """UserError for what the compiler cannot do, which it only finds out at the first steps."""
    try:
        yield
    except Exception as error:
        if not (o.compile and type(error).__module__.startswith("torch._")):
            raise
        said = f"{error}".splitlines()[:1] or [type(error).__name__]
        raise UserError(f"The network cannot be compiled here ({said[0]}): take compile out of [train].") from error


def _thaw(network: nn.Module, frozen: Sequence[str]) -> list[nn.Parameter]:
    """The parameters that are trained; those whose name matches one of the regular expressions get no gradient."""
    names = [name for name, _ in network.named_parameters()]
    for pattern in frozen:
        if not any(re.search(pattern, name) for name in names):
            raise UserError(f"freeze = '{pattern}' matches no parameter: choose among {', '.join(names)}.")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not any(re.search(pattern, name) for pattern in frozen))
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not trained:
        raise UserError("freeze matches every parameter: nothing is left to train.")
    return trained

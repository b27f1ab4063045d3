"""Several processes that train one network: started by torchrun, each with its own images, gradients averaged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from anypan.runtime.errors import UserError


@dataclass(frozen=True)
class Processes:
    """This process's rank among ``world``; alone, everything below leaves its input as it is."""

    rank: int = 0
    world: int = 1
    device: str = "cpu"  # where what is exchanged has to lie

    @property
    def leads(self) -> bool:
        """True for the one process that writes files."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its mean over the processes; a parameter unused here has the gradient 0.

        One exchange of all of them: the networks are small, and not every batch uses every parameter.
        Gradients have any shape (...).
        """
        if self.world == 1:
            return
        known = list(parameters)
        flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in known])
        dist.all_reduce(flat)
        for parameter, part in zip(known, flat.div_(self.world).split([p.numel() for p in known]), strict=True):
            parameter.grad = part.view_as(parameter).clone(memory_format=torch.preserve_format)

    def mean(self, values: Sequence[float]) -> list[float]:
        """The mean over the processes of each value."""
        return [value / self.world for value in self._reduced(values, dist.ReduceOp.SUM)]

    def largest(self, values: Sequence[float]) -> list[float]:
        """The largest of the processes' values, each for itself."""
        return self._reduced(values, dist.ReduceOp.MAX)

    def _reduced(self, values: Sequence[float], how: dist.ReduceOp.RedOpType) -> list[float]:
        if self.world == 1:
            return list(values)
        together = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(together, how)
        return together.tolist()

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors (...) with those of the first process."""
        if self.world > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def gather(self, numbers: Tensor) -> Tensor:
        """(world, ...): the integers of all processes."""
        if self.world == 1:
            return numbers[None]
        parts = [torch.empty_like(numbers, device=self.device) for _ in range(self.world)]
        dist.all_gather(parts, numbers.to(self.device).contiguous())
        return torch.stack(parts).cpu()


SINGLE = Processes()


@contextmanager
def distributed(device: str) -> Iterator[tuple[Processes, torch.device]]:
    """The processes that torchrun's environment names, and this process's device; alone without torchrun.

    Each process of a machine takes a GPU of its own. Raises UserError if there are too few.
    """
    world, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    if world == 1:
        yield Processes(device=device), torch.device(device)
        return
    own = torch.device(device if device == "cpu" else f"cuda:{local}")
    if own.type == "cuda":
        if local >= torch.cuda.device_count():
            raise UserError(f"There are {torch.cuda.device_count()} GPUs: start no more processes than that.")
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), world, str(own)), own
    finally:
        dist.destroy_process_group()

"""One training loop for all: pretraining and adaptation differ by their batches and starting weights."""

from anypan.train.batches import Batches, HeldOut, Simulated, held_out_batches, training_batches
from anypan.train.config import Config, Optimisation, read_config
from anypan.train.loop import train
from anypan.train.objective import batch_loss, scene_scale
from anypan.train.pretrain import build, pretrain
from anypan.train.processes import SINGLE, Processes, distributed
from anypan.train.run import Diverged, Run
from anypan.train.schedule import rate_at

__all__ = [
    "SINGLE",
    "Batches",
    "Config",
    "Diverged",
    "HeldOut",
    "Optimisation",
    "Processes",
    "Run",
    "Simulated",
    "batch_loss",
    "build",
    "distributed",
    "held_out_batches",
    "pretrain",
    "rate_at",
    "read_config",
    "scene_scale",
    "train",
    "training_batches",
]

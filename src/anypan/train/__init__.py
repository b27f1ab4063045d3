"""One training loop for all: pretraining and adaptation differ by their batches and starting weights."""

from anypan.train.batches import Batches, HeldOut, Simulated, held_out_batches, training_batches
from anypan.train.config import Config, Optimisation, read_config
from anypan.train.loop import train
from anypan.train.objective import batch_loss, scene_scale
from anypan.train.pretrain import build, pretrain
from anypan.train.run import Diverged, Run
from anypan.train.schedule import rate_at
from anypan.train.team import ALONE, Team, joined

__all__ = [
    "ALONE",
    "Batches",
    "Config",
    "Diverged",
    "HeldOut",
    "Optimisation",
    "Run",
    "Simulated",
    "Team",
    "batch_loss",
    "build",
    "held_out_batches",
    "joined",
    "pretrain",
    "rate_at",
    "read_config",
    "scene_scale",
    "train",
    "training_batches",
]

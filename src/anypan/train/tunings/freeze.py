"""Freeze-tuning: the encoder stays as it is, what makes an image of its features learns."""

from anypan.train.tunings.base import Tuning

FREEZE = Tuning("the encoder stays as it is", lambda architecture: architecture.encoder)

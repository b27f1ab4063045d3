"""Full-tuning: every parameter learns."""

from anypan.train.tunings.base import Tuning

FULL = Tuning("all parameters learn", lambda architecture: ())

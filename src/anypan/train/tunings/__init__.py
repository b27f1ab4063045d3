"""TUNINGS: the ways in which pretrained weights learn from a scene; one file each."""

from anypan.train.tunings.adapter import ADAPTER
from anypan.train.tunings.base import Tuning
from anypan.train.tunings.bitfit import BITFIT
from anypan.train.tunings.freeze import FREEZE
from anypan.train.tunings.full import FULL
from anypan.train.tunings.lora import LORA

TUNINGS: dict[str, Tuning] = {"full": FULL, "freeze": FREEZE, "lora": LORA, "bitfit": BITFIT, "adapter": ADAPTER}
"""Name, as on the command line -> way."""

__all__ = ["TUNINGS", "Tuning"]

"""How well a network does on sensors that it has not seen: train sensor x test sensor, and all sensors but one."""

from anypan.generalise.protocol import KINDS, Generalisation, read_protocol
from anypan.generalise.run import generalise
from anypan.generalise.sensors import TestSensor, cells, sensors_of

__all__ = ["KINDS", "Generalisation", "TestSensor", "cells", "generalise", "read_protocol", "sensors_of"]

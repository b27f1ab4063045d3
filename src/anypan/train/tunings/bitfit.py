"""BitFit: the biases learn, and nothing else.

E. Ben Zaken, S. Ravfogel, Y. Goldberg, "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked
Language-models", ACL 2022.
"""

from anypan.train.tunings.base import Tuning

BITFIT = Tuning("the biases learn, nothing else", lambda architecture: (r"(?<!bias)$",))

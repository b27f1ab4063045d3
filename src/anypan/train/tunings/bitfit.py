"""BitFit: the biases learn, and nothing else.

E. Ben Zaken, S. Ravfogel, Y. Goldberg, "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked
Language-models", ACL 2022, who also train the last layer, which is new to each of their tasks; here it is not.
"""

from anypan.train.tunings.base import Tuning

BITFIT = Tuning("the biases learn, nothing else", lambda architecture: (r"(?<!bias)$",))

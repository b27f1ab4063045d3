"""Many scenes: a list of them in, a folder of fused images out, on one machine or on many."""

from anypan.batch.manifest import Manifest, read_manifest
from anypan.batch.run import Settings, Summary, run

__all__ = ["Manifest", "Settings", "Summary", "read_manifest", "run"]

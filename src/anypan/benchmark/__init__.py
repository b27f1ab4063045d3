"""Judge methods on scenes: protocol x scene x method, one row each; and judge one finished image."""

from anypan.benchmark.assess import assess
from anypan.benchmark.cases import Case, prepare
from anypan.benchmark.readers import LAYOUTS, PROTOCOLS, find_scenes
from anypan.benchmark.run import judge_case, named_methods, run, write_rows

__all__ = [
    "LAYOUTS",
    "PROTOCOLS",
    "Case",
    "assess",
    "find_scenes",
    "judge_case",
    "named_methods",
    "prepare",
    "run",
    "write_rows",
]

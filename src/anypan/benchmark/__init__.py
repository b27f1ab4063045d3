"""Judge methods on scenes: protocol x scene x method, one row each; and judge one finished image."""

from anypan.benchmark.assess import assess
from anypan.benchmark.cases import Case, prepare
from anypan.benchmark.contenders import contenders, named_methods
from anypan.benchmark.exchange import write_inputs
from anypan.benchmark.ledger import opened, write_rows
from anypan.benchmark.modes import MODES
from anypan.benchmark.readers import LAYOUTS, PROTOCOLS, find_scenes
from anypan.benchmark.run import judge_case, run
from anypan.benchmark.selfcheck import selfcheck

__all__ = [
    "LAYOUTS",
    "MODES",
    "PROTOCOLS",
    "Case",
    "assess",
    "contenders",
    "find_scenes",
    "judge_case",
    "named_methods",
    "opened",
    "prepare",
    "run",
    "selfcheck",
    "write_inputs",
    "write_rows",
]

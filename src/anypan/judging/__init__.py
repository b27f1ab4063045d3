"""Judge methods on scenes: protocol x scene x method, one row each; and judge one finished image.

Images are in the units of their files (digital numbers, radiance or reflectance), of any range.
"""

from anypan.judging.assess import assess
from anypan.judging.cases import Case, prepare
from anypan.judging.contenders import contenders
from anypan.judging.exchange import write_inputs
from anypan.judging.ledger import opened, write_rows
from anypan.judging.modes import MODES
from anypan.judging.readers import LAYOUTS, PROTOCOLS, find_scenes
from anypan.judging.run import judge_case, run
from anypan.judging.selfcheck import selfcheck

__all__ = [
    "LAYOUTS",
    "MODES",
    "PROTOCOLS",
    "Case",
    "assess",
    "contenders",
    "find_scenes",
    "judge_case",
    "opened",
    "prepare",
    "run",
    "selfcheck",
    "write_inputs",
    "write_rows",
]

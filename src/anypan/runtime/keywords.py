"""Options by keyword: a dataclass holds them, and a name that it lacks is a sentence with the nearest that it has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from anypan.runtime.errors import UserError

Options = TypeVar("Options")


def options_of(kind: type[Options], given: Mapping[str, Any], call: str) -> Options:
    """The dataclass ``kind`` of the ``given`` keywords of ``call``; UserError for one that it has no field for."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0)[0]
            raise UserError(f"{call} has no option {name!r}: use {near!r}, or one of {', '.join(known)}.")
    return kind(**given)

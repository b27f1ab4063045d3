"""Options by keyword: a dataclass holds them; a name that it lacks, or a value of another type, is a sentence."""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from numbers import Integral, Real
from os import PathLike
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from anypan.runtime.errors import UserError

Options = TypeVar("Options")
WORDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    PathLike: "a path",
    Mapping: "a dict",
    Callable: "a function",
    types.NoneType: "None",
}


def options_of(kind: type[Options], given: Mapping[str, Any], call: str) -> Options:
    """The dataclass ``kind`` of the ``given`` keywords of ``call``; UserError for one that it has no field for."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0)[0]
            raise UserError(f"{call} has no option {name!r}: use {near!r}, or one of {', '.join(known)}.")
    return kind(**given)


def check_types(options: Any) -> None:
    """UserError for a field of a dataclass that holds anything but what its annotation says."""
    for name, hint in get_type_hints(type(options)).items():
        value = getattr(options, name)
        if not _fits(value, hint):
            raise UserError(f"{name} is {value!r}: give {_asked(hint)}.")


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = get_origin(hint) or hint, get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Sequence:  # arrays, too, but no text, whose letters would be taken for entries
        several = isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)
        return several and all(_fits(one, parts[0]) for one in value)
    if origin in (int, float):
        return isinstance(value, Integral if origin is int else Real) and not isinstance(value, bool)
    return isinstance(value, (bool, np.bool_) if origin is bool else origin)


def _asked(hint: Any) -> str:
    origin, parts = get_origin(hint) or hint, get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_asked, parts))
    return f"a list, each {_asked(parts[0])}" if origin is Sequence else WORDS[origin]

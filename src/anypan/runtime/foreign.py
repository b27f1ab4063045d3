"""Text from elsewhere, read within bounds: JSON, TOML and Python literals of any origin go through here, once.

A file may be endless, a document nested so deeply that its parser ends the process, a number of so many digits that it
takes minutes, a text without a form in UTF-8: each is refused in one sentence.
"""

from __future__ import annotations

import ast
import json
import math
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anypan.runtime.errors import UserError

MOST = 2**26  # bytes of a file of text, unless said otherwise
MOST_DEPTH = 32  # of lists and tables within each other
MOST_DIGITS = 400  # of a number as it is written
MOST_TOML = 2**18  # bytes
MOST_DOTS = 2 * MOST_DEPTH  # in a line of TOML, but for those of numbers: the time for a key grows with their cube
PLAIN = (str, int, float, bool, type(None))


def text_of(path: str | Path, what: str, most: int = MOST) -> str:
    """The text of a plain file. ``what`` says what to give instead, as "give the path of a TOML file".

    UserError where there is none, where it is a pipe, a device, larger than ``most`` bytes or no UTF-8.
    """
    return _decoded(path, _bytes(path, what, most), what)


def lines_of(path: str | Path, what: str, most: int = 2**28) -> Iterator[tuple[int, str]]:
    """The lines of a plain file that hold anything, numbered from 1; UserError as of ``text_of``."""
    for number, line in enumerate(text_of(path, what, most).split("\n"), 1):
        if line.strip():
            yield number, line


def json_of(text: str | bytes, where: str, what: str) -> dict[str, Any]:
    """The JSON object that a text is, from ``where``. UserError if it is none, or beyond the bounds.

    NaN and Infinity are read as such, since rows hold them; a number that only overflows to them is refused.
    """
    return _object(lambda: json.loads(text, parse_int=_whole, parse_float=_real), where, what, "JSON")


def toml_of(text: str, where: str, what: str) -> dict[str, Any]:
    """The table that a TOML text is, from ``where``. UserError if it is none, or beyond the bounds."""

    def parsed() -> Any:
        if len(text) > MOST_TOML or any(_dots(line) > MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"more than {MOST_TOML:,} letters, or a key nested deeper than {MOST_DEPTH}")
        return tomllib.loads(text, parse_float=_real)

    return _object(parsed, where, what, "TOML")


def literal_of(text: str, where: str, what: str) -> dict[str, Any]:
    """The dict of Python literals that the first assignment of a text makes; nothing is executed."""

    def parsed() -> Any:
        first = ast.parse(text).body[0]
        return ast.literal_eval(first.value) if isinstance(first, ast.Assign) else None

    return _object(parsed, where, what, "list of literals")


def number_or_name(text: str) -> int | str:
    """A whole number if the text is one in ASCII digits, else the text without the space around it."""
    bare = text.strip()
    return int(bare) if re.fullmatch(r"[0-9]{1,9}", bare) else bare


def check_plain(path: str | Path, what: str, most: int | None = None) -> None:
    """UserError where there is no file, where it is a pipe or a device, or larger than ``most`` bytes."""
    with _reading(path, what):
        about = Path(path).stat()
        if not stat.S_ISREG(about.st_mode):
            raise UserError(f"{path} is no plain file: {what}.")
        if most is not None and about.st_size > most:
            raise UserError(f"{path} has {about.st_size:,} bytes, of which {most:,} are the most: {what}.")


def _bytes(path: str | Path, what: str, most: int) -> bytes:
    check_plain(path, what, most)
    with _reading(path, what), open(path, "rb") as file:
        return file.read(most + 1)


@contextmanager
def _reading(path: str | Path, what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: {what}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read ({reason}): {what}.") from error


def _decoded(path: str | Path, found: bytes, what: str) -> str:
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} cannot be read (it is no text in UTF-8): {what}.") from error


def _object(parse: Callable[[], Any], where: str, what: str, kind: str) -> dict[str, Any]:
    try:
        found = parse()
        _check(found)
    except (ValueError, SyntaxError, IndexError, TypeError, RecursionError, MemoryError) as error:
        said = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{where} is no valid {kind} ({said}): {what}.") from error
    if not isinstance(found, dict):
        raise UserError(f"{where} holds a {type(found).__name__}, no table of names and values: {what}.")
    return found


def _dots(line: str) -> int:
    return re.sub(r"\d\.\d", "", line).count(".")


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _real(digits: str) -> float:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    value = float(digits)
    if math.isinf(value) and "inf" not in digits:
        raise ValueError(f"{digits} is beyond any number")
    return value


def _check(found: Any) -> None:
    """ValueError for a value beyond the bounds, wherever it lies: depth, size, texts without a form in UTF-8, kinds."""
    level = [found]
    for _ in range(MOST_DEPTH + 1):
        for one in level:
            _check_one(one)
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return
    raise ValueError(f"nested deeper than {MOST_DEPTH}")


def _inside(one: Any) -> Iterator[Any]:
    if isinstance(one, dict):
        yield from one
        yield from one.values()
    elif isinstance(one, list | tuple):
        yield from one


def _check_one(one: Any) -> None:
    if isinstance(one, str):
        one.encode()  # raises for half a surrogate pair
    elif isinstance(one, int) and abs(one) >= 2**63:
        raise ValueError("a whole number of more than 63 bits")
    elif not isinstance(one, (*PLAIN, dict, list, tuple)):
        raise ValueError(f"a {type(one).__name__}, which no setting takes")

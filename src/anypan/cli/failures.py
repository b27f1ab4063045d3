"""How a command that fails ends: one sentence on stderr and an exit code; a traceback for those who ask for it."""

from __future__ import annotations

import codecs
import errno
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from anypan.runtime.errors import Unverified, UserError

EXIT_USER, EXIT_UNVERIFIED, EXIT_MEMORY, EXIT_UNEXPECTED = 2, 3, 1, 70
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143
SYSTEM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE}
SYSTEM |= {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO}  # of the file, not of the program
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")  # as torch and GDAL put it
_asked: list[bool] = []


def _ask(_: click.Context, __: click.Parameter, asked: bool) -> None:
    if asked:
        _asked.append(True)


TRACEBACK = click.Option(
    ["--traceback"], is_flag=True, expose_value=False, callback=_ask, help="Show where an unexpected failure happened."
)


@contextmanager
def reported() -> Iterator[None]:
    """Whatever is raised within ends the process with one sentence and the exit code of its kind."""
    _asked.clear()
    _encodable()
    try:
        yield
    except UserError as error:
        _fail(f"error: {error}", EXIT_UNVERIFIED if isinstance(error, Unverified) else EXIT_USER)
    except click.ClickException as error:
        _fail(f"error: {_usage(error)}", EXIT_USER)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", EXIT_INTERRUPTED)
    except MemoryError:
        _no_memory()
    except Exception as error:
        if _asked:
            traceback.print_exc()
        if any(words in str(error).lower() for words in _NO_MEMORY):
            _no_memory()
        if isinstance(error, OSError) and (error.errno in SYSTEM or "temporary directory" in str(error)):
            _fail(f"error: {_place(error)} cannot be used ({error.strerror}): check the path and the free space.", 2)
        _fail(f"unexpected: {_summary(error)}; run with --traceback and report it.", EXIT_UNEXPECTED)


def terminate(*_: Any) -> NoReturn:
    """Handle SIGTERM: an exception, so that half-written files are removed on the way out."""
    _fail("terminated", EXIT_TERMINATED)


def _encodable() -> None:
    """Names of files are bytes: what a stream cannot encode is printed as those bytes, or as an escape."""
    codecs.register_error("anypan", _as_bytes)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="anypan")  # type: ignore[union-attr]


def _as_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def _usage(error: click.ClickException) -> str:
    sentence = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{sentence}; see '{context.command_path} --help'." if context else f"{sentence}."


def _place(error: OSError) -> str:
    return str(error.filename or "a file or stream")


def _summary(error: Exception) -> str:
    text = " ".join(str(error).split())[:200].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _no_memory() -> NoReturn:
    _fail(
        "error: the memory ran out: end what else uses it, or choose a formula (-m MTF-GLP-HPM-R --tile 256).",
        EXIT_MEMORY,
    )


def _fail(sentence: str, code: int) -> NoReturn:
    line = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], sentence)  # a name may hold anything
    click.echo(line, err=True)
    sys.exit(code)

"""Documents that are made from rows: their blocks filled, their files rewritten or found out of date."""

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from anypan.runtime.errors import UserError

Wanted = Iterable[tuple[Path, str]]
"""Files, and the text that each should hold."""


def filled(text: str, kind: str, made: Callable[[str], str]) -> str:
    """A document in which ``made(NAME)`` stands between each <!-- KIND:NAME --> and the next <!-- /KIND -->."""
    block = re.compile(rf"(<!-- {kind}:(\S+) -->\n).*?(<!-- /{kind} -->)", re.DOTALL)
    return block.sub(lambda found: f"{found[1]}{made(found[2])}{found[3]}", text)


def stale(wanted: Wanted) -> dict[Path, str]:
    """Those files that do not hold their text."""
    return {path: text for path, text in wanted if not path.is_file() or path.read_text(encoding="utf-8") != text}


def renew(wanted: Wanted, check: bool, command: str) -> int:
    """Rewrite the stale files, or with ``check`` only name them and the ``command`` that would; the exit status."""
    old = stale(wanted)
    for path, text in old.items():
        print(f"{path}: {f'out of date, run {command}' if check else 'rewritten'}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return int(check and bool(old))


def main(description: str | None, wanted: Callable[[], Wanted], script: str) -> int:
    """What a ``script`` that renews files does with its arguments: rewrite, or with --check fail if one is stale.

    Returns the exit status, 1 if --check found a stale file; for a UserError it ends with 2 after one sentence.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if a file is out of date")
    try:
        return renew(wanted(), parser.parse_args().check, f"python {script}")
    except UserError as problem:
        parser.exit(2, f"error: {problem}\n")

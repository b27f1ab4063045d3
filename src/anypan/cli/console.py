"""What the verbs show: progress on stderr, results on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from anypan.runtime.bounds import MOST_SEED
from anypan.runtime.errors import UserError

Step = Callable[[int, int], None]  # (done, total)
SEEDS = click.IntRange(0, MOST_SEED)
_PLAIN_STEPS = 10


@contextmanager
def progress(label: str, quiet: bool = False) -> Iterator[Step]:
    """A callback that shows how far the work is: a bar on a terminal, a plain line each tenth elsewhere."""
    if quiet:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        with _bar(label) as step:
            yield step
    else:
        yield _lines(label)


@contextmanager
def _bar(label: str) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{label}: opening and measuring", total=None)
        yield lambda done, total: bar.update(task, description=label, completed=done, total=total)


def _lines(label: str) -> Step:
    shown, start = -1, time.monotonic()

    def step(done: int, total: int) -> None:
        nonlocal shown
        tenth = _PLAIN_STEPS * done // max(total, 1)
        if tenth > shown:
            shown = tenth
            left = (time.monotonic() - start) * (total - done) / done if done else 0
            rest = f", about {left:.0f} s left" if left >= 1 else ""
            click.echo(f"{label} {100 * done // max(total, 1)} % ({done} of {total}){rest}", err=True)

    return step


def check_page(page: str) -> None:
    """UserError for a page whose name is none: an image, or what lies beside one, would be replaced by it."""
    if not page.lower().endswith((".html", ".htm")):
        raise UserError(f"{page} would be a page: name a file that ends in .html.")


def note(text: str, quiet: bool = False) -> None:
    """A line for the person who watches, not for the program that reads."""
    if not quiet:
        click.echo(text, err=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout; what JSON does not know is written as text."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # of a file's name: escaped, so that it stays JSON
        text = json.dumps(value, indent=2, default=str)
    click.echo(text)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Aligned columns, numbers to the right, never cut: it can be read by eye and by ``awk``."""
    cells = [[str(value) for value in row] for row in (headers, *rows)]
    right = [all(isinstance(row[c], int | float) for row in rows) for c in range(len(headers))]
    widths = [max(len(row[c]) for row in cells) for c in range(len(headers))]
    for row in cells:
        padded = [v.rjust(w) if r else v.ljust(w) for v, w, r in zip(row, widths, right, strict=True)]
        click.echo("  ".join(padded).rstrip())

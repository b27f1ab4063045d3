"""Metadata files as trees and tables: XML without entities, and the groups of key = value that operators write."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from anypan.products.shelf import Shelf
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import MOST_DEPTH

_LINE = re.compile(r"\s*([A-Za-z]\w*)\s*=\s*(.*?)\s*;?\s*$")
MOST_BITS = 64
Table = dict[str, Any]


def xml(shelf: Shelf, member: str) -> Element:
    """The root of an XML file, tags without namespaces.

    UserError for broken XML, for entities, document types and references to other files.
    """
    try:
        root = fromstring(shelf.text(member), forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:  # defusedxml's own are ValueErrors
        reason = "declares entities or a document type" if "Forbidden" in type(error).__name__ else "is no sound XML"
        raise UserError(f"{shelf.path(member)} {reason}: fetch the product again.") from error
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def word(node: Element, path: str, default: str = "") -> str:
    """The text of the first node at a path below ``node``; the default if there is none."""
    found = node.find(path)
    return (found.text or "").strip() if found is not None else default


def number(text: object) -> float | None:
    """A finite number, None for what is none."""
    try:
        found = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def bits_of(text: object) -> int | None:
    """Bits of a pixel, None for what is no number of them."""
    found = number(text)
    return int(found) if found and 1 <= found <= MOST_BITS else None


def groups(shelf: Shelf, member: str) -> Table:
    """A file of ``key = value`` lines in GROUP ... END_GROUP as nested tables; of a repeated key the first.

    UserError for groups within each other without end.
    """
    root: Table = {}
    open_groups = [root]
    for line in shelf.text(member).decode("utf-8", "replace").splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        key, value = found[1], found[2].strip().strip('"')
        if key.upper() in ("GROUP", "BEGIN_GROUP"):
            inner = open_groups[-1].setdefault(value, {})
            open_groups.append(inner if isinstance(inner, dict) else {})
            if len(open_groups) > MOST_DEPTH:
                raise UserError(f"{shelf.path(member)} nests groups without end: fetch the product again.")
        elif key.upper() == "END_GROUP":
            open_groups = open_groups[:-1] or [root]
        else:
            open_groups[-1].setdefault(key, value)
    return root


def flat(table: Table) -> dict[str, str]:
    """Every key of nested tables with its value, of a repeated key the first."""
    found: dict[str, str] = {}
    for key, value in _pairs(table):
        found.setdefault(key, value)
    return found


def _pairs(table: Table) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _pairs(value)
        else:
            yield key, value

"""The self-contained page: head, style, script, navigation. Nothing in it may be fetched."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from html import escape
from importlib.resources import files
from pathlib import Path

from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError

SCRIPTS = ("page.js", "export.js", "profile.js", "viewer.js")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"


def save(
    path: Path, title: str, lead: str, sections: Iterable[tuple[str, str, Iterable[str]]], kind: str = "many"
) -> Path:
    """Write a page of (id, heading, parts of HTML) sections, part by part; the file appears when it is complete.

    A section whose parts are all empty is left out. ``kind``: "one" scene, which is seen at once, or "many".
    UserError if the file cannot be written.
    """
    with ExitStack() as stack:
        with reporting(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = stack.enter_context(stack.enter_context(drafted(path)).open("w", encoding="utf-8"))
        for part in _page(_head(title, lead, kind), sections):
            with reporting(path):
                stream.write(part)
        with reporting(path):
            stack.close()
    return path


def text(title: str, lead: str, sections: Iterable[tuple[str, str, Iterable[str]]], kind: str = "many") -> str:
    """The page that ``save`` would write."""
    return "".join(_page(_head(title, lead, kind), sections))


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turn a failure of the disk into a UserError; failures elsewhere, as in reading a picture, pass through."""
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or problem
        raise UserError(f"{path} cannot be written ({reason}): choose a folder with space and permission.") from problem


def _page(head: str, sections: Iterable[tuple[str, str, Iterable[str]]]) -> Iterator[str]:
    yield head
    for key, heading, parts in sections:
        opened = False
        for part in filter(None, parts):
            yield part if opened else f"<section id='{key}'><h2>{escape(heading)}</h2>{part}"
            opened = True
        yield "</section>" if opened else ""
    scripts = "".join(f"<script>{_asset(name)}</script>" for name in SCRIPTS)
    yield f"</main>{scripts}</body></html>\n"


def _head(title: str, lead: str, kind: str) -> str:
    return f"""<!doctype html><html lang=en><head><meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title><link rel=icon href="data:,"><style>{_asset("style.css")}</style></head>
<body class={kind}><a class=skip href="#main">Skip to content</a>
<header><nav aria-label=Sections><strong>anypan</strong><span class=links></span>
<button id=theme title="Light or dark" aria-label="Switch between light and dark">◐</button></nav></header>
<main id=main><h1>{escape(title)}</h1><div class=lead>{lead}</div>"""


def _asset(name: str) -> str:
    return files("anypan.report").joinpath(name).read_text(encoding="utf-8")

"""What the site needs besides its pages: the navigation completed, the commands' help, and the plot of the methods.

A hook of mkdocs.yml; `make docs` builds the site.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from anypan.cli import cli
from anypan.methods import FORMULAS
from anypan.report import read
from anypan.report.rows import latest, mean, real
from anypan.runtime.columns import LOW

ROOT = Path(__file__).resolve().parents[1]
SHOWN = {LOW: "sharpness", "R-ERGAS": "distance from the MS", "ERGAS": "error against the truth"}
MORE = "More"
ROWS = [ROOT / "results" / name for name in ("benchmark.jsonl", "sharpness/scenes.jsonl")]


def on_config(config: Any) -> Any:
    """Complete the navigation: folders, pages that may be missing, pages that are named nowhere."""
    config.nav = completed(config.nav, Path(config.docs_dir), config.extra["expected"])
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put the help of the commands and the plot in their places."""
    if "<!-- options -->" in markdown:
        markdown = markdown.replace("<!-- options -->", "\n".join(glossary()))
    if "<!-- help -->" in markdown:
        markdown = markdown.replace("<!-- help -->", "\n".join(helped(cli, "anypan")))
    if "<!-- plot:frontier -->" in markdown:
        markdown = markdown.replace("<!-- plot:frontier -->", plot([path for path in ROWS if path.is_file()]))
    return markdown


def on_post_page(output: str, **_: Any) -> str:
    """Let the search work where a page is opened from a folder; the theme would fetch a script for that."""
    script = Path(__file__).with_name("worker.js").read_text(encoding="utf-8")
    own = re.sub(r"<script src=\"?https://unpkg[^>]*></script>", "", output)
    return own.replace("<head>", f"<head><script>{script}</script>", 1)


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """The same for pages that are made from no Markdown, as 404.html."""
    return on_post_page(output_content) if template_name.endswith(".html") else output_content


def completed(nav: list[Any], docs: Path, expected: list[str]) -> list[Any]:
    """The navigation with FOLDER/* replaced by its pages, ``expected`` pages only if they are there, and all others."""
    made = list(_completed(nav, docs, set(expected)))
    named = set(pages(made))
    rest = [path for path in found(docs) if path not in named]
    return [*made, {MORE: rest}] if rest else made


def _completed(entries: list[Any], docs: Path, expected: set[str]) -> Iterator[Any]:
    for entry in entries:
        (title, value), *_ = entry.items() if isinstance(entry, dict) else [("", entry)]
        if isinstance(value, list):
            yield {title: list(_completed(value, docs, expected))}
        elif value.endswith("/*"):
            yield {title: [path for path in found(docs) if path.startswith(value[:-1])]}
        elif value not in expected or (docs / value).is_file():
            yield entry


def found(docs: Path) -> list[str]:
    """Every page below ``docs``, as mkdocs names it."""
    return sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))


def pages(entries: list[Any]) -> Iterator[str]:
    """The pages that a navigation names."""
    for entry in entries:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from pages(value) if isinstance(value, list) else [value]


def glossary() -> Iterator[str]:
    """The options that several commands have, with what they mean in each, as a table."""
    uses: dict[str, dict[str, list[str]]] = {}
    for name, command in cli.commands.items():
        for option in command.params:
            flag = next((one for one in option.opts if one.startswith("--")), None)
            if flag and isinstance(option, click.Option):
                uses.setdefault(flag, {}).setdefault(option.help or "", []).append(name)
    yield "| option | means | commands |\n| --- | --- | --- |"
    for flag, meanings in sorted(uses.items()):
        commands = [name for names in meanings.values() for name in names]
        for said, own in meanings.items() if len(commands) > 1 else ():
            yield f"| `{flag}` | {html.escape(said)} | {', '.join(own)} |"


def helped(command: click.Command, name: str) -> Iterator[str]:
    """The help of a command and of those below it, as Markdown."""
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    yield f"## {name}\n\n```text\n{command.get_help(context)}\n```\n"
    for verb, below in getattr(command, "commands", {}).items():
        yield from helped(below, f"{name} {verb}")


def plot(rows: list[Path]) -> str:
    """Each method's means over the development scenes, and the script that draws them; Markdown with HTML."""
    methods = [
        {"name": method, "ratio": ratio, "own": method not in FORMULAS, **values}
        for ratio in (4, 2)
        for method, values in means(latest(read(rows)), ratio).items()
    ]
    data = json.dumps({"methods": methods, "axes": SHOWN}).replace("<", "\\u003c")
    said = "".join(f"<option value='{key}'>{html.escape(text)}</option>" for key, text in list(SHOWN.items())[1:])
    script = (Path(__file__).with_name("frontier.js")).read_text(encoding="utf-8")
    return (
        "<div class=frontier><p><label>Ratio <select name=ratio><option>4</option><option>2</option></select></label> "
        f"<label>Down <select name=down>{said}</select></label></p><div class=plane></div>"
        f"<p class=said aria-live=polite>Choose a dot.</p><script type='application/json'>{data}</script></div>\n"
        f"<script>{script}</script>\n"
    )


def means(rows: list[dict[str, Any]], ratio: int) -> dict[str, dict[str, float]]:
    """Method -> column -> mean over sensors, of the methods that have all columns."""
    chosen, made = real(rows, ratio), {}
    for method in dict.fromkeys(row["method"] for row in chosen):
        cells = {key: mean([row for row in chosen if row["method"] == method], key) for key in SHOWN}
        if all(cells.values()):
            made[method] = {key: round(cell.value, 4) for key, cell in cells.items() if cell}
    return made

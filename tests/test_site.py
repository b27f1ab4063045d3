"""The site: built strictly and fast, complete, its search without a network, twenty questions three clicks away."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import time

import pytest
import yaml
from browser import browse
from pages import DOCS, ROOT, environment

_SPEC = importlib.util.spec_from_file_location("site_hook", ROOT / "runs" / "site.py")
hook = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(hook)
LINK = re.compile(r"\]\(([^)#\s]+\.md)(#[\w-]+)?\)|\]\((#[\w-]+)\)")
MOST_SECONDS, CLICKS = 120, 3


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    start = time.process_time(), os.times().children_user
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(out)]
    silent = {**environment(), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=silent)
    assert done.returncode == 0, done.stderr[-3000:]
    assert os.times().children_user - start[1] < MOST_SECONDS
    return out


def config():
    return yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), yaml.BaseLoader)


def linked(page):
    """The pages that a page links to."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for target, _, _ in LINK.findall(text):
        if target:
            path = (DOCS / page).parent.joinpath(target).resolve()
            if path.is_file():
                yield path.relative_to(DOCS).as_posix()


def clicks(avoid):
    """How many clicks on links in pages (not in the navigation) it takes from the first page to each other."""
    found, edge = {"index.md": 0}, ["index.md"]
    while edge:
        page = edge.pop(0)
        for target in linked(page):
            if target not in found and target != avoid:
                found[target] = found[page] + 1
                edge.append(target)
    return found


def questions():
    text = (DOCS / "questions.md").read_text(encoding="utf-8")
    return re.findall(r"^\d+\. \[([^\]]+\?[^\]]*)\]\(([^)#]+)(?:#([\w-]+))?\)$", text, re.M)


def test_every_page_is_in_the_navigation():
    """Name a new page in `nav` of mkdocs.yml."""
    made = hook.completed(config()["nav"], DOCS, config()["extra"]["expected"])
    assert {hook.MORE: made[-1].get(hook.MORE, [])} == {hook.MORE: []} if isinstance(made[-1], dict) else True
    named = list(hook.pages(made))
    assert sorted(named) == hook.found(DOCS) and len(set(named)) == len(named)


def test_a_new_page_is_shown_though_the_navigation_does_not_name_it(tmp_path):
    for name in ("index.md", "new.md", "cards/one.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# Title\n")
    made = hook.completed([{"Home": "index.md"}, {"Cards": "cards/*"}, {"Later": "later.md"}], tmp_path, ["later.md"])
    assert made == [{"Home": "index.md"}, {"Cards": ["cards/one.md"]}, {hook.MORE: ["new.md"]}]


def test_twenty_questions_are_three_clicks_away():
    asked, reached = questions(), clicks(avoid="questions.md")
    assert len(asked) == 20
    far = [question for question, page, _ in asked if reached.get(page, 99) > CLICKS]
    assert not far, far


def test_no_page_is_out_of_reach_by_links_and_navigation():
    named = set(hook.pages(hook.completed(config()["nav"], DOCS, config()["extra"]["expected"])))
    assert {page for page in hook.found(DOCS)} == named


def test_pages_begin_with_an_answer():
    """The first paragraph of a how-to page is text, not a list or a table, and it is short."""
    for page in sorted([*(DOCS / "howto").glob("*.md"), *(DOCS / "concepts").glob("*.md")]):
        first = page.read_text(encoding="utf-8").split("\n\n")[1]
        assert 40 < len(first) < 420 and first[0].isalpha(), page.name


def test_the_site_is_built_without_a_warning_and_links_nowhere_else(site):
    text = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    assert not re.findall(r"""<(?:script|img|link|iframe)[^>]+(?:src|href)=["']https?://[^"']+""", text)
    for question, page, anchor in questions():
        built = site / page.replace(".md", ".html")
        assert built.is_file(), question
        assert not anchor or f'id="{anchor}"' in built.read_text(encoding="utf-8"), question


def test_commands_and_api_are_on_the_site(site):
    text = (site / "commands.html").read_text(encoding="utf-8")
    from anypan.cli import cli

    assert all(f'id="anypan-{name}"' in text for name in cli.commands)
    api = (site / "api.html").read_text(encoding="utf-8")
    import anypan

    assert all(f">{name}<" in api or f".{name}" in api for name in anypan.__all__ if not name.startswith("__"))


PLOT = """async (found) => {
  const place = document.querySelector(".frontier"), dots = () => [...place.querySelectorAll("circle")];
  found.dots = dots().length; const first = dots()[0].getAttribute("cy");
  dots()[0].focus(); found.said = place.querySelector(".said").textContent;
  found.first = dots()[0].getAttribute("aria-label");
  const down = place.querySelectorAll("select")[1]; down.selectedIndex = 1; down.dispatchEvent(new Event("change"));
  found.moved = dots()[0].getAttribute("cy") !== first;
  found.named = dots().every((dot) => dot.getAttribute("aria-label").includes("sharpness"));
}"""


def test_the_plot_of_the_methods_answers(tmp_path):
    made = hook.plot([path for path in hook.ROWS if path.is_file()])
    page = tmp_path / "plot.html"
    page.write_text(f"<!doctype html><html><head></head><body>{made}</body></html>", encoding="utf-8")
    found = browse(page, PLOT, tmp_path)
    methods = json.loads(re.search(r"application/json'>(.*?)</script>", made)[1])["methods"]
    assert found["seen"] == [] and found["dots"] == sum(one["ratio"] == 4 for one in methods) > 10
    assert found["said"] == found["first"] and ": sharpness" in found["first"] and found["moved"] and found["named"]


SEARCH = """async (found) => {
  const field = document.querySelector(".md-search__input");
  found.hidden = document.querySelector(".md-search").hidden;
  field.focus(); field.value = "landsat"; field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new KeyboardEvent("keyup", { key: "t", bubbles: true }));
  for (let wait = 0; wait < 40 && !document.querySelector(".md-search-result__link"); wait += 1) {
    await new Promise((done) => setTimeout(done, 250));
  }
  found.links = [...document.querySelectorAll(".md-search-result__link")].map((one) => one.href);
}"""


def test_search_works_in_a_folder(site):
    found = browse(site / "index.html", SEARCH, site)
    assert not found["hidden"] and any("landsat" in link for link in found["links"]), found

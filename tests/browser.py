"""Headless Chromium for the tests of the pages: what a script finds in a copy of a page, at a given width."""

import html
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--force-prefers-reduced-motion",
    "--virtual-time-budget=8000",
]
NARROWEST = 500  # CSS pixels; a window is not made narrower, so a phone's page is shown in a frame
TRIES = (60, 90, 120)  # seconds: on a busy machine a start may hang, and the next one does not
WATCH = """<script>window.seen = [];
console.error = console.warn = (...said) => seen.push(said.join(" "));
addEventListener("error", (event) => seen.push(event.message ?? "resource"), true);
addEventListener("unhandledrejection", (event) => seen.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => seen.push(event.blockedURI));</script>"""
REPORT = """<script>addEventListener("load", () => setTimeout(async () => {
  const found = { seen, fetched: performance.getEntriesByType("resource").map((one) => one.name)
    .filter((name) => !name.startsWith("data:")) };
  try { await (ACTIONS)(found); } catch (problem) { seen.push(String(problem)); }
  const outer = parent.document, out = outer.createElement("pre");
  out.id = "found"; out.textContent = JSON.stringify(found);
  outer.body.append(out);
}, 1500));</script>"""


def browse(page, actions, tmp_path, width=1200, height=None, script=""):
    """What `actions`, a JavaScript function of an object to fill, find in a copy of the page.

    With a `height` the window is exactly so wide and high; `script` is run before the page's own.
    """
    browser = shutil.which("chromium")
    if browser is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is missing: on CI the report is opened in a browser")
        pytest.skip("no chromium")
    text = page.read_text(encoding="utf-8").replace(
        "<head>", "<head>" + WATCH + (f"<script>{script}</script>" if script else ""), 1
    )
    text = text.replace("</body>", REPORT.replace("ACTIONS", actions) + "</body>")
    if width < NARROWEST or height:
        size = f"width={width} height={height or 800} style='border:0'"
        frame = f'<iframe {size} srcdoc="{html.escape(text)}"></iframe>'
        text = f'<!doctype html><meta charset=utf-8><body style="margin:0">{frame}</body>'
    copy = tmp_path / "copy.html"
    copy.write_text(text, encoding="utf-8")
    for attempt, seconds in enumerate(TRIES):
        options = [
            *OPTIONS,
            f"--user-data-dir={tmp_path / f'profile{attempt}'}",
            f"--window-size={max(width, NARROWEST)},{max(height or 0, 900)}",
        ]
        dumped = _dumped([browser, *options, "--dump-dom", copy.as_uri()], tmp_path / "dom.html", seconds)
        made = re.search(r'<pre id="found">(.*?)</pre>', dumped, re.DOTALL)
        if made:
            return json.loads(html.unescape(made[1]))
    pytest.fail(f"chromium did not report in {len(TRIES)} starts: {dumped[-2000:]}")


def _dumped(command, out, seconds):
    """What the command writes; it and its children are ended when the time is up."""
    with out.open("wb") as stream:
        started = subprocess.Popen(command, stdout=stream, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            started.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
    return out.read_text(encoding="utf-8", errors="replace")

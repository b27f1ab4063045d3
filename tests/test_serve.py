"""anypan serve: what the page does in a browser, and what the server refuses."""

import base64
import http.client
import io
import json
import os
import re
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import browser
import numpy as np
import pairs
import pytest
import rasterio

import anypan
import anypan.serve.server as serving
from anypan.runtime.errors import UserError
from anypan.serve import Server
from anypan.serve.bench import Bench, unpack

LIMIT = 2**22


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(0, LIMIT)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def files(folder: Path) -> dict[str, bytes]:
    pan, ms = pairs.landscape(96, 96)
    written = pairs.write_pair(folder, pan.astype("uint16"), ms.astype("uint16"))
    return {kind: path.read_bytes() for kind, path in zip(("pan", "ms"), written, strict=True)}


def ask(server: Server, verb: str, address: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    line = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    told = {"X-Anypan": server.token, **{name.replace("_", "-"): value for name, value in headers.items()}}
    line.request(verb, address, body, told)
    answer = line.getresponse()
    found = answer.status, answer.read()
    line.close()
    return found


def state(server: Server) -> dict[str, Any]:
    """The state once nothing is at work any more."""
    told = json.loads(ask(server, "GET", "/state")[1])
    while told["phase"] == "working":
        told = json.loads(ask(server, "GET", f"/state?since={told['number']}")[1])
    return told


def zipped(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def test_two_files_become_the_file_that_fuse_writes(server: Server, tmp_path: Path) -> None:
    for kind, content in files(tmp_path).items():
        assert ask(server, "PUT", f"/{kind}", content)[0] == 200
    assert ask(server, "POST", "/fuse?method=gsa")[0] == 200
    told = state(server)
    assert told["phase"] == "done" and "GSA" in told["said"] and told["done"] == told["total"]
    code, fused = ask(server, "GET", "/fused.tif")
    anypan.fuse(tmp_path / "pan.tif", tmp_path / "ms.tif", tmp_path / "own.tif", "GSA")
    assert code == 200 and fused == (tmp_path / "own.tif").read_bytes()
    assert b"class=viewer" in ask(server, "GET", "/report.html")[1]


def test_a_zip_with_both_becomes_the_same(server: Server, tmp_path: Path) -> None:
    held = files(tmp_path)
    body = zipped({"deep/../../one_pan.tif": held["pan"], "/etc/one_ms.tif": held["ms"], "readme.txt": b""})
    assert ask(server, "PUT", "/zip", body)[0] == 200
    assert ask(server, "POST", "/fuse?method=exp")[0] == 200
    assert state(server)["phase"] == "done"
    with rasterio.MemoryFile(ask(server, "GET", "/fused.tif")[1]) as held_file, held_file.open() as file:
        assert np.array_equal(file.read(), anypan.fuse(tmp_path / "pan.tif", tmp_path / "ms.tif", method="EXP"))


def test_files_are_removed_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = Server(0, LIMIT)
    assert os.listdir(tmp_path)
    made.server_close()
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("address", ["/../etc/passwd", "/pan.tif", "/%2e%2e/pan", "/pan/", "/report.html/../pan.tif"])
def test_no_path_of_a_request_reaches_the_file_system(server: Server, address: str) -> None:
    assert ask(server, "GET", address)[0] == 404
    assert ask(server, "PUT", address, b"x")[0] == 404


def test_what_comes_from_elsewhere_is_refused(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    for verb, address, body in (("PUT", "/pan", b"x"), ("POST", "/fuse", None), ("GET", "/state", None)):
        assert ask(server, verb, address, body, X_Anypan="guessed")[0] == 403
    assert ask(server, "GET", "/", Host="evil.example")[0] == 403
    assert ask(server, "GET", "/")[0] == 200


def test_uploads_are_bounded_before_they_are_read(server: Server) -> None:
    line = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    for size, code in ((str(LIMIT + 1), 413), ("-1", 411), (None, 411)):
        line.putrequest("PUT", "/pan")
        line.putheader("X-Anypan", server.token)
        if size:
            line.putheader("Content-Length", size)
        line.endheaders()
        assert line.getresponse().status == code
        line.close()


def test_what_cannot_be_fused_is_one_sentence_without_a_path_of_this_machine(server: Server, tmp_path: Path) -> None:
    assert ask(server, "POST", "/fuse")[0] == 200
    assert state(server)["said"] == "There is no PAN yet: drop its file on the page."
    for kind in ("pan", "ms"):
        ask(server, "PUT", f"/{kind}", b"no image")
    ask(server, "POST", "/fuse")
    told = state(server)
    assert told["phase"] == "failed" and told["said"].startswith("pan.tif cannot be read")
    assert ask(server, "GET", "/fused.tif")[0] == 404
    assert ask(server, "POST", "/fuse?method=/etc/x.safetensors")[0] == 409


def test_a_zip_that_is_too_large_or_broken_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(zipped({f"{n}_pan.tif": bytes(2**20) for n in range(8)}))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(bomb.read_bytes()[:900])
    many = tmp_path / "many.zip"
    many.write_bytes(zipped({str(n): b"" for n in range(1001)}))
    for archive, words in ((bomb, "unpacks to more"), (broken, "cannot be unpacked"), (many, "1,001 files")):
        (tmp_path / archive.stem).mkdir()
        with pytest.raises(UserError, match=words):
            unpack(archive, tmp_path / archive.stem, 2**21)


def test_a_zip_with_two_scenes_of_one_name_is_not_chosen_from(tmp_path: Path) -> None:
    twice = tmp_path / "twice.zip"
    twice.write_bytes(zipped({f"{scene}/{kind}.tif": scene.encode() for scene in "ab" for kind in ("pan", "ms")}))
    with pytest.raises(UserError, match=r"two files called pan\.tif"):
        unpack(twice, tmp_path, 2**21)


def test_one_fusion_at_a_time_and_no_upload_beneath_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has asked before it began, and waited for its turn."""
    begun: list[str] = []
    monkeypatch.setattr(Bench, "_work", lambda _, method: begun.append(method))
    bench, refused = Bench(LIMIT), []

    def tried(work: Callable[[], None]) -> None:
        try:
            work()
        except UserError as problem:
            refused.append(str(problem))

    asked = [lambda: bench.start("EXP"), lambda: bench.start("EXP"), lambda: bench.start("GSA")]
    with bench._files:
        threads = [threading.Thread(target=tried, args=(work,)) for work in asked]
        for thread in threads:
            thread.start()
        time.sleep(0.3)  # all wait
    for thread in threads:
        thread.join()
    tried(lambda: bench.take("pan", io.BytesIO(b"x"), 1))
    bench.close()
    assert len(begun) == 1 and len(refused) == 3


@pytest.mark.parametrize("number", ["\u00b2", "9" * 5000, "1_0", "+1", " "])
def test_numbers_of_any_form_are_answered(server: Server, number: str) -> None:
    line = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    for verb, address, header, codes in (
        ("PUT", "/pan", ("Content-Length", number), {411, 413}),
        ("GET", f"/state?since={quote(number)}", ("X", ""), {200}),
        ("GET", "/state", ("X-Anypan", number), {403}),
    ):
        line.putrequest(verb, address)
        if header[0] != "X-Anypan":
            line.putheader("X-Anypan", server.token)
        line.putheader(header[0], header[1].encode("latin-1"))
        line.endheaders()
        answer = line.getresponse()
        assert answer.read() and answer.status in codes
        line.close()


def test_a_port_that_is_taken_is_one_sentence(server: Server) -> None:
    with pytest.raises(UserError, match="choose another --port"):
        Server(server.server_address[1], LIMIT)


SCRIPT = """<script>addEventListener("load", async () => {
  const seen = [], found = {}; window.onerror = (said) => seen.push(said);
  addEventListener("securitypolicyviolation", (event) => seen.push(event.blockedURI));
  const file = (name, text) => new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name);
  const event = new Event("drop"), held = new DataTransfer();
  for (const [name, text] of Object.entries(FILES)) held.items.add(file(name, text));
  event.dataTransfer = held;
  at("form").dispatchEvent(event);
  at("method").value = "gsa";
  const ready = new Promise((done) => at("look").addEventListener("load", () => at("look").hidden || done()));
  at("go").click();
  await ready;
  const inside = at("look").contentDocument;
  found.said = at("said").textContent;
  found.download = at("download").getAttribute("href");
  found.viewers = inside.querySelectorAll("figure.viewer").length;
  found.layers = inside.querySelectorAll(".stage img").length;
  found.seen = seen;
  const out = document.createElement("pre");
  out.id = "found"; out.textContent = JSON.stringify(found);
  document.body.append(out);
});</script></body>"""


def test_the_page_in_a_browser(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files are dropped, fused, and compared in the report's viewer."""
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is missing: on CI the page is opened in a browser")
        pytest.skip("no chromium")
    held = {f"{kind}.tif": base64.b64encode(content).decode() for kind, content in files(tmp_path).items()}
    script = SCRIPT.replace("FILES", json.dumps(held))
    whole = serving.page
    monkeypatch.setattr(serving, "page", lambda made: whole(made).replace("</body>", script))
    for attempt, seconds in enumerate(browser.TRIES):
        options = [*browser.OPTIONS, f"--user-data-dir={tmp_path / f'profile{attempt}'}", "--dump-dom"]
        dumped = browser._dumped([chromium, *options, server.address], tmp_path / "dom.html", seconds)
        made = re.search(r'<pre id="found">(.*?)</pre>', dumped, re.DOTALL)
        if made:
            break
    else:
        pytest.fail(f"chromium did not report: {dumped[-1500:]}")
    found = json.loads(made[1])
    assert found == found | {"viewers": 1, "layers": 2, "seen": [], "download": "/fused.tif"}
    assert "by GSA" in found["said"]

"""Weights from the Hub, from a local mirror that answers as it does: pinned, checked, safetensors only."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pairs
import pytest
import torch
from click.testing import CliRunner

import anypan
from anypan.cli import cli
from anypan.methods.resolve import resolve
from anypan.runtime.errors import UserError
from anypan.weights import available, stored
from anypan.weights.hub import save_pretrained

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SPEC = f"hf:owner/anypan-s@{COMMIT}"


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """What one would upload."""
    return save_pretrained("anypan-s", tmp_path / "upload")


@pytest.fixture
def mirror(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server of one repository at one commit; what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(False)

        def do_GET(self) -> None:
            self._answer(True)

        def _answer(self, whole: bool) -> None:
            start = f"/owner/anypan-s/resolve/{COMMIT}/"
            file = pretrained / self.path.split("?")[0].removeprefix(start)
            found = self.path.startswith(start) and file.is_file()
            asked.append(self.path)
            content = file.read_bytes() if found else b""
            self.send_response(200 if found else 404)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if whole:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        yield asked
        server.shutdown()


def test_weights_by_commit_are_the_weights(mirror: list[str]) -> None:
    network, own = anypan.load(SPEC), anypan.load("anypan-s")
    pairs_of = zip(network.state_dict().values(), own.state_dict().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs_of)
    before = len([path for path in mirror if path.endswith("model.safetensors")])
    anypan.load(SPEC)
    assert before and len([path for path in mirror if path.endswith("model.safetensors")]) == before  # kept


def test_a_method_may_lie_on_the_hub(mirror: list[str], tmp_path: Path) -> None:
    pan, ms = pairs.write_pair(tmp_path, *pairs.landscape(48, 48))
    done = CliRunner().invoke(cli, ["fuse", str(pan), str(ms), str(tmp_path / "one.tif"), "-m", SPEC])
    assert done.exit_code == 0, done.output
    anypan.fuse(pan, ms, tmp_path / "two.tif")
    assert np.array_equal(pairs.read(tmp_path / "one.tif"), pairs.read(tmp_path / "two.tif"))
    (card,) = (card for card in available() if card.name == "anypan-s")
    assert resolve(SPEC).weights_sha256 == card.sha256 and resolve(SPEC + "+").ensemble


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("hf:owner/anypan-s", "name the commit"),
        ("hf:owner/anypan-s@main", "name the commit"),
        ("hf:owner", "no address"),
        ("hf:../x/y@" + COMMIT, "no address"),
        ("hf:owner/other@" + COMMIT, "cannot be fetched"),
    ],
)
def test_what_is_not_pinned_or_not_there_is_one_sentence(mirror: list[str], spec: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        anypan.load(spec)


def test_other_weights_than_those_described_are_refused(mirror: list[str], pretrained: Path) -> None:
    told = json.loads((pretrained / "config.json").read_text())
    (pretrained / "config.json").write_text(json.dumps(told | {"sha256": "0" * 64}))
    with pytest.raises(UserError, match="other weights"):
        anypan.load(SPEC)


def test_a_repository_without_a_checksum_or_with_a_pickle_is_refused(mirror: list[str], pretrained: Path) -> None:
    (pretrained / "model.safetensors").unlink()
    (pretrained / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match=r"model\.safetensors"):
        anypan.load(SPEC)
    assert not any(path.endswith(".bin") for path in mirror)
    (pretrained / "config.json").write_text("{}")


def test_the_folder_for_the_hub_says_what_is_in_it(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["export", "anypan-s", str(tmp_path / "out")])
    assert done.exit_code == 0 and done.stdout.strip() == str(tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"model.safetensors", "config.json", "README.md"}
    told = json.loads((tmp_path / "out" / "config.json").read_text())
    file = tmp_path / "out" / "model.safetensors"
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest() == stored(file).sha256
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\n") and "license: apache-2.0" in card and "NAIP" in card
    of_graphs = CliRunner().invoke(cli, ["export", "anypan-s", str(tmp_path / "other"), "--ratio", "2"])
    graph = CliRunner().invoke(cli, ["export", "anypan-s", str(tmp_path / "net.onnx")])
    assert graph.exit_code == 2 and "pass --onnx" in graph.stderr and not (tmp_path / "net.onnx").exists()
    assert of_graphs.exit_code == 2 and "--onnx" in of_graphs.stderr and not (tmp_path / "other").exists()
    again = CliRunner().invoke(cli, ["export", "anypan-s", str(tmp_path / "out")])
    assert isinstance(again.exception, UserError | SystemExit) and again.exit_code != 0


def test_weights_of_the_hub_are_exported_as_any(mirror: list[str], tmp_path: Path) -> None:
    made = save_pretrained(SPEC, tmp_path / "again")
    assert stored(made / "model.safetensors").sha256 == stored("anypan-s").sha256

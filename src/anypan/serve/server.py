"""The server: on 127.0.0.1 only, a fixed table of addresses, no part of a request becomes a path."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from anypan.runtime.errors import UserError
from anypan.runtime.foreign import number_or_name
from anypan.serve.bench import INPUTS, PAGE, RESULT, Bench

HOST = "127.0.0.1"
TOKEN = "X-Anypan"  # of the page's own requests: other sites' pages cannot send it
POLICY = "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'"
POLICY += "; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
TIMEOUT = 60  # seconds that a connection may be silent
DIGITS = 18  # of a number of bytes


class Server(ThreadingHTTPServer):
    """Serves the page; ``limit`` is the most bytes of an upload. UserError if the port is taken."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing of a page that was closed or loaded again; else as usual."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def __init__(self, port: int, limit: int) -> None:
        self.bench, self.token = Bench(limit), secrets.token_urlsafe(16)
        try:
            super().__init__((HOST, port), Handler)
        except OSError as problem:
            raise UserError(f"Port {port} cannot be used ({problem.strerror}): choose another --port.") from problem

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def server_close(self) -> None:
        """Close, and remove all files."""
        super().server_close()
        self.bench.close()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = TIMEOUT
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The page, the state, or a finished file."""
        address = urlsplit(self.path)
        if not self._ours(address.path != "/state"):
            return
        if address.path == "/":
            self._answer(200, page(self.server).encode(), "text/html; charset=utf-8")
        elif address.path == "/state":
            since = number_or_name(parse_qs(address.query).get("since", [""])[0])
            state = self.server.bench.news(since) if isinstance(since, int) else self.server.bench.state
            self._answer(200, json.dumps(asdict(state)).encode(), "application/json")
        elif address.path == f"/{RESULT}":
            self._send(RESULT, "image/tiff", f'attachment; filename="{RESULT}"')
        elif address.path == f"/{PAGE}":
            self._send(PAGE, "text/html; charset=utf-8", "inline")
        else:
            self._refuse(404, "There is nothing here.")

    def do_PUT(self) -> None:
        """An upload: /pan, /ms or /zip."""
        kind, size = self.path[1:], self.headers.get("Content-Length", "")
        whole = size.isascii() and size.isdigit()
        if not self._ours(False):
            return
        if kind not in INPUTS:
            self._refuse(404, "There is nothing here.")
        elif not whole:
            self._refuse(411, "The length of the upload is not told.")
        elif len(size) > DIGITS or int(size) > self.server.bench.limit:
            self._refuse(413, f"The file is larger than {self.server.bench.limit:,} bytes: use anypan fuse.")
        else:
            self._try(lambda: self.server.bench.take(kind, self.rfile, int(size)))  # type: ignore[arg-type]

    def do_POST(self) -> None:
        """/fuse?method=NAME begins."""
        address = urlsplit(self.path)
        if not self._ours(False):
            return
        if address.path != "/fuse":
            self._refuse(404, "There is nothing here.")
            return
        method = parse_qs(address.query).get("method", ["anypan-s"])[0]
        self._try(lambda: self.server.bench.start(known(method)))

    def _ours(self, plain: bool) -> bool:
        """Refuse what comes under another name (DNS rebinding), and what is no ``plain`` page but has no token."""
        port = self.server.server_address[1]
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self._refuse(403, "This page answers to 127.0.0.1 only.")
        elif not plain and not secrets.compare_digest(self.headers.get(TOKEN, "").encode(), self.server.token.encode()):
            self._refuse(403, "This page was loaded before the server was started: load it again.")
        else:
            return True
        return False

    def _try(self, work: Any) -> None:
        try:
            work()
        except UserError as problem:
            self._refuse(409, str(problem))
        else:
            self._answer(200, b"{}", "application/json")

    def _refuse(self, code: int, said: str) -> None:
        self.close_connection = True  # what is left of the request is not read
        self._answer(code, json.dumps({"said": said}).encode(), "application/json")

    def _answer(self, code: int, content: bytes, kind: str) -> None:
        self._head(code, len(content), kind)
        self.wfile.write(content)

    def _send(self, name: str, kind: str, disposition: str) -> None:
        path = self.server.bench.result(name)
        if path is None:
            self._refuse(404, "There is no result yet.")
            return
        with Path(path).open("rb") as file:
            self._head(200, path.stat().st_size, kind, disposition)
            shutil.copyfileobj(file, self.wfile)

    def _head(self, code: int, size: int, kind: str, disposition: str = "inline") -> None:
        self.send_response(code)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(size),
            "Content-Disposition": disposition,
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            **({"Connection": "close"} if self.close_connection else {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the page shows what happens."""


def page(server: Server) -> str:
    """The page, with the secret that its requests show and the most that an upload may hold."""
    text = files("anypan.serve").joinpath("page.html").read_text(encoding="utf-8")
    return text.replace("{{token}}", server.token).replace("{{limit}}", str(server.bench.limit))


def known(method: str) -> str:
    """A method by its name; a request never names a file. UserError otherwise."""
    from anypan.methods import METHODS
    from anypan.methods.resolve import spelt

    name = spelt(method)
    if name not in METHODS:
        raise UserError(f"No method is called {method!r}: choose one of the list.")
    return name

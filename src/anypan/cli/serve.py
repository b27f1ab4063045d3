"""anypan serve"""

from __future__ import annotations

import click

from anypan.cli.console import note


@click.command(short_help="A page on this machine to drop files on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8900, show_default=True, help="0 takes a free one.")
@click.option("--limit", type=click.FloatRange(0, 1024, min_open=True), default=4.0, show_default=True, metavar="GIB",
              help="The most that a file, or what a zip unpacks to, may hold.")  # fmt: skip
def serve(port: int, limit: float) -> None:
    """Serve a page on 127.0.0.1, where nobody but this machine reaches it: drop a PAN and an MS, or a zip with both,
    watch, compare before and after, download. The files are removed when it ends (Ctrl-C).

    \b
    Examples:
      anypan serve
      anypan serve --port 9000 --limit 16
    """
    from anypan.serve import Server

    server = Server(port, int(limit * 2**30))
    note(f"open {server.address}, and end it with Ctrl-C")
    try:
        server.serve_forever()
    finally:
        server.server_close()

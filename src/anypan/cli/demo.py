"""anypan demo [DIR]"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from anypan.cli.console import note, progress
from anypan.cli.names import method_option
from anypan.runtime.claim import check_free

_NEXT = """
Open {folder}/report.html in a browser and swipe between what went in and what came out.

Next, in this folder:
  {anypan} fuse {pan} {ms} {classical} --method MTF-GLP-FS --sensor {sensor}
  {anypan} assess {pan} {ms} {fused} --reference {reference} --sensor {sensor}
  {anypan} fuse YOUR_PAN.tif YOUR_MS.tif fused.tif --report look.html
{anypan} sensors lists the names of sensors: with --sensor edges are closer to the truth."""


@click.command(short_help="Render a scene, fuse it and show the result.")
@click.argument("folder", metavar="[DIR]", default="demo")
@method_option("See 'anypan methods'.")
@click.option("--size", type=click.IntRange(64), default=1024, show_default=True, help="Side of the PAN in pixels.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def demo(folder: str, method: str, size: int, overwrite: bool, quiet: bool) -> None:
    """Render a landscape, make the PAN and MS that a satellite would record of it, fuse them, and show the result.

    Writes pan.tif, ms.tif, reference.tif (the truth), fused.tif and report.html into DIR [default: demo].

    \b
    Examples:
      anypan demo
      anypan demo look --method MTF-GLP-FS
    """
    from anypan.api import fuse
    from anypan.judging import gallery
    from anypan.simulate.demo import SENSOR, make

    out, page = Path(folder) / "fused.tif", Path(folder) / "report.html"
    for file in ("pan.tif", "ms.tif", "reference.tif", out.name, page.name):
        check_free(Path(folder) / file, overwrite)
    note("rendering a landscape and what a satellite sees of it", quiet)
    made = make(folder, size, overwrite)
    pan, ms = str(made["pan"]), str(made["ms"])
    with progress("fusing", quiet) as step:
        done = fuse(pan, ms, out, method, sensor=SENSOR, overwrite=overwrite, progress=step)
    note("measuring and drawing", quiet)
    gallery.page(pan, ms, done, page, made["reference"])  # type: ignore[arg-type]
    names = ("pan", "ms", "classical", "fused", "reference")
    files = {name: shlex.quote(f"{folder}/{name}.tif") for name in names}
    note(_NEXT.format(folder=folder, sensor=SENSOR, anypan=_command(), **files).lstrip("\n"), quiet)


def _command() -> str:
    """How the person who reads this can call anypan: by its name if that is found, else by its path."""
    found = Path(sys.argv[0])
    return "anypan" if shutil.which("anypan") or found.name != "anypan" else shlex.quote(os.path.relpath(found))

"""anypan demo [DIR]"""

from __future__ import annotations

from pathlib import Path

import click

from anypan.cli.console import note

_NEXT = """
Open {folder}/report.html in a browser and swipe between what went in and what came out.

Next:
  anypan fuse {folder}/pan.tif {folder}/ms.tif {folder}/classical.tif --method MTF-GLP-FS
  anypan assess {folder}/pan.tif {folder}/ms.tif {folder}/fused.tif
  anypan fuse YOUR_PAN.tif YOUR_MS.tif fused.tif --report look.html"""


@click.command()
@click.argument("folder", metavar="[DIR]", default="demo")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def demo(folder: str, quiet: bool) -> None:
    """Render a scene, fuse it with the default network and write DIR/pan.tif, ms.tif, fused.tif and report.html.

    \b
    Examples:
      anypan demo
      anypan demo /tmp/look
    """
    from anypan.demo import make

    make(Path(folder))
    note(_NEXT.format(folder=folder).lstrip("\n"), quiet)

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

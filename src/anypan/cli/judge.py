"""assess, benchmark, report: how good a result is."""

from __future__ import annotations

import json
from pathlib import Path

import click

from anypan.cli.console import note, print_json, print_table, progress


@click.command()
@click.argument("pan", metavar="PAN")
@click.argument("ms", metavar="MS [MS ...]", nargs=-1, required=True)
@click.argument("fused", metavar="FUSED")
@click.option("--reference", metavar="FILE", help="The truth, on FUSED's grid: adds the reduced-resolution metrics.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def assess(pan: str, ms: tuple[str, ...], fused: str, reference: str | None, as_json: bool) -> None:
    """Measure how well FUSED keeps PAN's detail and MS's colours; with a reference also how near it is to the truth.

    \b
    Examples:
      anypan assess pan.tif ms.tif fused.tif
      anypan assess pan.tif ms.tif fused.tif --reference truth.tif --json
    """
    from anypan.benchmark import assess as measure
    from anypan.metrics import METRICS

    values = measure(pan, ms, fused, reference)
    if as_json:
        print_json(values)
        return
    rows = [(name, f"{value:.4f}", f"{METRICS[name].best:g}", METRICS[name].description) for name, value in values.items()]
    print_table(("metric", "value", "best", "what"), rows)


@click.command()
@click.argument("scenes")
def benchmark(scenes: str) -> None:
    """Examples: anypan benchmark"""


@click.command()
@click.argument("rows")
def report(rows: str) -> None:
    """Examples: anypan report"""

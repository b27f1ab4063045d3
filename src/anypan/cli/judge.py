"""assess, report: how good a result is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from anypan.cli.console import note, print_json, print_table
from anypan.cli.opening import opening_options
from anypan.runtime.claim import check_free


@click.command(short_help="Measure how good a fused image is.")
@click.argument("pan", metavar="PAN")
@click.argument("ms", metavar="MS [MS ...]", nargs=-1, required=True)
@click.argument("fused", metavar="FUSED")
@click.option("--reference", metavar="FILE", help="The truth, on FUSED's grid: adds the reduced-resolution metrics.")
@opening_options
@click.option("--json", "as_json", is_flag=True, help="As JSON, with what the figures rest on.")
def assess(
    pan: str,
    ms: tuple[str, ...],
    fused: str,
    reference: str | None,
    as_json: bool,
    **opening: Any,
) -> None:
    """Measure how well FUSED keeps PAN's detail and MS's colours; with a reference also how near it is to the truth.

    \b
    Examples:
      anypan assess pan.tif ms.tif fused.tif
      anypan assess pan.tif ms.tif fused.tif --reference truth.tif --json
    """
    from anypan.judging import assess as measure
    from anypan.metrics import METRICS

    values = measure(pan, list(ms), fused, reference, **opening)
    for line in values["notes"]:
        note(line)
    if as_json:
        print_json({name: _plain(value) for name, value in values.items()})
        return
    known = [(METRICS[name], value) for name, value in values.items() if name in METRICS]
    rows = [(metric.name, f"{value:.4f}", f"{metric.best:g}", metric.description) for metric, value in known]
    print_table(("metric", "value", "best", "what"), rows)


def _plain(value: Any) -> Any:
    """As JSON has it: of what is not finite, as the PSNR of a perfect image, null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@click.command(short_help="Lay benchmark rows, or the logs of training runs, out on one HTML page.")
@click.argument("rows", metavar="ROWS.jsonl|RUN ...", nargs=-1, required=True)
@click.option(
    "-o", "--out", metavar="DIR", help="Where the page goes; by default, for training, the first run's folder."
)
@click.option(
    "--scenes", metavar="DIR", multiple=True, help="Scene folders, to fuse again and show as pictures; repeatable."
)
@click.option("-m", "--method", default="anypan-s", show_default=True, help="The method to follow.")
@click.option("--show", metavar="NAME", multiple=True, help="A method to show as pictures; repeatable.  [default: all]")
@click.option("--tables", is_flag=True, help="Also write every table into DIR/tables, as CSV and LaTeX.")
@click.option("--overwrite", is_flag=True, help="Replace a page that is there, and its tables.")
def report(
    rows: tuple[str, ...], out: str | None, scenes: tuple[str, ...], method: str, overwrite: bool, **options: Any
) -> None:
    """Lay the rows of 'anypan benchmark' out on one page, DIR/report.html, that needs no network to open.

    The folders of training runs (or their log.jsonl) give training.html: their curves, laid over each other.

    \b
    Examples:
      anypan report rows.jsonl -o report
      anypan report rows.jsonl --scenes scenes --tables -o report
      anypan report first second
    """
    from anypan.judging.gallery import fusible, pictures
    from anypan.methods import FORMULAS
    from anypan.metrics import described
    from anypan.report import is_run, read, training_page, training_place, write

    if all(map(is_run, rows)):
        check_free(training_place(rows, out), overwrite)
        click.echo(training_page(rows, out))
        return
    if any(map(is_run, rows)):
        raise click.UsageError("Benchmark rows and training runs do not go on one page: name the ones or the others.")
    if out is None:
        raise click.UsageError("Missing option '-o'.")
    for place in ("report.html", *(["tables"] if options["tables"] else [])):
        check_free(Path(out) / place, overwrite)
    known = read(rows)
    shown = pictures(scenes, method, options["show"] or fusible(known)) if scenes else None
    click.echo(write(known, out, described(), tuple(FORMULAS), method, shown, options["tables"]))

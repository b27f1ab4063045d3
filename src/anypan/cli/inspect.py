"""anypan inspect PAN MS [MS ...], or PRODUCT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from anypan.cli.console import check_page, note, print_json, print_table
from anypan.cli.opening import opening_options
from anypan.runtime.claim import check_free, real_place
from anypan.runtime.errors import UserError

HEADERS: tuple[str, ...] = ("band", "gain", "sensor's", "explained", "mean", "noise", "SNR", "saturated")


@click.command(short_help="Say what a pair or a product is, before it is fused.")
@click.argument("pan", metavar="PAN|PRODUCT")
@click.argument("ms", metavar="[MS ...]", nargs=-1)
@opening_options
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--report", "page", metavar="HTML", help="Also write a page, with how the gains were found.")
@click.option("--save", metavar="TOML", help="Write a sensor file with the measured gains, for --sensor.")
@click.option("--overwrite", is_flag=True, help="Replace the files of --report and --save, if they exist.")
def inspect(
    pan: str, ms: tuple[str, ...], as_json: bool, page: str | None, save: str | None, overwrite: bool, **opening: Any
) -> None:
    """Measure grid, ratio, shift, effective MTF gain, noise and fill of PAN and MS, and say what is doubtful.

    \b
    Examples:
      anypan inspect pan.tif ms.tif
      anypan inspect LC09_L1TP_193027_20240612.tar --json
      anypan inspect pan.tif ms.tif --save mine.toml
      anypan fuse pan.tif ms.tif fused.tif --sensor mine.toml
    """
    for file in filter(None, (page, save)):
        _check_place(file, overwrite)
    if page:
        check_page(page)
    if save and not save.endswith(".toml"):
        raise UserError(f"{save} would be a sensor file: name a file that ends in .toml.")
    from anypan.judging.inspect import inspect_pair, sensor_text

    found = inspect_pair(pan, list(ms), **opening)
    table = found.table()
    if save:
        from anypan.report.page import reporting
        from anypan.runtime.claim import drafted

        with reporting(Path(save)), drafted(save) as draft:
            draft.write_text(sensor_text(found, Path(save).stem), encoding="utf-8")
    if page:
        from anypan.report.inspection import inspection_page

        rows = [dict(zip(HEADERS, row, strict=True)) for row in _rows(table)]
        inspection_page(
            page, _facts(table), rows, found.warnings, dict(zip(found.bands, found.quality.curves, strict=True))
        )
    if as_json:
        print_json(table)
        return
    for name, value in _facts(table).items():
        click.echo(f"{name:<8} {value}")
    print_table(HEADERS, _rows(table))
    for line in found.warnings:
        click.echo(f"warning: {line}")
    for line in found.notes:
        note(line)


def _check_place(file: str, overwrite: bool) -> None:
    if not Path(file).absolute().parent.is_dir():
        raise UserError(f"The folder of {file} does not exist: create it first.")
    check_free(real_place(file), overwrite)


def _facts(table: dict[str, Any]) -> dict[str, str]:
    rows, cols = table["grid"]["shape"]
    (dy, dx), pan = table["shift"], table["pan"]
    noise = f"noise {_shown(pan['noise'], '.2f')}, SNR {_shown(pan['snr'], '.0f')}"
    return {
        "grid": f"{cols} x {rows} PAN pixels, {table['grid']['crs'] or 'no CRS'}, ratio {table['ratio']}",
        "shift": f"{dy:+.2f} rows, {dx:+.2f} columns of the PAN (confidence {table['confidence']:.2f})",
        "sensor": f"{table['sensor']}, {table['dtype']}, nodata {_shown(table['nodata'], 'g')}",
        "valid": f"{table['valid']:.1%} of the MS pixels that were looked at",
        "PAN": f"mean {_shown(pan['mean'], '.1f')}, {noise}",
    }


def _rows(table: dict[str, Any]) -> list[tuple[str, ...]]:
    forms = {"gain": ".3f", "sensor_gain": ".3f", "explained": ".0%", "mean": ".1f", "noise": ".2f", "snr": ".0f"}
    forms["saturated"] = ".2%"
    return [(band["name"], *(_shown(band[key], form) for key, form in forms.items())) for band in table["bands"]]


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)

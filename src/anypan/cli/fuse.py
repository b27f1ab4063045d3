"""anypan fuse PAN MS [MS ...] OUT"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from anypan.cli.console import check_page, note, print_json, progress
from anypan.cli.device import working_options
from anypan.cli.names import method_option
from anypan.cli.opening import OPENING, opening_options
from anypan.cli.stac import check_item, stac_options, write_item
from anypan.runtime.claim import check_free, real_place
from anypan.runtime.errors import UserError


def _creation(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE, for example -co COMPRESS=ZSTD")
    return dict(pair.split("=", 1) for pair in pairs)


DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
TIFFS, OTHERS = ("COG", "GTiff"), ("Zarr", "VRT-recipe")
_METHOD = "A name from 'anypan methods', a .safetensors file, or hf:OWNER/NAME@COMMIT."
_BEST = "Of a network, the mean over the scene turned and mirrored in all 8 ways: a little better, 8 times as slow."
_SHARPNESS = "0: closest to the MS, 1: to the PAN's texture, not sharper edges.  [default: 0.5, the network decides]"
_UNCERTAINTY = "Also write an estimate of each value's error, which 68 % of the errors should not exceed."
_TILE = "Side of a tile in PAN pixels, of formulas: less needs less memory, the output is the same.  [default: 1024]"
_CREATION = "GDAL creation option, such as COMPRESS=ZSTD or DRIVER=GTiff; repeatable.  [default: a COG]"
_VERIFY = "Blur OUT to the MS's pixels and compare: if R-ERGAS is above N, keep it under another name and exit with 3."
_OVERWRITE = "Replace OUT, and the files of --report, --uncertainty and --stac, if they exist."
_DTYPE = "Pixel type of OUT; refused if it cannot hold the MS's values.  [default: the MS's]"
_OUT_NODATA = "Value of invalid pixels in OUT.  [default: the MS's, or a mask]"
_FORMATS = {"Zarr": "Zarr (OUT.zarr)", "VRT-recipe": "VRT-recipe (OUT.vrt): GDAL's own Brovey, made when it is read"}
_DRY_RUN = "Open, align and measure; print grid, ratio, shift, memory and size; write nothing."
tile_option = click.option("--tile", type=click.IntRange(16), metavar="N", help=_TILE)
creation_option = click.option(
    "-co", "creation", metavar="KEY=VALUE", multiple=True, callback=_creation, help=_CREATION
)


def stored_options(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds --dtype, --out-nodata and --format, of ``formats``."""
    kinds = click.Choice(DTYPES), click.Choice(formats, case_sensitive=False)
    options = (
        click.option("--dtype", type=kinds[0], help=_DTYPE),
        click.option("--out-nodata", type=float, metavar="VALUE", help=_OUT_NODATA),
        click.option(
            "--format", type=kinds[1], help=f"{', '.join(_FORMATS.get(f, f) for f in formats)}.  [default: COG]"
        ),
    )

    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return added


@click.command(short_help="Sharpen an MS image with a PAN image.")
@click.argument("pan", metavar="PAN|PRODUCT")
@click.argument("ms", metavar="[MS ...]", nargs=-1)
@click.argument("out", metavar="OUT")
@method_option(_METHOD)
@click.option("--best", is_flag=True, help=_BEST)
@click.option("--sharpness", type=click.FloatRange(0, 1), metavar="S", help=_SHARPNESS)
@click.option("--uncertainty", metavar="FILE", help=_UNCERTAINTY)
@opening_options
@working_options
@tile_option
@stored_options(*TIFFS, *OTHERS)
@creation_option
@click.option("--verify", type=click.FloatRange(0), metavar="N", help=_VERIFY)
@click.option("--overwrite", is_flag=True, help=_OVERWRITE)
@click.option("--report", "page", metavar="HTML", help="Also write a page on which to see and judge the result.")
@stac_options
@click.option("--dry-run", is_flag=True, help=_DRY_RUN)
@click.option("--json", "as_json", is_flag=True, help="Print the plan or what was done as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Print the plan first, as --dry-run does.")
def fuse(pan: str, ms: tuple[str, ...], out: str, **options: Any) -> None:
    """Sharpen MS with PAN and write OUT: a GeoTIFF on the PAN's grid with the MS's bands, pixel type and nodata.

    MS is one file with all bands, or several files in the order of the output's bands. Without MS, the first name is
    a PRODUCT: a folder, a .zip or a .tar as Landsat, Airbus, Maxar and others ship it.

    \b
    Examples:
      anypan fuse pan.tif ms.tif fused.tif
      anypan fuse B8.TIF B4.TIF B3.TIF B2.TIF rgb.tif
      anypan fuse LC09_L1TP_193027_20240612.tar rgb.tif --bands red,green,blue
      anypan fuse pan.tif ms.tif fused.tif --dry-run
      anypan fuse pan.tif ms.tif fused.tif --method MTF-GLP-FS --report look.html
      anypan fuse pan.tif ms.tif fused.tif --uncertainty halfwidths.tif
      anypan fuse pan.tif ms.tif fused.tif --threads 2 -co COMPRESS=ZSTD
    """
    show = {name: options.pop(name) for name in ("as_json", "quiet")}
    page, dry_run, verbose = (options.pop(name) for name in ("page", "dry_run", "verbose"))
    stac, acquired = options.pop("stac"), options.pop("acquired")
    if options["format"] in OTHERS and (page or stac):
        raise UserError(f"--report and --stac look at a GeoTIFF: leave them out, or --format {options['format']}.")
    if stac:
        acquired = check_item(out, (acquired, pan, ms), options["overwrite"])
    elif acquired:
        raise UserError("--datetime is of a STAC item: pass --stac, too, or leave it out.")
    if page:
        images = [name for name in (pan, *ms, out, options["uncertainty"]) if name]
        _check_page(page, images, options["overwrite"])
    if dry_run or verbose:
        from anypan.api import plan

        planned = plan(pan, ms, out, **options)
        if page:
            from anypan.judging.gallery import with_page

            planned = with_page(planned)
        if dry_run:
            return _tell(planned, **show)
        note("\n".join(_lines(planned)), show["quiet"])
    from anypan.api import fuse as run

    with progress("fusing", show["quiet"] or show["as_json"]) as step:
        done = run(pan, ms, out, progress=step, **options)
    if page:
        with _both(done):
            _write_page(pan, ms, done, page, options)
    if stac:
        write_item(done, (pan, *ms), acquired)
    _tell(done, **show)


def _check_page(page: str, images: Sequence[str], overwrite: bool) -> None:
    """A page that cannot be written is said before the work, not after it; it never replaces an image."""
    check_page(page)
    if not os.path.isdir(os.path.dirname(os.path.abspath(page))):
        raise UserError(f"The folder of the report {page} does not exist: create it first.")
    if os.path.isdir(page):
        raise UserError(f"The report {page} is a folder: name a file in it.")
    real_place(page)
    if os.path.realpath(page) in map(os.path.realpath, images):
        raise UserError(f"The report {page} is one of the images, too: name another file for it.")
    check_free(page, overwrite)


@contextmanager
def _both(done: Any) -> Iterator[None]:
    """Take the images back where their page fails: there are both or neither."""
    try:
        yield
    except BaseException:
        for file in filter(None, (done.output, done.uncertainty)):
            os.unlink(file)  # GeoTIFFs: others get no page
        raise


def _write_page(pan: str, ms: Sequence[str], done: Any, page: str, options: dict[str, Any]) -> None:
    from anypan.judging import gallery

    gallery.page(pan, ms, done, page, **{name: options[name] for name in OPENING})


def _tell(found: Any, as_json: bool, quiet: bool) -> None:
    """Say what is planned (Plan) or was done (Report)."""
    if as_json:
        grid = {"shape": found.grid.shape, "transform": list(found.grid.transform)[:6], "crs": str(found.grid.crs)}
        print_json({field.name: getattr(found, field.name) for field in dataclasses.fields(found)} | {"grid": grid})
    elif not quiet:
        for line in _lines(found):
            click.echo(line)
        for line in found.notes:
            note(line)


def _lines(found: Any) -> list[str]:
    rows, cols = found.grid.shape
    from anypan.pair.notes import registration_words
    from anypan.pair.registration import Registration

    lines = [
        f"grid     {cols} x {rows} pixels, {len(found.bands)} bands ({', '.join(found.bands)}), ratio {found.ratio}",
        f"shift    {registration_words(Registration(found.shift, found.confidence), found.registered)}",
    ]
    if hasattr(found, "output"):
        lines.append(f"output   {found.output}, {_bytes(found.size)}, by {found.method} in {found.seconds:.1f} s")
        shares = ", ".join(f"{n} {100 * s:.0f} %" for n, s in zip(found.bands, found.explained, strict=False))
        kept = "not measurable" if found.r_ergas is None else f"R-ERGAS {found.r_ergas:.3g} against the MS, 0 is best"
        lines += [f"colour   {kept}", f"detail   explained by the PAN: {shares or 'not measurable'}"]
        return [*lines, *([f"widths   {found.uncertainty}, half-widths"] if found.uncertainty else [])]
    lines += [
        f"method   {found.method}",
        f"memory   about {_bytes(found.memory)} for {found.tiles} tile{'s' * (found.tiles > 1)}",
        f"size     {_bytes(found.size)} of {found.dtype} before compression",
    ]
    return [
        *lines,
        *([f"widths   {_bytes(found.halfwidths)} of half-widths before compression"] if found.halfwidths else []),
    ]


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"

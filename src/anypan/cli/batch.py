"""anypan batch MANIFEST -o DIR"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from anypan.cli.console import note, print_json, progress
from anypan.cli.device import device_option
from anypan.cli.fuse import TIFFS, creation_option, stored_options, tile_option
from anypan.cli.names import method_option
from anypan.cli.opening import opening_options
from anypan.cli.stac import STAC
from anypan.runtime.errors import UserError

_OUT = "The folder of the outputs, of the ledger batch.jsonl and of the summary batch.html."
_JOBS = "Scenes to fuse side by side.  [default: as many as cores and memory allow]"
_SCHEDULER = (
    "Have the work done by the workers of this Dask scheduler, as tcp://HOST:8786; they must see the same files."
)
_THREADS = "CPU threads of each scene; another number may change a network's last digit."
_SHARES = "Cut each scene's tiles into N shares that are fused side by side.  [default: as it keeps all busy]"
_RETRY = "Try the scenes that failed again."
_OVERWRITE = "Replace files in DIR that this batch did not write, or wrote from other inputs or options."
_DEVICE = "cpu, cuda, cuda:1."


@click.command(short_help="Fuse many scenes, on one machine or many.")
@click.argument("manifest", metavar="MANIFEST")
@click.option("-o", "--out", "folder", metavar="DIR", required=True, help=_OUT)
@method_option("A name from 'anypan methods', or a .safetensors file.")
@click.option("--best", is_flag=True, help="As of 'anypan fuse'.")
@click.option("--sharpness", type=click.FloatRange(0, 1), metavar="S", help="As of 'anypan fuse'.")
@opening_options
@click.option("--device", metavar="NAME", default="cpu", show_default=True, callback=device_option, help=_DEVICE)
@tile_option
@stored_options(*TIFFS, "Zarr")
@creation_option
@click.option("--jobs", type=click.IntRange(1, 1024), metavar="N", help=_JOBS)
@click.option("--scheduler", metavar="ADDRESS", help=_SCHEDULER)
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help=_THREADS)
@click.option("--shares", type=click.IntRange(1, 4096), metavar="N", help=_SHARES)
@click.option("--stac", is_flag=True, help=STAC)
@click.option("--retry", is_flag=True, help=_RETRY)
@click.option("--overwrite", is_flag=True, help=_OVERWRITE)
@click.option("--json", "as_json", is_flag=True, help="Print how each scene stands as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.pass_context
def batch(ctx: click.Context, manifest: str, folder: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Fuse the scenes of MANIFEST into DIR/NAME.tif. Run it again to go on: what is done is not done again.

    MANIFEST is a CSV file with the columns pan and ms (several files: a.tif;b.tif) and, if wanted, name, sensor, bands,
    reference_bands, nodata, pan_nodata, datetime; or a folder of pairs (pan.tif and ms.tif in folders of their own, or
    NAME_pan.tif and NAME_ms.tif) or of products; or a STAC catalogue, collection or item. A scene that cannot be fused
    is listed with the reason, the rest goes on, and the exit code is 1.

    \b
    Examples:
      anypan batch scenes.csv -o fused
      anypan batch scenes -o fused --jobs 4 --method MTF-GLP-FS
      anypan batch catalog.json -o fused --retry
      anypan batch scenes.csv -o fused --scheduler tcp://10.0.0.5:8786
    """
    from anypan.batch import Settings, read_manifest, run
    from anypan.batch.pools import jobs_here

    how = {
        name: options.pop(name) for name in ("method", "scheduler", "threads", "shares", "stac", "retry", "overwrite")
    }
    jobs = options.pop("jobs") or jobs_here()
    found = read_manifest(manifest, options["allow_remote"])
    if found.passed:
        note(f"No pair and no product that is known is in {', '.join(found.passed)}: left out.", quiet or as_json)
    settings = Settings(options=_given(options), jobs=jobs, **how)
    _check(settings)
    with progress("fusing", quiet or as_json) as step:
        summary = run(found, folder, settings, step)
    page = _page(summary, settings)
    if as_json:
        print_json({"folder": summary.folder, "scenes": summary.rows})
    for name, reason in summary.failed.items():
        note(f"{name}: {reason}", as_json)
    if not (as_json or quiet):
        done = len(summary.rows) - len(summary.failed)
        click.echo(f"{done} of {len(summary.rows)} scenes are in {folder}, see {page}")
    ctx.exit(1 if summary.failed else 0)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that say something: what is left out takes fuse()'s default, whatever that is."""
    return {name: value for name, value in options.items() if name == "register" or _says(value)}


def _says(value: Any) -> bool:
    """False for what an option has that was not given; 0 says something."""
    return not (value is None or value is False or value == {})


def _check(settings: Any) -> None:
    """A method that is none is said once, not scene by scene."""
    from anypan.api import method_of

    if settings.stac and settings.options.get("format") == "Zarr":
        raise UserError("--stac describes GeoTIFFs: leave it out, or --format Zarr.")
    method_of(settings.method, settings.options.get("best", False), settings.options.get("sharpness"))


def _page(summary: Any, settings: Any) -> Path:
    from anypan.report import batch_page

    facts = {"method": settings.method, "scenes of this run": summary.new, "wall time (s)": f"{summary.seconds:.1f}"}
    facts |= {name: str(value) for name, value in settings.options.items()}
    return batch_page(Path(summary.folder) / "batch.html", summary.rows, facts)

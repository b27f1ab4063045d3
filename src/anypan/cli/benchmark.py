"""benchmark: methods against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from anypan.cli.console import SEEDS, note, print_table, progress
from anypan.cli.device import on_device
from anypan.cli.names import complete_methods

_METHODS = (
    "A name from 'anypan methods', a .safetensors file, [NAME=]dir:FOLDER of fused images, or any program as "
    "[NAME=]'cmd:COMMAND {pan} {ms} {out}'; repeatable.  [default: all methods]"
)
ROWS = "rows.jsonl"
_PROTOCOL = "rr: degraded by Wald's protocol, against the truth; fr: as it is, without a truth."
_MODES = ("physical", "toolbox", "pancollection", "paper", "unipan")
_MODE = (
    "physical: centred grids, shift corrected; toolbox: as the reference toolbox does; the rest: "
    "'Metrics in plain words' on the site."
)
_OUT = f"Rows are appended, each as soon as it is known.  [default: {ROWS}]"
_RESUME = "Go on with ROWS.jsonl: compute only the rows that are missing."
_JOBS = "Scenes to judge side by side; they slow each other down, so time methods with one."
_TIMEOUT = "Seconds that a program of cmd: has for one image."
_EXPORT = "Judge nothing; write what methods are given to DIR/PROTOCOL/SCENE/pan.tif and ms.tif."


@click.command(short_help="Judge methods on scenes, a row of JSON each.")
@click.argument("scenes", metavar="SCENES ...", nargs=-1)
@click.option("-m", "--method", "names", metavar="NAME", multiple=True, help=_METHODS, shell_complete=complete_methods)
@click.option("--protocol", type=click.Choice(["rr", "fr", "both"]), default="both", show_default=True, help=_PROTOCOL)
@click.option("--mode", type=click.Choice(_MODES), default="physical", show_default=True, help=_MODE)
@on_device
@click.option("-o", "--out", metavar="ROWS.jsonl", help=_OUT)
@click.option("--resume", is_flag=True, help=_RESUME)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help=_JOBS)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=600.0, show_default=True, help=_TIMEOUT)
@click.option("--seed", type=SEEDS, default=0, show_default=True, help="Seed of methods that draw at random.")
@click.option("--export", metavar="DIR", help=_EXPORT)
@click.option("--selfcheck", is_flag=True, help="Judge nothing; check the metrics on cases with known answers.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def benchmark(scenes: tuple[str, ...], names: tuple[str, ...], protocol: str, selfcheck: bool, **options: Any) -> None:
    """Judge methods on SCENES: folders with pan.tif, ms.tif and, if the truth is known, gt.tif, or folders of those,
    or a published set as LAYOUT:PATH or LAYOUT/SPLIT:PATH, see 'Published sets' on the site.

    Each scene, protocol and method gives one line of JSON; what cannot be judged gives a line with "error".

    \b
    Examples:
      anypan benchmark scenes --out rows.jsonl
      anypan benchmark scenes --out rows.jsonl --resume --jobs 4
      anypan benchmark scenes/wv3-01 --protocol rr -m anypan-s -m MTF-GLP-FS --out rows.jsonl
      anypan benchmark scenes -m 'mine=cmd:python mine.py {pan} {ms} {out}' --out rows.jsonl
      anypan benchmark pancollection:/sets/PanCollection --mode pancollection --out rows.jsonl
      anypan benchmark --selfcheck
      anypan compare rows.jsonl --against MTF-GLP-FS
      anypan report rows.jsonl --scenes scenes -o report
    """
    from anypan.judging import MODES, find_scenes

    if selfcheck:
        _selfcheck()
        return
    if not scenes:
        raise click.UsageError("Missing argument 'SCENES ...'")
    if options["out"] and options["export"]:
        raise click.UsageError("Name either the file of rows with --out, or a folder with --export")
    options["out"] = options["out"] or ROWS
    found = find_scenes(*scenes)
    judged = MODES[options["mode"]].protocols
    protocols: list[Any] = [each for each in judged if protocol in ("both", each)]
    if not any(scene.offers(protocols) for scene in found):
        raise click.UsageError(f"Mode {options['mode']} or these scenes are not for protocol {protocol}: name another")
    if options["export"]:
        _export(found, protocols, options["mode"], Path(options["export"]))
    else:
        _judge(found, names, protocols, **options)


def _judge(
    scenes: Sequence[Any], names: Sequence[str], protocols: Sequence[Any], resume: bool, quiet: bool, **options: Any
) -> None:
    from anypan.judging import contenders, opened, run
    from anypan.methods import METHODS

    judged = contenders(names or METHODS, options["timeout"], options["seed"])
    total, made, failed = sum(len(scene.offers(protocols)) for scene in scenes) * len(judged), 0, 0
    chosen = {name: options[name] for name in ("mode", "device", "jobs")}
    out = options["out"]
    with opened(out) as ledger, progress("judging", quiet) as step:
        earlier = ledger.rows if resume else []
        for row in run(scenes, judged, protocols, **chosen, done=earlier):
            ledger.append(row)
            made, failed = made + 1, failed + ("error" in row)
            step(made, total)
    errors = f", {failed} of them with an error" if failed else ""
    kept = f" ({total - made} were there)" if resume and made < total else ""
    note(f"{made} rows in {out}{errors}{kept}; look at them with: anypan report {out} -o report", quiet)


def _selfcheck() -> None:
    """Print pass or fail for each check; exit with 1 if one fails."""
    from anypan.judging import selfcheck

    checks = list(selfcheck())
    said = {True: "pass", False: "FAIL"}
    rows = [(said[c.passed], c.name, f"{c.found:.9g}", f"{c.right:.9g}", f"{c.within:.1g}") for c in checks]
    print_table(("", "check", "found", "right", "within"), rows)
    failed = sum(not check.passed for check in checks)
    click.echo(f"{len(checks)} checks, {failed or 'none'} failed")
    if failed:
        click.get_current_context().exit(1)


def _export(scenes: Sequence[Any], protocols: Sequence[Any], mode: Any, root: Path) -> None:
    from anypan.judging import prepare, write_inputs

    for scene in scenes:
        for protocol in scene.offers(protocols):
            case = prepare(scene, protocol, mode)
            folder = root / protocol / case.name
            folder.mkdir(parents=True, exist_ok=True)
            for path in write_inputs(case, folder):
                click.echo(path)

"""anypan adapt PAN MS [MS ...] -o WEIGHTS.safetensors"""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from anypan.cli.console import SEEDS, note, print_json, progress
from anypan.cli.device import working_options
from anypan.cli.opening import opening_options

_OUT = "The weight file to write, for 'anypan fuse --method'."
_WEIGHTS = "What to begin with: a name from 'anypan models', or a .safetensors file."
_TUNINGS = ("full", "freeze", "lora", "bitfit", "adapter")  # those of train/tunings, which help does not import
_TUNING = "What learns: all parameters, all but the encoder, low-rank additions, biases, or small networks added."
_STEPS = "Stop after so many steps.  [default: 100, unless --seconds is given]"
_SECONDS = "Stop after so many seconds; the steps, and so the weights, then depend on the machine's speed."


@click.command(short_help="Adapt a network to one scene.")
@click.argument("pan", metavar="PAN")
@click.argument("ms", metavar="MS [MS ...]", nargs=-1, required=True)
@click.option("-o", "--out", metavar="WEIGHTS.safetensors", required=True, help=_OUT)
@click.option("--weights", metavar="NAME", default="anypan-s", show_default=True, help=_WEIGHTS)
@click.option("--tuning", type=click.Choice(_TUNINGS), default="full", show_default=True, help=_TUNING)
@click.option("--steps", type=click.IntRange(1), metavar="N", help=_STEPS)
@click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="S", help=_SECONDS)
@click.option("--seed", type=SEEDS, default=1, show_default=True, help="Of the patches that are drawn.")
@opening_options
@working_options
@click.option("--overwrite", is_flag=True, help="Replace the weight file if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def adapt(pan: str, ms: tuple[str, ...], out: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Let pretrained weights learn from one scene, PAN and MS, and write what they become. No truth is needed.

    The scene is degraded by its own ratio, so that its MS is the truth. The weights fuse this scene and others of
    its sensor.

    \b
    Examples:
      anypan adapt pan.tif ms.tif -o mine.safetensors
      anypan fuse pan.tif ms.tif fused.tif --method mine.safetensors
      anypan adapt pan.tif ms.tif -o mine.safetensors --tuning freeze --seconds 60
    """
    from anypan.train.adapt import adapt as run

    with progress("adapting", quiet or as_json) as step:
        done = run(pan, ms, out, progress=step, **options)
    if as_json:
        print_json(dataclasses.asdict(done))
    elif not quiet:
        click.echo(f"weights  {done.output}, {done.weights} after {done.steps} steps in {done.seconds:.1f} s")
        click.echo(f"loss     {done.before:.4f} before, {done.after:.4f} after, on the reduced scene")
        for line in done.notes:
            note(line)
        if done.after >= done.before:
            note("The loss did not fall: keep the weights that you began with.")

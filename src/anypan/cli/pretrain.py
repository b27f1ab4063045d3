"""anypan pretrain CONFIG.toml"""

from __future__ import annotations

import click

from anypan.cli.console import note
from anypan.cli.device import device_option


@click.command(short_help="Train a network on simulated pairs.")
@click.argument("config", metavar="CONFIG.toml")
@click.option(
    "--device",
    metavar="NAME",
    default="auto",
    show_default=True,
    callback=device_option,
    help="cpu, cuda or cuda:1; auto takes a GPU if there is one.",
)
@click.option("-q", "--quiet", is_flag=True, help="No live line; the log is written all the same.")
def pretrain(config: str, device: str, quiet: bool) -> None:
    """Train a network on simulated pairs, as CONFIG.toml says.

    Stop it at any time and start it again: it goes on where it was, with the same curve. The run's folder gets
    log.jsonl and weights.safetensors, which 'anypan fuse --method' takes by its path.

    \b
    Examples:
      anypan pretrain runs/anypan-s.toml
      anypan fuse pan.tif ms.tif out.tif --method runs/out/weights.safetensors
    """
    from anypan.train import pretrain as train

    weights = train(config, device, say=lambda line: note(str(line), quiet))
    click.echo(weights)

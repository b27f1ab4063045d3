"""anypan pretrain CONFIG.toml"""

from __future__ import annotations

import click

from anypan.cli.console import note
from anypan.cli.device import on_device


@click.command(short_help="Train a network on simulated pairs.")
@click.argument("config", metavar="CONFIG.toml")
@on_device
@click.option("-q", "--quiet", is_flag=True, help="No live line; the log is written all the same.")
def pretrain(config: str, device: str, quiet: bool) -> None:
    """Train a network on simulated pairs, as CONFIG.toml says; 'Pretraining' on the site explains its keys.

    Stop it at any time and start it again: it goes on where it was, with the same curve. The run's folder gets
    log.jsonl and weights.safetensors, which 'anypan fuse --method' takes by its path.

    \b
    Examples:
      anypan pretrain run.toml
      anypan fuse pan.tif ms.tif out.tif --method run/weights.safetensors
    """
    from anypan.train import pretrain as train

    weights = train(config, device, say=lambda line: note(str(line), quiet))
    click.echo(weights)

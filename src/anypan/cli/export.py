"""anypan export NAME OUT"""

from __future__ import annotations

import click

from anypan.cli.names import complete_methods


@click.command(short_help="Write a network for use elsewhere.")
@click.argument("name", metavar="NAME", shell_complete=complete_methods)
@click.argument("out", metavar="OUT")
def export(name: str, out: str) -> None:
    """Write the network NAME, of 'anypan models' or a .safetensors file, to OUT.

    OUT is a new folder that the Hugging Face Hub takes as it is: model.safetensors, config.json with the sha256, and a
    card. What lies there is used as --method hf:owner/name@commit.

    \b
    Examples:
      anypan export anypan-s folder
    """
    from anypan.weights.hub import save_pretrained

    click.echo(save_pretrained(name, out))

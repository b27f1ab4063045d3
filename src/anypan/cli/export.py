"""anypan export NAME OUT"""

from __future__ import annotations

import click
from click.core import ParameterSource

from anypan.cli.names import complete_methods


@click.command(short_help="Write a network for use elsewhere.")
@click.argument("name", metavar="NAME", shell_complete=complete_methods)
@click.argument("out", metavar="OUT")
@click.option(
    "--onnx",
    "as_onnx",
    is_flag=True,
    help="Write a graph of anypan-s for ONNX Runtime, OUT.onnx, in place of a folder.",
)
@click.option("--ratio", type=click.IntRange(2, 10), default=4, show_default=True, help="With --onnx: of PAN and MS.")
@click.pass_context
def export(context: click.Context, name: str, out: str, as_onnx: bool, ratio: int) -> None:
    """Write the network NAME, of 'anypan models' or a .safetensors file, to OUT.

    OUT is a new folder that the Hugging Face Hub takes as it is: model.safetensors, config.json with the sha256, and a
    card. What lies there is used as --method hf:owner/name@commit. With --onnx it is a graph that takes any size and
    any number of bands, and the scene's statistics beside the pixels.

    \b
    Examples:
      anypan export anypan-s folder
      anypan export anypan-s anypan-s.onnx --onnx
    """
    if as_onnx:
        from anypan.weights import onnx

        click.echo(onnx.export(name, out, ratio))
        return
    if context.get_parameter_source("ratio") is not ParameterSource.DEFAULT:
        raise click.UsageError("--ratio is of a graph: pass --onnx, too, or leave it out; the network takes any ratio")
    if out.lower().endswith(".onnx"):
        raise click.UsageError(f"{out} is the name of a graph: pass --onnx, or name a folder")
    from anypan.weights.hub import save_pretrained

    click.echo(save_pretrained(name, out))
